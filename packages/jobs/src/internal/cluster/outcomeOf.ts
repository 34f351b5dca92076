/**
 * What becomes of the code of a job that is run as a workflow: from its payload to an outcome that can be stored.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type { Job } from "../../Job.ts"
import type { StoredFailure } from "../../JobStore.ts"
import { EngineFailure } from "../Attempt.ts"
import * as JsonText from "../JsonText.ts"
import type { Outcome } from "../Store.ts"
import { tooLarge } from "./JobTable.ts"
import type { Intent } from "./Run.ts"

export const outcomeOf = Effect.fnUntraced(function*<Name extends string, Payload, Success, Failure, Data>(
  kind: Job<Name, Payload, Success, Failure, Data>,
  payloadText: string,
  code: (payload: Payload) => Effect.Effect<Success, Failure>,
  intent: () => Intent
): Effect.fn.Return<Outcome | "hand back" | "lost"> {
  const payload = yield* Effect.result(JsonText.decode(kind.payload, payloadText))
  if (payload._tag === "Failure") {
    return failed({ kind: "version", message: `its payload does not fit any more: ${payload.failure.expected}` })
  }
  return yield* Effect.uninterruptibleMask((interruptible) =>
    Effect.gen(function*(): Effect.gen.Return<Outcome | "hand back" | "lost"> {
      const exit = yield* Effect.exit(interruptible(code(payload.success)))
      if (Exit.isSuccess(exit)) {
        const text = yield* Effect.result(JsonText.encode(kind.success, exit.value))
        if (text._tag === "Failure") return unfit(`the result does not fit its schema: ${text.failure.expected}`)
        const expected = tooLarge(text.success)
        if (expected === undefined) return { state: "succeeded", result: text.success }
        return failed({ kind: "defect", message: `its result is too large for the store: ${expected}` })
      }
      for (const reason of exit.cause.reasons) {
        if (Cause.isDieReason(reason) && reason.defect instanceof EngineFailure) return failed(reason.defect.failure)
      }
      const error = Cause.findErrorOption(exit.cause)
      if (Option.isSome(error)) {
        const text = yield* Effect.result(JsonText.encode(kind.error, error.value))
        const encoded = text._tag === "Success" && tooLarge(text.success) === undefined ? text.success : undefined
        return failed({
          kind: "error",
          message: wordsOf(error.value, encoded ?? kind.name),
          error: encoded,
          cause: Cause.pretty(exit.cause)
        })
      }
      const why = intent()
      if (why === "cancel") return { state: "cancelled" }
      if (why !== "run") return why
      return unfit(Cause.pretty(exit.cause))
    })
  )
})

const failed = (failure: StoredFailure): Outcome => ({ state: "failed", failure })
const unfit = (cause: string): Outcome =>
  failed({
    kind: "defect",
    message: "its code broke; the cause is kept with the job, for the operator of the server",
    cause
  })

/** What an error of a job says of itself: its message, if it has one, else what it is made of. */
const wordsOf = (error: unknown, text: string): string => {
  if (typeof error === "string") return error
  const isWorded = typeof error === "object" && error !== null && "message" in error &&
    typeof error.message === "string"
  return isWorded && error.message !== "" ? String(error.message) : text
}
