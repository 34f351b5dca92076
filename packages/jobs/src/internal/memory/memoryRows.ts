/** The rows of the store in memory, and the jobs that they are. */
import type { Compensation, Unsuccessful } from "../local/Store.ts"
import type { StoredJob } from "../StoredJob.ts"

type Mutable<A> = { -readonly [K in keyof A]: A[K] }

/** A job. */
export interface Row extends Mutable<StoredJob> {
  readonly payload: string
  readonly trace: string | undefined
  result: string | undefined
  readonly number: number
  key: string | undefined
  runner: string | undefined
  /** Runners that died over it alone since its last completed step. */
  crashes: number
  /** Runners that died over it and others since then. */
  suspicions: number
  isAlone: boolean
  isWaiting: boolean
  ending: Unsuccessful | undefined
  /** Its place among the owners' turns. */
  readonly turn: number
}

/** What is the same of all jobs that were just accepted. */
export const fresh = {
  state: "queued",
  attempt: 0,
  crashes: 0,
  suspicions: 0,
  isAlone: false,
  isWaiting: false,
  ending: undefined,
  fence: 0,
  runner: undefined,
  isCancelling: false,
  percent: 0,
  message: undefined,
  data: undefined,
  question: undefined,
  result: undefined,
  failure: undefined,
  revision: 1,
  startsAt: undefined,
  deadlineAt: undefined,
  startedAt: undefined,
  finishedAt: undefined
} satisfies Partial<Row>

/** A step of a job. */
export interface StepRow {
  readonly isDone: boolean
  readonly isUnsafe: boolean
  readonly fence: number
  readonly value: string | undefined
  readonly compensation: Compensation
}

/** What is told of a job: not the row itself, which changes. */
export const copy = (row: Row): StoredJob => ({
  id: row.id,
  kind: row.kind,
  version: row.version,
  owner: row.owner,
  state: row.state,
  attempt: row.attempt,
  fence: row.fence,
  isCancelling: row.isCancelling,
  percent: row.percent,
  message: row.message,
  data: row.data,
  failure: row.failure,
  question: row.question,
  revision: row.revision,
  createdAt: row.createdAt,
  startedAt: row.startedAt,
  finishedAt: row.finishedAt,
  updatedAt: row.updatedAt,
  startsAt: row.startsAt,
  deadlineAt: row.deadlineAt
})

/** The lowest turn. */
export const least = (rows: ReadonlyArray<Row>): number =>
  rows.reduce((least, { turn }) => Math.min(least, turn), Infinity)
