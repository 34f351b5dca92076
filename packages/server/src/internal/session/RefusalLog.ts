/** What was refused: counted for ever by reason, and the last ones. */

/** A request or a client that was not let in. `reason` is one of few words, `message` what it was answered. */
export interface Refused {
  /** Counts up from 1 within one registry. */
  readonly number: number
  /** Milliseconds of the epoch. */
  readonly at: number
  readonly reason: string
  readonly message: string
}

/** However much is refused. */
const most = 200
/** Of a message. */
const longest = 500

export interface RefusalLog {
  readonly note: (reason: string, message: string) => void
  readonly snapshot: () => {
    readonly byReason: Readonly<Record<string, number>>
    readonly last: ReadonlyArray<Refused>
  }
}

/** `now`: milliseconds of the epoch. */
export const make = (now: () => number): RefusalLog => {
  const counts = new Map<string, number>()
  const ring: Array<Refused> = []
  let number = 0
  return {
    note: (reason, message) => {
      counts.set(reason, (counts.get(reason) ?? 0) + 1)
      const one = { number: ++number, at: now(), reason, message: message.slice(0, longest) }
      ring[(number - 1) % most] = one
    },
    snapshot: () => ({
      byReason: Object.fromEntries(counts),
      last: ring.toSorted((a, b) => a.number - b.number)
    })
  }
}
