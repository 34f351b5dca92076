/**
 * The bytes: a live transport that carries JSON-RPC frames and knows what became of each.
 *
 * A link is driven by callbacks, because a call must cost no fiber of its own: what goes out is an `Outbound` that is told
 * its fate, what comes in reaches a `LinkReceiver` synchronously and in the order of arrival.
 *
 * Promises that every link keeps (one suite checks them all)
 * - `onHandOff` is called at most once, before anything that the peer did about the frame can be told. A frame that fails
 *   without it was never sent, whatever happened around it.
 * - A frame gets at most one final word: `onSent` or `onFailure`. For a request whose answer has arrived there is none.
 * - `LinkReceiver.onClosed` is called once and nothing arrives after it. It is the fate of every request that was handed over
 *   and has no other yet; a frame that was not handed over still gets its `onFailure`.
 * - What a callback throws is told in the log. It costs neither the link nor any other frame or message.
 *
 * **Gotchas**: the callbacks run inside the platform's events, and may call back into the link.
 *
 * @example
 * ```ts
 * import type { LinkReceiver } from "@holdfast/mcp/Link"
 *
 * export const receiver: LinkReceiver = {
 *   onMessage: (message) => console.error(message._tag),
 *   onMalformed: ({ reason }) => console.error(reason),
 *   onClosed: ({ _tag }) => console.error(_tag)
 * }
 * ```
 */
import type * as JsonRpc from "@holdfast/protocol/JsonRpc"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { ConnectReason, Delivery, ProcessEnd } from "./McpRuntimeError.ts"

/** One frame on its way out, and its owner, which is told its fate. */
export interface Outbound {
  /** Set for requests: the id that the answer will bear. */
  readonly id: JsonRpc.RequestId | undefined
  readonly method: string
  /** What a request is about (a tool, a prompt, a resource): modern HTTP says it in a header. */
  readonly name?: string | undefined
  /** What modern HTTP says in headers besides. Names in small letters. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** The message as JSON, without a line end. */
  readonly text: string
  /** The frame must wait behind others after all, although the link was not congested when it was posted. */
  onQueued?(): void
  /** The frame is given to the operating system now. From here on the peer may have acted on it. */
  onHandOff(): void
  /** The link is done with a frame that gets no answer: written (stdio), or accepted by the server (HTTP). */
  onSent(): void
  /** The link will bring no answer to this frame. */
  onFailure(failure: LinkFailure): void
}

/** Why a link brings no answer to a frame. */
export type LinkFailure =
  /** The way there or back broke. `status` is set when it was an HTTP gateway that said so. */
  | {
    readonly _tag: "Lost"
    readonly delivery: Delivery
    readonly description: string
    readonly status?: number | undefined
  }
  /** The HTTP server refused the request before executing it, with a status that says why. */
  | {
    readonly _tag: "Rejected"
    readonly status: number
    readonly description: string
    readonly retryAfterMillis?: number | undefined
    /** The body is a JSON-RPC error: an MCP server has read the frame. */
    readonly isOfProtocol?: boolean | undefined
  }
  /** There was an answer, but it is none that MCP knows. */
  | { readonly _tag: "Unintelligible"; readonly description: string }

/** Why a link can no longer be used. */
export type LinkClosed =
  /** The server's process ended. */
  | { readonly _tag: "ProcessEnded"; readonly end: ProcessEnd }
  /** The process lives on, but has closed its stdin or stdout. */
  | { readonly _tag: "PipeBroken"; readonly description: string }
  /** Nothing answers at the url any more. */
  | { readonly _tag: "Unreachable"; readonly description: string }
  /** The server no longer knows our session. */
  | { readonly _tag: "SessionLost"; readonly status: number; readonly description: string }
  /** The link's own Scope was closed. */
  | { readonly _tag: "Released" }

/** Why the peer may not know this connection any more, although nothing of it is broken. */
export interface Doubt {
  /** `Named`: it has said so, in its own words. `Refused`: it refuses one call after the other. */
  readonly _tag: "Named" | "Refused"
  readonly description: string
  /** The kind of request that was refused: its method and what it is about. Undefined where it was no single one. */
  readonly about?: string | undefined
  /** The JSON-RPC error that every request is answered with, where it is that. */
  readonly code?: number | undefined
}

/** What a link has been told that its owner should look into. */
export interface Doubts {
  /** Waits for a doubt; at once while there is one. */
  readonly next: Effect.Effect<Doubt>
  /** There is one that has not been dispelled. */
  readonly isRaised: () => boolean
  /** The peer knows us: from here on `next` waits for another one. */
  readonly dispel: () => void
  /** Calls are given another connection from now on, until `dispel`. */
  readonly pass: () => void
  /** Waits until they are. */
  readonly passed: Effect.Effect<void>
  /**
   * Begins to look for the next request of this kind, or of any; waits for its fate. True: it was answered, or refused for itself. False: the
   * same doubt as before.
   */
  readonly trial: (about: string | undefined) => Effect.Effect<boolean>
}

/** The receiver of what comes in. */
export interface LinkReceiver {
  /**
   * A message of the peer, in the order of arrival. An answer comes here, too. `size`: the length of the text that it came in, in characters,
   * where the link knows.
   */
  onMessage(message: JsonRpc.Incoming, size?: number): void
  /** Something that is no message: noise on stdout, a broken answer (then `answerTo` may name the call). Never fatal. */
  onMalformed(frame: JsonRpc.Malformed, size?: number): void
  /** The end of the link, once: nothing arrives after it. */
  onClosed(closed: LinkClosed): void
}

/** A live transport of one connection. Its owner drives it by calls that return at once; its events reach a `LinkReceiver`. */
export interface Link {
  /** Takes a frame. Its fate reaches it by its own callbacks, possibly before this returns. */
  readonly post: (outbound: Outbound) => void
  /** Takes a frame back that was not handed over. True: it will never be sent, and none of its callbacks will be called. */
  readonly withdraw: (outbound: Outbound) => boolean
  /** The caller no longer waits for the answer to this request: what serves it alone (a response stream) is let go. */
  readonly forget: (id: JsonRpc.RequestId) => void
  /** What has come so far of the answer to this request, where it stops in the middle of something. */
  readonly unfinished?: (id: JsonRpc.RequestId) => string | undefined
  /** True when a frame given now would not be handed over at once. */
  readonly isCongested: () => boolean
  /**
   * Told once the revision is settled, or tried: HTTP states it in every request, and a modern one has no session. Undefined:
   * not settled, as at first.
   */
  readonly setProtocolVersion: (revision: string | undefined) => void
  /** Waits until the link can no longer be used. */
  readonly closed: Effect.Effect<LinkClosed>
  /** Bytes received so far. */
  readonly received: () => number
  /** What of them is a sign of life when it grows: the refusals of a gateway are none. Default: all. */
  readonly alive?: (() => number) | undefined
  /** Doubts about the session, where the peer can forget it. */
  readonly doubts?: Doubts | undefined
  /**
   * Where what a server says on its own account comes on a way of its own: waits until that way is open, or known not to exist. It
   * is asked for when `notifications/initialized` has been accepted.
   */
  readonly pushAnswered?: Effect.Effect<void>
  /** The last words of the server's process, without control characters. Empty where there is none. */
  readonly stderrTail: () => string
  /** The server's process, where it is ours. */
  readonly process?: { readonly pid: number } | undefined
}

/** What an opener of links needs to know of the connection that wants one. */
export interface OpenOptions {
  /** The server's name in messages. */
  readonly server: string
  /** Longest message accepted. Default: 64 MiB. */
  readonly maxMessageBytes?: number | undefined
}

/** How an endpoint with a link of its own is opened. `direct` opens it as if it had none: the process, or the url. */
export type OpenOwnLink = (
  options: OpenOptions,
  receiver: LinkReceiver,
  direct: Effect.Effect<Link, ConnectReason, Scope.Scope>
) => Effect.Effect<Link, ConnectReason, Scope.Scope>
