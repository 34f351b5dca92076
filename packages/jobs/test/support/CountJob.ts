import * as Job from "@holdfast/jobs/Job"
import * as Schema from "effect/Schema"

/** Adds up 1 to `steps`, one step each, and takes some milliseconds over every one. */
export const Count = Job.make("count", {
  version: 1,
  payload: { name: Schema.String, steps: Schema.Int, stepMillis: Schema.Int },
  success: Schema.Int,
  idempotencyKey: ({ name }) => name,
  concurrency: 3,
  maxCrashes: 50
})

export const stepName = (number: number): string => `add ${number}`

/** What happened, line by line, in the order of the file that all workers append to. */
export interface Line {
  readonly pid: number
  readonly what: "accepted" | "begin" | "end"
  readonly job: string
  readonly step: string
}
