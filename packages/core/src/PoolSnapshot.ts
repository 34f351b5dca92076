/**
 * A pool at one instant, in the spirit of gRPC's channelz: enough to answer "what is it doing, and why".
 *
 * @example
 * ```ts
 * import type { ConnectionPool } from "@holdfast/core"
 * import * as Effect from "effect/Effect"
 *
 * export const busiest = <C>(pool: ConnectionPool.ConnectionPool<string, C, Error>) =>
 *   Effect.map(pool.snapshot, ({ keys }) => keys.toSorted((a, b) => b.waiting - a.waiting)[0]?.key)
 * ```
 */
import type { ConnectionTag } from "./ConnectionState.ts"
import type { SlotTag } from "./SlotState.ts"

/** One connection, as its slot holds it. Times are milliseconds. */
export interface ConnectionSnapshot {
  readonly id: number
  readonly state: ConnectionTag
  /** Of an open connection: `suspect` when probes failed while it was busy. */
  readonly health: "healthy" | "suspect" | undefined
  readonly leases: number
  readonly ageMillis: number
  /** Time since the last lease was returned; zero while leased. */
  readonly idleMillis: number
}

/** One slot of a key. Times are milliseconds. */
export interface SlotSnapshot {
  readonly id: number
  readonly state: SlotTag
  /** How long it has been in this state. */
  readonly stateMillis: number
  /** Time until the next dial, in `Backoff` and `Quarantined`. */
  readonly retryInMillis: number | undefined
  readonly connection: ConnectionSnapshot | undefined
}

/** All the pool knows of one key. */
export interface KeySnapshot {
  readonly key: string
  readonly fingerprint: string
  readonly waiting: number
  /** How long the caller at the head of the queue has waited; zero for an empty queue. */
  readonly waitingMillis: number
  readonly isWarm: boolean
  readonly dials: number
  readonly lastFailure: string | undefined
  readonly slots: ReadonlyArray<SlotSnapshot>
}

/** The whole pool. */
export interface PoolSnapshot {
  readonly state: "Open" | "Draining" | "Closed"
  /** Connections not yet `Closed`, over all keys. */
  readonly connections: number
  readonly leases: number
  readonly waiting: number
  readonly keys: ReadonlyArray<KeySnapshot>
}
