/**
 * What an attempt at a job comes to: its code is run to an outcome, and the steps of a job that does not succeed are undone.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import type { JobError } from "../../JobError.ts"
import type { Outcome, Store, Unsuccessful } from "../local/Store.ts"
import * as Attempt from "./Attempt.ts"
import { outcomeOf } from "./execute.ts"
import { notUndone } from "./failures.ts"

export interface Surroundings {
  readonly store: Pick<Store, "beginEnding" | "commitCompensation">
  readonly persist: <A>(effect: Effect.Effect<A, JobError>) => Effect.Effect<A>
  readonly now: () => number
  /** Of the fibers that an intent interrupts. */
  readonly scope: Scope.Scope
}

/** To be run uninterruptibly: what ends it is an intent. */
export const conclude = Effect.fnUntraced(function*(
  attempt: Attempt.Attempt,
  code: Effect.Effect<Outcome>,
  { now, persist, scope, store }: Surroundings
): Effect.fn.Return<Outcome | "hand back" | "lost"> {
  const { job } = attempt
  /** In a fiber of its own, which an intent interrupts: what comes after it still happens. */
  const working = <A>(effect: Effect.Effect<A>) =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkIn(Effect.interruptible(effect), scope)
      attempt.work = fiber
      const isOver = attempt.isUndoing
        ? attempt.intent === "hand back" || attempt.intent === "lost"
        : attempt.intent !== "run"
      if (isOver) fiber.interruptUnsafe()
      if (job.deadlineAt !== undefined && !attempt.isUndoing && job.ending === undefined) {
        const isInTime = yield* Effect.timeoutOption(Fiber.await(fiber), Math.max(0, job.deadlineAt - now()))
        if (isInTime._tag === "None") Attempt.intend(attempt, "deadline")
      }
      return yield* Fiber.await(fiber)
    })

  /** Undoes the steps that are done, the last first. What the job ends with, or nothing if it is to end in another process. */
  const undo = Effect.fnUntraced(function*(outcome: Unsuccessful) {
    if (attempt.undos.length === 0) return outcome
    attempt.isUndoing = true
    attempt.isWaiting = false
    if (job.ending === undefined && !(yield* persist(store.beginEnding(attempt.hold, outcome)))) return "lost"
    const broken: Array<string> = []
    let cause: Cause.Cause<never> = Cause.empty
    for (const { effect, step } of attempt.undos.toReversed()) {
      const exit = yield* working(effect)
      if (Exit.isFailure(exit)) {
        if (attempt.intent === "hand back" || attempt.intent === "lost") return attempt.intent
        broken.push(step)
        cause = exit.cause
        yield* Effect.logError(`job ${job.id} (${job.kind}): step "${step}" could not be undone`, exit.cause)
      }
      if (!(yield* persist(store.commitCompensation(attempt.hold, step)))) return "lost"
    }
    return broken.length === 0
      ? outcome
      : { state: "failed", failure: notUndone(broken, Cause.pretty(cause)) } satisfies Unsuccessful
  })

  const exit = yield* working(code)
  if (attempt.intent === "lost") return "lost"
  const outcome = Exit.isSuccess(exit) ? exit.value : outcomeOf(attempt, exit.cause)
  const end = job.ending !== undefined && attempt.intent !== "hand back" ? job.ending : outcome
  return end === "hand back" || end.state === "succeeded" ? end : yield* undo(end)
})
