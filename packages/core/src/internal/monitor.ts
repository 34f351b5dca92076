/**
 * Watches one open connection: its loss, its silence, its idleness, its age, and the connector's wish to retire it.
 *
 * One fiber waits for `closed`. Silence, idleness and age are deadlines of the pool's sweeper, which need no fiber and no timer of their own.
 * What runs, runs in the connection's own scope, and its defect is the connection's.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type { Dialled, Succeed } from "../Connector.ts"
import type { Deadline } from "../Deadlines.ts"
import type { RetireReason } from "../PoolEvent.ts"
import { isOpen } from "./capacity.ts"
import type { Connection, Watch } from "./connection.ts"
import { Keepalive, type KeepaliveHost } from "./keepalive.ts"

/** The machine, as monitors need it. */
export interface MonitorHost<K, C, E> extends KeepaliveHost<K, C, E> {
  /** Uniform in [0, 1). */
  readonly chance: (label: string) => number
  readonly succeed: (connection: Connection<K, C, E>) => Succeed<C>
  readonly onRetired: (connection: Connection<K, C, E>, reason: RetireReason) => void
}

export class Monitor<K, C, E> implements Watch {
  private readonly host: MonitorHost<K, C, E>
  private readonly connection: Connection<K, C, E>
  private readonly dialled: Dialled<C, E>
  private keepalive: Keepalive<K, C, E> | undefined = undefined
  private lifetimeDeadline: Deadline | undefined = undefined
  private loss: Fiber.Fiber<E> | undefined = undefined
  private retirement: Fiber.Fiber<void> | undefined = undefined
  private probe: Fiber.Fiber<unknown, unknown> | undefined = undefined
  private isStopped = false

  constructor(host: MonitorHost<K, C, E>, connection: Connection<K, C, E>, dialled: Dialled<C, E>) {
    this.host = host
    this.connection = connection
    this.dialled = dialled
  }

  /** Within `event`. Callers are given the connection afterwards: none is given one that was lost before. */
  start(closed: Effect.Effect<E>, retired: Dialled<C, E>["retired"]): void {
    this.watchLiveness()
    this.watchLoss(closed)
    if (retired !== undefined) this.watchRetirement(retired)
  }

  /** Ends all but the fibers. */
  stop(): void {
    this.isStopped = true
    this.connection.idleDeadline?.cancel()
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
    const { connection, host } = this
    if (connection.idleDeadline !== undefined || millis === Number.POSITIVE_INFINITY || this.isStopped) return
    connection.idleDeadline = host.arm(connection, millis, () => {
      connection.idleDeadline = undefined
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
    const { policy } = connection.entry
    if (!isOpen(connection) || dialled.probe === undefined || policy.keepaliveInterval === Number.POSITIVE_INFINITY) {
      return
    }
    this.keepalive = new Keepalive(host, connection, dialled, dialled.probe)
  }
}
