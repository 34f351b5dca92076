/**
 * The rows of the jobs of one engine: one interface, one contract that every store's tests run.
 *
 * How several processes share a store without doing anything twice: every process is a *runner* with an id of its own and a
 * lease that it renews. A running job names its runner and carries a *fence*, a number that grows whenever somebody takes the
 * job. Whatever a runner writes about a job is written in one transaction with the check that the fence is still its own; a
 * runner that slept through its lease finds that out at its next write, and stops. Completed steps are rows beside the job.
 *
 * Leases go by the store's clock, which may be wrong: for SQLite it is the wall clock of each process. So a runner whose lease
 * looks over is left alone while it is seen to renew it (`ClaimRequest.silent`).
 *
 * Why not `effect/workflow` on `effect/cluster`: two single runners with the default address executed one step twice; an
 * interrupted workflow lets the running step finish first, here a cancel is prompt; finished runs are never removed; and a
 * step's commit cannot be bound to a fence. The table below is smaller than what it would take to work around that, and it is
 * the same on SQLite and Postgres.
 *
 * Gotchas: this is an interface between an engine and its rows. Programs use `Jobs`.
 */
import type * as Effect from "effect/Effect"
import type { JobError } from "../../JobError.ts"
import type { Ended } from "../../JobState.ts"
import type { ListRequest, NewJob, StoredFailure, StoredJob } from "../../JobStore.ts"
import type { Identity } from "../JobHost.ts"

/** A job as its runner gets it. */
export interface ClaimedJob extends StoredJob {
  /** JSON. */
  readonly payload: string
}

/** The right to write about a running job: valid while nobody else has taken it. */
export interface Hold {
  readonly id: string
  readonly fence: number
}

export interface ClaimRequest {
  readonly runner: string
  readonly kind: string
  readonly version: number
  readonly onOldVersion: "finish" | "restart" | "fail"
  /** A job whose runners died this often without completing a step fails. */
  readonly maxCrashes: number
  /**
   * Of the runners whose lease is over, those from which jobs may be taken; those the store does not know need not be named.
   * Default: all.
   */
  readonly silent?: ReadonlyArray<string> | undefined
}

/** From whom a job was taken. */
export interface Former {
  readonly runner: string
  /** How long ago its lease ended, in milliseconds; `undefined` if the store does not know the runner. */
  readonly leaseOverMillis: number | undefined
}

/** One look for work: a job to run, a job that was settled instead (look again), or nothing to do. */
export type Claim =
  | { readonly _tag: "Claimed"; readonly job: ClaimedJob; readonly former?: Former }
  | { readonly _tag: "Settled"; readonly id: string; readonly state: Ended; readonly former?: Former }
  | { readonly _tag: "Nothing" }

/** A step's row. `begun` is written only for steps that must not be repeated. */
export type StoredStep =
  | { readonly _tag: "Begun"; readonly fence: number }
  | { readonly _tag: "Done"; readonly value: string | undefined }

export interface Progress extends Hold {
  readonly percent: number
  readonly message: string | undefined
  /** JSON. */
  readonly data: string | undefined
}

export type Outcome =
  | { readonly state: "succeeded"; readonly result: string | undefined }
  | { readonly state: "failed"; readonly failure: StoredFailure }
  | { readonly state: "cancelled" }

export interface Runner {
  readonly id: string
  readonly identity: Identity
}

/** A runner as the store knows it. */
export interface KnownRunner extends Runner {
  /** The end of its lease, by the store's clock. Changes whenever the runner renews it. */
  readonly until: number
  /** Whether that has passed, by the same clock. */
  readonly isOver: boolean
}

/** The jobs of a kind that wait. */
export interface Backlog {
  readonly queued: number
  /** How long ago the oldest of them was accepted, in milliseconds; 0 if none waits. */
  readonly oldestMillis: number
}

/** What a store does. Every effect is one transaction; each fails only with `JobQueueFull` or a store's own reasons. */
export interface Store {
  /** For messages: a path or a host, no secrets. */
  readonly name: string
  /** Accepts a job, or finds the one of the same kind, owner and key. When it returns, the job survives a crash. */
  readonly insert: (job: NewJob) => Effect.Effect<{ readonly job: StoredJob; readonly isNew: boolean }, JobError>
  /** The jobs of these ids, in no order; what is not there is missing. */
  readonly read: (ids: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<StoredJob>, JobError>
  /** What a job has returned, as JSON. */
  readonly result: (id: string) => Effect.Effect<string | undefined, JobError>
  /** The newest first. */
  readonly list: (request: ListRequest) => Effect.Effect<ReadonlyArray<StoredJob>, JobError>
  /** Takes a dead runner's job, else the next queued one, owners in turn. */
  readonly claim: (request: ClaimRequest) => Effect.Effect<Claim, JobError>
  /** The runner lives, and will be believed to for this long. */
  readonly renew: (runner: Runner, leaseMillis: number) => Effect.Effect<void, JobError>
  /** All runners that did not leave and were not retired. */
  readonly runners: Effect.Effect<ReadonlyArray<KnownRunner>, JobError>
  /** The runner is dead: its lease ends now. */
  readonly retire: (runner: string) => Effect.Effect<void, JobError>
  /** The runner ends in order: its jobs are queued again. */
  readonly leave: (runner: string) => Effect.Effect<void, JobError>
  /** The running jobs of a runner. */
  readonly held: (
    runner: string
  ) => Effect.Effect<ReadonlyArray<Hold & { readonly isCancelling: boolean }>, JobError>
  readonly step: (id: string, name: string) => Effect.Effect<StoredStep | undefined, JobError>
  /** False if the hold is lost: nothing was written. So with all that take a hold. */
  readonly beginStep: (hold: Hold, name: string) => Effect.Effect<boolean, JobError>
  readonly commitStep: (hold: Hold, name: string, value: string | undefined) => Effect.Effect<boolean, JobError>
  readonly finish: (hold: Hold, outcome: Outcome) => Effect.Effect<boolean, JobError>
  /** Back into the queue. */
  readonly release: (hold: Hold) => Effect.Effect<boolean, JobError>
  /** Lost holds are passed over. */
  readonly report: (progress: ReadonlyArray<Progress>) => Effect.Effect<void, JobError>
  /** Ends a job that nobody runs; asks the runner of one that runs. True if it has ended by that. */
  readonly requestCancel: (id: string) => Effect.Effect<boolean, JobError>
  /** False if it has not ended. */
  readonly remove: (id: string) => Effect.Effect<boolean, JobError>
  /** Over all owners. */
  readonly backlog: (kind: string) => Effect.Effect<Backlog, JobError>
  /** Removes up to 1000 jobs that ended longer ago than this. */
  readonly clean: (retentionMillis: number) => Effect.Effect<number, JobError>
}
