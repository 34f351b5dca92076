/**
 * What becomes of the code of a job: from its payload to an outcome that can be stored.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type { Job } from "../../Job.ts"
import { JobError } from "../../JobError.ts"
import type { JobRun } from "../../JobRun.ts"
import * as JobTrace from "../jobTrace.ts"
import * as JsonText from "../JsonText.ts"
import { type Outcome, pastDeadline } from "../local/Store.ts"
import type { StoredFailure } from "../StoredJob.ts"
import type * as Attempt from "./Attempt.ts"
import type { AttemptContext } from "./AttemptContext.ts"
import { EngineFailure } from "./EngineFailure.ts"
import { unstorable } from "./failures.ts"
import { bounded } from "./stepValues.ts"
import { toRun } from "./toRun.ts"

/** The code of the job, from payload to outcome, in a span of its own where there is a tracer. */
export const execute = <Name extends string, Payload, Success, Failure, Data>(
  kind: Job<Name, Payload, Success, Failure, Data>,
  run: (payload: Payload, job: JobRun<Data>) => Effect.Effect<Success, Failure>,
  attempt: Attempt.Attempt,
  context: AttemptContext
): Effect.Effect<Outcome> => JobTrace.attempted(attempt.job, executed(kind, run, attempt, context))

const executed = Effect.fnUntraced(function*<Name extends string, Payload, Success, Failure, Data>(
  kind: Job<Name, Payload, Success, Failure, Data>,
  run: (payload: Payload, job: JobRun<Data>) => Effect.Effect<Success, Failure>,
  attempt: Attempt.Attempt,
  context: AttemptContext
): Effect.fn.Return<Outcome> {
  const payload = yield* Effect.result(JsonText.decode(kind.payload, attempt.job.payload))
  if (payload._tag === "Failure") {
    return failed({ kind: "version", message: `its payload does not fit any more: ${payload.failure.expected}` })
  }
  const given = yield* toRun(attempt, kind, context)
  const exit = yield* Effect.exit(run(payload.success, given))
  if (Exit.isSuccess(exit)) {
    const text = yield* Effect.result(JsonText.encode(kind.success, exit.value))
    if (text._tag === "Success") {
      yield* bounded("its result", text.success, kind.maxDataBytes)
      return { state: "succeeded", result: text.success }
    }
    return failed({
      kind: "defect",
      message: broken,
      cause: `the result does not fit its schema: ${text.failure.expected}`
    })
  }
  const error = Cause.findErrorOption(exit.cause)
  if (Option.isNone(error)) return yield* Effect.failCause(Cause.fromReasons(exit.cause.reasons.filter(isNoFailure)))
  const text = yield* Effect.result(JsonText.encode(kind.error, error.value))
  const encoded = text._tag === "Success" ? text.success : undefined
  yield* bounded("its error", encoded, kind.maxDataBytes)
  return failed({
    kind: "error",
    message: wordsOf(error.value, encoded ?? kind.name).slice(0, maxWords),
    error: encoded,
    cause: Cause.pretty(exit.cause).slice(0, kind.maxDataBytes)
  })
})

const maxWords = 10_000

/** What an error of a job says of itself: its message, if it has one, else what it is made of. */
const wordsOf = (error: unknown, text: string): string => {
  if (typeof error === "string") return error
  const isWorded = typeof error === "object" && error !== null && "message" in error &&
    typeof error.message === "string"
  return isWorded && error.message !== "" ? String(error.message) : text
}

const isNoFailure = (reason: Cause.Reason<unknown>): reason is Cause.Reason<never> => !Cause.isFailReason(reason)

/** What a job comes to whose code ended neither with a result nor with an error of its own. */
export const outcomeOf = (attempt: Attempt.Attempt, cause: Cause.Cause<never>): Outcome | "hand back" => {
  for (const reason of cause.reasons) {
    if (Cause.isDieReason(reason) && reason.defect instanceof EngineFailure) {
      return failed(reason.defect.failure)
    }
    if (Cause.isDieReason(reason) && reason.defect instanceof JobError) {
      return failed(unstorable(reason.defect.message))
    }
  }
  if (attempt.intent === "cancel") return { state: "cancelled" }
  if (attempt.intent === "deadline") return pastDeadline
  if (attempt.intent === "hand back") return "hand back"
  return failed({ kind: "defect", message: broken, cause: Cause.pretty(cause) })
}

const broken = "its code broke; the cause is kept with the job, for the operator of the server"

const failed = (failure: StoredFailure): Outcome => ({ state: "failed", failure })
