/**
 * Many deadlines, one timer.
 *
 * A deadline per call with `Effect.timeout` costs a fiber and a native timer. Here arming, renewing and cancelling are
 * pointer operations: deadlines of one duration form a list that is sorted by construction (a new or renewed one expires
 * last), and one fiber sleeps until the earliest head of all lists. Nothing armed, nothing running: the fiber is parked.
 *
 * Time is the monotonic clock of the `Clock` service, so a leap of the wall clock fires nothing, and `TestClock` drives it.
 *
 * **Gotchas**: `onExpire` runs synchronously inside the sweep and must neither throw nor block. The cost of a sweep grows
 * with the number of *distinct* durations, so arm policy durations, not remainders computed per call, where there are many.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import type * as Scope from "effect/Scope"

/** One armed deadline. Both operations are synchronous, idempotent and no-ops once it expired or was cancelled. */
export interface Deadline {
  readonly cancel: () => void
  /** Starts its duration again from now. */
  readonly renew: () => void
}

export interface Deadlines {
  /** Calls `onExpire` once, `millis` from now, unless cancelled. `Infinity` never expires. */
  readonly arm: (millis: number, onExpire: () => void) => Deadline
  /** Milliseconds on the clock the deadlines are kept by; only differences mean anything. */
  readonly now: () => number
  /** How many deadlines are armed right now. */
  readonly size: () => number
}

/** Makes a sweeper that lives as long as the Scope. Deadlines still armed when it closes never fire. */
export const make: Effect.Effect<Deadlines, never, Scope.Scope> = Effect.gen(function*() {
  const clock = yield* Clock.Clock
  const sweeper = new Sweeper(clock)
  yield* Effect.forkScoped(sweeper.run, { startImmediately: true })
  return sweeper
})

/** A circular list with itself as the sentinel: `next` is the earliest, `previous` the latest. */
interface Link {
  previous: Link
  next: Link
}

class Bucket implements Link {
  previous: Link = this
  next: Link = this
  readonly millis: number
  constructor(millis: number) {
    this.millis = millis
  }
}

class Node implements Link, Deadline {
  previous: Link = this
  next: Link = this
  expiresAt = 0
  isArmed = false
  readonly sweeper: Sweeper
  readonly millis: number
  readonly onExpire: () => void
  constructor(sweeper: Sweeper, millis: number, onExpire: () => void) {
    this.sweeper = sweeper
    this.millis = millis
    this.onExpire = onExpire
  }
  readonly cancel = (): void => this.sweeper.disarm(this)
  readonly renew = (): void => {
    if (!this.isArmed) return
    this.sweeper.disarm(this)
    this.sweeper.append(this)
  }
}

const never: Deadline = { cancel: () => {}, renew: () => {} }

class Sweeper implements Deadlines {
  readonly clock: Clock.Clock
  readonly buckets = new Map<number, Bucket>()
  readonly wake = Latch.makeUnsafe(false)
  armed = 0
  /** When the fiber will look again. An earlier deadline must wake it; a later one must not. */
  sleepsUntil = Number.POSITIVE_INFINITY

  constructor(clock: Clock.Clock) {
    this.clock = clock
  }

  readonly now = (): number => Number(this.clock.monotonicTimeNanosUnsafe()) / 1e6

  readonly size = (): number => this.armed

  readonly arm = (millis: number, onExpire: () => void): Deadline => {
    if (millis === Number.POSITIVE_INFINITY) return never
    const node = new Node(this, Math.max(0, millis), onExpire)
    this.append(node)
    return node
  }

  append(node: Node): void {
    let bucket = this.buckets.get(node.millis)
    if (bucket === undefined) {
      bucket = new Bucket(node.millis)
      this.buckets.set(node.millis, bucket)
    }
    node.expiresAt = this.now() + node.millis
    node.isArmed = true
    node.previous = bucket.previous
    node.next = bucket
    bucket.previous.next = node
    bucket.previous = node
    this.armed++
    if (node.expiresAt < this.sleepsUntil) {
      this.sleepsUntil = node.expiresAt
      this.wake.openUnsafe()
    }
  }

  disarm(node: Node): void {
    if (!node.isArmed) return
    node.isArmed = false
    node.previous.next = node.next
    node.next.previous = node.previous
    this.armed--
  }

  /** Fires what is due and returns the time of the next deadline. */
  sweep(): number {
    const now = this.now()
    let earliest = Number.POSITIVE_INFINITY
    // A bucket made by an expiry handler during this loop is visited too: Map iteration sees later insertions.
    for (const bucket of this.buckets.values()) {
      for (;;) {
        const head = bucket.next
        if (!(head instanceof Node)) {
          this.buckets.delete(bucket.millis)
          break
        }
        if (head.expiresAt > now) {
          earliest = Math.min(earliest, head.expiresAt)
          break
        }
        this.disarm(head)
        head.onExpire()
      }
    }
    return earliest
  }

  /**
   * No deadline can be missed between the sweep and the sleep: the latch is closed first, so one armed by a handler or
   * while falling asleep opens it again, and `sleepsUntil` is at most the expiry of everything armed.
   */
  readonly run: Effect.Effect<never> = Effect.forever(Effect.suspend(() => {
    this.wake.closeUnsafe()
    this.sleepsUntil = Number.NEGATIVE_INFINITY
    const next = this.sweep()
    this.sleepsUntil = next
    if (next === Number.POSITIVE_INFINITY) return this.wake.await
    return Effect.raceFirst(this.clock.sleep(Duration.millis(Math.ceil(next - this.now()))), this.wake.await)
  }))
}
