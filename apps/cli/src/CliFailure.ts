/**
 * A command that ends without its result: what to print on stderr and how to exit.
 */
import type { Problem } from "@holdfast/daemon/ArgumentReadings"
import * as Data from "effect/Data"
import type { ExitCode } from "./ExitCode.ts"

export type { Problem }

export class CliFailure extends Data.TaggedError("CliFailure")<{
  readonly exitCode: ExitCode
  /** The tag of the reason, for programs that read `--json`. */
  readonly reason: string
  readonly message: string
  /** What is wrong one by one, where there may be several. */
  readonly problems?: ReadonlyArray<Problem> | undefined
  /** More members of the error in JSON. */
  readonly more?: Readonly<Record<string, unknown>> | undefined
  /** More lines for people: what to do, a table of what is right. */
  readonly details?: string | undefined
}> {}
