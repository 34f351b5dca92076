/**
 * Watches one open connection: its loss, its silence, its idleness, its age, and the connector's wish to retire it.
 *
 * One fiber waits for `closed`. Silence, idleness and age are deadlines of the pool's sweeper: a sleeping fiber per connection and
 * worry costs a timer and about a kilobyte each, and hundred thousands of connections are meant to be cheap. What runs, runs in the
 * connection's own scope, and its defect is the connection's.
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type { Dialled, Succeed } from "../Connector.ts"
import type { Deadline } from "../Deadlines.ts"
import type { RetireReason } from "../PoolEvent.ts"
import type { PoolPolicy } from "../PoolPolicy.ts"
import type { Failure } from "./failure.ts"
import { Keepalive } from "./keepalive.ts"

export interface MonitorOptions<C, E> {
  readonly dialled: Dialled<C, E>
  readonly label: string
  readonly policy: PoolPolicy
  readonly now: () => number
  /** Uniform in [0, 1). */
  readonly chance: () => number
  /** Arms a deadline whose handler runs within `event`. */
  readonly arm: (millis: number, onExpire: () => void) => Deadline
  /** The boundary of an event: what throws behind it ends the connection. */
  readonly event: (handle: () => void) => void
  /** Runs a fiber in the connection's scope. */
  readonly fork: <A, X>(effect: Effect.Effect<A, X>) => Fiber.Fiber<A, X>
  readonly succeed: Succeed<C>
  readonly isOpen: () => boolean
  readonly isWarm: () => boolean
  readonly leases: () => number
  readonly idleSince: () => number
  readonly idleTimeout: () => number
  readonly failed: (error: E) => Failure<E>
  /** A fiber of the connector's ended with no error of the connector's. */
  readonly died: (what: string, cause: Cause.Cause<unknown>) => Failure<E>
  readonly onHealth: (health: "healthy" | "suspect") => void
  readonly onLost: (failure: Failure<E>) => void
  readonly onRetired: (reason: RetireReason) => void
}

export class Monitor<C, E> {
  private readonly options: MonitorOptions<C, E>
  private readonly closed: Effect.Effect<E>
  private readonly retired: Dialled<C, E>["retired"]
  private keepalive: Keepalive<E> | undefined = undefined
  private idleDeadline: Deadline | undefined = undefined
  private lifetimeDeadline: Deadline | undefined = undefined
  private isStopped = false

  /** Reads `dialled` first: it is a stranger's object, and may throw. */
  constructor(options: MonitorOptions<C, E>) {
    this.options = options
    const { closed, retired } = options.dialled
    this.closed = closed
    this.retired = retired
  }

  /** Within `event`. Callers are given the connection afterwards: none is given one that was lost before. */
  start(): void {
    this.watchLiveness()
    this.watchLoss(this.closed)
    if (this.retired !== undefined) this.watchRetirement(this.retired)
  }

  /** Ends the watches that need no time to end. Fibers end with the connection's scope. */
  stop(): Fiber.Fiber<unknown, unknown> | undefined {
    this.isStopped = true
    this.idleDeadline?.cancel()
    this.lifetimeDeadline?.cancel()
    return this.keepalive?.stop()
  }

  /** Age counts from the opening on. */
  watchLifetime(): void {
    const { arm, chance, onRetired, policy: { maxLifetime } } = this.options
    // Connections opened together must not die together (HikariCP's variance).
    this.lifetimeDeadline = arm(maxLifetime * (1 - 0.025 * chance()), () => onRetired("lifetime"))
  }

  /**
   * One armed deadline per connection, not one per release: a release only stamps `idleSince`, and the deadline, when it
   * comes, sleeps on for what is left.
   */
  watchIdle(millis: number): void {
    if (this.idleDeadline !== undefined || millis === Number.POSITIVE_INFINITY || this.isStopped) return
    const { arm, idleSince, idleTimeout, isOpen, isWarm, leases, now, onRetired } = this.options
    this.idleDeadline = arm(millis, () => {
      this.idleDeadline = undefined
      if (!isOpen() || leases() > 0 || isWarm()) return
      const left = idleSince() + idleTimeout() - now()
      if (left > 0) this.watchIdle(left)
      else onRetired("idle")
    })
  }

  private watchLoss(closed: Effect.Effect<E>): void {
    if (this.isStopped) return
    const { died, event, failed, fork, onLost } = this.options
    fork(closed).addObserver((exit) =>
      event(() => {
        if (this.isStopped) return
        onLost(
          Exit.isSuccess(exit)
            ? failed(exit.value)
            : died("the effect that tells of a connection's loss died, so it counts as lost", exit.cause)
        )
      })
    )
  }

  private watchRetirement(retired: (succeed: Succeed<C>) => Effect.Effect<void>): void {
    const { died, event, fork, isOpen, onRetired, succeed } = this.options
    if (!isOpen()) return
    fork(Effect.suspend(() => retired(succeed))).addObserver((exit) =>
      event(() => {
        if (Exit.isSuccess(exit)) onRetired("invalidated")
        else if (isOpen()) died("the effect that tells when to retire a connection died", exit.cause)
      })
    )
  }

  private watchLiveness(): void {
    const { arm, died, dialled, event, failed, fork, isOpen, isWarm, label, leases, now, onHealth, onLost, policy } =
      this.options
    if (!isOpen() || dialled.probe === undefined || policy.keepaliveInterval === Number.POSITIVE_INFINITY) return
    this.keepalive = new Keepalive<E>({
      dialled,
      probe: Effect.withSpan(dialled.probe, "holdfast.pool.probe", {
        attributes: { key: label },
        captureStackTrace: false
      }),
      interval: policy.keepaliveInterval,
      timeout: policy.keepaliveTimeout,
      failures: policy.keepaliveFailures,
      now,
      arm,
      event,
      fork,
      isWanted: () => leases() > 0 || isWarm(),
      leases,
      onHealth,
      onDefect: (cause) => died("a probe died, so it has failed", cause),
      onDead: (millis, error) => onLost(Option.isSome(error) ? failed(error.value) : { _tag: "Unresponsive", millis })
    })
  }
}
