/**
 * Finds connections that are dead without saying so, and convicts no connection that is merely busy.
 *
 * - A probe is sent only after `interval` without a byte, and only while a caller holds the connection or wants it warm.
 * - Anything received is a sign of life, whatever the probe says.
 * - `failures` failed probes in a row end an idle connection; one with requests in flight becomes `suspect` and is probed on: a
 *   server that computes synchronously answers nothing, and is not dead. A probe that dies of a defect has failed.
 * - Time during which this program's own event loop did not run is not held against the peer: a probe whose deadline comes
 *   late is given as much longer, and one that is on time a last look, so that an answer that is already here is read first
 *   (Lifeguard's local health, after SWIM). A leap of the wall clock is not even seen, since time is monotonic.
 *
 * Gotchas: everything it does it does within `event`, the boundary of its owner: `received` and `inFlight` may throw.
 */
import * as Cause from "effect/Cause"
import type * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type { Dialled } from "../Connector.ts"
import type { Deadline } from "../Deadlines.ts"

export interface KeepaliveOptions<E> {
  readonly dialled: Pick<Dialled<unknown, E>, "inFlight" | "received">
  readonly probe: Effect.Effect<void, E>
  readonly interval: number
  readonly timeout: number
  readonly failures: number
  readonly now: () => number
  /** Arms a deadline whose handler runs within `event`. */
  readonly arm: (millis: number, onExpire: () => void) => Deadline
  readonly event: (handle: () => void) => void
  readonly fork: <A, X>(effect: Effect.Effect<A, X>) => Fiber.Fiber<A, X>
  /** A caller holds the connection, or wants it warm. */
  readonly isWanted: () => boolean
  readonly leases: () => number
  readonly onHealth: (health: "healthy" | "suspect") => void
  /** A probe ended neither well nor with an error of the connector's. */
  readonly onDefect: (cause: Cause.Cause<unknown>) => void
  /** Convicted: no sign of life for so many milliseconds. */
  readonly onDead: (silentMillis: number, error: Option.Option<E>) => void
}

/** A timer is hardly ever on time to the millisecond. What is later than this many means that the loop was held up. */
const ordinaryLag = 2

/** A last look after a deadline that was on time: the loop may have been held up until just then. */
const lastLook = 5

export class Keepalive<E> {
  private readonly options: KeepaliveOptions<E>
  private deadline: Deadline | undefined
  private fiber: Fiber.Fiber<unknown, unknown> | undefined
  private received = 0
  private heardAt: number
  private failed = 0
  private isSuspect = false
  private isStopped = false

  /** Within `event`. */
  constructor(options: KeepaliveOptions<E>) {
    this.options = options
    this.heardAt = options.now()
    this.listen()
    this.wait(options.interval)
  }

  /** Returns the fiber of a probe that is under way, for the owner to interrupt. */
  stop(): Fiber.Fiber<unknown, unknown> | undefined {
    this.isStopped = true
    this.deadline?.cancel()
    return this.fiber
  }

  private wait(millis: number): void {
    this.deadline = this.options.arm(millis, () => this.check())
  }

  /** Looks for bytes received since the last look. A number that cannot count them tells nothing. */
  private listen(): boolean {
    const received = this.options.dialled.received?.() ?? 0
    if (received === this.received || !Number.isFinite(received)) return false
    this.received = received
    this.alive()
    return true
  }

  private alive(): void {
    this.heardAt = this.options.now()
    this.failed = 0
    if (!this.isSuspect) return
    this.isSuspect = false
    this.options.onHealth("healthy")
  }

  private check(): void {
    // It is not wanted: the next caller, or the idle timeout, will find out how it is.
    if (this.listen() || !this.options.isWanted()) return this.wait(this.options.interval)
    this.probe()
  }

  private probe(): void {
    this.expectWithin(this.options.timeout)
    const fiber = this.options.fork(this.options.probe)
    this.fiber = fiber
    fiber.addObserver((exit) => this.options.event(() => this.answered(fiber, exit)))
  }

  private answered(fiber: Fiber.Fiber<void, E>, exit: Exit.Exit<void, E>): void {
    if (this.isStopped || this.fiber !== fiber) return
    this.fiber = undefined
    this.deadline?.cancel()
    if (Exit.isSuccess(exit)) {
      this.alive()
      return this.wait(this.options.interval)
    }
    const error = Cause.findErrorOption(exit.cause)
    if (Option.isNone(error)) this.options.onDefect(exit.cause)
    if (this.listen()) return this.wait(this.options.interval)
    this.fail(error)
  }

  private expectWithin(millis: number, isLastLook = false): void {
    const { now } = this.options
    const due = now() + millis
    this.deadline = this.options.arm(millis, () => {
      const lag = now() - due
      if (lag > ordinaryLag) return this.expectWithin(lag)
      if (!isLastLook) return this.expectWithin(lastLook, true)
      const { fiber } = this
      // First forgotten, then interrupted: its end, told within the interruption, is no second failure.
      this.fiber = undefined
      fiber?.interruptUnsafe()
      if (this.listen()) this.wait(this.options.interval)
      else this.fail(Option.none())
    })
  }

  private fail(error: Option.Option<E>): void {
    const { failures, interval, now, onDead, onHealth } = this.options
    this.failed++
    if (this.failed < failures) return this.probe()
    if (this.inFlight() === 0) return onDead(now() - this.heardAt, error)
    if (!this.isSuspect) {
      this.isSuspect = true
      onHealth("suspect")
    }
    this.wait(interval)
  }

  /** Requests on the wire, or leases where the connector does not know, or says a number that cannot be. */
  private inFlight(): number {
    const { dialled, leases } = this.options
    const count = dialled.inFlight?.() ?? Number.NaN
    return Number.isFinite(count) && count >= 0 ? count : leases()
  }
}
