/**
 * The table of jobs in Postgres: what is known of every job, and the queue of those that no runner has had yet.
 *
 * A job is *bound* once a runner has taken it: it has an execution, whose journal the engine keeps, and a lane, which the runner
 * holds. Every taking makes its fence greater; whatever a runner writes about a job names the fence, in the statement that writes.
 *
 * The queue is fair to owners at a cost that does not grow with them: a row per owner that waits, in the order of their turns. An owner
 * that had its turn goes to the end, and behind those that come in the next hundred turns; after those its row is removed if nothing waits.
 */
import * as Snowflake from "effect/cluster/Snowflake"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as SqlClient from "effect/sql/SqlClient"
import { isSqlError, type SqlError } from "effect/sql/SqlError"
import type { Fragment } from "effect/sql/Statement"
import * as crypto from "node:crypto"
import { JobDataTooLarge, JobError, JobQueueFull, JobStoreUnavailable, type StoreProblem } from "../../JobError.ts"
import type { Ended, JobState } from "../../JobState.ts"
import type { ListRequest, NewJob, StoredFailure, StoredJob, StoredQuestion } from "../../JobStore.ts"
import {
  type Backlog,
  type ClaimedJob,
  type Hold,
  type Outcome,
  pastDeadline,
  type Progress,
  type StoredStep,
  type Unsuccessful
} from "../Store.ts"
import type * as Bequests from "./Bequests.ts"
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
interface Executed {
  readonly execution: string | null
  readonly executions: ReadonlyArray<string>
}

interface Queued {
  readonly kind: string
  readonly owner: string
  readonly version: number
}

export interface Taking {
  readonly runner: string
  readonly execution: string
  readonly lane: string
}

interface StepRow {
  readonly fence: number
  readonly is_done: boolean
  readonly is_undone: boolean
  readonly value: string | null
}

interface Row {
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

/** The largest text that is stored, whatever the kind says: what the database takes must be what its clients can read again. */
export const maxTextBytes = 64 * 2 ** 20

/** The name that was kept so. */
const unkept = (name: string): string => name.startsWith("json:") ? String(JSON.parse(name.slice(5))) : name

/** Any number, the same in all programs. */
const clockLock = 4_817_203_312

/** As Postgres keeps it: it has no NUL, and no half of a character. */
const plain = (text: string): string => text.toWellFormed().replaceAll("\u0000", "\ufffd")

/** A name as it is kept: those that Postgres cannot keep are escaped, so that two names stay two. */
export const kept = (name: string): string =>
  plain(name) === name && !name.startsWith("json:") ? name : `json:${JSON.stringify(name)}`

export const make = (
  sql: SqlClient.SqlClient,
  { bequests, name, problemOf, tables }: {
    readonly name: string
    readonly tables: ReturnType<typeof tablesIn>
    readonly bequests: ReturnType<typeof Bequests.make>
    readonly problemOf: (error: SqlError) => { readonly problem: StoreProblem; readonly detail: string }
  }
) => {
  const jobs = sql(tables.jobs)
  const steps = sql(tables.steps)
  const turns = sql(tables.turns)
  const messages = sql(tables.messages)
  const replies = sql(tables.replies)
  const lanes = sql(tables.lanes)
  const turn = sql.literal(`nextval('${tables.turn}')`)
  const newcomersFirst = sql.literal("100")
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
  const isAny = (rows: ReadonlyArray<unknown>): boolean => rows.length > 0
  const held = ({ fence, id }: Hold) => sql`id = ${id} AND fence = ${fence} AND state = 'running'`
  /** What the end of a job sets, whichever it is. */
  const over =
    sql`runner = NULL, question = NULL, question_name = NULL, ending = NULL, is_cancelling = FALSE, fence = fence + 1, revision = revision + 1, finished_at = ${now},
    updated_at = ${now}`
  /** One waits less. */
  const leaveQueue = ({ kind, owner, version }: Queued, isDelayed: boolean) => {
    const column = sql.literal(isDelayed ? "delayed" : "waiting")
    const row = sql`kind = ${kind} AND owner = ${owner} AND version = ${version}`
    return sql`UPDATE ${turns} SET ${column} = ${column} - 1 WHERE ${row}`
  }
  /** One waits more, if there is one in `of`. An owner of whom none waited gets its turn after those of whom some do. */
  const joinQueue = ({ kind, owner, version }: Queued, isDelayed: boolean, of: Fragment = sql`(SELECT 1) AS one`) =>
    sql`INSERT INTO ${turns} AS t (kind, owner, version, waiting, delayed, turn)
      SELECT ${kind}, ${owner}, ${version}::integer, ${isDelayed ? 0 : 1}, ${isDelayed ? 1 : 0}, ${turn} FROM ${of}
      ON CONFLICT (kind, owner, version) DO UPDATE SET waiting = t.waiting + excluded.waiting,
        delayed = t.delayed + excluded.delayed, turn = CASE WHEN t.waiting = 0 THEN GREATEST(t.turn, excluded.turn) ELSE t.turn END`
  const journalOf = (execution: string | null) =>
    sql<
      { readonly id: string; readonly asked: string; readonly kept: string }
    >`SELECT m.id::text AS id, m.payload AS asked,
      r.payload AS kept FROM ${messages} m JOIN ${replies} r ON r.request_id = m.id
      WHERE m.entity_id = ${execution ?? ""} AND m.tag = 'activity' ORDER BY m.rowid`.pipe(
      Effect.map((rows) => rows.flatMap(journalled))
    )
  const ifHeld = (hold: Hold, write: Effect.Effect<unknown, SqlError>) =>
    sql.withTransaction(Effect.gen(function*() {
      if (!isAny(yield* sql`SELECT 1 AS one FROM ${jobs} WHERE ${held(hold)} FOR UPDATE`)) return false
      yield* write
      return true
    }))
  /** Counts again what waits of the owner whose turn it is, and says whether there is such an owner. */
  const recount = (kind: string, version: number) =>
    Effect.gen(function*() {
      const [next] = yield* sql<
        { readonly owner: string; readonly version: number }
      >`SELECT owner, version FROM ${turns}
        WHERE kind = ${kind} AND waiting > 0 AND version <= ${version} ORDER BY turn LIMIT 1`
      if (next === undefined) return false
      yield* sql.withTransaction(Effect.gen(function*() {
        const row = sql`kind = ${kind} AND owner = ${next.owner} AND version = ${next.version}`
        if (!isAny(yield* sql`SELECT 1 AS one FROM ${turns} WHERE ${row} FOR UPDATE`)) return
        const counted = (isDelayed: boolean) =>
          sql`(SELECT COUNT(*)::integer FROM ${jobs} WHERE ${row} AND state = 'queued' AND execution IS NULL
            AND is_delayed = ${isDelayed})`
        yield* sql`UPDATE ${turns} SET waiting = ${counted(false)}, delayed = ${
          counted(true)
        }, turn = ${turn} WHERE ${row}`
      }))
      return true
    })
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
    /** Accepts a job, or finds the one of its key. */
    insert: (job: NewJob) => {
      const key = job.key === undefined ? null : crypto.createHash("sha256").update(job.key).digest("base64url")
      const same = key === null ? Effect.succeed([]) : sql<Row>`SELECT ${columns} FROM ${jobs}
        WHERE kind = ${job.kind} AND owner = ${job.owner} AND idempotency = ${key}`
      return Effect.gen(function*() {
        const bytes = Buffer.byteLength(job.payload)
        if (bytes > maxTextBytes) {
          const reason = new JobDataTooLarge({ kind: job.kind, part: "payload", bytes, limit: maxTextBytes })
          return yield* new JobError({ reason })
        }
        const [known] = yield* same
        const isGivenUp = job.again && (known?.state === "failed" || known?.state === "cancelled")
        if (known !== undefined && !isGivenUp) return { job: toJob(known), isNew: false }
        const isDelayed = job.delayMillis > 0
        const after = (millis: number | undefined) =>
          millis === undefined ? sql.literal("NULL::float8") : sql`moment + ${millis}`
        // The job, if there is room, and its place in the queue: one statement, as this is what callers wait for. The row of its owner is locked
        // while it counts; where there is none yet, some that start at the same moment may be more than there is room for.
        const accept = sql<Row>`WITH
          room AS MATERIALIZED (
            SELECT waiting + delayed AS taken FROM ${turns}
            WHERE kind = ${job.kind} AND owner = ${job.owner} AND version = ${job.version} FOR UPDATE
          ),
          job AS (
            INSERT INTO ${jobs} (id, kind, version, owner, idempotency, payload, state, attempt, crashes, fence, is_cancelling, percent, revision,
              is_delayed, starts_at, deadline_at, created_at, updated_at)
            SELECT ${job.id}, ${job.kind}, ${job.version}, ${job.owner}, ${key}, ${job.payload}, 'queued', 0, 0, 0, FALSE, 0, 1,
              ${isDelayed}, ${after(isDelayed ? job.delayMillis : undefined)}, ${
          after(job.deadlineMillis)
        }, moment, moment
            FROM (SELECT ${now} AS moment) AS clock WHERE COALESCE((SELECT taken FROM room), 0) < ${job.maxQueued}::bigint
            ON CONFLICT (kind, owner, idempotency) DO NOTHING RETURNING ${columns}
          ),
          queue AS (${joinQueue(job, isDelayed, sql.literal("job"))})
          SELECT * FROM job`
        const acceptOrFind = Effect.gen(function*() {
          const [accepted] = yield* accept
          if (accepted !== undefined) return { job: toJob(accepted), isNew: true }
          // The same job was started elsewhere in this very moment, or there is no room.
          const [other] = yield* same
          if (other !== undefined) return { job: toJob(other), isNew: false }
          return yield* new JobError({ reason: new JobQueueFull({ kind: job.kind, limit: job.maxQueued }) })
        })
        if (known === undefined) return yield* acceptOrFind
        return yield* sql.withTransaction(Effect.andThen(
          sql`UPDATE ${jobs} SET idempotency = NULL WHERE id = ${known.id} AND state IN ('failed', 'cancelled')`,
          acceptOrFind
        ))
      }).pipe(operation("accept a job"))
    },
    read: (ids: ReadonlyArray<string>) =>
      sql<Row>`SELECT ${columns} FROM ${jobs} WHERE ${sql.in("id", ids)}`.pipe(
        Effect.map((rows) => rows.map(toJob)),
        operation("read jobs")
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
    isWaiting: (kind: string, version: number) =>
      sql`SELECT 1 AS one FROM ${turns} WHERE kind = ${kind} AND waiting > 0 AND version <= ${version} LIMIT 1`.pipe(
        Effect.map(isAny),
        operation("look for a job")
      ),
    /** Takes the first job of the owner whose turn it is, and moves that owner to the end. */
    claim: (kind: string, version: number, { execution, lane, runner }: Taking) =>
      Effect.gen(function*() {
        for (let look = 0; look < 5; look++) {
          const [row] = yield* sql<Row & { readonly payload: string }>`WITH
            next AS MATERIALIZED (
              SELECT owner, version FROM ${turns} WHERE kind = ${kind} AND waiting > 0
                AND version <= ${version} ORDER BY turn LIMIT 1 FOR UPDATE
            ),
            first AS MATERIALIZED (
              SELECT j.number FROM ${jobs} j JOIN next ON j.owner = next.owner AND j.version = next.version
              WHERE j.kind = ${kind} AND j.state = 'queued' AND j.execution IS NULL AND NOT j.is_delayed
              ORDER BY j.number LIMIT 1 FOR UPDATE OF j SKIP LOCKED
            ),
            moved AS (
              UPDATE ${turns} t SET waiting = t.waiting - 1, turn = ${turn} + ${newcomersFirst} FROM next
              WHERE t.kind = ${kind} AND t.owner = next.owner AND t.version = next.version
                AND EXISTS (SELECT 1 FROM first)
            )
            UPDATE ${jobs} SET state = 'running', runner = ${runner}, execution = ${execution}, lane = ${lane},
              attempt = attempt + 1, fence = fence + 1, revision = revision + 1, started_at = COALESCE(started_at, ${now}),
              updated_at = ${now}
            WHERE number = (SELECT number FROM first) RETURNING ${columns}, payload`
          if (row !== undefined) return toTaken(row)
          // Nothing waits, or the owner whose turn it was has no job any more, or the job is being taken or ended right now.
          if (!(yield* recount(kind, version))) return undefined
        }
        return undefined
      }).pipe(operation("look for a job")),
    /** What a runner is to know of a bound job before it takes it, and what its former runner left undone. */
    inherit: (id: string, execution: string, runner: string) =>
      bequests.inherit(id, execution, runner).pipe(operation("take a job over")),
    /** Takes a bound job again, for a runner that has its lane; `undefined` if it has ended or is another's by now. */
    take: (
      id: string,
      execution: string,
      { isAlone, runner }: { readonly runner: string; readonly isAlone: boolean }
    ) =>
      sql<
        Row & { readonly payload: string }
      >`UPDATE ${jobs} SET state = 'running', runner = ${runner}, attempt = attempt + 1,
          fence = fence + 1, question = NULL, question_name = NULL, is_alone = ${isAlone}, is_waiting = FALSE,
          revision = revision + 1, updated_at = ${now}
        WHERE id = ${id} AND execution = ${execution} AND state IN ('queued', 'running') AND EXISTS (
          SELECT 1 FROM ${lanes} l WHERE l.lane = ${jobs}.lane AND l.runner = ${runner} AND l.until >= ${now}
        ) RETURNING ${columns}, payload`.pipe(
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
    /** Whether it has begun what starting it over would forget. */
    isBeyondRestart: (id: string) =>
      sql`SELECT 1 AS one FROM ${steps} WHERE job = ${id} AND is_unsafe UNION ALL
        SELECT 1 FROM ${jobs} WHERE id = ${id} AND has_undo LIMIT 1`.pipe(Effect.map(isAny), operation("read a step")),
    /** Whether the job is still its taker's. */
    check: (hold: Hold) =>
      sql`SELECT 1 AS one FROM ${jobs} WHERE ${held(hold)}`.pipe(Effect.map(isAny), operation("check a job")),
    /** Before a step runs. `cut off`: it must not be repeated, and another taker has begun it. */
    begin: (
      hold: Hold,
      step: string,
      { isCompensable, isSafe }: { readonly isSafe: boolean; readonly isCompensable: boolean }
    ): Effect.Effect<"begun" | "lost" | "cut off", JobError> => {
      if (isSafe && !isCompensable) {
        return sql`SELECT 1 AS one FROM ${jobs} WHERE ${held(hold)}`.pipe(
          Effect.map((rows) => isAny(rows) ? "begun" as const : "lost" as const),
          operation("check a job")
        )
      }
      return sql.withTransaction(Effect.gen(function*() {
        const rows = yield* sql`UPDATE ${jobs} SET has_undo = has_undo OR ${isCompensable} WHERE ${
          held(hold)
        } RETURNING id`
        if (!isAny(rows)) return "lost" as const
        if (isSafe) return "begun" as const
        const [begun] = yield* sql<{ readonly fence: number }>`SELECT fence FROM ${steps}
          WHERE job = ${hold.id} AND name = ${kept(step)}`
        if (begun !== undefined && begun.fence !== hold.fence) return "cut off" as const
        yield* sql`INSERT INTO ${steps} (job, name, fence, is_unsafe) VALUES (${hold.id}, ${
          kept(step)
        }, ${hold.fence}, TRUE)
          ON CONFLICT (job, name) DO NOTHING`
        return "begun" as const
      })).pipe(operation("begin a step"))
    },
    /** What is kept here of steps: those that wait, those that must not be repeated, those that are undone. */
    step: (id: string, name: string): Effect.Effect<StoredStep | undefined, JobError> =>
      sql<StepRow>`SELECT fence, is_done, is_undone, value FROM ${steps} WHERE job = ${id} AND name = ${kept(name)}`
        .pipe(
          Effect.map(([row]) => {
            if (row === undefined) return undefined
            const value = row.value ?? undefined
            return row.is_done || row.is_undone
              ? { _tag: "Done" as const, value, compensation: row.is_undone ? "done" as const : "none" as const }
              : { _tag: "Begun" as const, fence: row.fence, value }
          }),
          operation("read a step")
        ),
    beginStep: () => Effect.die(new Error("a step of this engine is begun by its activity")),
    /** The end of a sleep, or of a question. */
    commitStep: (hold: Hold, name: string, value: string | undefined) =>
      ifHeld(
        hold,
        sql`INSERT INTO ${steps} (job, name, fence, is_done, value) VALUES (${hold.id}, ${
          kept(name)
        }, ${hold.fence}, TRUE,
          ${value ?? null}) ON CONFLICT (job, name) DO UPDATE SET is_done = TRUE, value = excluded.value`
      ).pipe(operation("store a step")),
    setAlarm: (hold: Hold, name: string, at: number) =>
      sql.withTransaction(Effect.gen(function*() {
        if (!isAny(yield* sql`SELECT 1 AS one FROM ${jobs} WHERE ${held(hold)} FOR UPDATE`)) return undefined
        const [row] = yield* sql<{ readonly value: string | null }>`INSERT INTO ${steps} (job, name, fence, value)
          VALUES (${hold.id}, ${kept(name)}, ${hold.fence}, ${String(at)})
          ON CONFLICT (job, name) DO UPDATE SET fence = excluded.fence RETURNING value`
        return Number(row?.value ?? at)
      })).pipe(operation("store a step")),
    ask: (hold: Hold, question: StoredQuestion) =>
      sql.withTransaction(Effect.gen(function*() {
        const rows = yield* sql`UPDATE ${jobs} SET question = ${JSON.stringify(question)},
          question_name = ${kept(question.name)}, revision = revision + 1, updated_at = ${now} WHERE ${
          held(hold)
        } RETURNING id`
        if (!isAny(rows)) return false
        yield* sql`INSERT INTO ${steps} (job, name, fence) VALUES (${hold.id}, ${kept(question.name)}, ${hold.fence})
          ON CONFLICT (job, name) DO UPDATE SET value = NULL, fence = excluded.fence`
        return true
      })).pipe(operation("ask a question")),
    answer: (id: string, question: string, value: string) =>
      sql.withTransaction(Effect.gen(function*() {
        const rows = yield* sql`UPDATE ${jobs} SET question = NULL, question_name = NULL, revision = revision + 1,
          updated_at = ${now} WHERE id = ${id} AND question_name = ${kept(question)} AND state IN ('queued', 'running')
          RETURNING id`
        if (!isAny(rows)) return false
        yield* sql`UPDATE ${steps} SET value = ${value} WHERE job = ${id} AND name = ${kept(question)}`
        return true
      })).pipe(operation("answer a question")),
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
    commitCompensation: (hold: Hold, name: string) =>
      ifHeld(
        hold,
        sql`INSERT INTO ${steps} (job, name, fence, is_undone) VALUES (${hold.id}, ${kept(name)}, ${hold.fence}, TRUE)
          ON CONFLICT (job, name) DO UPDATE SET is_undone = TRUE`
      ).pipe(operation("store a step")),
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
    /** A new job like that one, with its steps up to this one; `undefined` if it did not fail and was not cancelled. */
    retry: (id: string, newId: string, from: string | undefined) =>
      sql.withTransaction(Effect.gen(function*() {
        const [old] = yield* sql<
          Row & { readonly execution: string | null; readonly idempotency: string | null }
        >`SELECT ${columns},
          execution, idempotency FROM ${jobs} WHERE id = ${id} AND state IN ('failed', 'cancelled') FOR UPDATE`
        if (old === undefined) return undefined
        const done = yield* journalOf(old.execution)
        const rows = yield* sql<
          StepRow & { readonly name: string; readonly begun_at: number }
        >`SELECT name, fence, is_done,
          is_undone, value, begun_at FROM ${steps} WHERE job = ${id}`
        const again = new Set(rows.filter(({ is_undone }) => is_undone).map(({ name }) => name))
        if (from !== undefined) again.add(kept(from))
        const seeds = [
          ...done,
          ...rows.flatMap(({ begun_at, is_done, name, value }) =>
            is_done && !again.has(name) ? [{ name, begunAt: begun_at, value: value ?? undefined }] : []
          )
        ]
        // Where the first of them was begun: what undoes a step has its row from later.
        const cut = Math.min(
          ...done.flatMap(({ begunAt, name }) => again.has(name) ? [begunAt] : []),
          ...rows.flatMap(({ begun_at, is_undone, name }) => again.has(name) && !is_undone ? [begun_at] : [])
        )
        yield* sql`UPDATE ${jobs} SET idempotency = NULL WHERE id = ${id}`
        const [row] = yield* sql<
          Row
        >`INSERT INTO ${jobs} (id, kind, version, owner, idempotency, payload, state, attempt, crashes,
            fence, is_cancelling, percent, revision, is_seeded, created_at, updated_at)
          SELECT ${newId}, kind, version, owner, ${old.idempotency}, payload, 'queued', 0, 0, 0, FALSE, 0, 1, TRUE, ${now}, ${now}
          FROM ${jobs} WHERE id = ${id} RETURNING ${columns}`
        if (row === undefined) return undefined
        yield* joinQueue(row, false)
        for (const { begunAt, name, value } of seeds) {
          if (begunAt >= cut || again.has(name)) continue
          yield* sql`INSERT INTO ${steps} (job, name, fence, is_done, value) VALUES (${newId}, ${name}, 0, TRUE, ${
            value ?? null
          })
            ON CONFLICT (job, name) DO NOTHING`
        }
        return toJob(row)
      })).pipe(operation("run a job again")),
    /** Names of the steps that are done, in the order in which they were begun. */
    steps: (id: string) =>
      Effect.gen(function*() {
        const [job] = yield* sql<{ readonly execution: string | null }>`SELECT execution FROM ${jobs} WHERE id = ${id}`
        const rows = yield* sql<
          { readonly name: string; readonly begun_at: number }
        >`SELECT name, begun_at FROM ${steps}
          WHERE job = ${id} AND is_done`
        const own = rows.map(({ begun_at, name }) => ({ name, begunAt: begun_at }))
        return [...yield* journalOf(job?.execution ?? null), ...own].toSorted((a, b) => a.begunAt - b.begunAt)
          .map(({ name }) => unkept(name))
      }).pipe(operation("read the steps of a job")),
    /** What a job that goes on behind the steps of another has of those. */
    seeds: (id: string) =>
      sql<{ readonly name: string; readonly value: string | null }>`SELECT name, value FROM ${steps}
        WHERE job = ${id} AND is_done`.pipe(
        Effect.map((rows) => new Map(rows.map(({ name, value }) => [name, value ?? undefined]))),
        operation("read a step")
      ),
    remove: (id: string) =>
      sql.withTransaction(Effect.gen(function*() {
        const rows = yield* sql<Executed>`DELETE FROM ${jobs}
          WHERE id = ${id} AND finished_at IS NOT NULL RETURNING execution, executions`
        yield* forget(rows)
        if (isAny(rows)) yield* sql`DELETE FROM ${steps} WHERE job = ${id}`
        return isAny(rows)
      })).pipe(operation("remove a job")),
    backlog: (kind: string): Effect.Effect<Backlog, JobError> =>
      sql<{ readonly queued: number; readonly age: number | null }>`SELECT
        (SELECT COALESCE(SUM(waiting), 0)::integer FROM ${turns} WHERE kind = ${kind}) AS queued,
        (SELECT MAX(${now} - oldest.created_at) FROM (
          SELECT t.owner, t.version FROM ${turns} t WHERE t.kind = ${kind} ORDER BY t.turn LIMIT 100
        ) AS first CROSS JOIN LATERAL (
          SELECT j.created_at FROM ${jobs} j WHERE j.kind = ${kind} AND j.owner = first.owner AND j.version = first.version
            AND j.state = 'queued' AND j.execution IS NULL ORDER BY j.number LIMIT 1
        ) AS oldest) AS age`.pipe(
        Effect.map(([row]) => ({ queued: row?.queued ?? 0, oldestMillis: Math.max(0, row?.age ?? 0) })),
        operation("count the jobs that wait")
      ),
    /** Lets begin what has waited for its time, and ends what is past its deadline in the queue: the kinds of those. */
    awaken: Effect.gen(function*() {
      const any = yield* sql`SELECT 1 AS one FROM ${jobs} WHERE is_delayed AND starts_at <= ${now}
        UNION ALL SELECT 1 FROM ${jobs} WHERE state = 'queued' AND execution IS NULL AND deadline_at <= ${now} LIMIT 1`
      if (!isAny(any)) return { begun: [], ended: [] }
      return yield* sql.withTransaction(Effect.gen(function*() {
        // By one program at a time: two would wait for each other's owners.
        const [lock] = yield* sql<
          { readonly is_mine: boolean }
        >`SELECT pg_try_advisory_xact_lock(${clockLock}) AS is_mine`
        if (lock?.is_mine !== true) return { begun: [], ended: [] }
        const due = yield* sql<Row>`UPDATE ${jobs} SET is_delayed = FALSE, revision = revision + 1, updated_at = ${now}
          WHERE number IN (SELECT number FROM ${jobs} WHERE is_delayed AND starts_at <= ${now}
            ORDER BY starts_at LIMIT 100 FOR UPDATE SKIP LOCKED) AND state = 'queued' RETURNING ${columns}`
        for (const job of due) {
          yield* sql`UPDATE ${turns} SET waiting = waiting + 1, delayed = delayed - 1,
            turn = CASE WHEN waiting = 0 THEN GREATEST(turn, ${turn}) ELSE turn END
            WHERE kind = ${job.kind} AND owner = ${job.owner} AND version = ${job.version}`
        }
        const late = yield* sql<Row & { readonly is_delayed: boolean }>`UPDATE ${jobs} SET state = 'failed',
          failure = ${JSON.stringify(pastDeadline.failure)}, ${over}
          WHERE number IN (SELECT number FROM ${jobs} WHERE state = 'queued' AND execution IS NULL AND deadline_at <= ${now}
            ORDER BY deadline_at LIMIT 100 FOR UPDATE SKIP LOCKED) RETURNING ${columns}, is_delayed`
        for (const job of late) yield* leaveQueue(job, job.is_delayed)
        return { begun: due.map(({ kind }) => kind), ended: late.map(({ kind }) => kind) }
      }))
    }).pipe(operation("look at the clock")),
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

const toJob = (row: Row): StoredJob => ({
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

const toTaken = (row: Row & { readonly payload: string }): TakenJob => ({
  ...toJob(row),
  payload: row.payload,
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

/** What the engine kept of an execution of a step. */
interface Journalled {
  readonly name: string
  readonly begunAt: number
  readonly value: string | undefined
}

const StepAsked = Schema.fromJsonString(Schema.Struct({ name: Schema.String }))
const StepKept = Schema.fromJsonString(Schema.Struct({
  value: Schema.Struct({
    exit: Schema.Struct({
      value: Schema.Struct({ isDone: Schema.Literal(true), value: Schema.optional(Schema.String) })
    })
  })
}))

const journalled = (
  { asked, id, kept }: { readonly id: string; readonly asked: string; readonly kept: string }
): ReadonlyArray<Journalled> => {
  const step = Schema.decodeOption(StepAsked)(asked)
  const reply = Schema.decodeOption(StepKept)(kept)
  // A step that failed or was stopped is none.
  if (step._tag === "None" || reply._tag === "None") return []
  const begunAt = Snowflake.timestamp(Snowflake.Snowflake(id))
  return [{ name: step.value.name, begunAt, value: reply.value.value.exit.value.value }]
}
