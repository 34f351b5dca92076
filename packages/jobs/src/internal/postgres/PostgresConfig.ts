/** Where Postgres is. */
import type { PgPoolConfig } from "@effect/sql-pg/PgClient"

/** Where Postgres is, and how it is used. `maxConnections` (10) does not count the two that renew leases and the one that listens. */
export interface PostgresConfig extends PgPoolConfig {
  /** The schema of the tables. Default: what `search_path` finds. */
  readonly schema?: string | undefined
  /** Whether the tables are made if they are not there. `false`: for a role that may not. Default: true. */
  readonly migrate?: boolean | undefined
}
