/**
 * Tasks that were left at their servers: where they are remembered, and how their servers are reached again.
 *
 * A server is found in the config file that it was called by, wherever the command is run.
 */
import * as DaemonPlace from "@holdfast/daemon/DaemonPlace"
import * as KeptTasks from "@holdfast/daemon/KeptTasks"
import type { Task } from "@holdfast/mcp/McpConnections"
import type { McpRuntimeError, Reason } from "@holdfast/mcp/McpRuntimeError"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { inDaemonFiles } from "./AskingDaemon.ts"
import { CliFailure } from "./CliFailure.ts"
import { ExitCode } from "./ExitCode.ts"
import type { Row } from "./outputs/task.ts"
import { Shell } from "./Shell.ts"
import * as Source from "./Source.ts"

const inFiles = <A>(look: (state: string, now: number) => A): Effect.Effect<A, CliFailure, Shell> =>
  Effect.flatMap(
    Effect.zip(Shell, Clock.currentTimeMillis),
    ([{ environment }, now]) => inDaemonFiles(() => look(DaemonPlace.stateOf(environment), now))
  )

/** Remembers a task. */
export const keep = (task: Omit<KeptTasks.KeptTask, "id">) => inFiles((state, now) => KeptTasks.add(state, task, now))

/** All that are remembered, the oldest first. */
export const all = inFiles((state, now) => KeptTasks.list(state, now))

/** Forgets a task: the server has. */
export const forget = ({ id }: KeptTasks.KeptTask) => inFiles((state) => KeptTasks.remove(state, id))

/** By its id. */
export const find = (id: string): Effect.Effect<KeptTasks.KeptTask, CliFailure, Shell> =>
  Effect.filterOrFail(
    inFiles((state, now) => KeptTasks.find(state, id, now)),
    (task) => task !== undefined,
    () =>
      new CliFailure({
        exitCode: ExitCode.usage,
        reason: "UnknownTask",
        message: `no task ${id} is remembered; holdfast tasks lists those that are`
      })
  )

/** The servers of tasks of one config file. */
export const sourceOf = Effect.fnUntraced(function*(
  { direct, json }: { readonly direct: boolean; readonly json: boolean },
  config: string,
  servers: ReadonlyArray<string>
) {
  const input: Source.SourceInput = {
    config: Option.some(config),
    direct,
    json,
    stdio: Option.none(),
    url: Option.none(),
    header: [],
    "no-reuse": false
  }
  const source = yield* Source.open(input, servers[0])
  return { input, source: { ...source, config: Source.only(source.config, servers) } }
})

/** How a task stands, by what its server says. */
export const rowOf = (kept: KeptTasks.KeptTask, said: Task | McpRuntimeError): Row => {
  const { config, id, server, startedAt, taskId, tool } = kept
  const common = { id, server, tool, taskId, startedAt, config }
  if (!("reason" in said)) {
    const { status, statusMessage, ttl } = said
    return { ...common, status, ttl, ...statusMessage !== undefined && { statusMessage } }
  }
  const reason: Reason = said.reason
  return {
    ...common,
    ttl: kept.ttl,
    status: reason._tag === "TaskNotFound" ? "lost" : "unknown",
    error: { reason: reason._tag, message: reason.message }
  }
}
