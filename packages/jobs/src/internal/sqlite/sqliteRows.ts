/** The rows of the SQLite store, and the jobs that they are. */
import type { JobState } from "../../JobState.ts"
import type { StoredFailure, StoredJob, StoredQuestion } from "../StoredJob.ts"

/** What is read of a job. */
export interface Row {
  readonly id: string
  readonly kind: string
  readonly version: number
  readonly owner: string
  readonly state: JobState
  readonly attempt: number
  readonly crashes: number
  readonly suspicions: number
  readonly fence: number
  readonly is_cancelling: number
  readonly percent: number
  readonly message: string | null
  readonly data: string | null
  readonly failure: string | null
  readonly question: string | null
  readonly ending: string | null
  readonly revision: number
  readonly created_at: number
  readonly starts_at: number | null
  readonly deadline_at: number | null
  readonly started_at: number | null
  readonly finished_at: number | null
  readonly updated_at: number
}

/** What is read to find jobs. */
export interface Id {
  readonly id: string
}

/** The columns of a `Row`. */
export const columnsOfRow =
  "id, kind, version, owner, state, attempt, crashes, suspicions, fence, is_cancelling, percent, message, data, failure, " +
  "question, ending, revision, created_at, starts_at, deadline_at, started_at, finished_at, updated_at"

/** What a step's compensation is called, by the number that is stored. */
export const compensations = ["none", "due", "done"] as const

export const questionOf = (text: string | null): StoredQuestion | undefined =>
  // Written by `ask`.
  text === null ? undefined : JSON.parse(text) as StoredQuestion

export const toJob = (row: Row): StoredJob => ({
  id: row.id,
  kind: row.kind,
  version: row.version,
  owner: row.owner,
  state: row.state,
  attempt: row.attempt,
  fence: row.fence,
  isCancelling: row.is_cancelling === 1,
  percent: row.percent,
  message: row.message ?? undefined,
  data: row.data ?? undefined,
  // Written by `finish` from a StoredFailure.
  failure: row.failure === null ? undefined : JSON.parse(row.failure) as StoredFailure,
  question: questionOf(row.question),
  revision: row.revision,
  createdAt: row.created_at,
  startsAt: row.starts_at ?? undefined,
  deadlineAt: row.deadline_at ?? undefined,
  startedAt: row.started_at ?? undefined,
  finishedAt: row.finished_at ?? undefined,
  updatedAt: row.updated_at
})
