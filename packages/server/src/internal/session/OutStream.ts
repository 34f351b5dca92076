/**
 * One stream of messages from the server to a client, which outlives the responses that carry it: the answer to one request, or what
 * the server says on its own account.
 *
 * While no response is attached what is said is kept in the session's log, as far as that reaches; a client that comes back gets what
 * it missed, in order. A later response takes the place of an earlier one. An answer is kept until a response has carried it to its end:
 * of one that is larger than what may wait, an error that says so.
 */
import * as JsonRpc from "@holdfast/protocol/JsonRpc"
import { serverError } from "../errorCodes.ts"
import type { EventSink } from "../http/EventSink.ts"
import type { ReplayLog } from "./ReplayLog.ts"

/** The number of the stream that belongs to no request. */
export const standalone = 0

export class OutStream {
  readonly number: number
  readonly #log: ReplayLog
  #place = 0
  #sink: EventSink | undefined
  #isComplete = false
  /** The next response is to end at once: its reader comes back later. */
  #isPaused = false
  /** What was said before any client could read it. */
  #delivered = 0
  #hadReader = false
  /** A client was given a place to come back to. */
  #isKnown = false

  constructor(number: number, log: ReplayLog) {
    this.number = number
    this.#log = log
  }

  get sink(): EventSink | undefined {
    return this.#sink?.isOpen === true ? this.#sink : undefined
  }

  get isComplete(): boolean {
    return this.#isComplete
  }

  /** `isVital`: a client that missed it would wait in vain. */
  send(text: string, isVital = false): void {
    const place = ++this.#place
    this.#log.append(this.number, place, text, isVital)
    this.#give(place, text)
  }

  /** Says what a request waits for. */
  answer(id: JsonRpc.RequestId, text: string): void {
    // A client that has left and was given no place cannot come back.
    if (this.#hadReader && !this.#isKnown) return this.send(text, true)
    const place = ++this.#place
    this.#log.owe(this.number, place, this.#log.canOwe(text.length) ? text : tooLarge(id, text.length))
    this.#give(place, text)
  }

  /** Carries on over this response: from there, or from what was not given yet. False: some of that is gone. */
  attach(sink: EventSink, after: number | undefined): boolean {
    const from = after ?? this.#delivered
    // A client that says it was where the stream has not been is told nothing wrong; nor is one that waits for what is lost. But what
    // the server says on its own account is worth hearing from here on, too.
    if (from > this.#place) return false
    if (after !== undefined && this.number !== standalone && this.#log.hasLost(this.number, after)) return false
    this.#sink?.end("replaced")
    this.#sink = sink
    this.#hadReader = true
    sink.onArrived = () => this.#log.settle(this.number, sink.last)
    for (const { place, text } of this.#log.left(this.number, from)) {
      sink.again(this.#id(place), text)
      sink.last = place
    }
    this.#delivered = this.#place
    if (this.#isComplete || this.#isPaused) sink.end("ended")
    this.#isPaused = false
    return true
  }

  /** Sends the client away, to come back for the rest. */
  pause(): void {
    if (this.sink === undefined) this.#isPaused = true
    else this.detach()
  }

  /** Tells a new reader where it is. */
  prime(sink: EventSink, retryMillis: number): void {
    // Before what it is given now: a client that loses the connection in the midst of that gets the rest.
    const id = this.#id(this.#delivered)
    if (id === undefined) sink.comment("open")
    else sink.prime(id, retryMillis)
  }

  /** All is said. */
  complete(): void {
    this.#isComplete = true
    this.#sink?.end("ended")
  }

  detach(): void {
    this.#sink?.end("ended")
    this.#sink = undefined
  }

  #give(place: number, text: string): void {
    const sink = this.sink
    if (sink === undefined) return
    sink.event(this.#id(place), text)
    sink.last = place
    this.#delivered = place
  }

  /** A client that is given none comes back without, and is not refused for it. */
  #id(place: number): string | undefined {
    if (!this.#log.isKeeping) return undefined
    this.#isKnown = true
    return `${this.number}-${place}`
  }
}

/** What is kept in the place of an answer that is too large to be kept. */
const tooLarge = (id: JsonRpc.RequestId, length: number): string =>
  JsonRpc.encodeFailure(id, {
    code: serverError,
    message:
      `the answer of ${length} bytes was lost with the connection: it is larger than maxBufferedBytes, which is ` +
      "as much as waits for a client that comes back"
  })

/** Where a client was, from the id of the event it had last. */
export const parseEventId = (id: string): { readonly stream: number; readonly place: number } | undefined => {
  const match = /^(\d{1,15})-(\d{1,15})$/.exec(id)
  return match === null ? undefined : { stream: Number(match[1]), place: Number(match[2]) }
}
