/**
 * One run of a job's code as a workflow: its steps are activities, whose values the engine keeps.
 *
 * A failure is not kept, only that there was one: the step is tried again, under the next number, by the code itself or by the next
 * run. That takes the place of interrupting activities, too: a step that is stopped ends as one that failed.
 *
 * **Gotchas**: an activity runs in a fiber of its own, which outlives the code that asked for it. So whoever leaves a step, by a
 * timeout or because the job is cancelled, stops it and waits for that.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Schema from "effect/Schema"
import * as Activity from "effect/workflow/Activity"
import type { WorkflowEngine, WorkflowInstance } from "effect/workflow/WorkflowEngine"
import type { Job } from "../../Job.ts"
import type { JobError } from "../../JobError.ts"
import type { JobRun, StepOptions } from "../../JobRun.ts"
import { EngineFailure } from "../Attempt.ts"
import { cutOff } from "../failures.ts"
import * as JsonText from "../JsonText.ts"
import type { Hold, Progress } from "../Store.ts"
import { type JobTable, type TakenJob, tooLarge } from "./JobTable.ts"

/** Why a run ends before its time. The first counts. */
export type Intent = "run" | "cancel" | "hand back" | "lost"

export interface Run {
  readonly job: TakenJob
  readonly execution: string
  readonly hold: Hold
  intent: Intent
  /** Of the job's code. */
  fiber: Fiber.Fiber<unknown, unknown> | undefined
  /** Reported and not yet written. */
  unwritten: Progress | undefined
}

export const make = (job: TakenJob, execution: string): Run => ({
  job,
  execution,
  hold: { id: job.id, fence: job.fence },
  intent: "run",
  fiber: undefined,
  unwritten: undefined
})

export const stop = (run: Run, intent: Exclude<Intent, "run">): void => {
  if (run.intent === "run") run.intent = intent
  run.fiber?.interruptUnsafe()
}

export interface Surroundings {
  readonly table: JobTable
  readonly services: Context.Context<WorkflowEngine | WorkflowInstance>
  readonly persist: <A>(effect: Effect.Effect<A, JobError>) => Effect.Effect<A>
  readonly onProgress: () => void
  readonly onStep: () => void
}

const storePatience = Duration.seconds(1)

/** What is kept of a step that was run: its value, or that it has to be run again. */
const Kept = Schema.Struct({ isDone: Schema.Boolean, value: Schema.optional(Schema.String) })

export const toJobRun = <Data>(
  run: Run,
  kind: { readonly progress: Job<string, unknown, unknown, unknown, Data>["progress"] },
  { onProgress, onStep, persist, services, table }: Surroundings
): JobRun<Data> => {
  const { hold, job } = run
  const running = new Set<string>()
  const tries = new Map<string, number>()
  const values = new Map<string, string | undefined>()
  let crashes = job.crashes
  let { data, message, percent } = job

  const lost = Effect.suspend(() => {
    stop(run, "lost")
    return Effect.interrupt
  })
  /** A runner that slept finds out here that another has the job, before it does anything of it. */
  const begin = (name: string, isSafe: boolean) =>
    Effect.gen(function*() {
      if (isSafe) return (yield* persist(table.isHeld(hold))) ? undefined : yield* lost
      const answer = yield* persist(table.beginStep(hold, name))
      if (answer === "lost") return yield* lost
      if (answer === "cut off") return yield* Effect.die(new EngineFailure(cutOff(name)))
    })

  const perform = Effect.fnUntraced(function*<A, E, R>(name: string, effect: Effect.Effect<A, E, R>, options: StepOptions<A>) {
    if (values.has(name)) return yield* restore(name, values.get(name), options)
    const context = yield* Effect.context<R>()
    for (;;) {
      const number = (tries.get(name) ?? 0) + 1
      tries.set(name, number)
      const stopped = Deferred.makeUnsafe<void>()
      const inner = Latch.makeUnsafe(true)
      let cause: Cause.Cause<E> | undefined
      const activity = Activity.make({
        name,
        success: Kept,
        execute: begin(name, options.safe !== false).pipe(
          Effect.andThen(effect),
          Effect.flatMap((value) => toText(name, value, options)),
          Effect.raceFirst(Effect.andThen(Deferred.await(stopped), Effect.interrupt)),
          Effect.provideContext(context),
          Effect.map((value): typeof Kept.Type => value === undefined ? { isDone: true } : { isDone: true, value }),
          // In a fiber of its own: what is stopped in it is no interrupt of the activity.
          (body) =>
            Effect.gen(function*() {
              inner.closeUnsafe()
              const fiber = yield* Effect.forkChild(body, { startImmediately: true })
              fiber.addObserver(() => void inner.openUnsafe())
              return yield* Effect.onInterrupt(Fiber.await(fiber), () => Fiber.interrupt(fiber))
            }),
          Effect.map((exit) => {
            if (Exit.isSuccess(exit)) return exit.value
            cause = exit.cause
            return { isDone: false }
          })
        )
      })
      const kept = yield* Effect.uninterruptibleMask((interruptible) =>
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
                Effect.andThen(inner.await),
                // That it was stopped is stored, if that is possible: not by an engine that has lost the lane.
                Effect.andThen(Effect.timeoutOption(Fiber.await(fiber), storePatience)),
                Effect.andThen(Fiber.interrupt(fiber))
              )
            )
          )
        })
      )
      if (kept.isDone) {
        values.set(name, kept.value)
        onStep()
        if (crashes > 0) {
          crashes = 0
          yield* persist(table.clearCrashes(hold))
        }
        return yield* restore(name, kept.value, options)
      }
      if (cause !== undefined) return yield* Effect.failCause(cause)
      // It failed in a former run, or was stopped with it.
    }
  })

  return {
    id: job.id,
    owner: job.owner,
    attempt: job.attempt,
    version: job.version,
    step: (name, effect, options = {}) =>
      Effect.suspend(() => {
        if (running.has(name)) {
          return Effect.die(new Error(`step "${name}" is asked for twice at once: every step needs a name of its own`))
        }
        running.add(name)
        return Effect.ensuring(perform(name, effect, options), Effect.sync(() => running.delete(name)))
      }),
    progress: (report) =>
      Effect.gen(function*() {
        if (report.data !== undefined) {
          data = yield* Effect.catch(JsonText.encode(kind.progress, report.data), (unfit) =>
            Effect.die(new Error(`the data of a progress report does not fit its schema: ${unfit.expected}`)))
        }
        if (report.percent !== undefined && !Number.isNaN(report.percent)) {
          percent = Math.max(percent, Math.min(100, report.percent))
        }
        message = report.message ?? message
        run.unwritten = { ...hold, percent, message, data }
        onProgress()
      })
  }
}

const toText = <A>(name: string, value: A, { schema }: StepOptions<A>): Effect.Effect<string | undefined> =>
  (schema === undefined ? JsonText.encodePlain(value) : JsonText.encode(schema, value)).pipe(
    Effect.catch((unfit) =>
      Effect.die(
        new Error(
          `step "${name}" returned what cannot be stored: ${unfit.expected}` +
            (schema === undefined ? "; give the step a schema" : "")
        )
      )
    ),
    Effect.tap((text) => {
      const expected = tooLarge(text)
      return expected === undefined
        ? Effect.void
        : Effect.die(new Error(`step "${name}" returned what cannot be stored: ${expected}`))
    })
  )

const restore = <A>(name: string, text: string | undefined, { schema }: StepOptions<A>): Effect.Effect<A> => {
  // Without a schema only what JSON keeps as it is was stored, so what is read is an A again.
  if (schema === undefined) return Effect.sync(() => (text === undefined ? undefined : JSON.parse(text)) as A)
  return Effect.catch(
    JsonText.decode(schema, text ?? "null"),
    (unfit) =>
      Effect.die(
        new Error(`what step "${name}" stored does not fit its schema any more: ${unfit.expected}; raise the version`)
      )
  )
}
