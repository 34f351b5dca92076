/**
 * The store in an SQLite file. All who share it are on one machine, so they go by its clock.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as SqlClient from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import { isNativeError } from "node:util/types"
import { JobError, JobStoreUnavailable, type StoreProblem } from "../JobError.ts"
import * as NodeSqlite from "./NodeSqlite.ts"
import * as SqlStore from "./sqlStore.ts"

/** Opens the store; closed with the Scope. */
export const make = Effect.fnUntraced(function*(filename: string) {
  const open = Effect.catchTag(NodeSqlite.make(filename), "SqlError", (error) =>
    Effect.fail(
      new JobError({ reason: new JobStoreUnavailable({ store: filename, operation: "open it", ...problem(error) }) })
    ))
  const writer = yield* open
  // A database in memory belongs to its connection.
  return yield* over(writer, filename === ":memory:" ? writer : yield* open, filename)
})

/** The store in an open database. Polls have a connection of their own: they never wait for a lock. */
export const over = (sql: SqlClient.SqlClient, reader: SqlClient.SqlClient, filename: string) =>
  SqlStore.make(sql, {
    reader,
    name: filename,
    types: { counter: "INTEGER PRIMARY KEY AUTOINCREMENT" },
    now: Effect.map(Clock.Clock, (clock) => sql`${clock.currentTimeMillisUnsafe()}`),
    // BEGIN IMMEDIATE has the lock.
    lockFormat: Effect.void,
    durably: NodeSqlite.durably,
    afterClean: sql.unsafe("PRAGMA incremental_vacuum(1000)"),
    problem
  })

/** Primary result codes of SQLite. https://sqlite.org/rescode.html */
const problems: Readonly<Record<number, StoreProblem>> = {
  3: "unreachable",
  5: "locked",
  6: "locked",
  8: "read-only",
  11: "corrupt",
  13: "full",
  14: "unreachable",
  23: "unreachable",
  26: "corrupt"
}

const problem = ({ reason }: SqlError): { readonly problem: StoreProblem; readonly detail: string } => {
  const { cause } = reason
  const code = typeof cause === "object" && cause !== null && "errcode" in cause ? Number(cause.errcode) & 0xff : 0
  return { problem: problems[code] ?? "failed", detail: isNativeError(cause) ? cause.message : String(cause) }
}
