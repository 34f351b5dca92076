/** `Job` as the package's index gives it: kinds that can be joined with their code where they stand, `Scan.toLayer(…)`. */
import type * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Job from "../Job.ts"
import type { JobError } from "../JobError.ts"
import type { JobRun } from "../JobRun.ts"
import type { Jobs } from "../Jobs.ts"
import type { JobStore } from "../JobStore.ts"
import * as Runner from "../Runner.ts"

export * from "../Job.ts"

/** A kind of job, and how it is run. */
export interface Kind<out Name extends string, in out Payload, in out Success, in out Failure, in out Data>
  extends Job.Job<Name, Payload, Success, Failure, Data>
{
  /** Runs jobs of this kind in this process: `Runner.toLayer` of it. */
  readonly toLayer: <R>(
    run: (payload: Payload, job: JobRun<Data>) => Effect.Effect<Success, Failure, R>
  ) => Layer.Layer<Jobs, JobError, Exclude<R, Scope.Scope | Jobs> | JobStore>
}

/** A kind of job. Throws on a name or number that makes no sense: that is a mistake in the program. */
export const make = <
  const Name extends string,
  Fields extends Schema.Struct.Fields,
  Success,
  Failure = never,
  Data = Schema.Json
>(
  name: Name,
  options: Job.Options<Fields, Success, Failure, Data>
): Kind<Name, Schema.Struct<Fields>["Type"], Success, Failure, Data> => {
  const job = Job.make(name, options)
  return { ...job, toLayer: (run) => Runner.toLayer(job, run) }
}
