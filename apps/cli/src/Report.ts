/**
 * Failures on stderr: for people a line that says what to do, with `--json` one JSON object per line.
 */
import { factsOf, isFailure, outcomeOf, stepOf } from "@holdfast/mcp/Explanation"
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

/** Prints one failure. `isDirect`: there is no daemon to ask why, so that what is known of the server is told with it. */
export const failure = Effect.fnUntraced(function*(error: Failure, json: boolean, isDirect = false) {
  const { stderr } = yield* Shell
  const history = isDirect && error._tag === "McpRuntimeError" ? error.history : undefined
  if (json) {
    return yield* stderr.write(
      `${JSON.stringify({ error: { ...toJson(error), ...(history !== undefined && { history }) } })}\n`
    )
  }
  const lines = [`${styleOf(stderr).red("holdfast:")} ${printable(error.message)}`]
  if (error._tag === "McpRuntimeError" && isDirect) lines.push(...lastTry(error))
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

/** Of the tries of a server that this program has started itself: the last one that failed, and what to do. */
const lastTry = ({ history = [], message: said }: McpRuntimeError): ReadonlyArray<string> => {
  const last = history.findLast(isFailure)
  if (last === undefined) return []
  const { advice, message = "", page, steps } = last
  const failures = history.filter(isFailure).length
  const often = failures === 1 ? "the last try" : `the last of ${failures} tries`
  const facts = factsOf(last)
  return [
    `  ${often}: ${outcomeOf(last)}${facts.length === 0 ? "" : `, ${facts.join(", ")}`}` +
    (steps.length === 0 ? "" : ` (${steps.map(stepOf).join(", ")})`),
    ...(said.includes(message.slice(message.indexOf(": ") + 1)) ? [] : [`  ${message}`]),
    ...(advice === undefined || said.includes(advice) ? [] : [`  → ${advice}`]),
    ...(page === undefined ? [] : [`  → ${page} says more`])
  ].map(printable)
}

/** Prints the failure that ends a command, and says how to exit. */
export const ending = (
  error: Failure,
  json: boolean,
  isDirect = false
): Effect.Effect<ExitCode, never, Shell> =>
  Effect.as(failure(error, json, isDirect), error._tag === "CliFailure" ? error.exitCode : exitCodeOf(error.reason))

const say = ({ path, problem }: Problem): string => `${nameOf(path)}: ${problem}`

const nameOf = (path: string): string => path === "" ? "(all)" : printable(path)
