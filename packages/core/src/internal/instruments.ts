/**
 * What the machine counts, in plain numbers: the warm path pays for an addition, and the reader pays for the rest.
 */
import type { PoolErrorReason } from "../PoolError.ts"

/** A histogram of milliseconds. */
export class Histogram {
  static readonly boundaries: ReadonlyArray<number> = [
    1,
    2,
    5,
    10,
    25,
    50,
    100,
    250,
    500,
    1000,
    2500,
    5000,
    10_000,
    30_000
  ]
  private readonly counts = new Float64Array(Histogram.boundaries.length + 1)
  count = 0
  private sum = 0
  private min = Number.POSITIVE_INFINITY
  private max = 0

  record(millis: number): void {
    let bucket = 0
    while (bucket < Histogram.boundaries.length && millis > (Histogram.boundaries[bucket] ?? 0)) bucket++
    this.counts[bucket] = (this.counts[bucket] ?? 0) + 1
    this.count++
    this.sum += millis
    if (millis < this.min) this.min = millis
    if (millis > this.max) this.max = millis
  }

  /** Cumulative, as Effect's histograms are. `instant` are observations of zero that were not recorded one by one. */
  state(instant = 0) {
    let cumulated = instant
    const buckets = Histogram.boundaries.map((boundary, i): [number, number] => {
      cumulated += this.counts[i] ?? 0
      return [boundary, cumulated]
    })
    const count = this.count + instant
    return { buckets, count, min: instant > 0 || count === 0 ? 0 : this.min, max: this.max, sum: this.sum }
  }
}

export class Instruments {
  /** Leases given without waiting. */
  instantAcquires = 0
  /** How long callers waited for a lease they then got. */
  readonly acquire = new Histogram()
  /** How long leases were held: every sixteenth lease. */
  readonly usage = new Histogram()
  /** How long successful dials took. */
  readonly creation = new Histogram()
  timeouts = 0
  /** Callers that got no lease, by the reason they were given. */
  readonly refused: Record<PoolErrorReason<unknown>["_tag"], number> = {
    AcquireTimeout: 0,
    DialDefect: 0,
    DialFailed: 0,
    DialTimeout: 0,
    NotReady: 0,
    PoolClosed: 0,
    Quarantined: 0,
    TooManyWaiters: 0
  }
  dials = 0
  failedDials = 0
  losses = 0
  quarantines = 0
  evictions = 0
  leaks = 0
}
