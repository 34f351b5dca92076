/**
 * `holdfast task <id>`: how a task stands that was left at its server (`call --detach`); with `--wait` its result, with `--cancel` its end.
 */
import { McpConnections } from "@holdfast/mcp/McpConnections"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { CliFailure } from "../CliFailure.ts"
import { ExitCode } from "../ExitCode.ts"
import * as LeftTasks from "../LeftTasks.ts"
import * as Questions from "../Questions.ts"
import * as Report from "../Report.ts"
import * as SaveOutput from "../SaveOutput.ts"
import * as ShowCall from "../ShowCall.ts"
import * as Source from "../Source.ts"
import { printable } from "../Style.ts"
import * as Waiting from "../Waiting.ts"
import { writeResult } from "../WriteResult.ts"

export interface TaskInput {
  readonly json: boolean
  readonly direct: boolean
  readonly id: string
  readonly wait: boolean
  readonly cancel: boolean
  readonly output: Option.Option<string>
  readonly deadline: Option.Option<Duration.Duration>
}

/** Runs the command and succeeds with its exit code. */
export const run = Effect.fnUntraced(function*(input: TaskInput) {
  const { cancel, id, json, wait } = input
  if (cancel && wait) return yield* wrong("--wait and --cancel are two wishes; give one")
  if (Option.isSome(input.output) && !wait) return yield* wrong("--output is for the result: add --wait")
  const kept = yield* LeftTasks.find(id)
  const { config, server, tool } = kept
  const target = yield* SaveOutput.prepare(input.output)
  const opened = yield* LeftTasks.sourceOf(input, config, [server])
  const deadline = Option.getOrUndefined(input.deadline)
  const name = `${server}.${tool}`
  return yield* Effect.scoped(Effect.gen(function*() {
    const waiting = yield* Waiting.make
    const questions = yield* Questions.make(
      { root: [] },
      waiting,
      tool,
      () => `Answer it on a terminal: holdfast task ${id} --wait.`
    )
    waiting.say(`waiting for ${name}`)
    const shown = Effect.gen(function*() {
      const mcp = yield* McpConnections
      if (wait) {
        const awaited = mcp.awaitTask(kept, {
          deadline,
          onTask: ({ status, statusMessage }) => waiting.say(`${name}: ${statusMessage ?? status}`)
        })
        const result = yield* waiting.until(questions.during(awaited))
        return yield* ShowCall.show({ json, target }, name, result)
      }
      if (cancel) yield* mcp.cancelTask(kept, { deadline })
      const row = LeftTasks.rowOf(kept, yield* mcp.getTask(kept, { deadline }))
      const { status, statusMessage } = row
      yield* writeResult(
        json
          ? `${JSON.stringify(row)}\n`
          : `${printable(name)}  ${status}${statusMessage === undefined ? "" : `  ${printable(statusMessage)}`}\n`
      )
      return ExitCode.ok
    })
    return yield* shown.pipe(
      Effect.tapError((error) =>
        error._tag === "McpRuntimeError" && error.reason._tag === "TaskNotFound"
          ? LeftTasks.forget(kept)
          : Effect.void
      ),
      // Said while the server still lives, as a call does.
      Effect.catch((error) => Report.ending(error, json)),
      Effect.provide(Source.layer(opened.input, opened.source, wait ? questions.offered : {}))
    )
  }))
})

const wrong = (message: string) =>
  Effect.fail(new CliFailure({ exitCode: ExitCode.usage, reason: "BadArguments", message }))
