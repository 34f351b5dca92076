/** As `holdfast daemon stop --json`. */
export { Output } from "./daemon-stop.ts"
