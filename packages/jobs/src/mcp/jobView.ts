/**
 * Jobs in the words and forms that callers over MCP get.
 */
import * as Principal from "@holdfast/protocol/Principal"
import type { SessionShape } from "@holdfast/server/Session"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Job } from "../Job.ts"
import { JobError } from "../JobError.ts"
import type { JobsShape } from "../Jobs.ts"
import type { JobStatus } from "../JobStatus.ts"

/** Seconds between two looks that callers are advised to let pass. */
export const pollAfterSeconds = 3

/** Who asks, if nobody else says so. */
export const principalOf = (
  session: Option.Option<SessionShape>,
  clientId: string | undefined
): Principal.Principal => {
  if (Option.isSome(session)) return session.value.principal
  return clientId === undefined ? Principal.local : Principal.make(`client ${clientId}`)
}

/** What a job that has succeeded returned. */
export const resultOf = <Name extends string, Payload, Success, Failure, Data>(
  jobs: JobsShape,
  job: Job<Name, Payload, Success, Failure, Data>,
  id: string,
  who: { readonly owner: Principal.Principal }
): Effect.Effect<Success, JobError> =>
  Effect.gen(function*() {
    const found = yield* Effect.result(jobs.result(job, id, who))
    if (found._tag === "Success") return found.success
    // A job that has succeeded does not fail with its own error any more.
    return yield* found.failure instanceof JobError ? found.failure : Effect.die(found.failure)
  })

/** An error in its own words; of a store's trouble only that there is some: its path is not for the caller. */
export const wordsFor = (error: JobError): Effect.Effect<string> => {
  const { _tag, message } = error.reason
  if (_tag !== "JobStoreUnavailable" && _tag !== "JobStoreTooNew") return Effect.succeed(message)
  return Effect.as(
    Effect.logWarning(message),
    "the server cannot reach its jobs just now; what was started is not lost, try again in a minute"
  )
}

export const timeOf = (millis: number): string => new Date(millis).toISOString()

/** Continues "the job …". */
export const sentence = ({ failure, isCancelling, message, percent, state }: JobStatus): string => {
  switch (state) {
    case "queued":
      return "is queued"
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
