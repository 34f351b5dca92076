/**
 * One client's session on the server, as the registry and the server's handlers see it.
 *
 * Promises
 * - A session goes `connecting`, `active`, `closing`, `closed`, and never back. Closing twice is closing once; the first reason stays.
 * - Everything that belongs to it lives in its Scope, and is gone when it is `closed`. A client that disconnects closes nothing.
 * - While a request is in flight or a stream is open it is never swept as stale.
 *
 * **Gotchas**: the id by which the client names its session is a secret and is nowhere to be had; `number` is for people and logs.
 *
 * @example
 * ```ts
 * import { Session } from "@holdfast/server/Session"
 * import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
 * import * as Effect from "effect/Effect"
 *
 * // Makes the server of one session, which knows its principal.
 * export const server = Effect.map(
 *   Session,
 *   ({ principal }) => new McpServer({ name: `greeter of ${principal.id}`, version: "1.0.0" })
 * )
 * ```
 */
import type { Principal } from "@holdfast/protocol/Principal"
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/** The life of a session. It begins as `connecting`; `active` is after the handshake, `closing` while its own things are released. */
export type SessionState = "connecting" | "active" | "closing" | "closed"

/** Every state, and where it may go. */
const edges: Readonly<Record<SessionState, ReadonlyArray<SessionState>>> = {
  connecting: ["active", "closing"],
  active: ["closing"],
  closing: ["closed"],
  closed: []
}

/** Whether a session may go there. Anything else is a defect of this package. */
export const mayGo = (from: SessionState, to: SessionState): boolean => edges[from].includes(to)

/** How the client is connected. `stateless`: for one request of revision 2026-07-28, which has no sessions. */
export type SessionTransport = "streamable-http" | "sse" | "stdio" | "stateless"

/**
 * Why a session ended. `client`: it said so. `stale`: unused for too long. `half-open`: never finished the handshake. `slow reader`: it
 * did not take what it was sent. `vanished`: it did not answer pings. `limit`: room was needed. `drain`: the server shuts down.
 * `operator`: an operator closed it. `error`: the server's own side failed. `done`: the one request it was for has its answer.
 */
export type CloseReason =
  | "done"
  | "client"
  | "stale"
  | "half-open"
  | "slow reader"
  | "vanished"
  | "limit"
  | "drain"
  | "operator"
  | "error"

/** A stream of events, for operators. */
export interface StreamView {
  /** What it carries: `answers to a request`, `what the server says`. */
  readonly kind: string
  /** Bytes that its client has not taken yet. */
  readonly bufferedBytes: () => number
}

/** A session, as the registry and handlers see it. */
export interface SessionShape {
  /** Counts up from 1 within one registry. */
  readonly number: number
  readonly principal: Principal
  readonly transport: SessionTransport
  /**
   * What its client calls itself, with its version: `claude-code 2.1.0`. Undefined: it has not said. For people to read: a client may say anything,
   * so decide nothing by it.
   */
  readonly client: () => string | undefined
  /** Whatever belongs to the session: closed with it. */
  readonly scope: Scope.Scope
  /** Where it is in its life, now. It never goes back. */
  readonly state: () => SessionState
  /** Requests whose handlers run. */
  readonly inFlight: () => number
  /** Streams of events that its client holds open. A session with one is not stale. */
  readonly openStreams: () => number
  /** The client has said what it is: the `clientInfo` of its handshake. */
  readonly introduce: (clientInfo: unknown) => void
  /** The handshake is done. No-op when the session is not `connecting`. */
  readonly activate: () => void
  /** The client did something that counts as use. */
  readonly touch: () => void
  /**
   * A request begins; call what is returned when its answer is there. Calling it again does nothing. `isUse`: it counts as use. Default:
   * true.
   */
  readonly holdRequest: (isUse?: boolean) => () => void
  /** A stream is open until what is returned is called. `view`: what operators see of it. */
  readonly holdStream: (view?: StreamView) => () => void
  /**
   * Calls `run` at the moment closing begins, before anything of the session is interrupted: at once, if it has begun. Calling what is
   * returned takes it back.
   */
  readonly onClosing: (run: (reason: CloseReason) => void) => () => void
  /** Ends the session. Done when everything of it is gone. Idempotent. */
  readonly close: (reason: CloseReason) => Effect.Effect<void>
  /** Waits until it is `closed`, and says why. */
  readonly closed: Effect.Effect<CloseReason>
}

/** The session of the request that is being handled. */
export class Session extends Context.Service<Session, SessionShape>()("@holdfast/server/Session") {}
