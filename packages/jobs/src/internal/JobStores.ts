/** `JobStore` as the package's index gives it: the service, and a layer for each store. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import type { JobError } from "../JobError.ts"
import type { JobStore } from "../JobStore.ts"

export * from "../JobStore.ts"
export { layer as layerMemory } from "../MemoryStore.ts"
export { layer as layerSqlite } from "../SqliteStore.ts"

/** Where Postgres is, as most programs say it. `PostgresStore.layer` takes all that a client of Postgres may be told. */
export interface PostgresOptions {
  /** Default: the fields below. */
  readonly url?: Redacted.Redacted | undefined
  readonly host?: string | undefined
  readonly port?: number | undefined
  readonly database?: string | undefined
  readonly username?: string | undefined
  readonly password?: Redacted.Redacted | undefined
  readonly ssl?: boolean | undefined
  /** Default: 10. Those that renew leases and listen are not counted. */
  readonly maxConnections?: number | undefined
  /** The schema of the tables. Default: what `search_path` finds. */
  readonly schema?: string | undefined
  /** False: the tables are there already. Default: true. */
  readonly migrate?: boolean | undefined
}

/** `PostgresStore.layer`. Loaded when it is built: a program that uses another store needs no client of Postgres. */
export const layerPostgres = (options: PostgresOptions): Layer.Layer<JobStore, JobError> =>
  Layer.unwrap(Effect.map(Effect.promise(() => import("../PostgresStore.ts")), ({ layer }) => layer(options)))
