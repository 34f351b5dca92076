/**
 * The HTTP response to one stateless request: one JSON body if there is nothing but the answer, a stream of events as soon as there is anything
 * else to say, or when it takes long.
 *
 * It cannot be resumed: a client that goes away has cancelled.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import { EventSink, type SinkEnd } from "../http/EventSink.ts"
import type { Reply } from "./StatelessTransport.ts"

/** How the response goes on. */
export type Decision =
  | { readonly _tag: "Json"; readonly status: number; readonly text: string }
  | { readonly _tag: "Stream" }

export interface HttpReplyOptions {
  /** The client reads streams. */
  readonly acceptsStream: boolean
  readonly openedAt: number
  readonly maxBufferedBytes: number
  /** Called once, when there is no more to say, or no client to say it to. */
  readonly onEnd: (end: SinkEnd) => void
}

export class HttpReply implements Reply {
  readonly sink: EventSink
  readonly #options: HttpReplyOptions
  readonly #decision = Deferred.makeUnsafe<Decision>()
  #isStream = false
  #isDone = false

  private constructor(sink: EventSink, options: HttpReplyOptions) {
    this.sink = sink
    this.#options = options
  }

  static make(options: HttpReplyOptions): Effect.Effect<HttpReply> {
    return Effect.map(
      EventSink.make(options.maxBufferedBytes, options.onEnd),
      (sink) => new HttpReply(sink, options)
    )
  }

  readonly decision = Deferred.await(this.#decision)

  get isOpen(): boolean {
    return !this.#isDone && this.sink.isOpen
  }

  say(text: string): void {
    if (!this.isOpen || !this.#options.acceptsStream) return
    this.stream()
    this.sink.event(undefined, text)
  }

  /** Goes on as a stream from here. */
  stream(): void {
    if (this.#isStream) return
    this.#isStream = true
    this.#decide({ _tag: "Stream" })
  }

  finish(status: number, text: string): void {
    if (!this.isOpen) return
    this.#isDone = true
    if (this.#isStream) this.sink.event(undefined, text)
    // First: the fiber that waits for the decision goes on at once, and the request may be over before the next line.
    this.sink.end("ended")
    if (!this.#isStream) this.#decide({ _tag: "Json", status, text })
  }

  /** The client has gone before anything was said. */
  abandon(): void {
    this.sink.end("client left")
  }

  /** What takes long should be seen to live. */
  beat(now: number, interval: number): void {
    if (this.isOpen && this.#options.acceptsStream && now - this.#options.openedAt >= interval) this.stream()
    if (this.#isStream) this.sink.beat()
  }

  #decide(decision: Decision): void {
    Deferred.doneUnsafe(this.#decision, Effect.succeed(decision))
  }
}
