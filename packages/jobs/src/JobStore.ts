/**
 * Where jobs are kept, and the engine that runs them there: the interface alone.
 *
 * A store is chosen by a layer: `MemoryStore.layer`, `SqliteStore.layer(file)`, `PostgresStore.layer(config)`. `Jobs` and `Runner` find the engine of
 * the store through this service, and keep the same promises on each.
 *
 * **Gotchas**: memory and SQLite are for one machine, where the kernel says which process is dead.
 *
 * @example
 * ```ts
 * import { Jobs, SqliteStore } from "@holdfast/jobs"
 * import * as Layer from "effect/Layer"
 *
 * // A program that starts and looks at jobs, and runs none.
 * export const layer = Jobs.layer.pipe(Layer.provide(SqliteStore.layer("jobs.db")))
 * ```
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { EngineShape } from "./internal/Engine.ts"
import type { JobError } from "./JobError.ts"

/** A store of jobs. */
export interface JobStoreShape {
  /** For messages: a path or a host, no secrets. */
  readonly name: string
  /** Begins to serve the jobs of the store; ends with the Scope, and hands back what it runs. */
  readonly engine: Effect.Effect<EngineShape, JobError, Scope.Scope>
}

/** The store of the jobs of this program. */
export class JobStore extends Context.Service<JobStore, JobStoreShape>()("@holdfast/jobs/JobStore") {}
