/**
 * The store in Postgres, for processes on several machines: all go by the clock of the database.
 *
 * Its transactions are READ COMMITTED, which the statements of the store are written for: who waits for a row looks at it again.
 */
import * as PgClient from "@effect/sql-pg/PgClient"
import * as Effect from "effect/Effect"
import * as Reactivity from "effect/reactivity/Reactivity"
import * as Redacted from "effect/Redacted"
import type { SqlError } from "effect/sql/SqlError"
import { isNativeError } from "node:util/types"
import { JobError, JobStoreUnavailable, type StoreProblem } from "../../JobError.ts"
import * as LeaseEngine from "./LeaseEngine.ts"
import * as SqlStore from "./sqlStore.ts"

/** Any number, the same in all programs that migrate a store. */
const formatLock = 4_817_203_311

/** The store and the engine that goes by its leases. */
export const jobStore = (config: PgClient.PgPoolConfig) => Effect.map(make(config), LeaseEngine.over)

/** Connects; disconnected with the Scope. */
export const make = Effect.fnUntraced(function*(config: PgClient.PgPoolConfig) {
  const name = nameOf(config)
  const sql = yield* PgClient.make({
    ...config,
    startupParameters: { ...config.startupParameters, default_transaction_isolation: "read committed" }
  }).pipe(
    Effect.provide(Reactivity.layer),
    Effect.catchTag(
      "SqlError",
      (error) =>
        Effect.fail(
          new JobError({ reason: new JobStoreUnavailable({ store: name, operation: "open it", ...problem(error) }) })
        )
    )
  )
  return yield* SqlStore.make(sql, {
    name,
    reader: sql,
    types: { counter: "BIGSERIAL PRIMARY KEY" },
    now: Effect.succeed(sql.literal("(extract(epoch from clock_timestamp()) * 1000)::float8")),
    lockFormat: sql`SELECT pg_advisory_xact_lock(${formatLock})`,
    // A commit is durable unless the operator of the database says otherwise.
    durably: (effect) => effect,
    afterClean: Effect.void,
    problem
  })
})

/** Where it is, without who and with what. */
const nameOf = ({ database, host, path, port, url }: PgClient.PgPoolConfig): string => {
  const parsed = url === undefined ? undefined : URL.parse(Redacted.value(url))
  const place = parsed?.host ?? path ?? `${host ?? "localhost"}:${port ?? 5432}`
  return `postgres ${place}/${parsed?.pathname.slice(1) || (database ?? "")}`
}

/** SQLSTATEs. https://www.postgresql.org/docs/current/errcodes-appendix.html */
const problems: Readonly<Record<string, StoreProblem>> = {
  "25006": "read-only",
  "42501": "unreachable",
  "53100": "full",
  XX001: "corrupt",
  XX002: "corrupt"
}

const kinds: Readonly<Record<string, StoreProblem>> = {
  ConnectionError: "unreachable",
  AuthenticationError: "unreachable",
  AuthorizationError: "unreachable",
  LockTimeoutError: "locked",
  DeadlockError: "locked",
  SerializationError: "locked"
}

const problem = ({ reason }: SqlError): { readonly problem: StoreProblem; readonly detail: string } => {
  const { cause } = reason
  const code = typeof cause === "object" && cause !== null && "code" in cause ? String(cause.code) : ""
  return {
    problem: problems[code] ?? kinds[reason._tag] ?? "failed",
    detail: isNativeError(cause) ? cause.message : reason.message ?? reason._tag
  }
}
