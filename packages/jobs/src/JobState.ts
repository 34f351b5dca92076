/**
 * The life of a job: five states, one table of legal edges, one function that moves.
 *
 * A job ends in exactly one of three states and never leaves it. `running` goes back to `queued` when its process hands it
 * back (a shutdown) or is found dead: the job is not lost, it waits for the next runner.
 *
 * @example
 * ```ts
 * import { JobState } from "@holdfast/jobs"
 *
 * export const isOver = JobState.isEnded("succeeded")
 * ```
 */
import * as Schema from "effect/Schema"

/** Where a job is in its life. */
export const JobState = Schema.Literals(["queued", "running", "succeeded", "failed", "cancelled"])
/** One of the five states. */
export type JobState = typeof JobState.Type

/** The states a job ends in. */
export type Ended = Exclude<JobState, "queued" | "running">

/** Every legal edge. What is not here does not happen. */
export const edges: Readonly<Record<JobState, ReadonlyArray<JobState>>> = {
  queued: ["running", "failed", "cancelled"],
  running: ["queued", "succeeded", "failed", "cancelled"],
  succeeded: [],
  failed: [],
  cancelled: []
}

/** Whether the job is over. */
export const isEnded = (state: JobState): state is Ended => edges[state].length === 0

/** `to`, if a job in `from` may become that; else a defect, since no caller's input leads there. */
export const move = <const To extends JobState>(from: JobState, to: To): To => {
  if (!edges[from].includes(to)) throw new Error(`a job never goes from ${from} to ${to}`)
  return to
}
