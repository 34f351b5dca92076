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
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type { Dialled } from "../Connector.ts"
import type { Deadline } from "../Deadlines.ts"
import type { Connection } from "./connection.ts"
import type { Failure } from "./failure.ts"

/** The machine, as keepalives need it: one for all connections, because those are many. */
export interface KeepaliveHost<K, C, E> {
  readonly now: () => number
  /** Something would come of a span: the pool's context has a tracer, or a span that it would be part of. */
  readonly isTraced: boolean
  /** Arms a deadline whose handler runs within `event`. */
  readonly arm: (connection: Connection<K, C, E>, millis: number, onExpire: () => void) => Deadline
  /** The boundary of an event: what throws behind it ends the connection. */
  readonly event: (connection: Connection<K, C, E>, handle: () => void) => void
  /** Runs a fiber in the connection's scope. */
  readonly fork: <A, X>(connection: Connection<K, C, E>, effect: Effect.Effect<A, X>) => Fiber.Fiber<A, X>
  readonly failed: (connection: Connection<K, C, E>, error: E) => Failure<E>
  /** A fiber of the connector's ended with no error of the connector's. */
  readonly died: (connection: Connection<K, C, E>, what: string, cause: Cause.Cause<unknown>) => Failure<E>
  readonly onHealth: (connection: Connection<K, C, E>, health: "healthy" | "suspect") => void
  readonly onLost: (connection: Connection<K, C, E>, failure: Failure<E>) => void
}

/** A timer is hardly ever on time to the millisecond. What is later than this many means that the loop was held up. */
const ordinaryLag = 2

/** A last look after a deadline that was on time: the loop may have been held up until just then. */
const lastLook = 5

export class Keepalive<K, C, E> {
  private readonly host: KeepaliveHost<K, C, E>
  private readonly connection: Connection<K, C, E>
  private readonly dialled: Dialled<C, E>
  private readonly probing: Effect.Effect<void, E>
  private deadline: Deadline | undefined
  private fiber: Fiber.Fiber<unknown, unknown> | undefined
  private received = 0
  private heardAt: number
  private failed = 0
  private isSuspect = false
  private isStopped = false

  /** Within `event`. */
  constructor(
    host: KeepaliveHost<K, C, E>,
    connection: Connection<K, C, E>,
    dialled: Dialled<C, E>,
    probe: Effect.Effect<void, E>
  ) {
    this.host = host
    this.connection = connection
    this.dialled = dialled
    this.probing = probe
    this.heardAt = host.now()
    this.listen()
    this.rest()
  }

  /** Returns the fiber of a probe that is under way, for the owner to interrupt. */
  stop(): Fiber.Fiber<unknown, unknown> | undefined {
    this.isStopped = true
    this.deadline?.cancel()
    return this.fiber
  }

  private get policy() {
    return this.connection.entry.policy
  }

  private rest(): void {
    this.deadline = this.host.arm(this.connection, this.policy.keepaliveInterval, () => this.check())
  }

  /** Looks for bytes received since the last look. A number that cannot count them tells nothing. */
  private listen(): boolean {
    const received = this.dialled.received?.() ?? 0
    if (received === this.received || !Number.isFinite(received)) return false
    this.received = received
    this.alive()
    return true
  }

  private alive(): void {
    this.heardAt = this.host.now()
    this.failed = 0
    if (!this.isSuspect) return
    this.isSuspect = false
    this.host.onHealth(this.connection, "healthy")
  }

  private check(): void {
    // It is not wanted: the next caller, or the idle timeout, will find out how it is.
    const { entry, leases } = this.connection
    if (this.listen() || (leases === 0 && entry.warm === 0)) return this.rest()
    this.probe()
  }

  private probe(): void {
    const { connection, host } = this
    this.expectWithin(this.policy.keepaliveTimeout)
    // A span that no tracer sees costs as much as all the rest of a probe.
    const probe = host.isTraced
      ? Effect.withSpan(this.probing, "holdfast.pool.probe", {
        attributes: { key: connection.entry.label },
        captureStackTrace: false
      })
      : this.probing
    const fiber = host.fork(connection, probe)
    this.fiber = fiber
    fiber.addObserver((exit) => host.event(connection, () => this.answered(fiber, exit)))
  }

  private answered(fiber: Fiber.Fiber<void, E>, exit: Exit.Exit<void, E>): void {
    if (this.isStopped || this.fiber !== fiber) return
    this.fiber = undefined
    this.deadline?.cancel()
    if (Exit.isSuccess(exit)) {
      this.alive()
      return this.rest()
    }
    const error = Cause.findErrorOption(exit.cause)
    if (Option.isNone(error)) this.host.died(this.connection, "a probe died, so it has failed", exit.cause)
    if (this.listen()) return this.rest()
    this.fail(error)
  }

  private expectWithin(millis: number, isLastLook = false): void {
    const { connection, host } = this
    const due = host.now() + millis
    this.deadline = host.arm(connection, millis, () => {
      const lag = host.now() - due
      if (lag > ordinaryLag) return this.expectWithin(lag)
      if (!isLastLook) return this.expectWithin(lastLook, true)
      const { fiber } = this
      // First forgotten, then interrupted: its end, told within the interruption, is no second failure.
      this.fiber = undefined
      fiber?.interruptUnsafe()
      if (this.listen()) this.rest()
      else this.fail(Option.none())
    })
  }

  private fail(error: Option.Option<E>): void {
    const { connection, host } = this
    this.failed++
    if (this.failed < this.policy.keepaliveFailures) return this.probe()
    if (this.inFlight() === 0) return this.convict(error)
    if (!this.isSuspect) {
      this.isSuspect = true
      host.onHealth(connection, "suspect")
    }
    this.rest()
  }

  private convict(error: Option.Option<E>): void {
    const { connection, host } = this
    const millis = host.now() - this.heardAt
    const failure: Failure<E> = Option.isSome(error)
      ? host.failed(connection, error.value)
      : { _tag: "Unresponsive", millis }
    host.onLost(connection, failure)
  }

  /** Requests on the wire, or leases where the connector does not know, or says a number that cannot be. */
  private inFlight(): number {
    const count = this.dialled.inFlight?.() ?? Number.NaN
    return Number.isFinite(count) && count >= 0 ? count : this.connection.leases
  }
}
