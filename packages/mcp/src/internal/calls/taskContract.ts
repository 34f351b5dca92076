/**
 * The contract of calls that are tasks of their server: types, and the handle as data. `McpConnections` makes them public.
 */
import type * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import type { Endpoint } from "../../Endpoint.ts"
import type { CallOptions, PollOptions, WaitOptions } from "./contract.ts"

/**
 * A task of a server, as data: to be kept, and given to `awaitTask` by any program that can reach the server.
 *
 * @example
 * ```ts
 * import { TaskHandle } from "@holdfast/mcp"
 * import * as Schema from "effect/Schema"
 *
 * const text = Schema.fromJsonString(TaskHandle)
 * export const save = Schema.encodeSync(text)
 * export const load = Schema.decodeUnknownSync(text)
 * ```
 */
export const TaskHandle = Schema.Struct({
  /** The configured name of the server. Of an endpoint that a caller has brought along its name in messages. */
  server: Schema.String,
  tool: Schema.String,
  /** As the server has chosen it. */
  taskId: Schema.String,
  /** Milliseconds since 1970, by the clock of the program that has started it. */
  startedAt: Schema.Finite,
  /** For so many milliseconds from then on the server has said to keep it. `null`: it has said no such time. */
  ttl: Schema.NullOr(Schema.Finite)
})
/** A task of a server, as data. */
export interface TaskHandle extends Schema.Schema.Type<typeof TaskHandle> {}

/** How a task is started. */
export interface StartOptions extends Omit<CallOptions, "onProgress" | "onTask" | "poll" | "task"> {
  /** How long the server is asked to keep the task, from its start. It may keep it shorter, or longer. Default: what the server does. */
  readonly ttl?: Duration.Input | undefined
}

/** How a task that was started is asked for. */
export interface TaskOptions extends WaitOptions {
  /** Where the task is. Default: the server that the handle names; to be said of an endpoint that no name stands for. */
  readonly server?: string | Endpoint | undefined
}

/** How the end of a task is waited for. */
export interface AwaitOptions extends TaskOptions, PollOptions {}
