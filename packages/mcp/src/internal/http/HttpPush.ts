/**
 * The stream of what a server says on its own account: optional for the server, and of no consequence for calls.
 *
 * Promises
 * - Asked for once the handshake is done. A server that has none (405, or anything else that is no stream and will not become
 *   one) is not asked again.
 * - A stream that ends, breaks or falls silent is opened again, from the last event that has arrived, after the server's
 *   `retry` or the back-off, whichever is longer. The back-off begins anew only after a stream that has lasted ten seconds: a
 *   server that ends every stream at once is asked eleven times in the first minute and twice in every other.
 *
 * Silence tells only of a server that has shown a rhythm: after two heartbeats (comments) nothing at all for three times the
 * gap between them, at least twenty seconds, is the end of the stream.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#listening-for-messages-from-the-server
 */
import type { Deadline } from "@holdfast/core/Deadlines"
import type * as JsonRpc from "@holdfast/protocol/JsonRpc"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type { Buffer } from "node:buffer"
import { HttpCursor } from "./HttpCursor.ts"
import { type EventStreamEnd, HttpEventStream } from "./HttpEventStream.ts"
import { HttpPause } from "./HttpPause.ts"
import type { ReconnectionHost } from "./HttpResumption.ts"
import * as HttpStatus from "./HttpStatus.ts"

export interface PushHost extends ReconnectionHost {
  /** Monotonic; only differences mean anything. */
  readonly uptimeMillis: () => number
  readonly receiveStray: (frame: JsonRpc.Incoming | JsonRpc.Malformed) => void
  /** A stream that was there before was refused so. True: the session is lost and this ends now. */
  readonly onPushRefused: (refusal: HttpStatus.Refusal) => boolean
}

type State =
  | { readonly _tag: "Unasked" }
  | { readonly _tag: "Opening"; readonly stream: HttpEventStream }
  | { readonly _tag: "Open"; readonly stream: HttpEventStream; readonly sinceMillis: number }
  | { readonly _tag: "Waiting"; readonly timer: Deadline }
  /** The server has no such stream. */
  | { readonly _tag: "Absent" }
  | { readonly _tag: "Stopped" }

const minUptimeMillis = 10_000
const shortestSilenceMillis = 20_000
const colon = 0x3a

export class HttpPush {
  readonly #host: PushHost
  readonly #cursor = new HttpCursor()
  readonly #answered = Deferred.makeUnsafe<void>()
  #state: State = { _tag: "Unasked" }
  readonly #pauses: HttpPause
  #hasBeenOpen = false
  #lastBeatMillis: number | undefined
  #silence: { readonly millis: number; readonly deadline: Deadline } | undefined

  constructor(host: PushHost) {
    this.#host = host
    this.#pauses = new HttpPause(host.runSync)
  }

  /** Waits until the server has answered the first question for a stream, whatever it said. */
  readonly answered = Deferred.await(this.#answered)

  start(): void {
    if (this.#state._tag === "Unasked") this.#ask()
  }

  stop(): void {
    const state = this.#state
    this.#state = { _tag: "Stopped" }
    this.#settle()
    this.#hush()
    if (state._tag === "Waiting") state.timer.cancel()
    if (state._tag === "Opening" || state._tag === "Open") state.stream.abort()
  }

  #ask(): void {
    const stream = new HttpEventStream(this.#host, this.#cursor, {
      isAwaited: false,
      onOpen: () => {
        this.#hasBeenOpen = true
        this.#settle()
        this.#state = { _tag: "Open", stream, sinceMillis: this.#host.uptimeMillis() }
      },
      onChunk: (chunk) => this.#heard(chunk),
      onMessage: this.#host.receiveStray,
      onTooLong: this.#host.receiveStray,
      onEnd: (end) => this.#ended(end)
    })
    this.#state = { _tag: "Opening", stream }
    stream.open()
  }

  #ended(end: EventStreamEnd): void {
    const state = this.#state
    if (state._tag === "Stopped") return
    this.#settle()
    this.#hush()
    if (state._tag === "Open" && this.#host.uptimeMillis() - state.sinceMillis >= minUptimeMillis) this.#pauses.reset()
    if (end._tag === "Ended") return this.#wait(undefined)
    if (end._tag === "Unintelligible") return this.#giveUp()
    const { refusal } = end
    const retryAfterMillis = HttpStatus.retryAfterOf(refusal.headers, this.#host.nowMillis())
    // A token may be renewed. A stream that is refused at first for other reasons will be refused later.
    if (HttpStatus.isPassing(refusal.status) || refusal.status === 401) return this.#wait(retryAfterMillis)
    if (!this.#hasBeenOpen || refusal.status === 405 || refusal.status === 501) return this.#giveUp()
    if (this.#host.onPushRefused(refusal)) return
    this.#cursor.forget()
    this.#wait(retryAfterMillis)
  }

  #wait(retryAfterMillis: number | undefined): void {
    const { retryMillis } = this.#cursor
    const pause = this.#pauses.next({ retryMillis, retryAfterMillis }, this.#host.nowMillis())
    this.#state = { _tag: "Waiting", timer: this.#host.deadlines.arm(pause, () => this.#ask()) }
  }

  #settle(): void {
    Deferred.doneUnsafe(this.#answered, Effect.void)
  }

  #giveUp(): void {
    this.#state = { _tag: "Absent" }
  }

  #heard(chunk: Buffer): void {
    this.#silence?.deadline.renew()
    if (chunk[0] !== colon) return
    const now = this.#host.uptimeMillis()
    const gap = this.#lastBeatMillis === undefined ? undefined : now - this.#lastBeatMillis
    this.#lastBeatMillis = now
    if (gap === undefined) return
    const millis = Math.max(shortestSilenceMillis, 3 * gap)
    if (this.#silence !== undefined && this.#silence.millis >= millis) return
    this.#silence?.deadline.cancel()
    this.#silence = { millis, deadline: this.#host.deadlines.arm(millis, () => this.#fellSilent()) }
  }

  #fellSilent(): void {
    const state = this.#state
    if (state._tag !== "Open") return
    state.stream.abort()
    this.#ended({ _tag: "Ended", description: "the stream fell silent" })
  }

  #hush(): void {
    this.#silence?.deadline.cancel()
    this.#silence = undefined
    this.#lastBeatMillis = undefined
  }
}
