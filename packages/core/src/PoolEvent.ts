/**
 * What a pool tells its observers: every transition of every slot and connection, once, in order.
 *
 * Keys appear by label and fingerprint only, never with their contents.
 *
 * @example
 * ```ts
 * import type { ConnectionPool } from "@holdfast/core"
 * import * as Effect from "effect/Effect"
 * import * as Stream from "effect/Stream"
 *
 * export const logLosses = <C>(pool: ConnectionPool.ConnectionPool<string, C, Error>) =>
 *   Stream.runForEach(pool.events, (event) =>
 *     event._tag === "SlotMoved" && event.to === "Backoff"
 *       ? Effect.logInfo(`${event.key} is dialled again in ${event.retryInMillis} ms`)
 *       : Effect.void)
 * ```
 */
import type { ConnectionTag } from "./ConnectionState.ts"
import type { SlotTag } from "./SlotState.ts"

/** Why a connection left `Open`: it was retired in peace, or it was lost. */
export type RetireReason = "idle" | "lifetime" | "invalidated" | "evicted" | "unshared" | "drain"

/** A slot changed its state. */
export interface SlotMoved {
  readonly _tag: "SlotMoved"
  readonly key: string
  readonly fingerprint: string
  /** Number of the slot, unique in its pool. */
  readonly slot: number
  readonly from: SlotTag
  readonly to: SlotTag
  /** Dials since the key last stayed ready. */
  readonly attempt: number
  /** Milliseconds spent in `from`. */
  readonly durationMillis: number
  /** Of a move to `Backoff` or `Quarantined`: milliseconds until the next dial, if there is demand for one then. */
  readonly retryInMillis: number | undefined
  /**
   * The failure behind a move to `Backoff` or `Quarantined`, and behind one from `Connecting` to `Idle`: the connector's error, words of
   * the pool's own where time ran out, or what was thrown where the connector broke. Also behind one from `Ready` to `Idle`, of a
   * connection that expired. Of other moves: why, where known.
   */
  readonly cause: unknown
}

/** A connection changed its state. */
export interface ConnectionMoved {
  readonly _tag: "ConnectionMoved"
  readonly key: string
  readonly fingerprint: string
  readonly slot: number
  /** Number of the connection, unique in its pool. */
  readonly connection: number
  readonly from: ConnectionTag
  readonly to: ConnectionTag
  readonly durationMillis: number
  /** Why it is retired or was lost, where known. */
  readonly cause: unknown
}

/** Probes of an open connection failed, or it showed signs of life again. */
export interface HealthChanged {
  readonly _tag: "HealthChanged"
  readonly key: string
  readonly fingerprint: string
  readonly slot: number
  readonly connection: number
  readonly health: "healthy" | "suspect"
}

/** A lease is held for longer than `leakWarningThreshold`. */
export interface LeaseOverdue {
  readonly _tag: "LeaseOverdue"
  readonly key: string
  readonly fingerprint: string
  readonly slot: number
  readonly connection: number
  /** Its taker: the span it was taken in, and the place in the code. */
  readonly holder: string
  readonly heldMillis: number
}

/** One event of a pool, in the order of the moves. */
export type PoolEvent = SlotMoved | ConnectionMoved | HealthChanged | LeaseOverdue
