/**
 * What the code of a job is given: its steps, sleeps and questions, its progress.
 */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Schema from "effect/Schema"
import * as Semaphore from "effect/Semaphore"
import type { Job } from "../../Job.ts"
import type { JobRun, StepOptions } from "../../JobRun.ts"
import * as JobTrace from "../jobTrace.ts"
import * as JsonText from "../JsonText.ts"
import type { StoredQuestion } from "../StoredJob.ts"
import { type Attempt, intend } from "./Attempt.ts"
import type { AttemptContext } from "./AttemptContext.ts"
import { EngineFailure } from "./EngineFailure.ts"
import { cutOff } from "./failures.ts"
import { bounded, executed, restore, toText } from "./stepValues.ts"

const maxMessage = 2000

/** What the code of the job is given. */
export const toRun = <Data>(
  attempt: Attempt,
  kind: Pick<Job<string, unknown, unknown, unknown, Data>, "progress" | "maxDataBytes">,
  { clock, keep, onProgress, onStep, onWaiting, persist, place, store }: AttemptContext
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
            whileBusy(JobTrace.step(name, executed(name, effect, options))),
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
            const value = yield* interruptible(whileBusy(JobTrace.step(name, executed(name, effect, options))))
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
          const asked = yield* persist(store.ask(hold, question, stored?.value))
          if (asked === undefined) return yield* lost
          if (asked === "asked") yield* whileWaiting(isAnswered.await)
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
