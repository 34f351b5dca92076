import type { JobError } from "@holdfast/jobs/JobError"
import { JobStore } from "@holdfast/jobs/JobStore"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as LocalEngine from "../../src/internal/local/LocalEngine.ts"
import type { Store } from "../../src/internal/local/Store.ts"
import { makeMemoryStore } from "../../src/internal/memory/memoryStore.ts"
import * as SqliteStore from "../../src/internal/sqlite/sqliteStore.ts"

/** The rows under an engine, for tests that look at them or bend them. */
export class Rows extends Context.Service<Rows, Store>()("@holdfast/jobs/test/Rows") {
  static readonly layerMemory: Layer.Layer<Rows> = Layer.sync(this, makeMemoryStore)
  static readonly layerSqlite = (file: string): Layer.Layer<Rows, JobError> =>
    Layer.effect(this, SqliteStore.make(file))
  /** The store of jobs that has these rows. */
  static readonly jobStore: Layer.Layer<JobStore, never, Rows> = Layer.effect(
    JobStore,
    Effect.map(this, LocalEngine.over)
  )
}

/** Programs on these rows. */
export const on = (store: Store): Layer.Layer<JobStore> => Layer.succeed(JobStore, LocalEngine.over(store))
