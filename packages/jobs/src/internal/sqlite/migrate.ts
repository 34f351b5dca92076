/** The tables of the SQLite store, in the format that this version knows. */
import * as Effect from "effect/Effect"
import type * as SqlClient from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import { JobError, JobStoreTooNew } from "../../JobError.ts"
import * as NodeSqlite from "./NodeSqlite.ts"
import { formats, tables } from "./sqlFormat.ts"

/** Brings the tables to the present format, alone: BEGIN IMMEDIATE has the lock. */
export const migrate = (sql: SqlClient.SqlClient, store: string): Effect.Effect<void, SqlError | JobError> => {
  const format = sql.literal(tables.format)
  return NodeSqlite.durably(sql.withTransaction(Effect.gen(function*() {
    yield* sql`CREATE TABLE IF NOT EXISTS ${format} (format INTEGER NOT NULL)`
    const [row] = yield* sql<{ readonly format: number }>`SELECT format FROM ${format}`
    const found = row?.format ?? 0
    const supported = formats.length
    if (found > supported) {
      return yield* new JobError({ reason: new JobStoreTooNew({ store, found, supported }) })
    }
    if (found === supported) return
    for (const statement of formats.slice(found).flat()) yield* sql.unsafe(statement)
    yield* sql`DELETE FROM ${format}`
    yield* sql`INSERT INTO ${format} (format) VALUES (${supported})`
  })))
}
