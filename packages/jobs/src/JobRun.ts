/**
 * What the code of a job is given: its identity, durable steps and progress.
 *
 * Gotchas: the code of a job runs again from its beginning after a crash or a restart, and passes over the steps that are
 * done. What it does outside of steps happens again; what a step returns is what was stored, so it must survive JSON or have
 * a schema.
 */
import type * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"

export interface StepOptions<A> {
  /**
   * `false` for a step that must not be repeated, such as a payment: if the process dies in it, the job fails and says so.
   * Default: `true`; the interrupted step runs again, so it happens at least once.
   */
  readonly safe?: boolean | undefined
  /** How the value is stored. Default: as JSON, for values that JSON keeps as they are. */
  readonly schema?: Schema.Codec<A, unknown> | undefined
}

/** What a job tells of itself. */
export interface ProgressReport<out Data> {
  /** 0 to 100. Less than before is told as before: progress never goes back. */
  readonly percent?: number | undefined
  /** For people. */
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
   * not stored: the step may be tried again, by the job itself or by its next attempt.
   *
   * A store that is out of order does not fail the step: its commit is repeated until it succeeds. Two steps of one name at
   * the same time, and values that JSON does not keep, are defects.
   */
  readonly step: <A, E, R>(
    name: string,
    effect: Effect.Effect<A, E, R>,
    options?: StepOptions<A>
  ) => Effect.Effect<A, E, R>
  /** Tells how far the job is. Cheap: may be called as often as one likes, it is written at most every `progressInterval`. */
  readonly progress: (report: ProgressReport<Data>) => Effect.Effect<void>
}
