/** What programs that run `holdfast` may rely on: its exit codes. */
export { ExitCode } from "./ExitCode.ts"
