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

/** What brings the bytes to the client. */
export interface Carrier {
  readonly write: (bytes: Uint8Array) => void
  /** Bytes that it was given and that have not left. */
  readonly waiting: () => number
  /** There is no more. What was written still arrives. */
  readonly end: () => void
}

export class EventSink {
  #limit: number
  readonly #onEnd: (end: SinkEnd) => void
  /** Where the last event that it was given belongs, for its writer. */
  last = 0
  /** Called when the response has carried all that it was given, as far as the server can know. */
  onArrived: () => void = noop
  #carrier: Carrier | undefined
  /** What was written before there is a carrier. */
  #early: Array<Uint8Array> = []
  #end: SinkEnd | undefined

  private constructor(limit: number, onEnd: (end: SinkEnd) => void) {
    this.#limit = limit
    this.#onEnd = onEnd
  }

  /**
   * `onEnd` is called once, whichever side ended it. It ends with the request it is for, whose Scope is around: a client may be gone before
   * its body is read at all.
   */
  static make(limit: number, onEnd: (end: SinkEnd) => void): Effect.Effect<EventSink> {
    return Effect.flatMap(Effect.serviceOption(Scope.Scope), (scope) => {
      const sink = new EventSink(limit, onEnd)
      return Option.isNone(scope)
        ? Effect.succeed(sink)
        : Effect.as(Scope.addFinalizer(scope.value, Effect.sync(() => sink.end("client left"))), sink)
    })
  }

  /** Whether the head of the response is on its way. */
  get hasBegun(): boolean {
    return this.#carrier !== undefined
  }

  get isOpen(): boolean {
    return this.#end === undefined
  }

  /** Bytes that the client has not taken yet. */
  get waiting(): number {
    return this.#carrier === undefined
      ? this.#early.reduce((sum, { length }) => sum + length, 0)
      : this.#carrier.waiting()
  }

  /** From here on what is written goes to the client. Once. */
  carryBy(carrier: Carrier): void {
    this.#carrier = carrier
    for (const bytes of this.#early.splice(0)) carrier.write(bytes)
    if (this.#end !== undefined) carrier.end()
  }

  /** The carrier has ended, and has carried everything or not. */
  carried(isWhole: boolean): void {
    if (isWhole && (this.#end === "ended" || this.#end === "replaced")) this.onArrived()
    this.end("client left")
  }

  /** The body of the response where a stream of Effect's is to carry it. A client that stops reading it has left. */
  get body(): Stream.Stream<Uint8Array> {
    return Stream.unwrap(Effect.map(Queue.unbounded<Uint8Array, Cause.Done>(), (queue) => {
      let waiting = 0
      this.carryBy({
        write: (bytes) => {
          waiting += bytes.length
          Queue.offerUnsafe(queue, bytes)
        },
        waiting: () => waiting,
        end: () => Queue.endUnsafe(queue)
      })
      return Stream.fromQueue(queue).pipe(
        Stream.map((bytes) => {
          waiting -= bytes.length
          return bytes
        }),
        Stream.onExit((exit) => Effect.sync(() => this.carried(Exit.isSuccess(exit))))
      )
    }))
  }

  event(id: string | undefined, data: string, name = "message"): void {
    this.#write(encoder.encode(frame(id, data, name)))
  }

  /** An event that was kept: how much of that there is, is bounded where it is kept, and does not count as waiting. */
  again(id: string | undefined, data: string): void {
    const bytes = encoder.encode(frame(id, data, "message"))
    this.#limit += bytes.length
    this.#write(bytes)
  }

  /** An event without data: the client learns where it is, and when to come back. */
  prime(id: string, retryMillis: number): void {
    this.#write(encoder.encode(`id: ${id}\nretry: ${retryMillis}\ndata: \n\n`))
  }

  comment(text: string): void {
    this.#write(encoder.encode(`: ${text}\n\n`))
  }

  /** What stands in between sees that the stream lives. */
  beat(): void {
    this.#write(heartbeat)
  }

  /** What was written so far still arrives, if the client reads it. */
  end(end: SinkEnd): void {
    if (this.#end !== undefined) return
    this.#end = end
    this.#carrier?.end()
    this.#onEnd(end)
  }

  #write(bytes: Uint8Array): void {
    if (this.#end !== undefined) return
    // By what waits already: one message may be larger than that, and reach a client that reads.
    if (this.waiting > this.#limit) return this.end("slow reader")
    if (this.#carrier === undefined) this.#early.push(bytes)
    else this.#carrier.write(bytes)
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

const noop = (): void => {}

const encoder = new TextEncoder()
const heartbeat = encoder.encode(": heartbeat\n\n")

/** A line feed would end the line: JSON has none, an address of ours neither. */
const frame = (id: string | undefined, data: string, name: string): string =>
  `${id === undefined ? "" : `id: ${id}\n`}event: ${name}\ndata: ${data}\n\n`
