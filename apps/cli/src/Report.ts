/**
 * Failures on stderr: for people a line that says what to do, with `--json` one JSON object per line.
 */
import type { McpRuntimeError } from "@holdfast/mcp/McpRuntimeError"
import * as Effect from "effect/Effect"
import type { CliFailure, Problem } from "./CliFailure.ts"
import { type ExitCode, exitCodeOf } from "./ExitCode.ts"
import { Shell } from "./Shell.ts"
import { printable, styleOf } from "./Style.ts"
import { table } from "./Table.ts"

/** What a command may fail with. */
export type Failure = McpRuntimeError | CliFailure

/** The shape of an error in every JSON output. The message names the problems too, for programs that show nothing else. */
export const errorJson = (reason: string, message: string, problems: ReadonlyArray<Problem> = []) =>
  problems.length === 0
    ? { reason, message }
    : { reason, message: `${message}: ${problems.map(say).join("; ")}`, problems }

/** A failure as every JSON output has it. */
export const toJson = (error: Failure): object =>
  error._tag === "CliFailure"
    ? { ...errorJson(error.reason, error.message, error.problems), ...error.more }
    : errorJson(error.reason._tag, error.message)

/** Prints one failure. */
export const failure = Effect.fnUntraced(function*(error: Failure, json: boolean) {
  const { stderr } = yield* Shell
  if (json) {
    return yield* stderr.write(`${JSON.stringify({ error: toJson(error) })}\n`)
  }
  const lines = [`${styleOf(stderr).red("holdfast:")} ${printable(error.message)}`]
  if (error._tag === "CliFailure") {
    const { details, problems = [] } = error
    if (problems.length > 0) {
      const rows = problems.map(({ path, problem }) => [nameOf(path), problem])
      lines.push(table(rows, { indent: "  ", overflow: "wrap", width: stderr.columns }))
    }
    if (details !== undefined) lines.push(printable(details))
  }
  yield* stderr.write(`${lines.join("\n")}\n`)
})

/** Prints the failure that ends a command, and says how to exit. */
export const ending = (error: Failure, json: boolean): Effect.Effect<ExitCode, never, Shell> =>
  Effect.as(failure(error, json), error._tag === "CliFailure" ? error.exitCode : exitCodeOf(error.reason))

const say = ({ path, problem }: Problem): string => `${nameOf(path)}: ${problem}`

const nameOf = (path: string): string => path === "" ? "(all)" : printable(path)
