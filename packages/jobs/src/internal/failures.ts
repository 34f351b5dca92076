/**
 * What is kept of jobs that end for a reason of the engine's.
 */
import type { StoredFailure } from "../JobStore.ts"

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
