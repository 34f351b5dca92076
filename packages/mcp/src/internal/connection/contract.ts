/**
 * The contract of a connection: what its users ask of it, and what is said when one is opened. Types alone, so that every file of
 * this room may refer to them and none to another for them. `McpConnection` makes them public.
 */
import type * as DeadlineSweeper from "@holdfast/core/Deadlines"
import type * as Messages from "@holdfast/protocol/Messages"
import type { SubscriptionFilter } from "@holdfast/protocol/ModernEra"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type { ClientHandlers } from "../../ClientHandlers.ts"
import type { Endpoint } from "../../Endpoint.ts"
import type { Try } from "../../Explanation.ts"
import type { Doubts } from "../../Link.ts"
import type { OpenLink } from "../../LinkOpener.ts"
import type {
  ConnectionLost,
  ConnectReason,
  DeadlineExceeded,
  HttpRejected,
  InvalidAnswer,
  OutcomeUnknown,
  ServerError,
  TooBusy
} from "../../McpRuntimeError.ts"

/**
 * How a request can fail. `ConnectionLost`: it was not executed and may be sent again. `OutcomeUnknown`: it may have run.
 * `HttpRejected`: refused by the HTTP server with a status that no new connection will change, or with `retryAfterMillis`.
 */
export type CallFailure =
  | ServerError
  | ConnectionLost
  | OutcomeUnknown
  | DeadlineExceeded
  | InvalidAnswer
  | HttpRejected
  | TooBusy

/** How one request is made on one connection. Nothing of it must be said: then it waits as long as the connection lives. */
export interface RequestOptions {
  /** Called with each progress notification, synchronously: what it throws, or its promise rejects with, is logged and harms no call. */
  readonly onProgress?: ((progress: Messages.Progress) => void) | undefined
  /** Longest silence after hand-off; progress renews it. Default: none. */
  readonly idleDeadline?: Duration.Input | undefined
  /**
   * Longest wait for the answer, whatever progress says. It begins once: at hand-off, or earlier, when the call has to wait for that
   * behind others. A function is asked then, for what is left of a deadline that began before; it is told the sweeper's time.
   * Default: none.
   */
  readonly hardDeadline?: Duration.Input | ((now?: number) => Duration.Input) | undefined
  /** Told, synchronously, when the server may have seen the request. */
  readonly onHandOff?: (() => void) | undefined
  /** Members for the request's `_meta`. */
  readonly meta?: object | undefined
  /** What is said in headers besides, over HTTP. Names in small letters. Default: nothing. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Modern servers: says that the answer may be a task (`io.modelcontextprotocol/tasks`). Default: it may not. */
  readonly takesTasks?: boolean | undefined
  /**
   * Legacy servers: the answer may be a task, whose progress `onProgress` is told of after it, too. Given what ends that. Default: progress ends with
   * the answer.
   */
  readonly onLasting?: ((end: () => void) => void) | undefined
  /** Of a `subscriptions/listen`: told, synchronously, when the server says what of it it will tell (its params). */
  readonly onAcknowledged?: ((params: unknown) => void) | undefined
  /** The name under which the handlers of a call that needs input are told of its server. Default: the connection's. */
  readonly server?: string | undefined
}

/** What a server got wrong so far without harm to the connection. */
export interface Diagnostics {
  /** Lines that were no message and answered no call. */
  readonly noise: number
  /** Answers and progress for calls that were not waiting. */
  readonly unmatched: number
  /** Ill-formed answers, each of which failed its call. */
  readonly invalid: number
}

/** `legacy`: revisions up to 2025-11-25, with a handshake. `modern`: 2026-07-28 and later, without. */
export type Era = "legacy" | "modern"

/** What a server was found to speak. Plain data: to be kept for the next connection to it, and given back as it is. */
export interface Spoken {
  readonly era: "modern" | "legacy first"
  /** The revision with which `initialize` was accepted. Default: the newest. */
  readonly revision?: string | undefined
  /** It speaks HTTP+SSE behind a url where Streamable HTTP was expected: its `endpoint` event has come. */
  readonly isOverSse?: boolean | undefined
  /** What was odd about its answer to `initialize`, and has been told. */
  readonly oddities?: ReadonlyArray<string> | undefined
}

/** A link plus a finished handshake: see `McpConnection.connect`. */
export interface McpConnection {
  /** Its name in messages. */
  readonly server: string
  readonly era: Era
  readonly serverInfo: Messages.Implementation
  readonly capabilities: Messages.ServerCapabilities
  /** The revision agreed on. */
  readonly protocolVersion: string
  readonly instructions?: string | undefined
  /** Asks the server. The result is the server's own object, unchecked but for being one. */
  readonly request: (
    method: string,
    params?: object,
    options?: RequestOptions
  ) => Effect.Effect<unknown, CallFailure>
  /** Tells the server. Done when written (stdio) or accepted (HTTP, which fails after a minute without a word). */
  readonly notify: (method: string, params?: object) => Effect.Effect<void, CallFailure>
  /** Modern servers: asks to be told of changes, and waits until the server ends that. Not counted as in flight. */
  readonly listen: (
    filter: SubscriptionFilter,
    options?: Pick<RequestOptions, "onAcknowledged">
  ) => Effect.Effect<void, CallFailure>
  /** Waits until the connection can no longer be used, and says why. */
  readonly closed: Effect.Effect<ConnectReason>
  /** Over HTTP: reasons to think that the server does not know this connection any more. The owner of the connection decides. */
  readonly doubts?: Doubts | undefined
  /** Bytes received so far, without those of refusals. */
  readonly received: () => number
  /** Requests that wait for an answer. */
  readonly inFlight: () => number
  readonly diagnostics: () => Diagnostics
  /** The server's process, where it is ours. */
  readonly process?: { readonly pid: number } | undefined
}

/** What one connection is opened with. */
export interface ConnectOptions {
  /** Its name in messages. */
  readonly server: string
  readonly endpoint: Endpoint
  /** How we introduce ourselves. */
  readonly clientInfo: Messages.Implementation
  /** Spawn or dial, and handshake, all in all; then `HandshakeTimeout`. Default: none, the caller's own limit holds. */
  readonly connectTimeout?: Duration.Input | undefined
  /**
   * Which era to speak. Default: `auto`, asks the server. A server whose process ends over the question, or that takes it for its start, is
   * dialled once more and spoken to the old way first: `legacy first` says `initialize`, and goes on in the modern way if that is refused
   * for it. A url that refuses `initialize` with 400, 404 or 405 is asked for HTTP+SSE then, unless `modern` is said.
   */
  readonly era?: Era | "auto" | "legacy first" | undefined
  /** The revision to speak, and no other is asked for. Default: the newest that both sides speak. */
  readonly protocolVersion?: string | undefined
  /** What `onSpoken` was told by an earlier connection to the same server. Where `era` is `auto` it spares the question. */
  readonly spoken?: Spoken | undefined
  /** Told what the server was found to speak, for the next connection; undefined when nothing of it is sure. */
  readonly onSpoken?: ((spoken: Spoken | undefined) => void) | undefined
  /** How verbose a modern server is to be, asked at every request. A legacy one is told by `logging/setLevel`. */
  readonly logLevel?: (() => string | undefined) | undefined
  /** What is offered to the server. Default: nothing, so that a server that asks gets "method not found". */
  readonly handlers?: ClientHandlers | undefined
  /**
   * Told how each attempt to open a link went, and of the end of a connection that was not closed here, synchronously: what it throws, or
   * its promise rejects with, is logged.
   */
  readonly onTry?: ((attempt: Try) => void) | undefined
  /** Given, when the attempt begins, a function that says how far it is, with the server's words: for callers that give up meanwhile. */
  readonly onDialing?: ((progress: () => string) => void) | undefined
  /**
   * Told every notification but progress and cancellations, in order and synchronously: what it throws, or its promise rejects with,
   * is logged.
   */
  readonly onNotification?: ((method: string, params: unknown) => void) | undefined
  /** Keeps the deadlines of all requests. Default: a sweeper of its own. */
  readonly deadlines?: DeadlineSweeper.Deadlines | undefined
  /** Given the opener of the link, `LinkOpener`'s included, gives the one that is asked. Default: the same. */
  readonly recorded?: ((open: OpenLink) => OpenLink) | undefined
  /** Calls that may wait for answers at once, past it `TooBusy`. Default: 16 384, a backstop; the pool's limit is lower. */
  readonly maxInFlight?: number | undefined
  /** Longest message accepted. Default: 64 MiB. */
  readonly maxMessageBytes?: number | undefined
}
