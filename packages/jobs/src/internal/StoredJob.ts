/** What stores keep of a job. Every store has the same rows, so that everything above them is one. */
import type { JobState } from "../JobState.ts"
import type { JobFailure, JobQuestion } from "../JobStatus.ts"

/** What is kept of a failure: what everybody may read, the typed error as JSON, and the whole cause for the operator. */
export interface StoredFailure extends JobFailure {
  /** The typed error, encoded by the kind's `error` schema. */
  readonly error?: string | undefined
  readonly cause?: string | undefined
}

/** A question of a job, as it is kept while it is open. */
export interface StoredQuestion extends JobQuestion {
  /** What was wrong with the last answer. */
  readonly problem?: string | undefined
}

/** Whether what is kept for a question is an answer to it. `refused`: the one that its asker has seen, and that will not do. */
export const isAnswer = (kept: string | null | undefined, refused: string | undefined): boolean =>
  kept !== null && kept !== undefined && kept !== refused

/**
 * What is stored of a job, but for its payload and its result: these may be large, and polls need neither. Times are milliseconds
 * of the epoch; texts that hold JSON say so.
 */
export interface StoredJob {
  readonly id: string
  readonly kind: string
  readonly version: number
  readonly owner: string
  readonly state: JobState
  readonly attempt: number
  /** The fencing token: grows with every runner that takes the job. */
  readonly fence: number
  readonly isCancelling: boolean
  readonly percent: number
  readonly message: string | undefined
  /** JSON. */
  readonly data: string | undefined
  readonly failure: StoredFailure | undefined
  /** The question whose answer it waits for. */
  readonly question: StoredQuestion | undefined
  /** Grows with every change. */
  readonly revision: number
  /** It is not begun before this time. */
  readonly startsAt: number | undefined
  /** It fails if it has not ended by this time. */
  readonly deadlineAt: number | undefined
  readonly createdAt: number
  readonly startedAt: number | undefined
  readonly finishedAt: number | undefined
  readonly updatedAt: number
}

/** A job that is to be accepted. Durations in milliseconds. */
export interface NewJob {
  readonly id: string
  readonly kind: string
  readonly version: number
  readonly owner: string
  readonly key: string | undefined
  readonly payload: string
  /** As many of this kind and owner may be queued. */
  readonly maxQueued: number
  /** A job of the same key that failed or was cancelled gives up its key: a new job takes it. */
  readonly again: boolean
  readonly delayMillis: number
  /** Counted from its acceptance. */
  readonly deadlineMillis: number | undefined
  /** The span that starts it, as `traceparent`. */
  readonly trace?: string | undefined
}

/** Which jobs are listed. */
export interface ListRequest {
  /** `undefined`: of all owners, for the operator. */
  readonly owner: string | undefined
  readonly kind: string | undefined
  readonly states: ReadonlyArray<JobState> | undefined
  readonly limit: number
}
