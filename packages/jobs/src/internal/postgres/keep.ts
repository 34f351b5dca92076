/**
 * Steps as activities of a workflow: the engine keeps what they return, and runs none again that it has kept.
 *
 * A failure is not kept, only that there was one: the step is tried again, under the next number, by the code itself or by the next
 * attempt. A step that is stopped, by a timeout around it or because its job is cancelled, ends as one that failed.
 *
 * **Gotchas**: an activity runs in a fiber of its own, which outlives the code that asked for it. So leaving a step stops it and waits
 * for that.
 */
import type * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Schema from "effect/Schema"
import * as Activity from "effect/workflow/Activity"
import type { WorkflowEngine, WorkflowInstance } from "effect/workflow/WorkflowEngine"
import type { JobError } from "../../JobError.ts"
import * as Attempt from "../attempt/Attempt.ts"
import type { Keep } from "../attempt/AttemptContext.ts"
import { EngineFailure } from "../attempt/EngineFailure.ts"
import { cutOff } from "../attempt/failures.ts"
import { kept } from "./JobRows.ts"
import type { JobTable } from "./JobTable.ts"

export interface Surroundings {
  readonly table: JobTable
  /** What steps have returned that are not to be run. */
  readonly seeds: ReadonlyMap<string, string | undefined>
  readonly services: Context.Context<WorkflowEngine | WorkflowInstance>
  readonly persist: <A>(effect: Effect.Effect<A, JobError>) => Effect.Effect<A>
  readonly onStep: (attempt: Attempt.Attempt) => void
  /** Runners died over the job: a step that is done clears it of that. */
  readonly isSuspected: boolean
}

/** What is kept of a step that was run: its value, or that it has to be run again. */
const Kept = Schema.Struct({ isDone: Schema.Boolean, value: Schema.optional(Schema.String) })

/** How long the engine may take to store that a step was stopped: it does not if it has lost the lane. */
const patience = Duration.seconds(1)

export const make = (
  { isSuspected, onStep, persist, seeds, services, table }: Surroundings
): Keep => {
  let isToBeCleared = isSuspected
  const tries = new Map<string, number>()
  const values = new Map<string, string | undefined>()

  /** A runner that slept finds out here that another has the job, before it does anything of it. */
  const begin = (attempt: Attempt.Attempt, { isCompensable, isSafe, name }: Parameters<Keep>[1]) =>
    Effect.gen(function*() {
      // A job that is to be undone does nothing new.
      if (attempt.job.ending !== undefined) return yield* Effect.interrupt
      const answer = yield* persist(table.begin(attempt.hold, name, { isSafe, isCompensable }))
      if (answer === "cut off") return yield* Effect.die(new EngineFailure(cutOff(name)))
      if (answer === "begun") return
      Attempt.intend(attempt, "lost")
      return yield* Effect.interrupt
    })

  return (attempt, step, body) =>
    Effect.gen(function*() {
      const { name } = step
      if (values.has(name)) return values.get(name)
      if (seeds.has(kept(name))) return seeds.get(kept(name))
      const context = yield* Effect.context<Effect.Services<typeof body>>()
      for (;;) {
        const number = (tries.get(name) ?? 0) + 1
        tries.set(name, number)
        const stopped = Deferred.makeUnsafe<void>()
        const isQuiet = Latch.makeUnsafe(true)
        let cause: Cause.Cause<Effect.Error<typeof body>> | undefined
        let isRun = false
        const activity = Activity.make({
          name: kept(name),
          success: Kept,
          execute: Effect.gen(function*() {
            isRun = true
            isQuiet.closeUnsafe()
            // In a fiber of its own: what is stopped in it is no interrupt of the activity.
            const fiber = yield* Effect.andThen(begin(attempt, step), body).pipe(
              Effect.raceFirst(Effect.andThen(Deferred.await(stopped), Effect.interrupt)),
              Effect.provideContext(context),
              Effect.forkChild({ startImmediately: true })
            )
            fiber.addObserver(() => void isQuiet.openUnsafe())
            const exit = yield* Effect.onInterrupt(Fiber.await(fiber), () => Fiber.interrupt(fiber))
            if (Exit.isSuccess(exit)) {
              return { isDone: true, ...exit.value !== undefined && { value: exit.value } }
            }
            cause = exit.cause
            return { isDone: false }
          })
        })
        const result = yield* Effect.uninterruptibleMask((interruptible) =>
          Effect.gen(function*() {
            const asked = activity.pipe(
              Effect.provideService(Activity.CurrentAttempt, number),
              Effect.provideContext(services),
              Effect.scoped
            )
            const fiber = yield* Effect.forkChild(interruptible(asked), { startImmediately: true })
            return yield* interruptible(Fiber.join(fiber)).pipe(
              Effect.onInterrupt(() =>
                Deferred.succeed(stopped, undefined).pipe(
                  Effect.andThen(isQuiet.await),
                  Effect.andThen(Effect.timeoutOption(Fiber.await(fiber), patience)),
                  Effect.andThen(Fiber.interrupt(fiber))
                )
              )
            )
          })
        )
        if (result.isDone) {
          values.set(name, result.value)
          if (isRun) onStep(attempt)
          if (isRun && isToBeCleared) {
            isToBeCleared = false
            yield* persist(table.clear(attempt.hold))
          }
          return result.value
        }
        if (cause !== undefined) return yield* Effect.failCause(cause)
        // It failed in a former attempt, or was stopped with it.
      }
    })
}
