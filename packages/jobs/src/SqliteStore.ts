/**
 * Jobs in an SQLite file: they survive the death of the process at any moment. Several processes of one machine may share the file. Needs
 * `node:sqlite`, and nothing from npm.
 *
 * **Gotchas**: the directory must be writable and on a local disk. Beside the file are two companions, `-wal` and `-shm`, and a folder with the locks
 * of the programs that run, `-runners`. A program that hangs keeps its jobs; its end is what lets others have them.
 *
 * @example
 * ```ts
 * import { Job, Runner, SqliteStore } from "@holdfast/jobs"
 * import * as Effect from "effect/Effect"
 * import * as Layer from "effect/Layer"
 * import * as Schema from "effect/Schema"
 *
 * const Sum = Job.make("sum", { version: 1, payload: { upTo: Schema.Int }, success: Schema.Int })
 * export const layer = Runner.toLayer(Sum, ({ upTo }) => Effect.succeed(upTo * (upTo + 1) / 2)).pipe(
 *   Layer.provide(SqliteStore.layer("jobs.db"))
 * )
 * ```
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as LocalEngine from "./internal/local/LocalEngine.ts"
import type { JobError } from "./JobError.ts"
import { JobStore } from "./JobStore.ts"

/** The store in this file, which is made if it does not exist. Fails with `JobStoreUnavailable` or `JobStoreTooNew`. */
export const layer = (filename: string): Layer.Layer<JobStore, JobError> =>
  Layer.effect(
    JobStore,
    // Loaded when it is wanted: `node:sqlite` prints a warning on older Nodes.
    Effect.flatMap(Effect.promise(() => import("./internal/sqlite/sqliteStore.ts")), ({ make }) =>
      Effect.map(make(filename), LocalEngine.over))
  )
