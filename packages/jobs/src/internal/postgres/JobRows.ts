/**
 * The rows of the tables as they are read, and the parts that all statements about them share.
 */
import * as Effect from "effect/Effect"
import type * as SqlClient from "effect/sql/SqlClient"
import { isSqlError, type SqlError } from "effect/sql/SqlError"
import { JobError, JobStoreUnavailable, type StoreProblem } from "../../JobError.ts"
import type { JobState } from "../../JobState.ts"
import type { ClaimedJob, Hold, Unsuccessful } from "../local/Store.ts"
import type { StoredFailure, StoredJob, StoredQuestion } from "../StoredJob.ts"
import { nowIn, type tablesIn } from "./format.ts"

/** A job as its runner gets it. */
export interface TakenJob extends ClaimedJob {
  readonly crashes: number
  readonly suspicions: number
  readonly hasUndo: boolean
  /** It goes on behind steps of another job, which are kept in the table. */
  readonly isSeeded: boolean
}

/** The executions of a job: the present one, and those before it was started over. */
export interface Executed {
  readonly execution: string | null
  readonly executions: ReadonlyArray<string>
}

export interface Queued {
  readonly kind: string
  readonly owner: string
  readonly version: number
}

export interface Taking {
  readonly runner: string
  readonly execution: string
  readonly lane: string
}

export interface StepRow {
  readonly fence: number
  readonly is_done: boolean
  readonly is_undone: boolean
  readonly value: string | null
}

export interface Row {
  readonly id: string
  readonly kind: string
  readonly version: number
  readonly owner: string
  readonly state: JobState
  readonly attempt: number
  readonly crashes: number
  readonly suspicions: number
  readonly is_alone: boolean
  readonly fence: number
  readonly is_cancelling: boolean
  readonly has_undo: boolean
  readonly is_seeded: boolean
  readonly ending: string | null
  readonly question: string | null
  readonly question_name: string | null
  readonly starts_at: number | null
  readonly deadline_at: number | null
  readonly percent: number
  readonly message: string | null
  readonly data: string | null
  readonly failure: string | null
  readonly revision: number
  readonly created_at: number
  readonly started_at: number | null
  readonly finished_at: number | null
  readonly updated_at: number
}

/** What is read of a job that is taken. */
export interface Taken extends Row {
  readonly payload: string
  readonly trace: string | null
}

export interface Options {
  /** Of the store, for messages. */
  readonly name: string
  readonly tables: ReturnType<typeof tablesIn>
  readonly problemOf: (error: SqlError) => { readonly problem: StoreProblem; readonly detail: string }
}

export const isAny = (rows: ReadonlyArray<unknown>): boolean => rows.length > 0

export const make = (sql: SqlClient.SqlClient, { name, problemOf, tables }: Options) => {
  const jobs = sql(tables.jobs)
  const steps = sql(tables.steps)
  const turns = sql(tables.turns)
  const messages = sql(tables.messages)
  const replies = sql(tables.replies)
  const lanes = sql(tables.lanes)
  const now = sql.literal(nowIn)
  const columns = sql.literal(
    [
      "id, kind, version, owner, state, attempt, crashes, suspicions, is_alone, fence, is_cancelling, has_undo, is_seeded, ending, percent",
      "message, data, failure, question, question_name, starts_at, deadline_at, revision, created_at, started_at, finished_at, updated_at"
    ].join(", ")
  )
  const operation =
    (does: string) => <A>(effect: Effect.Effect<A, SqlError | JobError>): Effect.Effect<A, JobError> => {
      const unavailable = (error: SqlError) =>
        Effect.fail(
          new JobError({ reason: new JobStoreUnavailable({ store: name, operation: does, ...problemOf(error) }) })
        )
      return effect.pipe(
        Effect.catchTag("SqlError", unavailable),
        // A transaction that could not be rolled back either is told so by a defect.
        Effect.catchDefect((defect) => isSqlError(defect) ? unavailable(defect) : Effect.die(defect)),
        // Spans are of the operations of `Jobs`; a poll costs less without one per statement.
        Effect.withTracerEnabled(false)
      )
    }
  const held = ({ fence, id }: Hold) => sql`id = ${id} AND fence = ${fence} AND state = 'running'`
  /** What the end of a job sets, whichever it is. */
  const over =
    sql`runner = NULL, question = NULL, question_name = NULL, ending = NULL, is_cancelling = FALSE, fence = fence + 1, revision = revision + 1, finished_at = ${now},
    updated_at = ${now}`
  return { sql, tables, jobs, steps, turns, messages, replies, lanes, now, columns, operation, held, over }
}

export type JobRows = ReturnType<typeof make>

/** The name that was kept so. */
export const unkept = (name: string): string => name.startsWith("json:") ? String(JSON.parse(name.slice(5))) : name

/** As Postgres keeps it: it has no NUL, and no half of a character. */
export const plain = (text: string): string => text.toWellFormed().replaceAll("\u0000", "\ufffd")

/** A name as it is kept: those that Postgres cannot keep are escaped, so that two names stay two. */
export const kept = (name: string): string =>
  plain(name) === name && !name.startsWith("json:") ? name : `json:${JSON.stringify(name)}`

export const toJob = (row: Row): StoredJob => ({
  id: row.id,
  kind: row.kind,
  version: row.version,
  owner: row.owner,
  state: row.state,
  attempt: row.attempt,
  fence: row.fence,
  isCancelling: row.is_cancelling,
  percent: row.percent,
  message: row.message ?? undefined,
  data: row.data ?? undefined,
  // Written by `finish` from a StoredFailure.
  failure: row.failure === null ? undefined : JSON.parse(row.failure) as StoredFailure,
  // Written by `ask`.
  question: row.question === null ? undefined : JSON.parse(row.question) as StoredQuestion,
  startsAt: row.starts_at ?? undefined,
  deadlineAt: row.deadline_at ?? undefined,
  revision: row.revision,
  createdAt: row.created_at,
  startedAt: row.started_at ?? undefined,
  finishedAt: row.finished_at ?? undefined,
  updatedAt: row.updated_at
})

export const toTaken = (row: Taken): TakenJob => ({
  ...toJob(row),
  payload: row.payload,
  trace: row.trace ?? undefined,
  crashes: row.crashes,
  suspicions: row.suspicions,
  hasUndo: row.has_undo,
  isSeeded: row.is_seeded,
  isAlone: row.is_alone,
  ending: endingOf(row)
})

/** A job that was cancelled while no runner had it is undone by the one that gets it. */
const endingOf = ({ ending, is_cancelling }: Row): Unsuccessful | undefined => {
  if (ending === null) return is_cancelling ? { state: "cancelled" } : undefined
  // Written by `beginEnding`.
  return JSON.parse(ending) as Unsuccessful
}
