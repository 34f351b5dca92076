/**
 * What `Jobs` and the kinds' layers ask of an engine: the one place where engines differ from each other and nothing else does.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { Job } from "../Job.ts"
import type { JobError } from "../JobError.ts"
import type { JobRun } from "../JobRun.ts"
import type { ListRequest, NewJob, StoredJob } from "./StoredJob.ts"
import type { Trouble } from "./StoreTrouble.ts"

export interface EngineShape {
  /** Runs jobs of the kind until the Scope closes, then hands them back. */
  readonly register: <Name extends string, Payload, Success, Failure, Data>(
    kind: Job<Name, Payload, Success, Failure, Data>,
    run: (payload: Payload, job: JobRun<Data>) => Effect.Effect<Success, Failure>
  ) => Effect.Effect<void, never, Scope.Scope>
  /** Accepts a job, or finds the one of the same kind, owner and key. When it returns, the job survives a crash. */
  readonly start: (job: NewJob) => Effect.Effect<StoredJob, JobError>
  /** The jobs of these ids, in no order; what is not there is missing. */
  readonly read: (ids: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<StoredJob>, JobError>
  /** What a job was started with, as JSON. */
  readonly payload: (id: string) => Effect.Effect<string | undefined, JobError>
  /** What a job has returned, as JSON. */
  readonly result: (id: string) => Effect.Effect<string | undefined, JobError>
  /** The newest first. */
  readonly list: (request: ListRequest) => Effect.Effect<ReadonlyArray<StoredJob>, JobError>
  /** Ends a job that waits; asks for the end of one that runs, wherever that is. Does not wait for it. */
  readonly cancel: (job: StoredJob) => Effect.Effect<void, JobError>
  /**
   * A new job with the payload, owner and key of one that failed or was cancelled, and with its steps that are done, up to the one named. Steps that
   * were undone, and those behind them, are done again. Fails with `JobNotFinished` for any other job.
   */
  readonly retry: (job: StoredJob, id: string, from: string | undefined) => Effect.Effect<StoredJob, JobError>
  /** Names of the steps that are done, in their order. */
  readonly steps: (id: string) => Effect.Effect<ReadonlyArray<string>, JobError>
  /**
   * Answers what the job asks, with JSON. Fails with `JobNotAsking`, or with `JobDataInvalid` where this process runs it and knows better.
   */
  readonly answer: (job: StoredJob, question: string, value: string) => Effect.Effect<void, JobError>
  /** Forgets an ended job and its key. False if it has not ended. */
  readonly remove: (id: string) => Effect.Effect<boolean, JobError>
  /** The job as it is and whenever it changes, to its end. Fails with `JobNotFound` once it is removed. */
  readonly watch: (id: string) => Stream.Stream<StoredJob, JobError>
  /** What is wrong with the store, as far as this engine has met it. */
  readonly trouble: () => Trouble | undefined
}

/** The engine of the store of this program. */
export class Engine extends Context.Service<Engine, EngineShape>()("@holdfast/jobs/Engine") {}
