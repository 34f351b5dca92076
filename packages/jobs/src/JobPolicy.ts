/**
 * How often jobs look at their store, how long a runner is believed to live, how long finished jobs are kept.
 *
 * Replace the defaults with `JobPolicy.layer({ … })`.
 *
 * @example
 * ```ts
 * import { JobPolicy, Jobs, SqliteStore } from "@holdfast/jobs"
 * import * as Layer from "effect/Layer"
 *
 * export const layer = Jobs.layer.pipe(
 *   Layer.provide([SqliteStore.layer("jobs.db"), JobPolicy.layer({ retention: "30 days", concurrency: 4 })])
 * )
 * ```
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Layer from "effect/Layer"

/** The settings as they are used. */
export interface Policy {
  readonly name: string
  readonly pollInterval: Duration.Duration
  readonly progressInterval: Duration.Duration
  readonly leaseDuration: Duration.Duration
  readonly renewInterval: Duration.Duration
  readonly retention: Duration.Duration
  readonly cleanInterval: Duration.Duration
  readonly concurrency: number
}

/** The settings as they are given; each has a default. */
export interface PolicyInput {
  /** Names the store in metrics, as the attribute `store`. Default: `jobs`. */
  readonly name?: string | undefined
  /**
   * How soon what another process did is seen: new jobs, cancellations, progress. Postgres tells it at once, and is looked at all the same. Default:
   * 1 second.
   */
  readonly pollInterval?: Duration.Input | undefined
  /** Progress of a running job is written at most this often. Default: 250 milliseconds. */
  readonly progressInterval?: Duration.Input | undefined
  /** Postgres only: a runner that was not heard of for this long is dead, and its jobs are taken over. Default: 8 seconds. */
  readonly leaseDuration?: Duration.Input | undefined
  /** Postgres only: how often a runner is heard of. Default: a quarter of `leaseDuration`. */
  readonly renewInterval?: Duration.Input | undefined
  /** Finished jobs are removed after this time. Default: 7 days. */
  readonly retention?: Duration.Input | undefined
  /** How often they are looked for. Default: 1 hour. */
  readonly cleanInterval?: Duration.Input | undefined
  /** Jobs of all kinds that run at once in one process; kinds of a higher `priority` go first. Default: no limit but the kinds' own. */
  readonly concurrency?: number | undefined
}

/** The settings, with defaults for what is not given. */
export const make = (input: PolicyInput = {}): Policy => {
  const leaseDuration = Duration.fromInputUnsafe(input.leaseDuration ?? "8 seconds")
  return {
    name: input.name ?? "jobs",
    pollInterval: Duration.fromInputUnsafe(input.pollInterval ?? "1 second"),
    progressInterval: Duration.fromInputUnsafe(input.progressInterval ?? "250 millis"),
    leaseDuration,
    renewInterval: Duration.fromInputUnsafe(input.renewInterval ?? Duration.times(leaseDuration, 0.25)),
    retention: Duration.fromInputUnsafe(input.retention ?? "7 days"),
    cleanInterval: Duration.fromInputUnsafe(input.cleanInterval ?? "1 hour"),
    concurrency: input.concurrency ?? Infinity
  }
}

/** The policy of the jobs of this program. */
export const JobPolicy: Context.Reference<Policy> = Context.Reference("@holdfast/jobs/JobPolicy", {
  defaultValue: () => make()
})

/** Jobs of a program with these settings. */
export const layer = (input: PolicyInput): Layer.Layer<never> => Layer.succeed(JobPolicy, make(input))
