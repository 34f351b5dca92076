/**
 * What a session has sent lately, for a client that comes back and says what it had last (`Last-Event-ID`).
 *
 * Bounded by bytes over all streams of the session: the oldest events go first. An id names a stream and a place in it, so that
 * nobody is replayed another stream's events.
 */

interface LoggedEvent {
  readonly stream: number
  readonly place: number
  readonly text: string
}

export class ReplayLog {
  readonly #limit: number
  #events: Array<LoggedEvent> = []
  /** Where the kept ones begin: what is before it is gone, and is cut off now and then. */
  #first = 0
  #bytes = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  /** False: nobody can come back to anything. */
  get isKeeping(): boolean {
    return this.#limit > 0
  }

  append(stream: number, place: number, text: string): void {
    if (this.#limit === 0) return
    this.#events.push({ stream, place, text })
    this.#bytes += text.length
    while (this.#bytes > this.#limit && this.#first < this.#events.length) {
      this.#bytes -= this.#events[this.#first]?.text.length ?? 0
      this.#first++
    }
    if (this.#first > 64 && this.#first * 2 > this.#events.length) {
      this.#events = this.#events.slice(this.#first)
      this.#first = 0
    }
  }

  /** What a stream has sent after that place. Undefined: some of it is gone. */
  after(stream: number, place: number): ReadonlyArray<LoggedEvent> | undefined {
    const missed = this.left(stream, place)
    const expected = place + 1
    return missed.length > 0 && missed[0]?.place !== expected ? undefined : missed
  }

  /** What there still is of what a stream has sent after that place. */
  left(stream: number, place: number): ReadonlyArray<LoggedEvent> {
    return this.#events.slice(this.#first).filter((event) => event.stream === stream && event.place > place)
  }

  /** A stream that has ended and was read to its end is not asked for again. */
  forget(stream: number): void {
    this.#events = this.#events.slice(this.#first).filter((event) => event.stream !== stream)
    this.#first = 0
    this.#bytes = this.#events.reduce((sum, { text }) => sum + text.length, 0)
  }
}
