/**
 * Whose heartbeat is due: each member has its turn once in an interval, and all of them have one timer, their owner's.
 *
 * The turns are spread over the interval: ten thousand streams that are written to at once hold the event loop for longer than a request takes.
 */

/** What has heartbeats. */
export interface Beating {
  readonly beat: (now: number) => void
}

/** At least as long as a turn takes with many members, and far more often than peers and balancers lose patience. */
const leastTurn = 1000

const mostTurns = 16

export class HeartbeatWheel<A extends Beating> {
  readonly #slots: ReadonlyArray<Set<A>>
  #at = 0
  /** Milliseconds from one turn to the next. */
  readonly turnMillis: number

  /** `interval`: in milliseconds. */
  constructor(interval: number) {
    const turns = Math.min(mostTurns, Math.max(1, Math.floor(interval / leastTurn)))
    this.turnMillis = interval / turns
    this.#slots = Array.from({ length: turns }, () => new Set<A>())
  }

  /** Its first turn is the last within an interval. Call what is returned to end it. */
  add(member: A): () => void {
    const slot = this.#slots[this.#at]
    slot?.add(member)
    return () => void slot?.delete(member)
  }

  /** Those whose turn it is now. What ends in the course of the turn has none; what is added has its first in the next interval. */
  turn(run: (member: A) => void): void {
    this.#at = (this.#at + 1) % this.#slots.length
    const slot = this.#slots[this.#at]
    if (slot === undefined) return
    for (const member of [...slot]) if (slot.has(member)) run(member)
  }
}
