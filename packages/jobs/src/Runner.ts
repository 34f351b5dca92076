/**
 * Runs jobs of a kind in this process.
 *
 * Layers of several kinds share one runner per store. When the layer closes, jobs that still run are handed back to the queue.
 *
 * @example
 * ```ts
 * import { Job, Runner, SqliteStore } from "@holdfast/jobs"
 * import * as Effect from "effect/Effect"
 * import * as Layer from "effect/Layer"
 * import * as Schema from "effect/Schema"
 *
 * const Sum = Job.make("sum", { version: 1, payload: { upTo: Schema.Int }, success: Schema.Int })
 * export const SumLive = Runner.toLayer(Sum, Effect.fn("sum")(function*({ upTo }, job) {
 *   const half = yield* job.step("half", Effect.sync(() => upTo * (upTo + 1)))
 *   yield* job.progress({ percent: 50, message: "halving" })
 *   return half / 2
 * })).pipe(Layer.provide(SqliteStore.layer("jobs.db")))
 * ```
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Tracer from "effect/Tracer"
import { Engine } from "./internal/Engine.ts"
import { layerEngine } from "./internal/layerEngine.ts"
import type { Job } from "./Job.ts"
import type { JobError } from "./JobError.ts"
import type { JobRun } from "./JobRun.ts"
import * as Jobs from "./Jobs.ts"
import type { JobStore } from "./JobStore.ts"

/**
 * Runs jobs of this kind in this process, as long as the layer lives. Provides `Jobs`, so that one layer is enough for a server that starts and runs
 * them. Fails as the store does.
 *
 * `run` may need services: they are those around the layer. A Scope is given to each attempt.
 */
export const toLayer = <Name extends string, Payload, Success, Failure, Data, R>(
  job: Job<Name, Payload, Success, Failure, Data>,
  run: (payload: Payload, job: JobRun<Data>) => Effect.Effect<NoInfer<Success>, NoInfer<Failure>, R>
): Layer.Layer<Jobs.Jobs, JobError, Exclude<R, Scope.Scope | Jobs.Jobs> | JobStore> => {
  const layer = Layer.effectDiscard(Effect.gen(function*() {
    // The trace of a job is that of the call that started it, not that of this program's start.
    const context = Context.omit(Scope.Scope, Tracer.ParentSpan)(yield* Effect.context<R>())
    const engine = yield* Engine
    yield* engine.register(job, (payload, attempt) =>
      // Of what the code needs, only the Scope is left out of the context, and given here.
      Effect.provideContext(Effect.scoped(run(payload, attempt)), context as Context.Context<Exclude<R, Scope.Scope>>))
  })).pipe(Layer.provide(layerEngine), Layer.provideMerge(Jobs.layer))
  // True for every R: the compiler does not compare conditional types of a type it does not know.
  return layer as Layer.Layer<Jobs.Jobs, JobError, Exclude<R, Scope.Scope | Jobs.Jobs> | JobStore>
}
