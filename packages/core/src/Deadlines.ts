/**
 * Many deadlines, one timer.
 *
 * A deadline per call with `Effect.timeout` costs a fiber and a native timer. Here arming, renewing and cancelling are
 * pointer operations: deadlines of one duration form a queue that is sorted by construction (a new or renewed one expires
 * last), a heap knows which queue is due first, and one fiber sleeps until then. Nothing armed, nothing running: the fiber is
 * parked.
 *
 * Promises: handlers run in the order of expiry. A handler that throws is told in the log with its stack, and harms no other
 * deadline. A thousand distinct durations cost a sweep no more than one: queues that are
 * not due are not looked at, and those left empty by cancelling are cleared away before they outnumber the others.
 *
 * Time is the monotonic clock of the `Clock` service, so a leap of the wall clock fires nothing, and `TestClock` drives it.
 *
 * **Gotchas**: `onExpire` runs synchronously inside the sweep and must not block. Durations are rounded up to whole milliseconds, so
 * that remainders computed per call share their queues; what is no number of milliseconds (negative, NaN) expires at once.
 *
 * @example
 * ```ts
 * import { Deadlines } from "@holdfast/core"
 * import * as Effect from "effect/Effect"
 *
 * export const program = Effect.scoped(Effect.gen(function*() {
 *   const deadlines = yield* Deadlines.make
 *   const deadline = deadlines.arm(5000, () => console.log("no answer within 5 s"))
 *   // A sign of life starts the 5 s again; an answer ends them.
 *   deadline.renew()
 *   deadline.cancel()
 * }))
 * ```
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import type * as Scope from "effect/Scope"
import { Defects } from "./internal/defects.ts"

/** One armed deadline. Both operations are synchronous, idempotent and no-ops once it expired or was cancelled. */
export interface Deadline {
  /** Takes it out of the queue: `onExpire` is not called any more. */
  cancel(): void
  /** Starts its duration again from now. */
  renew(): void
}

/** A sweeper: any number of deadlines on one timer. */
export interface Deadlines {
  /**
   * Calls `onExpire` once, `millis` from now, unless cancelled. `Infinity` never expires. A caller that arms several at once may say what `now()`
   * has just said: reading the clock is the dearest part.
   */
  readonly arm: (millis: number, onExpire: () => void, now?: number) => Deadline
  /** Milliseconds on the clock the deadlines are kept by; only differences mean anything. */
  readonly now: () => number
  /** How many deadlines are armed right now. */
  readonly size: () => number
  /** How many distinct durations are kept track of: about as many as are armed. */
  readonly queues: () => number
}

/** Makes a sweeper that lives as long as the Scope. Deadlines still armed when it closes never fire. */
export const make: Effect.Effect<Deadlines, never, Scope.Scope> = Effect.gen(function*() {
  const clock = yield* Clock.Clock
  const scope = yield* Effect.scope
  const fork = Effect.runForkWith(yield* Effect.context<never>())
  const sweeper = new Sweeper(clock, (effect) => Fiber.runIn(fork(effect), scope))
  yield* Effect.forkScoped(sweeper.run, { startImmediately: true })
  return sweeper
})

/** A circular list with itself as the sentinel: `next` is the earliest, `previous` the latest. */
interface Link {
  previous: Link
  next: Link
}

/** The deadlines of one duration, in order of expiry. */
class Queue implements Link {
  previous: Link = this
  next: Link = this
  readonly millis: number
  /** No deadline in here expires earlier. A lower bound: cancelling the head does not move it. */
  due = 0
  constructor(millis: number) {
    this.millis = millis
  }
}

class Node implements Link, Deadline {
  previous: Link = this
  next: Link = this
  expiresAt = 0
  isArmed = false
  queue: Queue
  readonly sweeper: Sweeper
  readonly onExpire: () => void
  constructor(sweeper: Sweeper, queue: Queue, onExpire: () => void) {
    this.sweeper = sweeper
    this.queue = queue
    this.onExpire = onExpire
  }
  cancel(): void {
    this.sweeper.disarm(this)
  }
  renew(): void {
    if (!this.isArmed) return
    const { millis } = this.queue
    const now = this.sweeper.now()
    this.sweeper.disarm(this)
    this.queue = this.sweeper.queueOf(millis, now)
    this.sweeper.append(this, now)
  }
}

const never: Deadline = { cancel: () => {}, renew: () => {} }

class Sweeper implements Deadlines {
  readonly clock: Clock.Clock
  readonly byMillis = new Map<number, Queue>()
  /** All of them as a binary heap, the smallest `due` first. */
  heap: Array<Queue> = []
  /** How many of them are empty: they stay until they come to the top, or are too many. */
  empty = 0
  readonly wake = Latch.makeUnsafe(false)
  armed = 0
  /** When the fiber will look again. An earlier deadline must wake it; a later one must not. */
  sleepsUntil = Number.POSITIVE_INFINITY
  private readonly defects: Defects

  constructor(clock: Clock.Clock, fork: <A, X>(effect: Effect.Effect<A, X>) => Fiber.Fiber<A, X>) {
    this.clock = clock
    this.defects = new Defects({ fork, now: () => this.now(), later: (log) => log() })
  }

  readonly now = (): number => Number(this.clock.monotonicTimeNanosUnsafe()) / 1e6

  readonly size = (): number => this.armed

  readonly queues = (): number => this.byMillis.size

  readonly arm = (millis: number, onExpire: () => void, now = this.now()): Deadline => {
    if (millis === Number.POSITIVE_INFINITY) return never
    const node = new Node(this, this.queueOf(millis > 0 ? Math.ceil(millis) : 0, now), onExpire)
    this.append(node, now)
    return node
  }

  queueOf(millis: number, now: number): Queue {
    let queue = this.byMillis.get(millis)
    if (queue === undefined) {
      queue = new Queue(millis)
      queue.due = now + millis
      this.byMillis.set(millis, queue)
      this.heap.push(queue)
      this.empty++
      this.rise(this.heap.length - 1)
    }
    return queue
  }

  append(node: Node, now: number): void {
    const { queue } = node
    if (queue.next === queue) this.empty--
    node.expiresAt = now + queue.millis
    node.isArmed = true
    node.previous = queue.previous
    node.next = queue
    queue.previous.next = node
    queue.previous = node
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
    // Or one that has grown old, and is dead, keeps the next alive, which grows old in turn: the collector would copy every call.
    node.previous = node
    node.next = node
    this.armed--
    const { queue } = node
    if (queue.next !== queue) return
    this.empty++
    if (this.empty > 64 && this.empty * 2 > this.heap.length) this.clearAway()
  }

  /** Fires what is due and returns the time of the next deadline. */
  sweep(): number {
    const now = this.now()
    // A handler that arms another deadline at once must not keep the sweep going: that one is for the next sweep.
    for (let left = this.armed;;) {
      // Looked up afresh each time: a handler may arm and cancel whatever it likes.
      const queue = this.heap[0]
      if (queue === undefined) return Number.POSITIVE_INFINITY
      const head = queue.next
      if (!(head instanceof Node)) {
        this.byMillis.delete(queue.millis)
        this.empty--
        const last = this.heap.pop()
        if (last !== undefined && last !== queue) {
          this.heap[0] = last
          this.sink(0)
        }
      } else if (head.expiresAt > queue.due) {
        queue.due = head.expiresAt
        this.sink(0)
      } else if (head.expiresAt > now || left === 0) {
        return head.expiresAt
      } else {
        left--
        this.disarm(head)
        this.fire(head)
      }
    }
  }

  private fire(node: Node): void {
    try {
      node.onExpire()
    } catch (defect) {
      this.defects.tell("the handler of a deadline threw", defect)
    }
  }

  private clearAway(): void {
    const kept = this.heap.filter((queue) => queue.next !== queue)
    for (const queue of this.heap) if (queue.next === queue) this.byMillis.delete(queue.millis)
    this.heap = kept
    this.empty = 0
    for (let i = (kept.length >> 1) - 1; i >= 0; i--) this.sink(i)
  }

  private rise(index: number): void {
    const { heap } = this
    for (let i = index; i > 0;) {
      const above = (i - 1) >> 1
      if (!this.swapUnlessOrdered(heap, above, i)) return
      i = above
    }
  }

  private sink(index: number): void {
    const { heap } = this
    for (let i = index;;) {
      const left = 2 * i + 1
      const right = left + 1
      const smaller = (heap[right]?.due ?? Number.POSITIVE_INFINITY) < (heap[left]?.due ?? 0) ? right : left
      if (!this.swapUnlessOrdered(heap, i, smaller)) return
      i = smaller
    }
  }

  /** False when nothing had to be done, the end of the heap included. */
  private swapUnlessOrdered(heap: Array<Queue>, above: number, below: number): boolean {
    const upper = heap[above]
    const lower = heap[below]
    if (upper === undefined || lower === undefined || upper.due <= lower.due) return false
    heap[above] = lower
    heap[below] = upper
    return true
  }

  /**
   * No deadline can be missed between the sweep and the sleep: the latch is closed first, so one armed by a handler or
   * while falling asleep opens it again, and `sleepsUntil` is at most the expiry of everything armed.
   *
   * `forever` yields before each round, so a sweep has a turn of its own: handlers must not run within `arm`, in the middle of what
   * its caller is about.
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
