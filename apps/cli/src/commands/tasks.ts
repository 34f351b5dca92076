/**
 * `holdfast tasks [server]`: the tasks that were left at their servers (`call --detach`), and how they stand.
 */
import type { KeptTask } from "@holdfast/daemon/KeptTasks"
import { McpConnections } from "@holdfast/mcp/McpConnections"
import type { McpRuntimeError } from "@holdfast/mcp/McpRuntimeError"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { CliFailure } from "../CliFailure.ts"
import { ExitCode } from "../ExitCode.ts"
import * as LeftTasks from "../LeftTasks.ts"
import type { Row } from "../outputs/task.ts"
import { note } from "../Quiet.ts"
import { Shell } from "../Shell.ts"
import * as Source from "../Source.ts"
import { styleOf } from "../Style.ts"
import { table } from "../Table.ts"
import { writeResult } from "../WriteResult.ts"

export interface TasksInput {
  readonly json: boolean
  readonly direct: boolean
  readonly server: Option.Option<string>
  readonly deadline: Option.Option<Duration.Duration>
}

const patience = Duration.seconds(10)

/** Runs the command and succeeds with its exit code. */
export const run = Effect.fnUntraced(function*(input: TasksInput) {
  const { json, server } = input
  const all = yield* LeftTasks.all
  const wanted = Option.isNone(server) ? all : all.filter((each) => each.server === server.value)
  const configs = Map.groupBy(wanted, ({ config }) => config)
  const asked = yield* Effect.forEach(configs, ([config, tasks]) => rowsOf(input, config, tasks), {
    concurrency: "unbounded"
  })
  const rows = asked.flat().toSorted((a, b) => a.startedAt - b.startedAt)
  if (json) {
    yield* writeResult(`${JSON.stringify({ tasks: rows })}\n`)
    return ExitCode.ok
  }
  if (rows.length === 0) {
    yield* note("no tasks\n")
    return ExitCode.ok
  }
  const { stdout } = yield* Shell
  const { bold, dim } = styleOf(stdout)
  const now = yield* Clock.currentTimeMillis
  const cells = rows.map((row) => [
    row.id,
    `${row.server}.${row.tool}`,
    row.status,
    ageOf(now - row.startedAt),
    row.error?.message ?? row.statusMessage ?? ""
  ])
  const paint = (cell: string, _: number, column: number) => column === 0 ? bold(cell) : column < 3 ? cell : dim(cell)
  yield* writeResult(`${table(cells, { width: stdout.columns, paint })}\n`)
  return ExitCode.ok
})

/** A config that is gone costs its own tasks. */
const rowsOf = (
  input: TasksInput,
  config: string,
  tasks: ReadonlyArray<KeptTask>
) => {
  const deadline = Option.getOrElse(input.deadline, () => patience)
  return Effect.gen(function*() {
    const opened = yield* LeftTasks.sourceOf(input, config, [...new Set(tasks.map(({ server }) => server))])
    return yield* Effect.scoped(Effect.provide(
      Effect.flatMap(McpConnections, (mcp) =>
        Effect.forEach(tasks, (kept) =>
          Effect.map(
            Effect.match(mcp.getTask(kept, { deadline }), {
              onFailure: (error) => error,
              onSuccess: (task) => task
            }),
            (said) => LeftTasks.rowOf(kept, said)
          ), { concurrency: "unbounded" })),
      Source.layer(opened.input, opened.source)
    ))
  }).pipe(
    Effect.catch((error: CliFailure | McpRuntimeError) =>
      Effect.succeed(tasks.map((kept): Row => {
        const reason = error._tag === "CliFailure" ? error.reason : error.reason._tag
        const { config, id, server, startedAt, taskId, tool, ttl } = kept
        const { message } = error
        return { id, server, tool, taskId, startedAt, ttl, config, status: "unknown", error: { reason, message } }
      }))
    )
  )
}

const ageOf = (millis: number): string => {
  const minutes = Math.floor(millis / 60_000)
  const hours = Math.floor(minutes / 60)
  return minutes === 0 ? `${Math.max(0, Math.floor(millis / 1000))} s` : hours === 0 ? `${minutes} min` : `${hours} h`
}
