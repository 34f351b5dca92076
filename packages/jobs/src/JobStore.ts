/**
 * Where jobs are kept, and the engine that runs them there.
 *
 * A store is chosen by a layer; `Jobs` and the kinds' layers find its engine through it, and keep the same promises on each.
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
 * **Gotchas**: memory and SQLite are for one machine, where the kernel says which process is dead; see `internal/Store.ts`.
 */
import type { PgPoolConfig } from "@effect/sql-pg/PgClient"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { EngineShape } from "./internal/Engine.ts"
import * as LocalEngine from "./internal/local/LocalEngine.ts"
import { makeMemoryStore } from "./internal/memory/memoryStore.ts"
import * as format from "./internal/postgres/format.ts"
import type { JobError } from "./JobError.ts"
import type { JobState } from "./JobState.ts"
import type { JobFailure, JobQuestion } from "./JobStatus.ts"

/** What is kept of a failure: what everybody may read, the typed error as JSON, and the whole cause for the operator. */
export interface StoredFailure extends JobFailure {
  /** The typed error, encoded by the kind's `error` schema. */
  readonly error?: string | undefined
  readonly cause?: string | undefined
}

/** A question of a job, as it is kept while it is open. */
export interface StoredQuestion extends JobQuestion {
  /** What was wrong with the last answer. */
  readonly problem?: string | undefined
}

/**
 * What is stored of a job, but for its payload and its result: these may be large, and polls need neither. Times are milliseconds
 * of the epoch; texts that hold JSON say so.
 */
export interface StoredJob {
  readonly id: string
  readonly kind: string
  readonly version: number
  readonly owner: string
  readonly state: JobState
  readonly attempt: number
  /** The fencing token: grows with every runner that takes the job. */
  readonly fence: number
  readonly isCancelling: boolean
  readonly percent: number
  readonly message: string | undefined
  /** JSON. */
  readonly data: string | undefined
  readonly failure: StoredFailure | undefined
  /** The question whose answer it waits for. */
  readonly question: StoredQuestion | undefined
  /** Grows with every change. */
  readonly revision: number
  /** It is not begun before this time. */
  readonly startsAt: number | undefined
  /** It fails if it has not ended by this time. */
  readonly deadlineAt: number | undefined
  readonly createdAt: number
  readonly startedAt: number | undefined
  readonly finishedAt: number | undefined
  readonly updatedAt: number
}

export interface NewJob {
  readonly id: string
  readonly kind: string
  readonly version: number
  readonly owner: string
  readonly key: string | undefined
  readonly payload: string
  /** As many of this kind and owner may be queued. */
  readonly maxQueued: number
  /** A job of the same key that failed or was cancelled gives up its key: a new job takes it. */
  readonly again: boolean
  readonly delayMillis: number
  /** Counted from its acceptance. */
  readonly deadlineMillis: number | undefined
}

export interface ListRequest {
  /** `undefined`: of all owners, for the operator. */
  readonly owner: string | undefined
  readonly kind: string | undefined
  readonly states: ReadonlyArray<JobState> | undefined
  readonly limit: number
}

/** Where Postgres is, and how it is used. `maxConnections` (10) does not count the two that renew leases and the one that listens. */
export interface PostgresConfig extends PgPoolConfig {
  /** The schema of the tables. Default: what `search_path` finds. */
  readonly schema?: string | undefined
  /** Whether the tables are made if they are not there. `false`: for a role that may not. Default: true. */
  readonly migrate?: boolean | undefined
}

/** A store of jobs. */
export interface JobStoreShape {
  /** For messages: a path or a host, no secrets. */
  readonly name: string
  /** Begins to serve the jobs of the store; ends with the Scope, and hands back what it runs. */
  readonly engine: Effect.Effect<EngineShape, JobError, Scope.Scope>
}

/** The store of the jobs of this program. */
export class JobStore extends Context.Service<JobStore, JobStoreShape>()("@holdfast/jobs/JobStore") {
  /** Jobs live as long as the program. */
  static readonly layerMemory: Layer.Layer<JobStore> = Layer.sync(this, () => LocalEngine.over(makeMemoryStore()))

  /**
   * Jobs live in an SQLite file, made if it does not exist: they survive the death of the process at any moment. Several
   * processes of one machine may share it. Fails with `JobStoreUnavailable` or `JobStoreTooNew`. Needs `node:sqlite`.
   *
   * Gotchas: the directory must be writable and on a local disk: beside the file are two companions, `-wal` and `-shm`, and a folder with the
   * locks of the programs that run, `-runners`. A program that hangs keeps its jobs; its end is what lets others have them.
   */
  static readonly layerSqlite = (filename: string): Layer.Layer<JobStore, JobError> =>
    Layer.effect(
      this,
      // Loaded when it is wanted: other stores need no SQLite.
      Effect.flatMap(Effect.promise(() => import("./internal/sqlite/sqliteStore.ts")), ({ make }) =>
        Effect.map(make(filename), LocalEngine.over))
    )

  /**
   * Jobs live in Postgres (14 or newer): processes on several machines share them, and any of them answers for all. Fails with
   * `JobStoreUnavailable` or `JobStoreTooNew`. The tables are made, and begin with `holdfast_job`.
   *
   * @example
   * ```ts
   * import { JobStore } from "@holdfast/jobs"
   * import * as Redacted from "effect/Redacted"
   *
   * export const layer = JobStore.layerPostgres({ url: Redacted.make("postgres://jobs@db.example.org/jobs") })
   * ```
   */
  static readonly layerPostgres = (config: PostgresConfig): Layer.Layer<JobStore, JobError> =>
    Layer.effect(
      this,
      Effect.flatMap(Effect.promise(() => import("./internal/postgres/clusterStore.ts")), ({ make }) => make(config))
    )

  /** The statements that make the tables, for those who run them by hand; see `migrate`. */
  static readonly postgresSql = (schema?: string): string => `${format.statements(schema).join(";\n\n")};\n`
}
