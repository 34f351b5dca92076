/**
 * One attempt at a job in this process: what it is there for, its steps, sleeps and questions, its progress.
 */
import type * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Schema from "effect/Schema"
import * as Semaphore from "effect/Semaphore"
import type { Job } from "../../Job.ts"
import type { JobError } from "../../JobError.ts"
import { type JobRun, type StepOptions, StepTimedOut } from "../../JobRun.ts"
import * as JsonText from "../JsonText.ts"
import type { ClaimedJob, Hold, Progress, Store } from "../local/Store.ts"
import type { StoredFailure, StoredQuestion } from "../StoredJob.ts"
import { cutOff, tooLarge } from "./failures.ts"

/**
 * Why an attempt ends before its time: the job was cancelled or is past its deadline, the process hands it back, or it has changed hands. The
 * first intent counts: it decides what becomes of the job.
 */
export type Intent = "run" | "cancel" | "deadline" | "hand back" | "lost"

/** A failure of the engine's, thrown through the job's code as a defect. */
export class EngineFailure {
  readonly failure: StoredFailure
  constructor(failure: StoredFailure) {
    this.failure = failure
  }
}

/** A step that is done, and how it is undone. */
interface Undo {
  readonly step: string
  readonly effect: Effect.Effect<unknown>
}

export interface Attempt {
  readonly job: ClaimedJob
  readonly hold: Hold
  intent: Intent
  fiber: Fiber.Fiber<void> | undefined
  /** What an intent interrupts: the code of the job, then what undoes its steps. */
  work: Fiber.Fiber<unknown> | undefined
  /** The code is over: its steps are being undone. */
  isUndoing: boolean
  /** In the order in which the steps were done. */
  readonly undos: Array<Undo>
  /** Nothing else may run beside it. */
  isAlone: boolean
  /** It only sleeps, or waits for an answer: it takes no place. */
  isWaiting: boolean
  /** The question that is open. */
  asking:
    | { readonly name: string; readonly schema: Schema.Codec<unknown, unknown>; readonly isAnswered: Latch.Latch }
    | undefined
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
  work: undefined,
  isUndoing: false,
  undos: [],
  isAlone: job.isAlone,
  isWaiting: false,
  asking: undefined,
  unwritten: undefined,
  isWritten: undefined,
  isUncertain: false
})

/** Whether the job was taken from this attempt. One that was cancelled may have been ended by the program that asked for that. */
export const isLost = ({ intent, isWritten }: Attempt): boolean =>
  isWritten === undefined ? intent === "lost" : !isWritten && intent !== "cancel"

/**
 * Gives the attempt another intent and interrupts what it does. What undoes steps is not interrupted for a job that is to end anyway, but for a
 * process that ends.
 */
export const intend = (attempt: Attempt, intent: Exclude<Intent, "run">): void => {
  const isFinal = intent === "hand back" || intent === "lost"
  if (attempt.isUndoing ? !isFinal : attempt.intent !== "run") return
  attempt.intent = intent
  attempt.work?.interruptUnsafe()
}

/** Runs the body of a step once per job and name, and returns the text that it returned, which is kept. */
export type Keep = <E, R>(
  attempt: Attempt,
  step: { readonly name: string; readonly isSafe: boolean; readonly isCompensable: boolean },
  body: Effect.Effect<string | undefined, E, R>
) => Effect.Effect<string | undefined, E, R>

export interface Surroundings {
  readonly store: Pick<Store, "step" | "beginStep" | "commitStep" | "setAlarm" | "ask" | "setWaiting" | "check">
  /** Of an engine that keeps what steps return itself. Default: it is kept in the store. */
  readonly keep?: Keep | undefined
  readonly clock: Clock.Clock
  /** Repeats what the store could not do until it can; interruptible while it waits. */
  readonly persist: <A>(effect: Effect.Effect<A, JobError>) => Effect.Effect<A>
  /** There is unwritten progress. */
  readonly onProgress: (attempt: Attempt) => void
  /** A step was stored. */
  readonly onStep: (attempt: Attempt) => void
  /** The attempt gives its place up. */
  readonly onWaiting: () => void
  /** Done when the attempt, which waited, has a place again. */
  readonly place: (attempt: Attempt) => { readonly granted: Deferred.Deferred<void>; readonly withdraw: () => void }
}

const maxMessage = 2000

/** What the code of the job is given. */
export const toRun = <Data>(
  attempt: Attempt,
  kind: Pick<Job<string, unknown, unknown, unknown, Data>, "progress" | "maxDataBytes">,
  { clock, keep, onProgress, onStep, onWaiting, persist, place, store }: Surroundings
): Effect.Effect<JobRun<Data>> =>
  Effect.map(Semaphore.make(1), (questions): JobRun<Data> => {
    const { hold, job } = attempt
    const used = new Set<string>()
    let busy = 0
    let waiting = 0
    let percent = job.percent
    let message = job.message
    let data = job.data

    /** The hold is gone: whatever this attempt does is of no consequence any more. */
    const lost = Effect.suspend(() => {
      intend(attempt, "lost")
      return Effect.interrupt
    })
    const orLost = (isHeld: boolean) => isHeld ? Effect.void : lost
    /** A job that is to be undone does nothing new: its code only runs to say how its steps are undone. */
    const unlessEnding = job.ending === undefined ? Effect.void : Effect.interrupt

    /** One at a time of each name. */
    const named = <A, E, R>(name: string, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
      Effect.suspend(() => {
        if (used.has(name)) {
          return Effect.die(new Error(`step "${name}" is asked for twice at once: every step needs a name of its own`))
        }
        used.add(name)
        return Effect.ensuring(effect, Effect.sync(() => used.delete(name)))
      })
    const tellWaiting = Effect.suspend(() => {
      const isWaiting = waiting > 0 && busy === 0
      if (isWaiting === attempt.isWaiting) return Effect.void
      attempt.isWaiting = isWaiting
      if (isWaiting) onWaiting()
      return Effect.flatMap(persist(store.setWaiting(hold, isWaiting)), orLost)
    })
    /** Gives the place of the attempt up for as long as that takes, if nothing else is done meanwhile. */
    const whileWaiting = <A>(effect: Effect.Effect<A>): Effect.Effect<A> =>
      Effect.gen(function*() {
        waiting++
        yield* tellWaiting
        return yield* effect
      }).pipe(
        Effect.ensuring(Effect.sync(() => waiting--)),
        Effect.tap(() =>
          Effect.suspend(() => {
            if (!attempt.isWaiting || waiting > 0) return Effect.void
            const { granted, withdraw } = place(attempt)
            return Effect.andThen(Effect.onInterrupt(Deferred.await(granted), () => Effect.sync(withdraw)), tellWaiting)
          })
        )
      )
    const whileBusy = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
      Effect.suspend(() => {
        busy++
        return Effect.andThen(tellWaiting, effect).pipe(
          Effect.ensuring(Effect.sync(() => busy--)),
          Effect.tap(() => tellWaiting)
        )
      })

    const perform = <A, E, R, R2>(name: string, effect: Effect.Effect<A, E, R>, options: StepOptions<A, E, R2>) =>
      Effect.gen(function*() {
        const { compensate } = options
        const context = yield* Effect.context<R2>()
        const remember = (value: A) => {
          if (compensate === undefined || attempt.undos.some(({ step }) => step === name)) return
          attempt.undos.push({
            step: name,
            effect: Effect.suspend(() => Effect.provideContext(Effect.scoped(compensate(value)), context))
          })
        }
        if (keep !== undefined) {
          const body = Effect.flatMap(
            whileBusy(executed(name, effect, options)),
            (value) => toText(name, value, options, kind.maxDataBytes)
          )
          const isCompensable = compensate !== undefined
          const step = { name, isSafe: options.safe !== false, isCompensable }
          const value = yield* restore(name, yield* keep(attempt, step, body), options)
          // Only a job that is to end can have steps that are undone.
          const stored = isCompensable && job.ending !== undefined
            ? yield* persist(store.step(job.id, name))
            : undefined
          if (stored?._tag !== "Done" || stored.compensation !== "done") remember(value)
          return value
        }
        const stored = yield* persist(store.step(job.id, name))
        if (stored?._tag === "Done") {
          const value = yield* restore(name, stored.value, options)
          if (stored.compensation === "due") remember(value)
          return value
        }
        yield* unlessEnding
        if (stored?._tag === "Begun" && stored.fence !== hold.fence) {
          return yield* Effect.die(new EngineFailure(cutOff(name)))
        }
        if (options.safe === false) yield* Effect.flatMap(persist(store.beginStep(hold, name)), orLost)
        return yield* Effect.uninterruptibleMask((interruptible) =>
          Effect.gen(function*() {
            const value = yield* interruptible(whileBusy(executed(name, effect, options)))
            const text = yield* toText(name, value, options, kind.maxDataBytes)
            const commit = store.commitStep(hold, name, text, compensate !== undefined)
            // The first try cannot be interrupted: what is done is stored. While the store is out of order, waiting can.
            const isHeld = yield* Effect.catch(commit, () => interruptible(persist(commit)))
            if (!isHeld) return yield* lost
            attempt.isAlone = false
            onStep(attempt)
            const kept = yield* restore(name, text, options)
            remember(kept)
            return kept
          })
        )
      })

    const pause = (name: string, duration: Duration.Input) =>
      Effect.gen(function*() {
        const stored = yield* persist(store.step(job.id, name))
        if (stored?._tag === "Done") return
        yield* unlessEnding
        const millis = Duration.toMillis(Duration.fromInputUnsafe(duration))
        const at = yield* persist(store.setAlarm(hold, name, clock.currentTimeMillisUnsafe() + millis))
        if (at === undefined) return yield* lost
        yield* whileWaiting(Effect.suspend(() => Effect.sleep(Math.max(0, at - clock.currentTimeMillisUnsafe()))))
        yield* Effect.flatMap(persist(store.commitStep(hold, name, undefined, false)), orLost)
      })

    const put = <A>(name: string, schema: Schema.Codec<A, unknown>, message: string) =>
      Effect.gen(function*() {
        const document = Schema.toJsonSchemaDocument(Schema.toCodecJson(schema))
        // What a JSON schema is.
        const json = {
          ...document.schema,
          ...Object.keys(document.definitions).length > 0 && { $defs: document.definitions }
        } as Schema.Json
        let problem: string | undefined
        for (;;) {
          const stored = yield* persist(store.step(job.id, name))
          if (stored?._tag === "Done") return yield* restore(name, stored.value, { schema })
          yield* unlessEnding
          if (stored?.value !== undefined) {
            const answer = yield* Effect.result(JsonText.decode(schema, stored.value))
            if (answer._tag === "Success") {
              yield* Effect.flatMap(persist(store.commitStep(hold, name, stored.value, false)), orLost)
              return answer.success
            }
            problem = answer.failure.expected
          }
          const question: StoredQuestion = { name, message, schema: json, ...problem !== undefined && { problem } }
          const isAnswered = Latch.makeUnsafe(false)
          // Only used to decode.
          attempt.asking = { name, schema: schema as Schema.Codec<unknown, unknown>, isAnswered }
          yield* Effect.flatMap(persist(store.ask(hold, question)), orLost)
          yield* whileWaiting(isAnswered.await)
          attempt.asking = undefined
        }
      })

    return {
      id: job.id,
      owner: job.owner,
      attempt: job.attempt,
      version: job.version,
      step: (name, effect, options = {}) => named(name, perform(name, effect, options)),
      sleep: (name, duration) => named(name, pause(name, duration)),
      ask: (name, schema, { message = name } = {}) => named(name, questions.withPermits(1)(put(name, schema, message))),
      fence: Effect.flatMap(
        Effect.suspend(() => persist(store.check(hold))),
        (isHeld) => isHeld ? Effect.succeed(hold.fence) : lost
      ),
      progress: (report) =>
        Effect.gen(function*() {
          if (report.data !== undefined) {
            data = yield* Effect.catch(
              JsonText.encode(kind.progress, report.data),
              (unfit) =>
                Effect.die(new Error(`the data of a progress report does not fit its schema: ${unfit.expected}`))
            )
            yield* bounded("the data of a progress report", data, kind.maxDataBytes)
          }
          if (report.percent !== undefined && !Number.isNaN(report.percent)) {
            percent = Math.max(percent, Math.min(100, report.percent))
          }
          message = report.message?.slice(0, maxMessage) ?? message
          attempt.unwritten = { ...hold, percent, message, data }
          onProgress(attempt)
        })
    }
  })

/** The effect of a step, as often and as long as it may run. */
export const executed = <A, E, R, R2>(
  name: string,
  effect: Effect.Effect<A, E, R>,
  { retry, timeout }: StepOptions<A, E, R2>
): Effect.Effect<A, E, R | R2> => {
  if (retry === undefined && timeout === undefined) return effect
  const millis = timeout === undefined ? 0 : Duration.toMillis(Duration.fromInputUnsafe(timeout))
  const late = new StepTimedOut({ step: name, millis })
  const once: Effect.Effect<A, E | StepTimedOut, R> = timeout === undefined
    ? effect
    : Effect.timeoutOrElse(effect, { duration: timeout, orElse: () => Effect.fail(late) })
  const tried = retry === undefined ? once : Effect.retry(once, retry)
  return Effect.catchIf(
    tried,
    (error): error is Extract<typeof error, StepTimedOut> => error === late,
    () => Effect.die(new EngineFailure({ kind: "timeout", message: late.message }))
    // The one of this step is caught, and of others none gets here.
  ) as Effect.Effect<A, E, R | R2>
}

/** Fails the job if that is larger than the store is to take. */
export const bounded = (what: string, text: string | undefined, limit: number): Effect.Effect<void> => {
  const bytes = text === undefined ? 0 : Buffer.byteLength(text)
  return bytes > limit ? Effect.die(new EngineFailure(tooLarge(what, bytes, limit))) : Effect.void
}

const toText = <A>(
  name: string,
  value: A,
  { schema }: Pick<StepOptions<A>, "schema">,
  limit: number
): Effect.Effect<string | undefined> =>
  Effect.tap(
    Effect.catch(
      schema === undefined ? JsonText.encodePlain(value) : JsonText.encode(schema, value),
      ({ expected }) =>
        Effect.die(
          new Error(
            `step "${name}" returned what cannot be stored: ${expected}` +
              (schema === undefined ? "; give the step a schema" : "")
          )
        )
    ),
    (text) => bounded(`what step "${name}" returned`, text, limit)
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
    ({ expected }) =>
      Effect.die(
        new Error(`what step "${name}" stored does not fit its schema any more: ${expected}; raise the version`)
      )
  )
}
