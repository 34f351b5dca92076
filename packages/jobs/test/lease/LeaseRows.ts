import type { PgPoolConfig } from "@effect/sql-pg/PgClient"
import type { JobError } from "@holdfast/jobs"
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import type { Store } from "../../src/internal/lease/LeaseStore.ts"
import { makeMemoryStore } from "../../src/internal/lease/memoryStore.ts"
import * as PostgresStore from "../../src/internal/lease/postgresStore.ts"

/** The rows under the engine with leases. */
export class Rows extends Context.Service<Rows, Store>()("@holdfast/jobs/test/LeaseRows") {
  static readonly layerMemory: Layer.Layer<Rows> = Layer.sync(this, makeMemoryStore)
  static readonly layerPostgres = (config: PgPoolConfig): Layer.Layer<Rows, JobError> =>
    Layer.effect(this, PostgresStore.make(config))
}
