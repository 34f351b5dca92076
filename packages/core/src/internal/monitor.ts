/**
 * Watches one open connection: its loss, its silence, its idleness, its age, and the connector's wish to retire it.
 *
 * One fiber waits for `closed`. Silence, idleness and age are deadlines of the pool's sweeper, which need no fiber and no timer of their own.
 * What runs, runs in the connection's own scope, and its defect is the connection's.
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type { Dialled, Succeed } from "../Connector.ts"
import type { Deadline } from "../Deadlines.ts"
import type { RetireReason } from "../PoolEvent.ts"
import { isOpen } from "./capacity.ts"
import type { Connection, Watch } from "./connection.ts"
import type { Failure } from "./failure.ts"
import { Keepalive } from "./keepalive.ts"

/** The machine, as monitors need it: one for all connections, because those are many. */
export interface MonitorHost<K, C, E> {
  readonly now: () => number
  /** Uniform in [0, 1). */
  readonly chance: (label: string) => number
  /** Arms a deadline whose handler runs within `event`. */
  readonly arm: (connection: Connection<K, C, E>, millis: number, onExpire: () => void) => Deadline
  /** The boundary of an event: what throws behind it ends the connection. */
  readonly event: (connection: Connection<K, C, E>, handle: () => void) => void
  /** Runs a fiber in the connection's scope. */
  readonly fork: <A, X>(connection: Connection<K, C, E>, effect: Effect.Effect<A, X>) => Fiber.Fiber<A, X>
  readonly succeed: (connection: Connection<K, C, E>) => Succeed<C>
  readonly failed: (connection: Connection<K, C, E>, error: E) => Failure<E>
  /** A fiber of the connector's ended with no error of the connector's. */
  readonly died: (connection: Connection<K, C, E>, what: string, cause: Cause.Cause<unknown>) => Failure<E>
  readonly onHealth: (connection: Connection<K, C, E>, health: "healthy" | "suspect") => void
  readonly onLost: (connection: Connection<K, C, E>, failure: Failure<E>) => void
  readonly onRetired: (connection: Connection<K, C, E>, reason: RetireReason) => void
}

export class Monitor<K, C, E> implements Watch {
  private readonly host: MonitorHost<K, C, E>
  private readonly connection: Connection<K, C, E>
  private readonly dialled: Dialled<C, E>
  private readonly closed: Effect.Effect<E>
  private readonly retired: Dialled<C, E>["retired"]
  private keepalive: Keepalive<E> | undefined = undefined
  private idleDeadline: Deadline | undefined = undefined
  private lifetimeDeadline: Deadline | undefined = undefined
  private loss: Fiber.Fiber<E> | undefined = undefined
  private retirement: Fiber.Fiber<void> | undefined = undefined
  private probe: Fiber.Fiber<unknown, unknown> | undefined = undefined
  private isStopped = false

  /** Reads `dialled` first: it is a stranger's object, and may throw. */
  constructor(host: MonitorHost<K, C, E>, connection: Connection<K, C, E>, dialled: Dialled<C, E>) {
    this.host = host
    this.connection = connection
    this.dialled = dialled
    const { closed, retired } = dialled
    this.closed = closed
    this.retired = retired
  }

  /** Within `event`. Callers are given the connection afterwards: none is given one that was lost before. */
  start(): void {
    this.watchLiveness()
    this.watchLoss(this.closed)
    if (this.retired !== undefined) this.watchRetirement(this.retired)
  }

  /** Ends all but the fibers. */
  stop(): void {
    this.isStopped = true
    this.idleDeadline?.cancel()
    this.lifetimeDeadline?.cancel()
    this.probe = this.keepalive?.stop()
  }

  /** Most fibers end at once, so that the scope that owns them has nothing left to wait for. */
  interrupt(): void {
    this.probe?.interruptUnsafe()
    this.loss?.interruptUnsafe()
    this.retirement?.interruptUnsafe()
  }

  /** Age counts from the opening on. */
  watchLifetime(): void {
    const { connection, host } = this
    const { label, policy: { maxLifetime } } = connection.entry
    if (maxLifetime === Number.POSITIVE_INFINITY) return
    // Connections opened together must not die together (HikariCP's variance).
    const millis = maxLifetime * (1 - 0.025 * host.chance(label))
    this.lifetimeDeadline = host.arm(connection, millis, () => host.onRetired(connection, "lifetime"))
  }

  /**
   * One armed deadline per connection, not one per release: a release only stamps `idleSince`, and the deadline, when it
   * comes, sleeps on for what is left.
   */
  watchIdle(millis: number): void {
    if (this.idleDeadline !== undefined || millis === Number.POSITIVE_INFINITY || this.isStopped) return
    const { connection, host } = this
    this.idleDeadline = host.arm(connection, millis, () => {
      this.idleDeadline = undefined
      const { entry } = connection
      if (!isOpen(connection) || connection.leases > 0 || entry.warm > 0) return
      const left = connection.idleSince + entry.idleTimeout - host.now()
      if (left > 0) this.watchIdle(left)
      else host.onRetired(connection, "idle")
    })
  }

  private watchLoss(closed: Effect.Effect<E>): void {
    if (this.isStopped) return
    const { connection, host } = this
    this.loss = host.fork(connection, closed)
    this.loss.addObserver((exit) =>
      host.event(connection, () => {
        if (this.isStopped) return
        host.onLost(
          connection,
          Exit.isSuccess(exit)
            ? host.failed(connection, exit.value)
            : host.died(
              connection,
              "the effect that tells of a connection's loss died, so it counts as lost",
              exit.cause
            )
        )
      })
    )
  }

  private watchRetirement(retired: (succeed: Succeed<C>) => Effect.Effect<void>): void {
    const { connection, host } = this
    if (!isOpen(connection)) return
    this.retirement = host.fork(connection, Effect.suspend(() => retired(host.succeed(connection))))
    this.retirement.addObserver((exit) =>
      host.event(connection, () => {
        if (Exit.isSuccess(exit)) host.onRetired(connection, "invalidated")
        else if (isOpen(connection)) {
          host.died(connection, "the effect that tells when to retire a connection died", exit.cause)
        }
      })
    )
  }

  private watchLiveness(): void {
    const { connection, dialled, host } = this
    const { entry } = connection
    const { label, policy } = entry
    if (!isOpen(connection) || dialled.probe === undefined || policy.keepaliveInterval === Number.POSITIVE_INFINITY) {
      return
    }
    this.keepalive = new Keepalive<E>({
      dialled,
      probe: Effect.withSpan(dialled.probe, "holdfast.pool.probe", {
        attributes: { key: label },
        captureStackTrace: false
      }),
      interval: policy.keepaliveInterval,
      timeout: policy.keepaliveTimeout,
      failures: policy.keepaliveFailures,
      now: host.now,
      arm: (millis, onExpire) => host.arm(connection, millis, onExpire),
      event: (handle) => host.event(connection, handle),
      fork: (effect) => host.fork(connection, effect),
      isWanted: () => connection.leases > 0 || entry.warm > 0,
      leases: () => connection.leases,
      onHealth: (health) => host.onHealth(connection, health),
      onDefect: (cause) => host.died(connection, "a probe died, so it has failed", cause),
      onDead: (millis, error) =>
        host.onLost(
          connection,
          Option.isSome(error) ? host.failed(connection, error.value) : { _tag: "Unresponsive", millis }
        )
    })
  }
}
