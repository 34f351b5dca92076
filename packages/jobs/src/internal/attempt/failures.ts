/**
 * What is kept of jobs that end for a reason of the engine's.
 */
import type { StoredFailure } from "../StoredJob.ts"

/** Its runners died too often. */
export const crashed = (times: number): StoredFailure => ({
  kind: "crashes",
  message:
    `the process that ran it died ${times} times without completing a step; look into why before starting it again`
})

/** It is of a version that no longer runs. */
export const outdated = (
  job: { readonly version: number },
  { kind, version }: { readonly kind: string; readonly version: number }
): StoredFailure => ({
  kind: "version",
  message: `it was started as version ${job.version} of ${kind} and does not run as version ${version}; start it again`
})

/** A step that must not run twice was cut off. */
export const cutOff = (step: string): StoredFailure => ({
  kind: "interrupted step",
  message: `step "${step}" was cut off and is not safe to repeat: it may have run; check, then start the job again`
})

/** A value of it is larger than the store is to take. */
export const tooLarge = (what: string, bytes: number, limit: number): StoredFailure => ({
  kind: "data",
  message:
    `${what} has ${bytes} bytes as JSON, the limit is ${limit}; store it elsewhere and keep its place, or raise maxDataBytes`
})

/** The store can never take a value of it. */
export const unstorable = (detail: string): StoredFailure => ({
  kind: "data",
  message: "the store can never take what it returned; the cause is kept with the job, for the operator of the server",
  cause: detail
})

/** A step could not be undone. */
export const notUndone = (steps: ReadonlyArray<string>, cause: string): StoredFailure => ({
  kind: "compensation",
  message: `it ended early, and could not undo ${steps.map((step) => `"${step}"`).join(", ")}: look after that by hand`,
  cause
})
