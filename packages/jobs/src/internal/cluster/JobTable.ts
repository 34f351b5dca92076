/**
 * The table of jobs in Postgres: what is known of every job, and the queue of those that no runner has had yet.
 *
 * A job is *bound* once a runner has taken it: it has an execution, whose journal the engine keeps, and a lane, which the runner
 * holds. Every taking makes its fence greater; whatever a runner writes about a job names the fence, in the statement that writes.
 *
 * The queue is fair to owners at a cost that does not grow with them: a row per owner that waits, in the order of their turns. An owner
 * that had its turn goes to the end, and behind those that come in the next hundred turns; one without waiting jobs has no row.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as SqlClient from "effect/sql/SqlClient"
import { isSqlError, type SqlError } from "effect/sql/SqlError"
import * as crypto from "node:crypto"
import { JobDataInvalid, JobError, JobQueueFull, JobStoreUnavailable, type StoreProblem } from "../../JobError.ts"
import type { Ended, JobState } from "../../JobState.ts"
import type { ListRequest, NewJob, StoredFailure, StoredJob } from "../../JobStore.ts"
import type { Identity } from "../JobHost.ts"
import type { Backlog, Hold, Outcome, Progress } from "../Store.ts"
import { nowIn, type tablesIn } from "./format.ts"

/** A job as its runner gets it. */
export interface TakenJob extends StoredJob {
  /** JSON. */
  readonly payload: string
  readonly crashes: number
}

/** The executions of a job: the present one, and those before it was started over. */
interface Executed {
  readonly execution: string | null
  readonly executions: ReadonlyArray<string>
}

export interface Taking {
  readonly runner: string
  readonly execution: string
  readonly lane: string
}

interface Row {
  readonly id: string
  readonly kind: string
  readonly version: number
  readonly owner: string
  readonly state: JobState
  readonly attempt: number
  readonly crashes: number
  readonly fence: number
  readonly is_cancelling: boolean
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

/** Texts that are longer are refused: one that the database takes may be one that no client can read again. */
export const maxTextBytes = 16 * 2 ** 20

/** Why a text is too large to be stored, if it is. */
export const tooLarge = (text: string | undefined): string | undefined => {
  const bytes = text === undefined ? 0 : Buffer.byteLength(text)
  if (bytes <= maxTextBytes) return undefined
  return `at most ${maxTextBytes / 2 ** 20} MiB of JSON; it has ${(bytes / 2 ** 20).toFixed(1)} MiB`
}

export const make = (
  sql: SqlClient.SqlClient,
  { name, problemOf, tables }: {
    readonly name: string
    readonly tables: ReturnType<typeof tablesIn>
    readonly problemOf: (error: SqlError) => { readonly problem: StoreProblem; readonly detail: string }
  }
) => {
  const jobs = sql(tables.jobs)
  const steps = sql(tables.steps)
  const turns = sql(tables.turns)
  const messages = sql(tables.messages)
  const replies = sql(tables.replies)
  const lanes = sql(tables.lanes)
  const runners = sql(tables.runners)
  const turn = sql.literal(`nextval('${tables.turn}')`)
  const newcomersFirst = sql.literal("100")
  const now = sql.literal(nowIn)
  const columns = sql.literal(
    [
      "id, kind, version, owner, state, attempt, crashes, fence, is_cancelling, percent, message, data, failure",
      "revision, created_at, started_at, finished_at, updated_at"
    ].join(", ")
  )
  const operation = (does: string) => <A>(effect: Effect.Effect<A, SqlError | JobError>): Effect.Effect<A, JobError> => {
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
  const over = sql`runner = NULL, is_cancelling = FALSE, fence = fence + 1, revision = revision + 1, finished_at = ${now},
    updated_at = ${now}`
  /** One waits less. */
  const leaveQueue = ({ kind, owner, version }: { readonly kind: string; readonly owner: string; readonly version: number }) =>
    Effect.flatMap(
      sql`UPDATE ${turns} SET waiting = waiting - 1
        WHERE kind = ${kind} AND owner = ${owner} AND version = ${version} RETURNING waiting`,
      () =>
        sql`DELETE FROM ${turns} WHERE kind = ${kind} AND owner = ${owner} AND version = ${version} AND waiting <= 0`
    )
  const joinQueue = ({ kind, owner, version }: { readonly kind: string; readonly owner: string; readonly version: number }) =>
    sql<{ readonly waiting: number }>`INSERT INTO ${turns} AS t (kind, owner, version, waiting, turn)
      VALUES (${kind}, ${owner}, ${version}, 1, ${turn})
      ON CONFLICT (kind, owner, version) DO UPDATE SET waiting = t.waiting + 1 RETURNING waiting`
  /** Counts again what waits of the owner whose turn it is, and says whether there is such an owner. */
  const recount = (kind: string, version: number) =>
    Effect.gen(function*() {
      const [next] = yield* sql<{ readonly owner: string; readonly version: number }>`SELECT owner, version FROM ${turns}
        WHERE kind = ${kind} AND version <= ${version} ORDER BY turn LIMIT 1`
      if (next === undefined) return false
      yield* sql.withTransaction(Effect.gen(function*() {
        const row = sql`kind = ${kind} AND owner = ${next.owner} AND version = ${next.version}`
        if (!isAny(yield* sql`SELECT 1 AS one FROM ${turns} WHERE ${row} FOR UPDATE`)) return
        const [count] = yield* sql<{ readonly waiting: number }>`SELECT COUNT(*)::integer AS waiting FROM ${jobs}
          WHERE ${row} AND state = 'queued' AND execution IS NULL`
        yield* count === undefined || count.waiting === 0
          ? sql`DELETE FROM ${turns} WHERE ${row}`
          : sql`UPDATE ${turns} SET waiting = ${count.waiting}, turn = ${turn} WHERE ${row}`
      }))
      return true
    })
  /** What the engine kept of executions. */
  const forget = (rows: ReadonlyArray<Executed>) => {
    const executions = rows.flatMap(({ execution, executions }) => [...execution === null ? [] : [execution], ...executions])
    return executions.length === 0
      ? Effect.void
      : Effect.andThen(
        sql`DELETE FROM ${replies} r USING ${messages} m WHERE r.request_id = m.request_id AND ${sql.in("m.entity_id", executions)}`,
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
        const expected = tooLarge(job.payload)
        if (expected !== undefined) {
          return yield* new JobError({ reason: new JobDataInvalid({ kind: job.kind, part: "payload", expected }) })
        }
        const [known] = yield* same
        if (known !== undefined) return { job: toJob(known), isNew: false }
        const accepted = yield* sql.withTransaction(Effect.gen(function*() {
          const [row] = yield* sql<Row>`INSERT INTO ${jobs} (id, kind, version, owner, idempotency, payload, state, attempt,
              crashes, fence, is_cancelling, percent, revision, created_at, updated_at)
            VALUES (${job.id}, ${job.kind}, ${job.version}, ${job.owner}, ${key}, ${job.payload}, 'queued', 0, 0, 0, FALSE, 0, 1,
              ${now}, ${now})
            ON CONFLICT (kind, owner, idempotency) DO NOTHING RETURNING ${columns}`
          if (row === undefined) return undefined
          const [queue] = yield* joinQueue(job)
          if (queue !== undefined && queue.waiting > job.maxQueued) {
            return yield* new JobError({ reason: new JobQueueFull({ kind: job.kind, limit: job.maxQueued }) })
          }
          return row
        }))
        if (accepted !== undefined) return { job: toJob(accepted), isNew: true }
        // The same job was started elsewhere in this very moment.
        const [other] = yield* same
        if (other === undefined) return yield* Effect.die(new Error("a job was neither accepted nor found"))
        return { job: toJob(other), isNew: false }
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
      sql<Row>`SELECT ${columns} FROM ${jobs} WHERE owner = ${owner}
        ${kind === undefined ? sql.literal("") : sql`AND kind = ${kind}`}
        ${states === undefined ? sql.literal("") : sql`AND ${sql.in("state", states)}`}
        ORDER BY number DESC LIMIT ${limit}`.pipe(
        Effect.map((rows) => rows.map(toJob)),
        operation("list jobs")
      ),
    /** Takes the first job of the owner whose turn it is, and moves that owner to the end. */
    claim: (kind: string, version: number, { execution, lane, runner }: Taking) =>
      Effect.gen(function*() {
        for (let look = 0; look < 5; look++) {
          const [row] = yield* sql<Row & { readonly payload: string }>`WITH
            next AS MATERIALIZED (
              SELECT owner, version, waiting FROM ${turns} WHERE kind = ${kind} AND version <= ${version}
              ORDER BY turn LIMIT 1 FOR UPDATE
            ),
            first AS MATERIALIZED (
              SELECT j.number FROM ${jobs} j JOIN next ON j.owner = next.owner AND j.version = next.version
              WHERE j.kind = ${kind} AND j.state = 'queued' AND j.execution IS NULL
              ORDER BY j.number LIMIT 1 FOR UPDATE OF j SKIP LOCKED
            ),
            gone AS (
              DELETE FROM ${turns} t USING next WHERE t.kind = ${kind} AND t.owner = next.owner
                AND t.version = next.version AND next.waiting <= 1 AND EXISTS (SELECT 1 FROM first)
            ),
            moved AS (
              UPDATE ${turns} t SET waiting = t.waiting - 1, turn = ${turn} + ${newcomersFirst} FROM next
              WHERE t.kind = ${kind} AND t.owner = next.owner AND t.version = next.version
                AND next.waiting > 1 AND EXISTS (SELECT 1 FROM first)
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
    /** Takes a bound job again, for a runner that has its lane; `undefined` if it has ended or is another execution's by now. */
    take: (id: string, execution: string, runner: string) =>
      sql<Row & { readonly payload: string; readonly former: string | null; readonly identity: string | null }>`WITH before AS MATERIALIZED (
          SELECT number, runner AS former, state AS was FROM ${jobs}
          WHERE id = ${id} AND execution = ${execution} AND state IN ('queued', 'running') FOR UPDATE
        )
        UPDATE ${jobs} j SET state = 'running', runner = ${runner}, attempt = attempt + 1, fence = fence + 1,
          crashes = crashes + CASE WHEN before.was = 'running' AND before.former <> ${runner} THEN 1 ELSE 0 END,
          revision = revision + 1, updated_at = ${now}
        FROM before WHERE j.number = before.number
        RETURNING ${columns}, payload, before.former, (SELECT identity FROM ${runners} r WHERE r.id = before.former) AS identity`.pipe(
        Effect.map(([row]) =>
          row === undefined ? undefined : {
            ...toTaken(row),
            former: row.former === null || row.former === runner ? undefined : {
              runner: row.former,
              // Written when it registered.
              identity: row.identity === null ? undefined : JSON.parse(row.identity) as Identity
            }
          }
        ),
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
            message = NULL, data = NULL, crashes = 0, attempt = attempt - 1, fence = fence + 1, revision = revision + 1,
            updated_at = ${now}
          FROM before WHERE j.number = before.number RETURNING ${columns}`
        if (row === undefined) return false
        yield* joinQueue(row)
        yield* sql`DELETE FROM ${steps} WHERE job = ${hold.id}`
        return true
      })).pipe(operation("start a job over")),
    hasUnsafeSteps: (id: string) =>
      sql`SELECT 1 AS one FROM ${steps} WHERE job = ${id} LIMIT 1`.pipe(Effect.map(isAny), operation("read a step")),
    /** Whether the job is still its taker's. */
    isHeld: (hold: Hold) =>
      sql`SELECT 1 AS one FROM ${jobs} WHERE ${held(hold)}`.pipe(Effect.map(isAny), operation("check a job")),
    /** Marks a step that must not be repeated. `cut off`: another taker has begun it. */
    beginStep: (hold: Hold, step: string) =>
      sql.withTransaction(Effect.gen(function*() {
        if (!isAny(yield* sql`SELECT 1 AS one FROM ${jobs} WHERE ${held(hold)} FOR UPDATE`)) return "lost"
        const [begun] = yield* sql<{ readonly fence: number }>`SELECT fence FROM ${steps}
          WHERE job = ${hold.id} AND name = ${step}`
        if (begun !== undefined && begun.fence !== hold.fence) return "cut off"
        yield* sql`INSERT INTO ${steps} (job, name, fence) VALUES (${hold.id}, ${step}, ${hold.fence})
          ON CONFLICT (job, name) DO NOTHING`
        return "begun"
      })).pipe(operation("begin a step")),
    /** Its runners complete steps again. */
    clearCrashes: (hold: Hold) =>
      sql`UPDATE ${jobs} SET crashes = 0 WHERE ${held(hold)}`.pipe(Effect.asVoid, operation("store a step")),
    finish: (hold: Hold, outcome: Outcome) => {
      const result = outcome.state === "succeeded" ? outcome.result ?? null : null
      const failure = outcome.state === "failed" ? JSON.stringify(outcome.failure) : null
      const percent = sql.literal(outcome.state === "succeeded" ? "100" : "percent")
      return sql`UPDATE ${jobs} SET state = ${outcome.state}, result = ${result}, failure = ${failure}, percent = ${percent},
        ${over} WHERE ${held(hold)} RETURNING id`.pipe(Effect.map(isAny), operation("store the end of a job"))
    },
    /** Waits for the next runner of its lane. */
    release: (hold: Hold) =>
      sql`UPDATE ${jobs} SET state = CASE WHEN is_cancelling THEN 'cancelled' ELSE 'queued' END,
        finished_at = CASE WHEN is_cancelling THEN ${now} ELSE finished_at END, is_cancelling = FALSE,
        runner = NULL, fence = fence + 1, revision = revision + 1, updated_at = ${now}
        WHERE ${held(hold)} RETURNING id`.pipe(Effect.map(isAny), operation("hand a job back")),
    report: (reports: ReadonlyArray<Progress>) =>
      Effect.forEach(
        reports,
        (report) =>
          sql`UPDATE ${jobs} SET percent = GREATEST(percent, ${report.percent}), message = ${report.message ?? null},
            data = ${report.data ?? null}, revision = revision + 1, updated_at = ${now} WHERE ${held(report)}`,
        { discard: true }
      ).pipe(operation("write progress")),
    /** What became of jobs of a runner: those that are still its own, and whether their end is asked for. */
    holds: (ids: ReadonlyArray<string>) =>
      sql<Row>`SELECT id, fence, is_cancelling FROM ${jobs} WHERE ${sql.in("id", ids)} AND state = 'running'`.pipe(
        Effect.map((rows) => rows.map(({ fence, id, is_cancelling }) => ({ id, fence, isCancelling: is_cancelling }))),
        operation("read the jobs of a runner")
      ),
    /** Ends a job that no runner has; asks the runner of one that runs. What it has ended as by that, if it has. */
    requestCancel: (id: string): Effect.Effect<Ended | undefined, JobError> =>
      sql.withTransaction(Effect.gen(function*() {
        const [job] = yield* sql<Row & { readonly is_new: boolean; readonly is_run: boolean }>`SELECT ${columns},
          state = 'queued' AND execution IS NULL AS is_new, state = 'running' AND EXISTS (
            SELECT 1 FROM ${lanes} l WHERE l.lane = ${jobs}.lane AND l.until >= ${now}
          ) AS is_run
          FROM ${jobs} WHERE id = ${id} AND state IN ('queued', 'running') FOR UPDATE`
        if (job === undefined) return undefined
        if (job.is_run) {
          yield* sql`UPDATE ${jobs} SET is_cancelling = TRUE, revision = revision + 1, updated_at = ${now} WHERE id = ${id}`
          return undefined
        }
        yield* sql`UPDATE ${jobs} SET state = 'cancelled', ${over} WHERE id = ${id}`
        if (job.is_new) yield* leaveQueue(job)
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
    /** Removes jobs that ended longer ago than this, and what the engine kept of them: some at a time. */
    clean: (retention: Duration.Duration) =>
      sql.withTransaction(Effect.gen(function*() {
        const rows = yield* sql<Executed & { readonly id: string }>`DELETE FROM ${jobs}
          WHERE number IN (SELECT number FROM ${jobs} WHERE finished_at < ${now} - ${Duration.toMillis(retention)}
            ORDER BY finished_at LIMIT 200 FOR UPDATE SKIP LOCKED) RETURNING id, execution, executions`
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
  revision: row.revision,
  createdAt: row.created_at,
  startedAt: row.started_at ?? undefined,
  finishedAt: row.finished_at ?? undefined,
  updatedAt: row.updated_at
})

const toTaken = (row: Row & { readonly payload: string }): TakenJob => ({
  ...toJob(row),
  payload: row.payload,
  crashes: row.crashes
})
