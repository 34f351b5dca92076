/**
 * Failures on stderr: for people a line that says what to do, with `--json` one JSON object per line.
 */
import type { McpRuntimeError } from "@holdfast/mcp/McpRuntimeError"
import * as Effect from "effect/Effect"
import type { CliFailure } from "./CliFailure.ts"
import { Shell } from "./Shell.ts"
import { printable, styleOf } from "./Style.ts"

/** The shape of an error in every JSON output. */
export const errorJson = (reason: string, message: string) => ({ reason, message })

/** Prints one failure. */
export const failure = Effect.fnUntraced(function*(error: McpRuntimeError | CliFailure, json: boolean) {
  const { stderr } = yield* Shell
  const reason = error._tag === "CliFailure" ? error.reason : error.reason._tag
  if (json) return yield* stderr.write(`${JSON.stringify({ error: errorJson(reason, error.message) })}\n`)
  const { red } = styleOf(stderr)
  const details = error._tag === "CliFailure" && error.details !== undefined ? `${printable(error.details)}\n` : ""
  yield* stderr.write(`${red("holdfast:")} ${printable(error.message)}\n${details}`)
})
