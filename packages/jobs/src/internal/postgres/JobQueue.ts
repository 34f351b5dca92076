/**
 * The queue: jobs that no runner has had yet, and whose turn it is.
 *
 * It is fair to owners at a cost that does not grow with them: a row per owner that waits, in the order of their turns. An owner that had its turn
 * goes to the end, and behind those that come in the next hundred turns; after those its row is removed if nothing waits.
 */
import * as Effect from "effect/Effect"
import type { Fragment } from "effect/sql/Statement"
import * as crypto from "node:crypto"
import { JobDataTooLarge, JobError, JobQueueFull } from "../../JobError.ts"
import { type Backlog, pastDeadline } from "../local/Store.ts"
import type { NewJob } from "../StoredJob.ts"
import { isAny, type JobRows, type Queued, type Row, type Taken, type Taking, toJob, toTaken } from "./JobRows.ts"

/** The largest text that is stored, whatever the kind says: what the database takes must be what its clients can read again. */
export const maxTextBytes = 64 * 2 ** 20

/** Any number, the same in all programs. */
const clockLock = 4_817_203_312

/** The queue of the jobs in these rows. */
export const make = ({ columns, jobs, now, operation, over, sql, tables, turns }: JobRows) => {
  const turn = sql.literal(`nextval('${tables.turn}')`)
  const newcomersFirst = sql.literal("100")
  /** One waits less. */
  const leaveQueue = ({ kind, owner, version }: Queued, isDelayed: boolean) => {
    const column = sql.literal(isDelayed ? "delayed" : "waiting")
    const row = sql`kind = ${kind} AND owner = ${owner} AND version = ${version}`
    return sql`UPDATE ${turns} SET ${column} = ${column} - 1 WHERE ${row}`
  }
  /** One waits more, if there is one in `of`. An owner without a waiting job gets its turn after the owners that have some. */
  const joinQueue = ({ kind, owner, version }: Queued, isDelayed: boolean, of: Fragment = sql`(SELECT 1) AS one`) =>
    sql`INSERT INTO ${turns} AS t (kind, owner, version, waiting, delayed, turn)
      SELECT ${kind}, ${owner}, ${version}::integer, ${isDelayed ? 0 : 1}, ${isDelayed ? 1 : 0}, ${turn} FROM ${of}
      ON CONFLICT (kind, owner, version) DO UPDATE SET waiting = t.waiting + excluded.waiting,
        delayed = t.delayed + excluded.delayed, turn = CASE WHEN t.waiting = 0 THEN GREATEST(t.turn, excluded.turn) ELSE t.turn END`
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
  return {
    leaveQueue,
    joinQueue,
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
            INSERT INTO ${jobs} (id, kind, version, owner, idempotency, payload, trace, state, attempt, crashes, fence, is_cancelling, percent, revision,
              is_delayed, starts_at, deadline_at, created_at, updated_at)
            SELECT ${job.id}, ${job.kind}, ${job.version}, ${job.owner}, ${key}, ${job.payload}, ${
          job.trace ?? null
        }::text, 'queued', 0, 0, 0, FALSE, 0, 1,
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
    isWaiting: (kind: string, version: number) =>
      sql`SELECT 1 AS one FROM ${turns} WHERE kind = ${kind} AND waiting > 0 AND version <= ${version} LIMIT 1`.pipe(
        Effect.map(isAny),
        operation("look for a job")
      ),
    /** Takes the first job of the owner whose turn it is, and moves that owner to the end. */
    claim: (kind: string, version: number, { execution, lane, runner }: Taking) =>
      Effect.gen(function*() {
        for (let look = 0; look < 5; look++) {
          const [row] = yield* sql<Taken>`WITH
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
            WHERE number = (SELECT number FROM first) RETURNING ${columns}, payload, trace`
          if (row !== undefined) return toTaken(row)
          // Nothing waits, or the owner whose turn it was has no job any more, or the job is being taken or ended right now.
          if (!(yield* recount(kind, version))) return undefined
        }
        return undefined
      }).pipe(operation("look for a job")),
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
    }).pipe(operation("look at the clock"))
  }
}

export type JobQueue = ReturnType<typeof make>
