/**
 * One attempt at a job in this process: what it is there for, its steps, its progress.
 */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type { Job } from "../../Job.ts"
import type { JobError } from "../../JobError.ts"
import type { JobRun, StepOptions } from "../../JobRun.ts"
import type { StoredFailure } from "../../JobStore.ts"
import { executed } from "../Attempt.ts"
import { cutOff } from "../failures.ts"
import * as JsonText from "../JsonText.ts"
import type { ClaimedJob, Hold, Progress, Store } from "./LeaseStore.ts"

/**
 * Why an attempt ends before its time: somebody cancelled the job, the process hands it back, or another runner has it. The
 * first intent counts: it decides what becomes of the job.
 */
export type Intent = "run" | "cancel" | "hand back" | "lost"

/** A failure of the engine's, thrown through the job's code as a defect. */
export class EngineFailure {
  readonly failure: StoredFailure
  constructor(failure: StoredFailure) {
    this.failure = failure
  }
}

export interface Attempt {
  readonly job: ClaimedJob
  readonly hold: Hold
  intent: Intent
  fiber: Fiber.Fiber<void> | undefined
  /** Reported and not yet written. */
  unwritten: Progress | undefined
  /** Whether the store took what became of it: `false` if the hold was gone, `undefined` if that was not tried or not answered. */
  isWritten: boolean | undefined
  /** The store failed while that was written: it may have been written, and then be refused the second time. */
  isUncertain: boolean
}

export const make = (job: ClaimedJob): Attempt => ({
  job,
  hold: { id: job.id, fence: job.fence },
  intent: "run",
  fiber: undefined,
  unwritten: undefined,
  isWritten: undefined,
  isUncertain: false
})

/** Whether the job was taken from this attempt. One that was cancelled may have been ended by whoever asked for that. */
export const isLost = ({ intent, isWritten }: Attempt): boolean =>
  isWritten === undefined ? intent === "lost" : !isWritten && intent !== "cancel"

/** Only an attempt that runs can be given another intent. */
export const intend = (attempt: Attempt, intent: Exclude<Intent, "run">): void => {
  if (attempt.intent === "run") attempt.intent = intent
}

export interface Surroundings {
  readonly store: Store
  /** Repeats what the store could not do until it can; interruptible while it waits. */
  readonly persist: <A>(effect: Effect.Effect<A, JobError>) => Effect.Effect<A>
  /** There is unwritten progress. */
  readonly onProgress: (attempt: Attempt) => void
  /** A step was stored. */
  readonly onStep: (attempt: Attempt) => void
}

/** What the code of the job is given. */
export const toRun = <Data>(
  attempt: Attempt,
  kind: { readonly progress: Job<string, unknown, unknown, unknown, Data>["progress"] },
  { onProgress, onStep, persist, store }: Surroundings
): JobRun<Data> => {
  const { hold, job } = attempt
  const running = new Set<string>()
  let percent = job.percent
  let message = job.message
  let data = job.data

  /** The hold is gone: whatever this attempt does is of no consequence any more. */
  const lost = Effect.suspend(() => {
    intend(attempt, "lost")
    return Effect.interrupt
  })

  const perform = <A, E, R, R2>(name: string, effect: Effect.Effect<A, E, R>, options: StepOptions<A, E, R2>) =>
    Effect.gen(function*() {
      if (options.compensate !== undefined) return yield* notHere("undoes no steps")
      const stored = yield* persist(store.step(job.id, name))
      if (stored?._tag === "Done") return yield* restore(name, stored.value, options)
      if (stored?._tag === "Begun" && stored.fence !== hold.fence) {
        return yield* Effect.die(new EngineFailure(cutOff(name)))
      }
      if (options.safe === false && !(yield* persist(store.beginStep(hold, name)))) return yield* lost
      return yield* Effect.uninterruptibleMask((interruptible) =>
        Effect.gen(function*() {
          const value = yield* interruptible(executed(name, effect, options))
          const text = yield* toText(name, value, options)
          // The first try cannot be interrupted: what is done is stored. While the store is out of order, waiting can.
          const isHeld = yield* Effect.catch(
            store.commitStep(hold, name, text),
            () => interruptible(persist(store.commitStep(hold, name, text)))
          )
          if (!isHeld) return yield* lost
          onStep(attempt)
          return yield* restore(name, text, options)
        })
      )
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
    sleep: () => notHere("has no sleeps"),
    ask: () => notHere("has no questions"),
    fence: Effect.succeed(hold.fence),
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
        attempt.unwritten = { ...hold, percent, message, data }
        onProgress(attempt)
      })
  }
}

/** The engine for several machines that takes this one's place has them. */
export const notHere = (what: string) =>
  Effect.die(new Error(`the engine on Postgres ${what}: keep such jobs in SQLite`))

const toText = <A>(
  name: string,
  value: A,
  { schema }: Pick<StepOptions<A>, "schema">
): Effect.Effect<string | undefined> =>
  Effect.catch(
    schema === undefined ? JsonText.encodePlain(value) : JsonText.encode(schema, value),
    (unfit) =>
      Effect.die(
        new Error(
          `step "${name}" returned what cannot be stored: ${unfit.expected}` +
            (schema === undefined ? "; give the step a schema" : "")
        )
      )
  )

const restore = <A>(
  name: string,
  text: string | undefined,
  { schema }: Pick<StepOptions<A>, "schema">
): Effect.Effect<A> => {
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
