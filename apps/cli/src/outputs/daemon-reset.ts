/** As `holdfast reset --json`. */
export { Output } from "./reset.ts"
