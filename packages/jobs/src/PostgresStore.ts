/**
 * Jobs in Postgres (14 or newer): processes on several machines share them, and any of them answers for all. Needs `@effect/sql-pg`, which is an
 * optional peer of this package.
 *
 * On Postgres the engine is `effect/workflow` on `effect/cluster`. A lease table of our own was not enough where machines share: a runner
 * that was cut off from the database went on with its step for ever, while another ran the same step. A cluster's runner stops what it runs
 * before its lease is over. Four things once spoke against it. Two runners with one address ran a step twice: each runner has an address of
 * its own. An interrupted workflow lets its step finish: here the body of a step is stopped, and the step kept as one to be tried again.
 * Finished runs are never removed: one DELETE with an index of ours removes them. A step's commit was bound to no fence: it is now one
 * statement that reads and locks the lease.
 *
 * What is ours in it: the table that answers everything that is asked about jobs, the queue (cluster places work by a hash, not where there is
 * room), and which shards a runner takes (cluster deals them anew when one joins, and stops what runs in them).
 *
 * @example
 * ```ts
 * import * as PostgresStore from "@holdfast/jobs/PostgresStore"
 * import * as Redacted from "effect/Redacted"
 *
 * export const layer = PostgresStore.layer({ url: Redacted.make("postgres://jobs@db.example.org/jobs") })
 * ```
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as format from "./internal/postgres/format.ts"
import type { PostgresConfig } from "./internal/postgres/PostgresConfig.ts"
import { JobError, JobStoreUnavailable } from "./JobError.ts"
import { JobStore } from "./JobStore.ts"

/** Where Postgres is, and how it is used. */
export type { PostgresConfig }

/** The store in this database. Fails with `JobStoreUnavailable` or `JobStoreTooNew`. The tables are made, and begin with `holdfast_job`. */
export const layer = (config: PostgresConfig): Layer.Layer<JobStore, JobError> =>
  // Loaded when it is wanted: a program that can also use another store need not have a client of Postgres.
  Layer.effect(JobStore, Effect.flatMap(loaded, ({ make }) => make(config)))

const loaded = Effect.tryPromise({
  try: () => import("./internal/postgres/clusterStore.ts"),
  catch: (error) =>
    new JobError({
      reason: new JobStoreUnavailable({
        store: "Postgres",
        operation: "load its client",
        problem: "failed",
        detail: `${String(error)}; install the package @effect/sql-pg`
      })
    })
})

/** The statements that make the tables, for those who run them by hand; see `migrate`. */
export const sql = (schema?: string): string => `${format.statements(schema).join(";\n\n")};\n`
