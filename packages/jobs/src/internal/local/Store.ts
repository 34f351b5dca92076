/**
 * The rows of the jobs of one machine: one interface, one contract that the tests of both stores run (memory, SQLite).
 *
 * How several processes share a store without doing anything twice: every process is a *runner* with an id of its own. A running
 * job names its runner and carries a *fence*, a number that grows whenever the job changes hands. Whatever a runner writes about a
 * job is written in one transaction with the check that the fence is still its own. Completed steps are rows beside the job.
 *
 * A runner is dead when the kernel says so (`isDead`), never because a clock says so. A dead runner is *buried*: its jobs
 * are queued again in one transaction, in which it is also decided which of them may have killed it.
 *
 * Why not `effect/workflow` here, which runs the jobs on Postgres: its single-machine engine has no takeover between processes,
 * its cluster needs clocks, and a step's commit cannot be bound to a fence. The rows below are smaller than a way around that.
 *
 * Gotchas: this is an interface between an engine and its rows. Programs use `Jobs`.
 */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { JobError } from "../../JobError.ts"
import type { Ended } from "../../JobState.ts"
import type { Identity } from "../ProcessIdentity.ts"
import type { ListRequest, NewJob, StoredFailure, StoredJob, StoredQuestion } from "../StoredJob.ts"

/** A job as its runner gets it. */
export interface ClaimedJob extends StoredJob {
  /** JSON. */
  readonly payload: string
  /** The span that started it, as `traceparent`. */
  readonly trace: string | undefined
  /** Runners died over it: nothing else may run beside it in this process until it has completed a step. */
  readonly isAlone: boolean
  /** What it ends with once its steps are undone. */
  readonly ending: Unsuccessful | undefined
}

/** The right to write about a running job: valid while the job has not changed hands. */
export interface Hold {
  readonly id: string
  readonly fence: number
}

export interface ClaimRequest {
  readonly runner: string
  readonly kind: string
  readonly version: number
  readonly onOldVersion: "finish" | "restart" | "fail"
  /** A job whose runners died this often over it alone, without completing a step, fails. */
  readonly maxCrashes: number
  /** Jobs that are suspected of killing their runners: taken, passed over, or waited for when it is their turn. */
  readonly suspects: "take" | "pass over" | "wait for"
}

/**
 * One look for work: a job to run, a job that was settled instead (look again), a suspect whose turn it is (make room for it), or
 * nothing to do.
 */
export type Claim =
  | { readonly _tag: "Claimed"; readonly job: ClaimedJob }
  | { readonly _tag: "Settled"; readonly id: string; readonly state: Ended }
  | { readonly _tag: "Suspect" }
  | { readonly _tag: "Nothing" }

/** A step's row. `Begun` is written for steps that must not be repeated, and for those that wait: `value` is what for, or the answer. */
export type StoredStep =
  | { readonly _tag: "Begun"; readonly fence: number; readonly value: string | undefined }
  | { readonly _tag: "Done"; readonly value: string | undefined; readonly compensation: Compensation }

/** Whether a step is to be undone when its job does not succeed. */
export type Compensation = "none" | "due" | "done"

export interface Progress extends Hold {
  readonly percent: number
  readonly message: string | undefined
  /** JSON. */
  readonly data: string | undefined
}

export type Unsuccessful =
  | { readonly state: "failed"; readonly failure: StoredFailure }
  | { readonly state: "cancelled" }

export type Outcome = { readonly state: "succeeded"; readonly result: string | undefined } | Unsuccessful

export interface Runner {
  readonly id: string
  readonly identity: Identity
}

/** A job of a runner that was buried, as it is now. */
export interface Bequest {
  readonly id: string
  readonly kind: string
  readonly attempt: number
  readonly state: StoredJob["state"]
  /** It ran when the runner died, and nothing else did, or it was tried alone. */
  readonly isCharged: boolean
}

/** A job of a runner that lives. */
export interface Held extends Hold {
  readonly isCancelling: boolean
  /** The name of the question that is open. */
  readonly question: string | undefined
}

/** The jobs of a kind that wait. */
export interface Backlog {
  readonly queued: number
  /** How long ago the oldest of them was accepted, in milliseconds; 0 if none waits. */
  readonly oldestMillis: number
}

/** A job that ended in the queue. */
export interface Expired {
  readonly id: string
  readonly kind: string
}

/** What a store does. Every effect is one transaction; each fails only with `JobQueueFull` or a store's own reasons. */
export interface Store {
  /** For messages: a path or a host, no secrets. */
  readonly name: string
  /** Accepts a job, or finds the one of the same kind, owner and key. When it returns, the job survives a crash. */
  readonly insert: (job: NewJob) => Effect.Effect<{ readonly job: StoredJob; readonly isNew: boolean }, JobError>
  /** The jobs of these ids, in no order; what is not there is missing. */
  readonly read: (ids: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<StoredJob>, JobError>
  /** What a job was started with, as JSON. */
  readonly payload: (id: string) => Effect.Effect<string | undefined, JobError>
  /** What a job has returned, as JSON. */
  readonly result: (id: string) => Effect.Effect<string | undefined, JobError>
  /** The newest first. */
  readonly list: (request: ListRequest) => Effect.Effect<ReadonlyArray<StoredJob>, JobError>
  /** Takes the next queued job that may begin, owners in turn. */
  readonly claim: (request: ClaimRequest) => Effect.Effect<Claim, JobError>
  /** Lets begin what has waited for its time; ends what is past its deadline and has nothing to undo. */
  readonly awaken: Effect.Effect<ReadonlyArray<Expired>, JobError>
  /** The runner lives, and every process can tell, until the Scope closes or its process ends. */
  readonly enroll: (runner: Runner) => Effect.Effect<void, JobError, Scope.Scope>
  /** All runners that did not leave and were not buried; those of this process in any case, which are entered again if they are missing. */
  readonly runners: Effect.Effect<ReadonlyArray<Runner>, JobError>
  /** Whether the runner certainly is no more. */
  readonly isDead: (runner: Runner) => Effect.Effect<boolean, JobError>
  /** The runner is dead: its jobs are queued again, those that may have killed it after a pause. */
  readonly bury: (runner: string) => Effect.Effect<ReadonlyArray<Bequest>, JobError>
  /** The runner ends in order: its jobs are queued again. */
  readonly leave: (runner: string) => Effect.Effect<void, JobError>
  /** The running jobs of a runner. */
  readonly held: (runner: string) => Effect.Effect<ReadonlyArray<Held>, JobError>
  readonly step: (id: string, name: string) => Effect.Effect<StoredStep | undefined, JobError>
  /** False if the hold is lost: nothing was written. So with all that take a hold. */
  readonly beginStep: (hold: Hold, name: string) => Effect.Effect<boolean, JobError>
  readonly commitStep: (
    hold: Hold,
    name: string,
    value: string | undefined,
    isCompensable: boolean
  ) => Effect.Effect<boolean, JobError>
  /** The step is to be done at this time, unless a time was set for it before. The time that counts, if the hold is good. */
  readonly setAlarm: (hold: Hold, name: string, at: number) => Effect.Effect<number | undefined, JobError>
  /**
   * Asks, unless there is an answer: one that was told as taken may have come between the look of the asker and this. `refused` is the answer that will
   * not do, which is forgotten. Undefined: the hold is lost.
   */
  readonly ask: (
    hold: Hold,
    question: StoredQuestion,
    refused?: string
  ) => Effect.Effect<"asked" | "answered" | undefined, JobError>
  /** Answers an open question of this name. False if there is none. */
  readonly answer: (id: string, question: string, value: string) => Effect.Effect<boolean, JobError>
  /** The job does nothing but wait from now on, or does something again. */
  readonly setWaiting: (hold: Hold, isWaiting: boolean) => Effect.Effect<boolean, JobError>
  /** Whether the hold is good. */
  readonly check: (hold: Hold) => Effect.Effect<boolean, JobError>
  /** From now on the job is undone, by whatever runner, to end so. */
  readonly beginEnding: (hold: Hold, outcome: Unsuccessful) => Effect.Effect<boolean, JobError>
  /** The step is undone. */
  readonly commitCompensation: (hold: Hold, name: string) => Effect.Effect<boolean, JobError>
  readonly finish: (hold: Hold, outcome: Outcome) => Effect.Effect<boolean, JobError>
  /** Back into the queue. */
  readonly release: (hold: Hold) => Effect.Effect<boolean, JobError>
  /** Lost holds are passed over. */
  readonly report: (progress: ReadonlyArray<Progress>) => Effect.Effect<void, JobError>
  /** Ends a job that waits and has nothing to undo; asks the runner of any other. True if it has ended by that. */
  readonly requestCancel: (id: string) => Effect.Effect<boolean, JobError>
  /** A new job like that one, with its steps up to this one; `undefined` if it did not fail and was not cancelled. */
  readonly retry: (
    id: string,
    newId: string,
    from: string | undefined
  ) => Effect.Effect<StoredJob | undefined, JobError>
  /** Names of the steps that are done, in the order in which they were begun. */
  readonly steps: (id: string) => Effect.Effect<ReadonlyArray<string>, JobError>
  /** False if it has not ended. */
  readonly remove: (id: string) => Effect.Effect<boolean, JobError>
  /** Over all owners. */
  readonly backlog: (kind: string) => Effect.Effect<Backlog, JobError>
  /** Removes some of what ended longer ago than this. False if nothing is left to remove. */
  readonly clean: (retentionMillis: number) => Effect.Effect<boolean, JobError>
}

/**
 * How long a job waits that may have killed its runner. Nothing for a first death that it shares with others: most are the
 * process's own affair. A second one, or one that it died alone, costs a second, and each further one twice as much.
 */
export const pauseAfter = (deaths: { readonly crashes: number; readonly suspicions: number }): number => {
  const times = deaths.crashes + Math.max(0, deaths.suspicions - 1)
  return times === 0 ? 0 : Math.min(60_000, 1000 * 2 ** (times - 1))
}

/** Whether it is to be tried alone. */
export const isSuspect = (deaths: { readonly crashes: number; readonly suspicions: number }): boolean =>
  deaths.crashes > 0 || deaths.suspicions > 1

/** Which of a dead runner's jobs is charged with its death: one that was tried alone, or the only one that did anything. */
export const chargedOf = <A extends { readonly isAlone: boolean; readonly isWaiting: boolean }>(
  jobs: ReadonlyArray<A>
): A | undefined => {
  const busy = jobs.filter(({ isWaiting }) => !isWaiting)
  return busy.find(({ isAlone }) => isAlone) ?? (busy.length === 1 ? busy[0] : undefined)
}

export const pastDeadline: Extract<Unsuccessful, { readonly state: "failed" }> = {
  state: "failed",
  failure: { kind: "deadline", message: "it did not end before its deadline; start it again with more time" }
}
