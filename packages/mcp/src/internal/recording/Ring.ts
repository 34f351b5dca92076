/**
 * The last events of one connection, in bounded room: the first few, which hold the handshake, and then the newest.
 *
 * What has no room any more is counted, and told by one `skipped` event in its place. Bodies have a bound of their own, in characters: half
 * of it is for the handshake, which stays, and of the others the oldest go first.
 */
import type { Event } from "../../Recording.ts"
import { HeardMessage, micros } from "./HeardMessage.ts"

type Kept = Exclude<Event, { readonly event: "message" }> | HeardMessage

export interface RingOptions {
  readonly maxEvents: number
  readonly maxBodies: number
}

export class Ring {
  readonly #options: RingOptions
  readonly #opening: Array<Kept> = []
  /** From `#next` on the oldest, once it is full. */
  readonly #latest: Array<Kept> = []
  #next = 0
  #skipped = 0
  /** Characters of the bodies that are kept. */
  #bodies = 0
  /** Those that have bodies, from `#oldestBody` on. */
  #embodied: Array<HeardMessage> = []
  #oldestBody = 0
  /** How many events there ever were. */
  count = 0

  constructor(options: RingOptions) {
    this.#options = options
  }

  push(event: Kept): void {
    this.count++
    if (this.#opening.length < openingEvents) this.#opening.push(event)
    else if (this.#latest.length < this.#options.maxEvents - openingEvents) this.#latest.push(event)
    else {
      this.#skipped++
      const old = this.#latest[this.#next]
      this.#latest[this.#next] = event
      this.#next = (this.#next + 1) % this.#latest.length
      if (old instanceof HeardMessage && old.body !== undefined) this.#drop(old)
    }
    if (!(event instanceof HeardMessage) || event.body === undefined) return
    // A handshake is small, and without it nothing can be replayed.
    const isOpening = this.#latest.length === 0 && event.size <= this.#options.maxBodies / 2 / openingEvents
    if (!isOpening) this.#keep(event)
  }

  /** In order. */
  events(): ReadonlyArray<Event> {
    const latest = [...this.#latest.slice(this.#next), ...this.#latest.slice(0, this.#next)]
    const { at, connection } = latest[0] ?? { at: 0, connection: 0 }
    const gap: ReadonlyArray<Kept> = this.#skipped === 0
      ? []
      : [{ event: "skipped", at: micros(at), connection, events: this.#skipped }]
    return [...this.#opening, ...gap, ...latest].map((event) => event instanceof HeardMessage ? event.toEvent() : event)
  }

  #keep(message: HeardMessage): void {
    this.#bodies += message.size
    this.#embodied.push(message)
    while (this.#bodies > this.#options.maxBodies / 2) {
      const oldest = this.#embodied[this.#oldestBody]
      if (oldest === undefined) break
      this.#oldestBody++
      if (oldest.body !== undefined) this.#drop(oldest, true)
    }
    if (this.#oldestBody > 1024) {
      this.#embodied = this.#embodied.slice(this.#oldestBody)
      this.#oldestBody = 0
    }
  }

  #drop(message: HeardMessage, isTold = false): void {
    this.#bodies -= message.size
    message.body = undefined
    message.omitted = isTold
  }
}

/** Opened, the question of the era and its answer, `initialize` and its answer, `notifications/initialized`; and a little room. */
const openingEvents = 8
