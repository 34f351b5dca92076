/**
 * The table of jobs in Postgres: what is known of every job, with its queue (`JobQueue`) and its steps (`JobSteps`).
 *
 * A job is *bound* once a runner has taken it: it has an execution, whose journal the engine keeps, and a lane, which the runner
 * holds. Every taking makes its fence greater; whatever a runner writes about a job names the fence, in the statement that writes.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as SqlClient from "effect/sql/SqlClient"
import type { JobError } from "../../JobError.ts"
import type { Ended } from "../../JobState.ts"
import type { Hold, Outcome, Progress, Unsuccessful } from "../local/Store.ts"
import type { ListRequest } from "../StoredJob.ts"
import type * as Bequests from "./Bequests.ts"
import * as JobQueue from "./JobQueue.ts"
import * as JobRows from "./JobRows.ts"
import { type Executed, isAny, plain, type Row, type Taken, toJob, toTaken } from "./JobRows.ts"
import * as JobSteps from "./JobSteps.ts"

export interface Options extends JobRows.Options {
  readonly bequests: ReturnType<typeof Bequests.make>
}

export const make = (sql: SqlClient.SqlClient, { bequests, ...options }: Options) => {
  const rows = JobRows.make(sql, options)
  const { columns, held, jobs, lanes, messages, now, operation, over, replies, steps, tables, turns } = rows
  const { joinQueue, leaveQueue, ...queue } = JobQueue.make(rows)
  /** What the engine kept of executions. */
  const forget = (rows: ReadonlyArray<Executed>) => {
    const executions = rows.flatMap((
      { execution, executions }
    ) => [...execution === null ? [] : [execution], ...executions])
    return executions.length === 0
      ? Effect.void
      : Effect.andThen(
        sql`DELETE FROM ${replies} r USING ${messages} m WHERE r.request_id = m.request_id AND ${
          sql.in("m.entity_id", executions)
        }`,
        sql`DELETE FROM ${messages} WHERE ${sql.in("entity_id", executions)}`
      )
  }

  return {
    ...queue,
    ...JobSteps.make(rows, { joinQueue }),
    read: (ids: ReadonlyArray<string>) =>
      sql<Row>`SELECT ${columns} FROM ${jobs} WHERE ${sql.in("id", ids)}`.pipe(
        Effect.map((rows) => rows.map(toJob)),
        operation("read jobs")
      ),
    payload: (id: string) =>
      sql<{ readonly payload: string }>`SELECT payload FROM ${jobs} WHERE id = ${id}`.pipe(
        Effect.map(([row]) => row?.payload),
        operation("read what a job was started with")
      ),
    result: (id: string) =>
      sql<{ readonly result: string | null }>`SELECT result FROM ${jobs} WHERE id = ${id}`.pipe(
        Effect.map(([row]) => row?.result ?? undefined),
        operation("read a result")
      ),
    list: ({ kind, limit, owner, states }: ListRequest) =>
      sql<Row>`SELECT ${columns} FROM ${jobs} WHERE ${owner === undefined ? sql.literal("TRUE") : sql`owner = ${owner}`}
        ${kind === undefined ? sql.literal("") : sql`AND kind = ${kind}`}
        ${states === undefined ? sql.literal("") : sql`AND ${sql.in("state", states)}`}
        ORDER BY number DESC LIMIT ${limit}`.pipe(
        Effect.map((rows) => rows.map(toJob)),
        operation("list jobs")
      ),
    /** What a runner is to know of a bound job before it takes it, and what its former runner left undone. */
    inherit: (id: string, execution: string, runner: string) =>
      bequests.inherit(id, execution, runner).pipe(operation("take a job over")),
    /** Takes a bound job again, for a runner that has its lane; `undefined` if it has ended or is another's by now. */
    take: (
      id: string,
      execution: string,
      { isAlone, runner }: { readonly runner: string; readonly isAlone: boolean }
    ) =>
      sql<Taken>`UPDATE ${jobs} SET state = 'running', runner = ${runner}, attempt = attempt + 1,
          fence = fence + 1, question = NULL, question_name = NULL, is_alone = ${isAlone}, is_waiting = FALSE,
          revision = revision + 1, updated_at = ${now}
        WHERE id = ${id} AND execution = ${execution} AND state IN ('queued', 'running') AND EXISTS (
          SELECT 1 FROM ${lanes} l WHERE l.lane = ${jobs}.lane AND l.runner = ${runner} AND l.until >= ${now}
        ) RETURNING ${columns}, payload, trace`.pipe(
        Effect.map(([row]) => row === undefined ? undefined : toTaken(row)),
        operation("take a job over")
      ),
    /** Back into the queue as a job of this version that no runner has had, without its journal. False if the hold is lost. */
    restart: (hold: Hold, version: number) =>
      sql.withTransaction(Effect.gen(function*() {
        const [row] = yield* sql<Row>`WITH before AS MATERIALIZED (
            SELECT number, execution FROM ${jobs} WHERE ${held(hold)} FOR UPDATE
          )
          UPDATE ${jobs} j SET state = 'queued', version = ${version}, execution = NULL,
            executions = executions || before.execution, lane = NULL, runner = NULL, percent = 0,
            message = NULL, data = NULL, crashes = 0, suspicions = 0, is_alone = FALSE, attempt = attempt - 1, fence = fence + 1, revision = revision + 1,
            updated_at = ${now}
          FROM before WHERE j.number = before.number RETURNING ${columns}`
        if (row === undefined) return false
        yield* joinQueue(row, false)
        yield* sql`DELETE FROM ${steps} WHERE job = ${hold.id}`
        return true
      })).pipe(operation("start a job over")),
    /** Whether the job is still its taker's. */
    check: (hold: Hold) =>
      sql`SELECT 1 AS one FROM ${jobs} WHERE ${held(hold)}`.pipe(Effect.map(isAny), operation("check a job")),
    setWaiting: (hold: Hold, isWaiting: boolean) =>
      sql`UPDATE ${jobs} SET is_waiting = ${isWaiting} WHERE ${held(hold)} RETURNING id`.pipe(
        Effect.map(isAny),
        operation("store what a job does")
      ),
    beginEnding: (hold: Hold, outcome: Unsuccessful) =>
      sql`UPDATE ${jobs} SET ending = ${
        JSON.stringify(outcome)
      }, crashes = 0, suspicions = 0, question = NULL, question_name = NULL,
        revision = revision + 1, updated_at = ${now} WHERE ${held(hold)} RETURNING id`.pipe(
        Effect.map(isAny),
        operation("end a job")
      ),
    /** Its runners complete steps again. */
    clear: (hold: Hold) =>
      sql`UPDATE ${jobs} SET crashes = 0, suspicions = 0, is_alone = FALSE WHERE ${held(hold)}`.pipe(
        Effect.asVoid,
        operation("store a step")
      ),
    finish: (hold: Hold, outcome: Outcome) => {
      const result = outcome.state === "succeeded" ? outcome.result ?? null : null
      const failure = outcome.state === "failed" ? JSON.stringify(outcome.failure) : null
      const percent = sql.literal(outcome.state === "succeeded" ? "100" : "percent")
      return sql`UPDATE ${jobs} SET state = ${outcome.state}, result = ${result}, failure = ${failure}, percent = ${percent},
        ${over} WHERE ${held(hold)} RETURNING id`.pipe(Effect.map(isAny), operation("store the end of a job"))
    },
    /** Waits for the next runner of its lane. */
    release: (hold: Hold) =>
      sql`UPDATE ${jobs} SET state = CASE WHEN is_cancelling AND NOT has_undo THEN 'cancelled' ELSE 'queued' END,
        finished_at = CASE WHEN is_cancelling AND NOT has_undo THEN ${now} ELSE finished_at END,
        is_cancelling = is_cancelling AND has_undo, is_alone = FALSE, is_waiting = FALSE,
        runner = NULL, fence = fence + 1, revision = revision + 1, updated_at = ${now}
        WHERE ${held(hold)} RETURNING id`.pipe(Effect.map(isAny), operation("hand a job back")),
    report: (reports: ReadonlyArray<Progress>) =>
      Effect.forEach(
        reports,
        (report) =>
          sql`UPDATE ${jobs} SET percent = GREATEST(percent, ${report.percent}), message = ${
            report.message === undefined ? null : plain(report.message)
          },
            data = ${report.data ?? null}, revision = revision + 1, updated_at = ${now} WHERE ${held(report)}`,
        { discard: true }
      ).pipe(operation("write progress")),
    /** What became of jobs of a runner: those that are still its own, and whether their end is asked for. */
    holds: (ids: ReadonlyArray<string>) =>
      sql<Row>`SELECT id, fence, is_cancelling, question_name FROM ${jobs} WHERE ${
        sql.in("id", ids)
      } AND state = 'running'`.pipe(
        Effect.map((rows) =>
          rows.map(({ fence, id, is_cancelling, question_name }) => ({
            id,
            fence,
            isCancelling: is_cancelling,
            question: question_name ?? undefined
          }))
        ),
        operation("read the jobs of a runner")
      ),
    /** Ends a job that no runner has; asks the runner of one that runs. What it has ended as by that, if it has. */
    requestCancel: (id: string): Effect.Effect<Ended | undefined, JobError> =>
      sql.withTransaction(Effect.gen(function*() {
        const [job] = yield* sql<
          Row & { readonly is_new: boolean; readonly is_delayed: boolean; readonly is_run: boolean }
        >`SELECT ${columns}, is_delayed, state = 'queued' AND execution IS NULL AS is_new, state = 'running' AND EXISTS (
            SELECT 1 FROM ${lanes} l WHERE l.lane = ${jobs}.lane AND l.until >= ${now}
          ) AS is_run
          FROM ${jobs} WHERE id = ${id} AND state IN ('queued', 'running') FOR UPDATE`
        if (job === undefined) return undefined
        // The next runner of its lane undoes it, where no other does.
        if (job.is_run || job.has_undo) {
          yield* sql`UPDATE ${jobs} SET is_cancelling = TRUE, revision = revision + 1, updated_at = ${now} WHERE id = ${id}`
          return undefined
        }
        yield* sql`UPDATE ${jobs} SET state = 'cancelled', ${over} WHERE id = ${id}`
        if (job.is_new) yield* leaveQueue(job, job.is_delayed)
        return "cancelled" as const
      })).pipe(operation("cancel a job")),
    remove: (id: string) =>
      sql.withTransaction(Effect.gen(function*() {
        const rows = yield* sql<Executed>`DELETE FROM ${jobs}
          WHERE id = ${id} AND finished_at IS NOT NULL RETURNING execution, executions`
        yield* forget(rows)
        if (isAny(rows)) yield* sql`DELETE FROM ${steps} WHERE job = ${id}`
        return isAny(rows)
      })).pipe(operation("remove a job")),
    /** Removes jobs that ended longer ago than this, and what the engine kept of them: some at a time. */
    clean: (retention: Duration.Duration) =>
      sql.withTransaction(Effect.gen(function*() {
        const rows = yield* sql<Executed & { readonly id: string }>`DELETE FROM ${jobs}
          WHERE number IN (SELECT number FROM ${jobs} WHERE finished_at < ${now} - ${Duration.toMillis(retention)}
            ORDER BY finished_at LIMIT 200 FOR UPDATE SKIP LOCKED) RETURNING id, execution, executions`
        yield* sql`DELETE FROM ${turns} WHERE (kind, owner, version) IN (SELECT kind, owner, version FROM ${turns}
          WHERE waiting = 0 AND delayed = 0 AND turn <= (SELECT last_value FROM ${sql(tables.turnSequence)})
          LIMIT 1000 FOR UPDATE SKIP LOCKED)`
        if (rows.length === 0) return 0
        yield* forget(rows)
        yield* sql`DELETE FROM ${steps} WHERE ${sql.in("job", rows.map(({ id }) => id))}`
        return rows.length
      })).pipe(operation("remove old jobs")),
    /** The bound jobs of lanes: their engine is told again of each, in case that their first runner died before it was. */
    boundTo: (kind: string, lanes: ReadonlyArray<string>) =>
      sql<{ readonly id: string; readonly execution: string }>`SELECT id, execution FROM ${jobs} WHERE kind = ${kind}
        AND execution IS NOT NULL AND finished_at IS NULL AND ${sql.in("lane", lanes)}`.pipe(
        operation("look for jobs without a runner")
      )
  }
}

export type JobTable = ReturnType<typeof make>
