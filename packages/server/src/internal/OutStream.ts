/**
 * One stream of messages from the server to a client, which outlives the responses that carry it: the answer to one request, or what
 * the server says on its own account.
 *
 * While no response is attached what is said is kept in the session's log, as far as that reaches; a client that comes back gets what
 * it missed, in order. A later response takes the place of an earlier one.
 */
import type { EventSink } from "./EventSink.ts"
import type { ReplayLog } from "./ReplayLog.ts"

/** The number of the stream that belongs to no request. */
export const standalone = 0

export class OutStream {
  readonly number: number
  readonly #log: ReplayLog
  #place = 0
  #sink: EventSink | undefined
  #isComplete = false
  /** The next response is to end at once: whoever reads it comes back later. */
  #isPaused = false
  /** What was said before any client could read it. */
  #delivered = 0

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

  send(text: string): void {
    const place = ++this.#place
    this.#log.append(this.number, place, text)
    if (this.sink === undefined) return
    this.sink.event(this.#id(place), text)
    this.#delivered = place
  }

  /** Carries on over this response: from there, or from what nobody was given yet. False: some of that is gone. */
  attach(sink: EventSink, after: number | undefined): boolean {
    const from = after ?? this.#delivered
    const missed = this.#log.left(this.number, from)
    // A client that says it was where the stream has not been is told nothing wrong; nor is one that an answer was lost for. But what
    // the server says on its own account is worth hearing from here on, too.
    const isWhole = missed.length === this.#place - from
    if (after !== undefined && !isWhole && (from > this.#place || this.number !== standalone)) return false
    this.#sink?.end("replaced")
    this.#sink = sink
    for (const { place, text } of missed) sink.again(this.#id(place), text)
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
    // Before what it is given now: who loses the connection in the midst of that gets the rest.
    const isKept = this.#log.after(this.number, this.#delivered)?.length === this.#place - this.#delivered
    const id = this.#id(isKept ? this.#delivered : this.#place)
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

  /** Who is given none comes back without, and is not refused for it. */
  #id(place: number): string | undefined {
    return this.#log.isKeeping ? `${this.number}-${place}` : undefined
  }
}

/** Where a client was, from the id of the event it had last. */
export const parseEventId = (id: string): { readonly stream: number; readonly place: number } | undefined => {
  const match = /^(\d{1,15})-(\d{1,15})$/.exec(id)
  return match === null ? undefined : { stream: Number(match[1]), place: Number(match[2]) }
}
