/**
 * One HTTP response of server-sent events that is being written: a bounded buffer between the server's words and a client that
 * reads at its own pace.
 *
 * Nothing here waits: writing is synchronous, and a client that lets more than the limit pile up is cut off.
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { eventStream } from "./httpAnswers.ts"

export type SinkEnd = "ended" | "slow reader" | "replaced" | "vanished" | "client left"

export class EventSink {
  readonly #queue: Queue.Queue<Uint8Array, Cause.Done>
  #limit: number
  readonly #onEnd: (end: SinkEnd) => void
  /** Where the last event that it was given belongs, for its writer. */
  last = 0
  /** Called when the response has carried all that it was given, as far as the server can know. */
  onArrived: () => void = () => {}
  #hasBegun = false
  #waiting = 0
  #end: SinkEnd | undefined

  private constructor(queue: Queue.Queue<Uint8Array, Cause.Done>, limit: number, onEnd: (end: SinkEnd) => void) {
    this.#queue = queue
    this.#limit = limit
    this.#onEnd = onEnd
  }

  /**
   * `onEnd` is called once, whichever side ended it. It ends with the request it is for, whose Scope is around: a client may be gone before
   * its body is read at all.
   */
  static make(limit: number, onEnd: (end: SinkEnd) => void): Effect.Effect<EventSink> {
    return Effect.flatMap(Queue.unbounded<Uint8Array, Cause.Done>(), (queue) => {
      const sink = new EventSink(queue, limit, onEnd)
      return Effect.flatMap(Effect.serviceOption(Scope.Scope), (scope) =>
        Option.isNone(scope)
          ? Effect.succeed(sink)
          : Effect.as(Scope.addFinalizer(scope.value, Effect.sync(() => sink.end("client left"))), sink))
    })
  }

  /** Whether the head of the response is on its way. */
  get hasBegun(): boolean {
    return this.#hasBegun
  }

  get isOpen(): boolean {
    return this.#end === undefined
  }

  /** Bytes that the client has not taken yet. */
  get waiting(): number {
    return this.#waiting
  }

  /** The body of the response. A client that stops reading it has left. */
  readonly body: Stream.Stream<Uint8Array> = Stream.suspend(() => {
    this.#hasBegun = true
    return Stream.fromQueue(this.#queue)
  }).pipe(
    Stream.map((chunk) => {
      this.#waiting -= chunk.length
      return chunk
    }),
    Stream.onExit((exit) =>
      Effect.sync(() => {
        if (Exit.isSuccess(exit) && (this.#end === "ended" || this.#end === "replaced")) this.onArrived()
        this.end("client left")
      })
    )
  )

  event(id: string | undefined, data: string, name = "message"): void {
    this.#write(frame(id, data, name))
  }

  /** An event that was kept: how much of that there is, is bounded where it is kept, and does not count as waiting. */
  again(id: string | undefined, data: string): void {
    const text = frame(id, data, "message")
    this.#limit += encoder.encode(text).length
    this.#write(text)
  }

  /** An event without data: the client learns where it is, and when to come back. */
  prime(id: string, retryMillis: number): void {
    this.#write(`id: ${id}\nretry: ${retryMillis}\ndata: \n\n`)
  }

  comment(text: string): void {
    this.#write(`: ${text}\n\n`)
  }

  /** What was written so far still arrives, if the client reads it. */
  end(end: SinkEnd): void {
    if (this.#end !== undefined) return
    this.#end = end
    Queue.endUnsafe(this.#queue)
    this.#onEnd(end)
  }

  #write(text: string): void {
    if (this.#end !== undefined) return
    const bytes = encoder.encode(text)
    // By what waits already: one message may be larger than that, and reach a client that reads.
    if (this.#waiting > this.#limit) return this.end("slow reader")
    this.#waiting += bytes.length
    Queue.offerUnsafe(this.#queue, bytes)
  }
}

/** A stream that is whole at once, for a client that takes no JSON. */
export const wholeStream = (
  messages: ReadonlyArray<string>,
  headers: Readonly<Record<string, string>> = {}
): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.text(messages.map((message) => frame(undefined, message, "message")).join(""), {
    ...eventStream,
    headers: { ...eventStream.headers, ...headers }
  })

const encoder = new TextEncoder()

/** A line feed would end the line: JSON has none, an address of ours neither. */
const frame = (id: string | undefined, data: string, name: string): string =>
  `${id === undefined ? "" : `id: ${id}\n`}event: ${name}\ndata: ${data}\n\n`
