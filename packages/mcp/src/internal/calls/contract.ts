/**
 * The contract of calls: what a caller says, and what comes of it. Types alone; `McpConnections` makes them public.
 */
import type { Backoff, PoolPolicy } from "@holdfast/core"
import type * as Messages from "@holdfast/protocol/Messages"
import type { Task } from "@holdfast/protocol/Tasks"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Schedule from "effect/Schedule"
import type * as Schema from "effect/Schema"
import type { ClientHandlers } from "../../ClientHandlers.ts"
import type { Endpoint } from "../../Endpoint.ts"
import type { Try } from "../../Explanation.ts"
import type { HttpAuthorizer } from "../../HttpAuthorizer.ts"
import type { McpRuntimeError, Reason } from "../../McpRuntimeError.ts"
import type { RecorderOptions } from "../../Recorder.ts"
import type { SessionLostClassifier } from "../http/SessionLost.ts"

/** How long to wait, and for what. */
export interface WaitOptions {
  /** Covers everything, waiting for a connection and repetitions included. Default: none beyond the server's own deadlines. */
  readonly deadline?: Duration.Input | undefined
  /** False fails at once with `NotReady` while the server is being restarted. Default: the policy's, true. */
  readonly waitForReady?: boolean | undefined
}

/** How a task is waited for. Nothing of it must be said. */
export interface PollOptions {
  /**
   * The pauses between two questions after the task, stepped with what it was last. The server is never asked sooner than it says (`pollInterval`).
   * A schedule that ends ends the waiting, with `DeadlineExceeded`. Default: what the server says; else half a second, and then ever longer up to 5 s.
   *
   * @example
   * ```ts
   * import { McpConnections } from "@holdfast/mcp"
   * import * as Effect from "effect/Effect"
   * import * as Schedule from "effect/Schedule"
   *
   * const poll = Schedule.spaced("10 seconds").pipe(Schedule.upTo({ duration: "1 hour" }))
   *
   * export const program = Effect.flatMap(McpConnections, (mcp) =>
   *   mcp.callTool("scanner", { name: "scan", arguments: { path: "." } }, { poll }))
   * ```
   */
  readonly poll?: Schedule.Schedule<unknown, Task> | undefined
  /** Told what the server says of the task, whenever that is something else. What it throws, or promises and breaks, is logged once. */
  readonly onTask?: ((task: Task) => void) | undefined
}

/** How one call is made, beside how long it may take. Nothing of it must be said. */
export interface CallOptions extends WaitOptions, PollOptions {
  /**
   * True: the tool is called as a task where it can be, so that the call outlives a lost connection. `ttl`: how long the server is asked to
   * keep it. Default: only where the tool must be (`execution.taskSupport`), or where the server decides so (revision 2026-07-28). However it is called, the call
   * ends with the tool's result.
   */
  readonly task?: boolean | { readonly ttl: Duration.Input } | undefined
  /** True: running this call twice is as good as once, so it may be repeated when its outcome is unknown. Default: false. */
  readonly idempotent?: boolean | undefined
  /**
   * How the repetitions of this call are paced, and when they end: of those that the rules of delivery allow, which are the calls that
   * did not run, and those that may have run and are harmless to repeat. It is stepped with the reason of each failure, and its end is
   * the end of the call, with that reason. The `deadline`, a server's `Retry-After` and the replay budget hold besides.
   * Default: at once on another connection, and with growing pauses where the connection stays; three repetitions of what may have run.
   *
   * @example
   * ```ts
   * import { McpConnections } from "@holdfast/mcp"
   * import * as Effect from "effect/Effect"
   * import * as Schedule from "effect/Schedule"
   *
   * const retry = Schedule.exponential("100 millis").pipe(Schedule.jittered, Schedule.upTo({ times: 5 }))
   *
   * export const program = Effect.flatMap(McpConnections, (mcp) =>
   *   mcp.callTool("fs", { name: "read_text_file", arguments: { path: "README.md" } }, { retry }))
   * ```
   */
  readonly retry?: Schedule.Schedule<unknown, Reason> | undefined
  /** Told about the call's progress, in order, before the call settles. What it throws, or promises and breaks, is logged once. */
  readonly onProgress?: ((progress: Messages.Progress) => void) | undefined
}

/** A call whose answer has a type: that of a schema. `A`: what the schema decodes to; `R`: the services that its decoding needs. */
export interface TypedCallOptions<A, R = never> extends CallOptions {
  /**
   * What the tool's structured content is; where there is none, the JSON of its one text. The call succeeds with that value. It fails with
   * `ToolFailed` when the tool says that it has failed, and with `OutputInvalid` when its answer does not fit.
   *
   * @example
   * ```ts
   * import { McpConnections } from "@holdfast/mcp"
   * import * as Effect from "effect/Effect"
   * import * as Schema from "effect/Schema"
   *
   * const Forecast = Schema.Struct({ city: Schema.String, celsius: Schema.Finite })
   *
   * export const forecast = McpConnections.use((mcp) =>
   *   mcp.callTool("weather", { name: "today", arguments: { city: "Oslo" } }, { output: Forecast })
   * ).pipe(Effect.map(({ celsius }) => celsius))
   * ```
   */
  readonly output: Schema.ConstraintDecoder<A, R>
}

/** Calls a tool: with an `output`, for a value of its type. */
export interface CallTool {
  <A, R = never>(
    server: string | Endpoint,
    call: ToolCall,
    options: TypedCallOptions<A, R>
  ): Effect.Effect<A, McpRuntimeError, R>
  (
    server: string | Endpoint,
    call: ToolCall,
    options?: CallOptions
  ): Effect.Effect<Messages.CallToolResult, McpRuntimeError>
}

/** The same for a tool that is known. */
export interface CallKnownTool {
  <A, R = never>(
    input: Readonly<Record<string, unknown>> | undefined,
    options: TypedCallOptions<A, R>
  ): Effect.Effect<A, McpRuntimeError, R>
  (
    input?: Readonly<Record<string, unknown>>,
    options?: CallOptions
  ): Effect.Effect<Messages.CallToolResult, McpRuntimeError>
}

/** The same by a tool's name in the catalog. */
export interface CallNamedTool {
  <A, R = never>(
    name: string,
    input: Readonly<Record<string, unknown>> | undefined,
    options: TypedCallOptions<A, R>
  ): Effect.Effect<A, McpRuntimeError, R>
  (
    name: string,
    input?: Readonly<Record<string, unknown>>,
    options?: CallOptions
  ): Effect.Effect<Messages.CallToolResult, McpRuntimeError>
}

/** How to borrow a connection. */
export interface UseOptions {
  /** Shortens the wait for a connection. Default: the policy's `acquireTimeout`. */
  readonly timeout?: Duration.Input | undefined
  readonly waitForReady?: boolean | undefined
}

/** Which tool, with which arguments. */
export interface ToolCall {
  readonly name: string
  readonly arguments?: Readonly<Record<string, unknown>> | undefined
}

/** A request of any kind. */
export interface McpRequest {
  readonly method: string
  readonly params?: object | undefined
}

/** Which prompt, with which arguments. */
export interface PromptCall {
  readonly name: string
  readonly arguments?: Readonly<Record<string, string>> | undefined
}

/** What a prompt's argument or a resource template's variable may be completed to. */
export interface CompletionRequest {
  readonly ref: { readonly type: "ref/prompt"; readonly name: string } | {
    readonly type: "ref/resource"
    readonly uri: string
  }
  readonly argument: { readonly name: string; readonly value: string }
  readonly context?: { readonly arguments?: Readonly<Record<string, string>> } | undefined
}

/**
 * What happens to a call: progress any number of times, then its result. `skipped`: so many reports before this one were left out,
 * because the reader was more than 1024 behind.
 */
export type ToolEvent =
  | { readonly _tag: "Progress"; readonly progress: Messages.Progress; readonly skipped?: number }
  | { readonly _tag: "Result"; readonly result: Messages.CallToolResult }

/** Something a server said of its own accord. `params` is its own, unchecked. */
export interface ServerNotification {
  /** Its configured name. */
  readonly server: string
  /** For example `notifications/tools/list_changed`, `notifications/message`, `notifications/resources/updated`. */
  readonly method: string
  readonly params: unknown
}

/** Options of the application as a whole. `R`: what its handlers need. */
export interface LayerOptions<R = never> {
  /** What servers are told about the client. Default: holdfast and its version. */
  readonly clientInfo?: { readonly name: string; readonly version: string; readonly title?: string } | undefined
  /** What is offered to the servers: roots, sampling, elicitation. Default: nothing. */
  readonly handlers?: ClientHandlers<R> | undefined
  /** Where the credentials of configured HTTP servers come from, by the server's name: see `OAuth`. Default: their headers. */
  readonly authorizers?: Readonly<Record<string, HttpAuthorizer>> | undefined
  /**
   * Which responses of configured HTTP servers mean that the session is lost, by the server's name: see `HttpLinkOptions`. Default: 404,
   * and any refusal that says so.
   */
  readonly isSessionLost?: Readonly<Record<string, SessionLostClassifier>> | undefined
  /**
   * The pauses between dials of a server, after a dial that failed or a connection that was lost. Holds for every server whose own
   * `policy` says nothing of it. A schedule that ends makes the failure final. Default: `Backoff.grpc` of `@holdfast/core`, over HTTP
   * 5 seconds at most.
   *
   * @example
   * ```ts
   * import { McpConnections } from "@holdfast/mcp"
   * import * as Schedule from "effect/Schedule"
   *
   * export const servers = McpConnections.layerFile("mcp.json", {
   *   reconnect: Schedule.exponential("250 millis", 1.6).pipe(Schedule.jittered, Schedule.upTo({ duration: "10 minutes" }))
   * })
   * ```
   */
  readonly reconnect?: Schedule.Schedule<unknown, Backoff.DialFailure> | undefined
  /**
   * Keeps the last messages of each connection, and writes them out when a call fails: see `Recorder`. Default: nothing is kept, because
   * only the program knows where its files may go, and what may be in them.
   */
  readonly recorder?: RecorderOptions | undefined
  /**
   * Told how each try to connect to a server went, when it is over, and of connections that were lost: what `explain` tells later.
   * Synchronously: what it throws, or its promise rejects with, is logged.
   */
  readonly onTry?: ((server: string, attempt: Try) => void) | undefined
  /** Limits over all servers (`maxConnections`, `drainTimeout`). What is said about a server in its config is the server's. */
  readonly policy?: PoolPolicy.PoolPolicyInput | undefined
}
