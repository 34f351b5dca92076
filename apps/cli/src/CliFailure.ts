/**
 * A command that ends without its result: what to print on stderr and how to exit.
 */
import * as Data from "effect/Data"
import type { ExitCode } from "./ExitCode.ts"

export class CliFailure extends Data.TaggedError("CliFailure")<{
  readonly exitCode: ExitCode
  /** The tag of the reason, for programs that read `--json`. */
  readonly reason: string
  readonly message: string
  /** More lines for people: what is wrong in detail, a table of what is right. */
  readonly details?: string | undefined
}> {}
