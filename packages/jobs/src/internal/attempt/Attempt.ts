/** One attempt at a job in this process, as data: the intent behind it, what undoes it, what it waits for, what is not written yet. */
import type * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type * as Latch from "effect/Latch"
import type * as Schema from "effect/Schema"
import type { ClaimedJob, Hold, Progress } from "../local/Store.ts"

/**
 * Why an attempt ends before its time: the job was cancelled or is past its deadline, the process hands it back, or it has changed hands. The
 * first intent counts: it decides what becomes of the job.
 */
export type Intent = "run" | "cancel" | "deadline" | "hand back" | "lost"

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
