/**
 * The protocol-agnostic connection runtime: life cycles, keyed pool, deadlines, back-off.
 */
export * as Backoff from "./Backoff.ts"
export * as ConnectionPool from "./ConnectionPool.ts"
export * as ConnectionState from "./ConnectionState.ts"
export * as Connector from "./Connector.ts"
export * as Deadlines from "./Deadlines.ts"
export * from "./PoolError.ts"
export * as PoolEvent from "./PoolEvent.ts"
export * as PoolPolicy from "./PoolPolicy.ts"
export * as PoolSnapshot from "./PoolSnapshot.ts"
export * as ReplayBudget from "./ReplayBudget.ts"
export * as RestartIntensity from "./RestartIntensity.ts"
export * as SlotState from "./SlotState.ts"
