/**
 * What the code of a job is given: its identity, durable steps, sleeps and questions, and progress.
 *
 * Gotchas: the code of a job runs again from its beginning after a crash or a restart, and passes over the steps that are
 * done. What it does outside of steps happens again; what a step returns is what was stored, so it must survive JSON or have
 * a schema. Steps, sleeps and questions of a job share their names.
 *
 * @example
 * ```ts
 * import type { JobRun } from "@holdfast/jobs"
 * import * as Effect from "effect/Effect"
 *
 * export const order = Effect.fn("order")(function*(job: JobRun.JobRun) {
 *   const paid = yield* job.step("pay", Effect.succeed({ receipt: 7 }), { safe: false })
 *   yield* job.sleep("cooling off", "1 day")
 *   yield* job.progress({ percent: 90, message: `receipt ${paid.receipt}` })
 *   return paid.receipt
 * })
 * ```
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"

/** An execution of a step took longer than its `timeout`. Only the step's `retry` sees it; the job fails with it. */
export class StepTimedOut extends Schema.TaggedError<StepTimedOut>("@holdfast/jobs/StepTimedOut")("StepTimedOut", {
  step: Schema.String,
  millis: Schema.Finite
}) {
  override get message(): string {
    return `step "${this.step}" took longer than its timeout of ${this.millis / 1000} s`
  }
}

/** How a step is run, stored and undone. */
export interface StepOptions<A, E = unknown, R = never> {
  /**
   * `false` for a step that must not be repeated, such as a payment: if the process dies in it, the job fails and says so.
   * Default: `true`; the interrupted step runs again, so it happens at least once.
   */
  readonly safe?: boolean | undefined
  /** How the value is stored. Default: as JSON, for values that JSON keeps as they are. */
  readonly schema?: Schema.Codec<A, unknown> | undefined
  /**
   * Runs the effect again when it fails or takes too long. Default: never. The count of tries is not stored: it begins anew when another process
   * takes the job over.
   */
  readonly retry?: Schedule.Schedule<unknown, E | StepTimedOut, never, R> | undefined
  /** Interrupts an execution that takes longer. When there is no other try, the job fails. Default: none. */
  readonly timeout?: Duration.Input | undefined
  /**
   * Undoes the step, given what it returned, if the job fails or is cancelled later; the last step first. What is undone is stored, so that it
   * happens once, by whatever process goes on with it. Must not fail: a defect is logged, and the job fails with `compensation`.
   */
  readonly compensate?: ((value: A) => Effect.Effect<unknown, never, R>) | undefined
}

/** What a job tells of itself. */
export interface ProgressReport<out Data> {
  /** 0 to 100. Less than before is told as before: progress never goes back. */
  readonly percent?: number | undefined
  /** For people; what is beyond 2000 characters is cut off. */
  readonly message?: string | undefined
  readonly data?: Data | undefined
}

/** One attempt at a job. */
export interface JobRun<in Data = unknown> {
  readonly id: string
  /** The id of the principal it belongs to. */
  readonly owner: string
  /** 1, and one more for each time that it was begun again. */
  readonly attempt: number
  /** The version the job was started as; less than the kind's if that says `onOldVersion: "finish"`. */
  readonly version: number
  /**
   * Runs the effect once per job and name, and stores what it returns; if it is stored already, returns that. Failures are
   * not stored: the step may be tried again, by its `retry`, by the job itself or by its next attempt.
   *
   * A store that is out of order does not fail the step: its commit is repeated until it succeeds. Two steps of one name at
   * the same time, values that JSON does not keep, and values larger than the kind's `maxDataBytes` fail the job.
   */
  readonly step: <A, E, R, R2 = never>(
    name: string,
    effect: Effect.Effect<A, E, R>,
    options?: StepOptions<A, NoInfer<E>, R2>
  ) => Effect.Effect<A, E, R | R2>
  /**
   * Waits once per job and name, by the clock on the wall: a process that goes on with the job waits for what is left. A job that only waits
   * takes no place of those that run.
   */
  readonly sleep: (name: string, duration: Duration.Input) => Effect.Effect<void>
  /**
   * Asks once per job and name, and waits for the answer, for days if need be, in whatever process the job is. Any program on the store answers by
   * `Jobs.answer`; an answer that does not fit the schema is asked for again. Questions of one job are asked one after the other.
   */
  readonly ask: <A>(
    name: string,
    schema: Schema.Codec<A, unknown>,
    options?: {
      /** For people. Default: the name. */
      readonly message?: string | undefined
    }
  ) => Effect.Effect<A>
  /**
   * The fencing token of this attempt, read from the store: it grows whenever another process takes the job. Ask for it inside of a step and hand it
   * to what the step writes to; what has seen a higher one refuses it. Interrupts an attempt whose job was taken.
   */
  readonly fence: Effect.Effect<number>
  /** Tells how far the job is. Cheap: may be called as often as one likes, it is written at most every `progressInterval`. */
  readonly progress: (report: ProgressReport<Data>) => Effect.Effect<void>
}
