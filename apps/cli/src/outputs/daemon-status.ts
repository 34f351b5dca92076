/** `holdfast daemon status --json`: the same as `holdfast status`. */
export { Output } from "./status.ts"
