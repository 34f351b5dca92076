/**
 * The status of a job: what every reader with access is told of it, at any time, in any state.
 *
 * @example
 * ```ts
 * import { JobState, type JobStatus } from "@holdfast/jobs"
 *
 * export const lineOf = (job: JobStatus.JobStatus): string =>
 *   JobState.isEnded(job.state) ? `${job.id} ${job.state}` : `${job.id} ${job.percent} %`
 * ```
 */
import * as Schema from "effect/Schema"
import { JobState } from "./JobState.ts"

/** Why a job failed, as it is kept. */
export const JobFailure = Schema.Struct({
  /**
   * `error`: its own typed error. `defect`: its code broke. `version`: it is of an older version that no longer runs.
   * `crashes`: the processes that ran it died too often. `interrupted step`: a step that is not safe to repeat was cut off.
   * `data`: a value of it is too large, or can never be stored. `timeout`: a step took longer than it may. `deadline`: the
   * whole job did. `compensation`: it failed or was cancelled, and a step could not be undone.
   */
  kind: Schema.Literals([
    "error",
    "defect",
    "version",
    "crashes",
    "interrupted step",
    "data",
    "timeout",
    "deadline",
    "compensation"
  ]),
  /** For the caller that started the job: no internals. */
  message: Schema.String
})
/** What the schema `JobFailure` reads. */
export type JobFailure = typeof JobFailure.Type

/** A question that a job has asked and that has no answer yet. */
export const JobQuestion = Schema.Struct({
  /** As the job names it; answers name it too. */
  name: Schema.String,
  /** For people. */
  message: Schema.String,
  /** The JSON schema of an answer. */
  schema: Schema.Json
})
/** What the schema `JobQuestion` reads. */
export type JobQuestion = typeof JobQuestion.Type

/** A job at one moment. Times are milliseconds of the epoch. */
export const JobStatus = Schema.Struct({
  id: Schema.String,
  kind: Schema.String,
  /** The version of the kind it was started as. */
  version: Schema.Int,
  state: JobState,
  /** The id of the principal it belongs to. */
  owner: Schema.String,
  /** How often it was begun: more than 1 if a process stopped or died over it. */
  attempt: Schema.Int,
  /** 0 to 100; never goes back, unless a new version starts the job over. */
  percent: Schema.Finite,
  message: Schema.optionalKey(Schema.String),
  /** What the job reported last, as its kind's `progress` schema encodes it. */
  data: Schema.optionalKey(Schema.Json),
  /** Its cancellation was asked for, and it has not ended yet. */
  isCancelling: Schema.Boolean,
  failure: Schema.optionalKey(JobFailure),
  /** It waits for the answer to this. */
  question: Schema.optionalKey(JobQuestion),
  /** It waits for this time. */
  startsAt: Schema.optionalKey(Schema.Finite),
  /** It fails if it has not ended by this time. */
  deadlineAt: Schema.optionalKey(Schema.Finite),
  createdAt: Schema.Finite,
  startedAt: Schema.optionalKey(Schema.Finite),
  finishedAt: Schema.optionalKey(Schema.Finite),
  updatedAt: Schema.Finite
})
/** What the schema `JobStatus` reads. */
export type JobStatus = typeof JobStatus.Type
