/**
 * Calls to MCP servers over pooled connections: opened when first needed, shared, healed, closed with the Scope.
 *
 * What it promises:
 * - ten callers of a cold server start it once; the connection is there for the eleventh;
 * - a call settles exactly once, never later than its deadline: with the server's answer, or with an `McpRuntimeError`
 *   whose reason says whether it may have run;
 * - a call that certainly did not run is sent again; one that may have run is sent again only if repeating it is harmless (it
 *   reads, its tool says so by `readOnlyHint` or `idempotentHint`, or the caller does), three times at most, and while the
 *   server's replay budget lasts;
 * - an interrupted call tells the server and disturbs no other call;
 * - a tool that the config switches off is in no list, and a call of it is refused before anything is sent;
 * - parts of the config that are not understood are told in the log, once;
 * - a subscription or a log level that is held keeps its server connected, and is asked for again of every new connection;
 * - two names of a config that mean one server share its connection, and each is told of it under its own name;
 * - an outage is told in the log: one warning when a server is lost or cannot be reached, one if it is quarantined, and one line
 *   at INFO when it is back; every move of every connection at DEBUG;
 * - when the layer's scope closes, every connection and every process it started is gone.
 *
 * A tool's `isError` result and the server's JSON-RPC errors are answers: the first is a success here, the second fails with
 * `ServerError`, neither is retried or held against the connection.
 *
 * **Gotchas**: whether a tool may be repeated is taken from the server's last tool list. If no caller has asked for one, the first
 * call does so beside itself, unless it states `idempotent`.
 */
import type { PoolEvent, PoolSnapshot } from "@holdfast/core"
import type * as Messages from "@holdfast/protocol/Messages"
import type * as Prompts from "@holdfast/protocol/Prompts"
import type * as Resources from "@holdfast/protocol/Resources"
import type { Task } from "@holdfast/protocol/Tasks"
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import { resolve } from "node:path"
import type { Endpoint } from "./Endpoint.ts"
import type { Explanation } from "./Explanation.ts"
import * as Calls from "./internal/calls/Calls.ts"
import type {
  CallKnownTool,
  CallNamedTool,
  CallOptions,
  CallTool,
  CompletionRequest,
  LayerOptions,
  McpRequest,
  PollOptions,
  PromptCall,
  ServerNotification,
  ToolCall,
  ToolEvent,
  TypedCallOptions,
  UseOptions,
  WaitOptions
} from "./internal/calls/contract.ts"
import { type AwaitOptions, type StartOptions, TaskHandle, type TaskOptions } from "./internal/calls/taskContract.ts"
import * as ConfigWatch from "./internal/config/ConfigWatch.ts"
import { missingVariable } from "./internal/config/missingVariable.ts"
import { workingDirectory } from "./internal/nodePlatform.ts"
import { readAgain } from "./internal/subscriptions/Subscriptions.ts"
import type { LogLevel } from "./internal/subscriptions/SubscriptionSync.ts"
import { McpConfig } from "./McpConfig.ts"
import type { McpConnection } from "./McpConnection.ts"
import { ConfigInvalid, McpRuntimeError } from "./McpRuntimeError.ts"

export type {
  AwaitOptions,
  CallKnownTool,
  CallNamedTool,
  CallOptions,
  CallTool,
  CompletionRequest,
  LayerOptions,
  McpRequest,
  PollOptions,
  PromptCall,
  ServerNotification,
  StartOptions,
  Task,
  TaskOptions,
  ToolCall,
  ToolEvent,
  TypedCallOptions,
  UseOptions,
  WaitOptions
}

export {
  /**
   * Marks a notification of the runtime's own (`params._meta[readAgain] === true`): a resource that is subscribed to was not heard of
   * for a while, because its connection was lost or replaced, and is heard of again now. Read it again.
   */
  readAgain,
  TaskHandle
}

/** The servers of one application. A server is meant by its configured name, or by an endpoint. */
export class McpConnections extends Context.Service<McpConnections, {
  /** The configured servers that can be used, now. */
  readonly servers: ReadonlyArray<string>
  /** Servers that cannot be used (wrong in their entry, a placeholder without a value, switched off), with the reason. */
  readonly unusable: ReadonlyMap<string, ConfigInvalid>
  /**
   * Takes another config from now on: servers that are as they were keep their connections, those of changed or removed ones
   * finish their calls and close.
   */
  readonly reload: (config: McpConfig) => Effect.Effect<void>
  /** Tells whenever another config has been taken. */
  readonly reloads: Stream.Stream<void>
  /**
   * Calls a tool. Succeeds with whatever the tool answered, `isError` included; with an `output`, a Schema, with the value that it decodes.
   *
   * A call that is a task of its server (see `CallOptions.task`) is followed to the tool's result: over reconnects, and over restarts of a server that
   * keeps its tasks. Questions of the task go to the handlers. A caller that is interrupted, or whose deadline passes, ends the task at the server; `startTask`
   * is for those that are to go on. Fails besides with `TaskNotFound` when the server has lost the task, and with `TaskCancelled`.
   */
  readonly callTool: CallTool
  /**
   * The same as a stream: the call's progress, in order, then its result. Interrupting the stream interrupts the call. A reader may be
   * 1024 reports behind; past that the newest takes the place of those before it, and says of how many (`skipped`).
   */
  readonly callToolStream: (
    server: string | Endpoint,
    call: ToolCall,
    options?: Omit<CallOptions, "onProgress">
  ) => Stream.Stream<ToolEvent, McpRuntimeError>
  /**
   * Calls a tool as a task of its server, and leaves it there. Succeeds with its handle once the server has it: data, for `awaitTask` of this program or
   * another one. Fails with `NotATask` when the tool does not run as a task.
   *
   * **Gotchas**: what the server forgets with its process is gone with it. A server that is started for each connection (`reuse: false`,
   * `sharing: "exclusive"`) must keep its tasks outside of its process.
   *
   * @example
   * ```ts
   * import { McpConnections } from "@holdfast/mcp"
   * import * as Effect from "effect/Effect"
   *
   * export const program = Effect.gen(function*() {
   *   const mcp = yield* McpConnections
   *   const handle = yield* mcp.startTask("scanner", { name: "scan", arguments: { path: "." } }, { ttl: "1 hour" })
   *   // From here on it may be another program.
   *   return yield* mcp.awaitTask(handle, { onTask: ({ status }) => console.log(status) })
   * })
   * ```
   */
  readonly startTask: (
    server: string | Endpoint,
    call: ToolCall,
    options?: StartOptions
  ) => Effect.Effect<TaskHandle, McpRuntimeError>
  /** What a task is now. Fails with `TaskNotFound` when the server does not know it. */
  readonly getTask: (handle: TaskHandle, options?: TaskOptions) => Effect.Effect<Task, McpRuntimeError>
  /**
   * Waits for the result of a task, as `callTool` does. A caller that leaves, or whose deadline passes, leaves the task as it is. Several may wait for
   * one task; what it asks is asked of each.
   */
  readonly awaitTask: (
    handle: TaskHandle,
    options?: AwaitOptions
  ) => Effect.Effect<Messages.CallToolResult, McpRuntimeError>
  /** Asks the server to end a task. One that has ended stays as it is. The server may still take its time. */
  readonly cancelTask: (handle: TaskHandle, options?: TaskOptions) => Effect.Effect<void, McpRuntimeError>
  /** The tasks that a server of revision 2025-11-25 lists for this client. Others have no such list: it is empty. */
  readonly listTasks: (
    server: string | Endpoint,
    options?: WaitOptions
  ) => Effect.Effect<ReadonlyArray<Task>, McpRuntimeError>
  /** Every tool of a server, all pages. A server that offers no tools has none: that is no error. The same for the other lists. */
  readonly listTools: (
    server: string | Endpoint,
    options?: WaitOptions
  ) => Effect.Effect<ReadonlyArray<Messages.Tool>, McpRuntimeError>
  /** Every resource of a server, all pages. A server that offers no resources has none: that is no error. */
  readonly listResources: (
    server: string | Endpoint,
    options?: WaitOptions
  ) => Effect.Effect<ReadonlyArray<Resources.Resource>, McpRuntimeError>
  /** Every resource template of a server, all pages. A server that offers no resources has none: that is no error. */
  readonly listResourceTemplates: (
    server: string | Endpoint,
    options?: WaitOptions
  ) => Effect.Effect<ReadonlyArray<Resources.ResourceTemplate>, McpRuntimeError>
  /**
   * The contents of a resource, by its uri. Only reads, so that it is sent again when its connection is lost. Fails with `ServerError`
   * when the server refuses it.
   */
  readonly readResource: (
    server: string | Endpoint,
    uri: string,
    options?: WaitOptions
  ) => Effect.Effect<Resources.ReadResourceResult, McpRuntimeError>
  /** Every prompt of a server, all pages. A server that offers no prompts has none: that is no error. */
  readonly listPrompts: (
    server: string | Endpoint,
    options?: WaitOptions
  ) => Effect.Effect<ReadonlyArray<Prompts.Prompt>, McpRuntimeError>
  /** The messages of a prompt, filled in with the arguments. Sent again and refused as `readResource` is. */
  readonly getPrompt: (
    server: string | Endpoint,
    call: PromptCall,
    options?: WaitOptions
  ) => Effect.Effect<Prompts.GetPromptResult, McpRuntimeError>
  /**
   * Values that the server proposes for an argument of a prompt, or for a variable of a resource template. Sent again and refused as
   * `readResource` is.
   */
  readonly complete: (
    server: string | Endpoint,
    request: CompletionRequest,
    options?: WaitOptions
  ) => Effect.Effect<Prompts.CompleteResult, McpRuntimeError>
  /**
   * Any other request, by the same rules of delivery; the result is the server's own object, unchecked. What only reads is
   * repeatable; a tool's hints count for `tools/call`; everything else is not, unless `idempotent` says so.
   */
  readonly request: (
    server: string | Endpoint,
    request: McpRequest,
    options?: CallOptions
  ) => Effect.Effect<unknown, McpRuntimeError>
  /**
   * Asks the server to tell about changes of a resource until the Scope closes: `notifications/resources/updated` in
   * `notifications`. The server is kept connected for it as by `warm`, so that a program may listen and do nothing else: a connection
   * that is lost is opened again, and every new one is asked again, that of the server that another config puts under its name
   * included. Counted, so that several may watch the same.
   *
   * What a server said while no connection was there is lost. Once the resource is heard of again, `notifications` says so, by one
   * `notifications/resources/updated` of the runtime's own that bears the mark `readAgain`: read the resource again.
   *
   * Succeeds when the server has said yes (one that serves revision 2026-07-28 by acknowledging it). Fails with `ServerError` when it
   * refuses, and as any request otherwise. One that refuses later, after a restart, is told in the log.
   */
  readonly subscribe: (
    server: string | Endpoint,
    uri: string,
    options?: WaitOptions
  ) => Effect.Effect<void, McpRuntimeError, Scope.Scope>
  /**
   * Asks the server for log messages from this level on until the Scope closes: `notifications/message` in `notifications`. Of
   * several levels asked for the most verbose is in force, so filter what comes. Holds its connection, and fails, as `subscribe` does.
   */
  readonly logLevel: (
    server: string | Endpoint,
    level: LogLevel,
    options?: WaitOptions
  ) => Effect.Effect<void, McpRuntimeError, Scope.Scope>
  /**
   * What all servers say from now on, under the names that they were asked for by. A reader that falls 1024 behind misses the oldest,
   * which the log tells once.
   */
  readonly notifications: Stream.Stream<ServerNotification>
  /** Connects ahead of the first call and keeps the connection, redialled when lost, until the Scope closes. Does not wait. */
  readonly warm: (server: string | Endpoint) => Effect.Effect<void, McpRuntimeError, Scope.Scope>
  /** Borrows a connection while `f` runs, for what has no method here. `f` is run once: repeating is its own business. */
  readonly use: <A, E, R>(
    server: string | Endpoint,
    f: (connection: McpConnection) => Effect.Effect<A, E, R>,
    options?: UseOptions
  ) => Effect.Effect<A, E | McpRuntimeError, R>
  /**
   * Why the server is as it is: the last tries to connect with their steps, what a call of it would wait for now, and how the last calls
   * came to their connections and what became of them. Starts nothing. An error of a call brings the tries along, as `history`.
   */
  readonly explain: (server: string | Endpoint) => Effect.Effect<Explanation, McpRuntimeError>
  /**
   * How far the start of a server is that is under way: what it waits for, in a clause, with the server's own words. Undefined when it
   * is not being started.
   */
  readonly starting: (server: string | Endpoint) => Effect.Effect<string | undefined, McpRuntimeError>
  /**
   * Begins anew with the server, now: ends its back-off or quarantine, and gives no other caller the connections it has, ready ones
   * included. Calls in flight end on them. It is connected at once if a caller waits, or else when it is next called.
   */
  readonly reset: (server: string | Endpoint) => Effect.Effect<void, McpRuntimeError>
  /** The pool at this instant. A connection that two names share is told of under both; its fingerprint is the same. */
  readonly snapshot: Effect.Effect<PoolSnapshot.PoolSnapshot>
  /** Every transition of every connection from now on, told of as in `snapshot`. */
  readonly events: Stream.Stream<PoolEvent.PoolEvent>
  /** Refuses new calls, lets running ones finish until `timeout` (default 10 s), then closes everything. */
  readonly drain: (timeout?: Duration.Input) => Effect.Effect<void>
}>()("@holdfast/mcp/McpConnections") {
  /**
   * Makes the service for as long as the Scope is open. Nothing is connected before it is needed. Fails with `ConfigInvalid` when the
   * policy of the whole contradicts itself.
   */
  static make<R = never>(
    config: McpConfig,
    options: LayerOptions<R> = {}
  ): Effect.Effect<McpConnections["Service"], McpRuntimeError, R | Scope.Scope> {
    return Calls.make(config, options)
  }

  /**
   * The service over a config, or over the effect that makes one: with `Config` and services of the application. Fails with
   * `ConfigInvalid` when the policy of the whole contradicts itself, and with what that effect fails with. Requires what it and the
   * handlers of the options need.
   *
   * @example
   * ```ts
   * import { Endpoint, McpConfig, McpConnections } from "@holdfast/mcp"
   * import * as Config from "effect/Config"
   * import * as Effect from "effect/Effect"
   *
   * export const servers = McpConnections.layer(Effect.gen(function*() {
   *   const url = yield* Config.URL("DOCS_URL")
   *   const token = yield* Config.Redacted("DOCS_TOKEN")
   *   return yield* McpConfig.make({ docs: Endpoint.http({ url, headers: { "x-api-key": token } }) })
   * }))
   * ```
   */
  static layer<R = never, E = never, R2 = never>(
    config: McpConfig | Effect.Effect<McpConfig, E, R2>,
    options?: LayerOptions<R>
  ): Layer.Layer<McpConnections, McpRuntimeError | E, Exclude<R | R2, Scope.Scope>> {
    const made: Effect.Effect<McpConfig, E, R2> = Effect.isEffect(config) ? config : Effect.succeed(config)
    return Layer.effect(McpConnections, Effect.flatMap(made, (config) => McpConnections.make(config, options)))
  }

  /**
   * The service over a config file, whose path may be in the application's own `Config`. Needs nothing else on Node. Fails with
   * `ConfigInvalid`, before anything is started, when the file cannot be read, or its path is nowhere; a server whose entry is wrong is in
   * `unusable`.
   *
   * @example
   * ```ts
   * import { McpConnections } from "@holdfast/mcp"
   * import * as Effect from "effect/Effect"
   *
   * export const program = Effect.gen(function*() {
   *   const mcp = yield* McpConnections
   *   return yield* mcp.callTool("fs", { name: "read_text_file", arguments: { path: "README.md" } }, { deadline: "30 seconds" })
   * }).pipe(Effect.provide(McpConnections.layerFile("mcp.json")))
   * ```
   */
  static layerFile<R = never>(
    file: string | Config.Config<string>,
    options: FileOptions<R> = {}
  ): Layer.Layer<McpConnections, McpRuntimeError, Exclude<R, Scope.Scope>> {
    return Layer.effect(
      McpConnections,
      Effect.gen(function*() {
        const named = yield* pathOf(file)
        const path = resolve(yield* workingDirectory, named)
        // Before the config is read: what is written meanwhile is another one.
        const seen = options.watch === true ? yield* ConfigWatch.textOf(path) : undefined
        const mcp = yield* McpConnections.make(yield* McpConfig.load(named), options)
        if (options.watch === true) {
          yield* ConfigWatch.follow({ file: named, path, seen, load: McpConfig.load(named), take: mcp.reload })
        }
        return mcp
      })
    )
  }
}

const pathOf = (file: string | Config.Config<string>): Effect.Effect<string, McpRuntimeError> =>
  Config.isConfig(file)
    ? Effect.mapError(file, (error) => {
      const problem = `the path of the config file: ${missingVariable(error)}`
      const reason = new ConfigInvalid({ file: "config", path: "", expected: "the path of a config file", problem })
      return new McpRuntimeError({ reason })
    })
    : Effect.succeed(file)

/** Options of a config that is a file. */
export interface FileOptions<R = never> extends LayerOptions<R> {
  /**
   * Takes the file anew whenever something else is in it: see `reload`. At once where the system tells of changes; where it does not
   * (too many watchers, a network file system), within one second or ten, and the log says so. What is no config leaves the last one in
   * force, and is told of once. Default: false.
   */
  readonly watch?: boolean | undefined
}

/** `McpConnections.layer`, for programs that import names. */
export const layer = McpConnections.layer

/** `McpConnections.layerFile`, for programs that import names. */
export const layerFile = McpConnections.layerFile
