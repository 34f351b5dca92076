/**
 * Everything that can go wrong with jobs, apart from what a job itself fails with.
 *
 * One outer error, `JobError`, with a tagged `reason`: match on it with `Effect.catchReason("JobError", "JobNotFound", …)`.
 * Messages are written for the person who reads them. Each reason has a page, `docs/errors/<reason>.md`.
 *
 * Gotchas: a job of another principal and a job that never was are the same `JobNotFound`, in the same words.
 *
 * @example
 * ```ts
 * import { Jobs } from "@holdfast/jobs"
 * import * as Effect from "effect/Effect"
 *
 * export const statusOf = (id: string) =>
 *   Effect.flatMap(Jobs, (jobs) => jobs.status(id)).pipe(
 *     Effect.catchReason("JobError", "JobNotFound", () => Effect.undefined)
 *   )
 * ```
 */
import * as Schema from "effect/Schema"
import { JobState } from "./JobState.ts"

const id = (name: string) => `@holdfast/jobs/JobError/${name}`

/** No such job, or one of another principal, or one that was removed: it is not told which. */
export class JobNotFound extends Schema.Error<JobNotFound>(id("JobNotFound"))({
  _tag: Schema.tag("JobNotFound"),
  id: Schema.String
}) {
  override get message(): string {
    return `no job "${this.id}": check the id; finished jobs are removed after some days`
  }
}

/** The job has no result yet, or cannot be removed while it is unfinished, or has succeeded and needs no other try. */
export class JobNotFinished extends Schema.Error<JobNotFinished>(id("JobNotFinished"))({
  _tag: Schema.tag("JobNotFinished"),
  id: Schema.String,
  state: JobState,
  percent: Schema.Finite
}) {
  override get message(): string {
    if (this.state === "succeeded") return `job ${this.id} has succeeded: it is not run again`
    const at = this.state === "queued" ? "waits for its turn" : `is running, ${Math.floor(this.percent)} % done`
    return `job ${this.id} ${at}; ask again later, or cancel it`
  }
}

/** The job ended without a result, and not by an error of its own type. `failure` is what is told of it. */
export class JobFailed extends Schema.Error<JobFailed>(id("JobFailed"))({
  _tag: Schema.tag("JobFailed"),
  id: Schema.String,
  failure: Schema.String
}) {
  override get message(): string {
    return `job ${this.id} failed: ${this.failure}`
  }
}

/** The job was cancelled: it has no result. */
export class JobCancelled extends Schema.Error<JobCancelled>(id("JobCancelled"))({
  _tag: Schema.tag("JobCancelled"),
  id: Schema.String
}) {
  override get message(): string {
    return `job ${this.id} was cancelled and has no result; start it again if it is wanted`
  }
}

/** A payload, or a stored result, does not fit the schema of its kind. `expected` names the place. */
export class JobDataInvalid extends Schema.Error<JobDataInvalid>(id("JobDataInvalid"))({
  _tag: Schema.tag("JobDataInvalid"),
  kind: Schema.String,
  part: Schema.Literals(["payload", "result", "error", "answer"]),
  expected: Schema.String
}) {
  override get message(): string {
    return `${this.kind}: the ${this.part} does not fit its schema: ${this.expected}`
  }
}

/** A payload, or an answer, is larger than the store is to take. Nothing was accepted. */
export class JobDataTooLarge extends Schema.Error<JobDataTooLarge>(id("JobDataTooLarge"))({
  _tag: Schema.tag("JobDataTooLarge"),
  kind: Schema.String,
  part: Schema.Literals(["payload", "answer"]),
  bytes: Schema.Int,
  limit: Schema.Int
}) {
  override get message(): string {
    return `${this.kind}: the ${this.part} has ${this.bytes} bytes as JSON, the limit is ${this.limit}; ` +
      "store it elsewhere and give the job its place, or raise maxDataBytes of the kind"
  }
}

/** The job has not asked this, or has been answered. */
export class JobNotAsking extends Schema.Error<JobNotAsking>(id("JobNotAsking"))({
  _tag: Schema.tag("JobNotAsking"),
  id: Schema.String,
  question: Schema.String
}) {
  override get message(): string {
    return `job ${this.id} does not wait for an answer to "${this.question}"; look at its status for what it asks`
  }
}

/** The owner has as many queued jobs of the kind as it may have. Nothing was accepted. */
export class JobQueueFull extends Schema.Error<JobQueueFull>(id("JobQueueFull"))({
  _tag: Schema.tag("JobQueueFull"),
  kind: Schema.String,
  limit: Schema.Int
}) {
  override get message(): string {
    return `${this.kind}: ${this.limit} jobs are already queued, the limit is maxQueued; start it when some are done`
  }
}

/** What is wrong with a store, as far as it can tell. */
export const StoreProblem = Schema.Literals([
  "locked",
  "read-only",
  "full",
  "corrupt",
  "unreachable",
  "replaced",
  "unstorable",
  "failed"
])
/** One of the problems of a store. */
export type StoreProblem = typeof StoreProblem.Type

const hints: Readonly<Record<StoreProblem, string>> = {
  locked: "another process has held its lock for too long; end that process, or wait for it",
  "read-only": "it cannot be written; check the permissions of the file and of its directory",
  full: "there is no room left; free some, nothing that was accepted is lost",
  corrupt: "it is no intact database; restore it from a backup, or move it away to start with an empty one",
  unreachable: "it cannot be opened; check its path or url, and that the user of this program may use it",
  replaced: "nothing more goes into it; start this program again to use the file that has its name now",
  unstorable: "it can never take this; see the detail",
  failed: "see the detail"
}

/** The store could not do what was asked. What it had accepted before is still there. */
export class JobStoreUnavailable extends Schema.Error<JobStoreUnavailable>(id("JobStoreUnavailable"))({
  _tag: Schema.tag("JobStoreUnavailable"),
  store: Schema.String,
  operation: Schema.String,
  problem: StoreProblem,
  detail: Schema.String
}) {
  override get message(): string {
    return `job store ${this.store}: could not ${this.operation}: ${this.detail} (${hints[this.problem]})`
  }
}

/** The store was written by a newer version of this package, or is not one of its stores. It is left as it is. */
export class JobStoreTooNew extends Schema.Error<JobStoreTooNew>(id("JobStoreTooNew"))({
  _tag: Schema.tag("JobStoreTooNew"),
  store: Schema.String,
  found: Schema.Int,
  supported: Schema.Int
}) {
  override get message(): string {
    return `job store ${this.store} has format ${this.found}, this program knows formats up to ${this.supported}; ` +
      "update the program, or give it another store"
  }
}

/** Why. */
export const Reason = Schema.Union([
  JobNotFound,
  JobNotFinished,
  JobFailed,
  JobCancelled,
  JobDataInvalid,
  JobDataTooLarge,
  JobNotAsking,
  JobQueueFull,
  JobStoreUnavailable,
  JobStoreTooNew
])
/** One of the reasons, by its `_tag`. */
export type Reason = typeof Reason.Type

/** The package's only error. `reason` says what happened; `message` is the reason's. */
export class JobError extends Schema.TaggedError<JobError>("@holdfast/jobs/JobError")("JobError", { reason: Reason }) {
  override get message(): string {
    return this.reason.message
  }
}
