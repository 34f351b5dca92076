/**
 * What a session has sent lately, for a client that comes back and says what it had last (`Last-Event-ID`).
 *
 * Bounded by bytes over all streams of the session: the oldest events go first. An id names a stream and a place in it, so that
 * no client is replayed another stream's events. Answers have a bound of their own until they have arrived: clients wait for them, and
 * nothing that is said besides may push them out. What is lost of answers and questions is remembered, so that no client waits in vain.
 */

interface LoggedEvent {
  readonly stream: number
  readonly place: number
  readonly text: string
  /** The client waits for it, or the server for what it asks for. */
  readonly isVital: boolean
}

export class ReplayLog {
  readonly #limit: number
  readonly #owedLimit: number
  #events: Array<LoggedEvent> = []
  /** Where the kept ones begin: what is before it is gone, and is cut off now and then. */
  #first = 0
  #bytes = 0
  /** Answers that have not arrived, by stream. The stream that owes for longest comes first. */
  #owed: Map<number, Array<LoggedEvent>> | undefined
  #owedBytes = 0
  /** The last place at which a stream has lost something vital. */
  #lost: Map<number, number> | undefined

  /** `limit`: bytes of past events. `owedLimit`: bytes of answers that have not arrived. */
  constructor(limit: number, owedLimit: number) {
    this.#limit = limit
    this.#owedLimit = owedLimit
  }

  /** False: nothing can be resumed. */
  get isKeeping(): boolean {
    return this.#limit > 0
  }

  append(stream: number, place: number, text: string, isVital = false): void {
    const event = { stream, place, text, isVital }
    if (this.#limit === 0) return this.#noteLoss(event)
    this.#events.push(event)
    this.#bytes += text.length
    while (this.#bytes > this.#limit && this.#first < this.#events.length) {
      const oldest = this.#events[this.#first++]
      if (oldest === undefined) continue
      this.#bytes -= oldest.text.length
      this.#noteLoss(oldest)
    }
    if (this.#first > 64 && this.#first * 2 > this.#events.length) {
      this.#events = this.#events.slice(this.#first)
      this.#first = 0
    }
  }

  /** Whether an answer of this length can be kept until it arrives. */
  canOwe(length: number): boolean {
    return length + overhead <= this.#owedLimit
  }

  /** Keeps an answer until it has arrived. */
  owe(stream: number, place: number, text: string): void {
    const owed = this.#owed ??= new Map()
    const events = owed.get(stream) ?? []
    events.push({ stream, place, text, isVital: true })
    owed.set(stream, events)
    this.#owedBytes += text.length + overhead
    for (const [debtor, oldest] of owed) {
      for (const event of oldest) {
        if (this.#owedBytes <= this.#owedLimit) return
        this.#settle(debtor, event.place)
        this.#noteLoss(event)
      }
    }
  }

  /** Whether answers of a stream have not arrived. */
  owes(stream: number): boolean {
    return this.#owed?.has(stream) === true
  }

  /** What a stream has said up to that place has arrived, as far as the server can know. */
  settle(stream: number, upTo: number): void {
    for (const { place, text } of this.#settle(stream, upTo)) this.append(stream, place, text, true)
  }

  /** What there still is of what a stream has sent after that place. */
  left(stream: number, place: number): ReadonlyArray<LoggedEvent> {
    const isMissed = (event: LoggedEvent): boolean => event.stream === stream && event.place > place
    return [...this.#events.slice(this.#first), ...this.#owed?.get(stream) ?? []]
      .filter(isMissed)
      .toSorted((one, other) => one.place - other.place)
  }

  /** Whether something that is waited for is gone, of what a stream has sent after that place. */
  hasLost(stream: number, place: number): boolean {
    return (this.#lost?.get(stream) ?? 0) > place
  }

  /** A stream that has ended and was read to its end is not asked for again. */
  forget(stream: number): void {
    this.#settle(stream, Number.POSITIVE_INFINITY)
    this.#lost?.delete(stream)
    this.#events = this.#events.slice(this.#first).filter((event) => event.stream !== stream)
    this.#first = 0
    this.#bytes = this.#events.reduce((sum, { text }) => sum + text.length, 0)
  }

  /** Takes away what is no longer owed. */
  #settle(stream: number, upTo: number): ReadonlyArray<LoggedEvent> {
    const owed = this.#owed
    const events = owed?.get(stream)
    if (owed === undefined || events === undefined) return []
    const settled = events.filter(({ place }) => place <= upTo)
    const rest = events.filter(({ place }) => place > upTo)
    if (rest.length === 0) owed.delete(stream)
    else owed.set(stream, rest)
    for (const { text } of settled) this.#owedBytes -= text.length + overhead
    return settled
  }

  #noteLoss({ isVital, place, stream }: LoggedEvent): void {
    if (!isVital) return
    this.#lost ??= new Map()
    this.#lost.set(stream, Math.max(place, this.#lost.get(stream) ?? 0))
  }
}

/** Counted for each answer besides its text, so that many small ones are bounded too. */
const overhead = 256
