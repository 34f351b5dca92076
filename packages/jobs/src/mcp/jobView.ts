/**
 * Jobs in the words and forms that callers over MCP get.
 */
import * as Effect from "effect/Effect"
import * as McpTask from "../internal/sdk/McpTask.ts"
import type { Job } from "../Job.ts"
import { JobError, type StoreProblem } from "../JobError.ts"
import type { JobsShape } from "../Jobs.ts"
import { isEnded } from "../JobState.ts"
import type { JobStatus } from "../JobStatus.ts"
import type { Asker } from "./askerOf.ts"

/** Seconds between two looks that callers are advised to let pass. */
export const pollAfterSeconds = 3

/** What a job that has succeeded returned. */
export const resultOf = <Name extends string, Payload, Success, Failure, Data>(
  jobs: JobsShape,
  job: Job<Name, Payload, Success, Failure, Data>,
  id: string,
  who: Asker
): Effect.Effect<Success, JobError> =>
  Effect.gen(function*() {
    const found = yield* Effect.result(jobs.result(job, id, who))
    if (found._tag === "Success") return found.success
    // A job that has succeeded does not fail with its own error any more.
    return yield* found.failure instanceof JobError ? found.failure : Effect.die(found.failure)
  })

/** What several words of a name are for people: `repo_scan` is a repo scan. */
export const spoken = (name: string): string => name.replaceAll("_", " ")

/** Continues "their store …", for callers that are not to know where that is. */
const problems: Readonly<Record<StoreProblem, string>> = {
  locked: "is locked",
  "read-only": "cannot be written",
  full: "has no room left",
  corrupt: "is damaged",
  unreachable: "cannot be reached",
  replaced: "was replaced while it was open",
  unstorable: "cannot take this",
  failed: "is out of order"
}

/** Why an unfinished job does not get on, if that is because of the store; how it is now, so that no caller polls in vain. */
export const waitingFor = ({ storeTrouble }: JobsShape, { state }: JobStatus): Effect.Effect<string | undefined> =>
  Effect.map(storeTrouble, (trouble) =>
    trouble === undefined || isEnded(state)
      ? undefined
      : `the server's store of jobs ${problems[trouble.problem]}; nothing is lost, it goes on when that is mended`)

/** Goes after what is said of a job. */
export const butWaits = (why: string | undefined): string => why === undefined ? "" : `; it waits: ${why}`

/** A refusal in the words of the error; of a store's trouble only what it is: its path is not for the caller. */
export const orRefused = <A, R>(
  effect: Effect.Effect<A, JobError | McpTask.Refused, R>
): Effect.Effect<A, McpTask.Refused, R> =>
  Effect.catchTag(
    effect,
    "JobError",
    (error) => Effect.flatMap(wordsFor(error), (message) => Effect.fail(McpTask.failure(message)))
  )

const wordsFor = (error: JobError): Effect.Effect<string> => {
  const { reason } = error
  if (reason._tag !== "JobStoreUnavailable" && reason._tag !== "JobStoreTooNew") return Effect.succeed(reason.message)
  const why = reason._tag === "JobStoreTooNew" ? "is of a newer version" : problems[reason.problem]
  return Effect.as(
    Effect.logWarning(reason.message),
    `the server cannot reach its jobs just now: their store ${why}; what was started is not lost, try again in a minute`
  )
}

/** A time as ISO 8601, UTC. `millis`: of the epoch. */
export const timeOf = (millis: number): string => new Date(millis).toISOString()

/** Continues "the job …". */
export const sentence = (status: JobStatus): string => {
  const { failure, isCancelling, message, percent, question, startsAt, state } = status
  if (question !== undefined && !isCancelling) {
    return `waits for an answer to "${question.name}": ${question.message}`
  }
  switch (state) {
    case "queued":
      return startsAt === undefined ? "is queued" : `is queued until ${timeOf(startsAt)}`
    case "running": {
      const doing = isCancelling ? "is being cancelled" : "is running"
      return `${doing}: ${Math.floor(percent)} %${message === undefined ? "" : `, ${message}`}`
    }
    case "succeeded":
      return "has succeeded"
    case "failed":
      return `has failed: ${failure?.message ?? "no reason is known"}`
    case "cancelled":
      return "was cancelled"
  }
}
