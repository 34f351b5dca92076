/**
 * The store in SQL, the same for SQLite and Postgres; what differs is the `Dialect`.
 *
 * Every write about a running job is one statement, or begins with one, that names the fence: no row, no hold, nothing is
 * written. Where two runners may want the same row, the statement that takes it repeats what made it eligible, so that on
 * Postgres (where it waits for the other's commit, and looks again) only one of them gets it.
 */
import * as Effect from "effect/Effect"
import type * as SqlClient from "effect/sql/SqlClient"
import { isSqlError, type SqlError } from "effect/sql/SqlError"
import type { Fragment } from "effect/sql/Statement"
import * as crypto from "node:crypto"
import { JobError, JobQueueFull, JobStoreTooNew, JobStoreUnavailable, type StoreProblem } from "../../JobError.ts"
import type { JobState } from "../../JobState.ts"
import type { StoredFailure, StoredJob } from "../../JobStore.ts"
import { crashed, outdated } from "../failures.ts"
import type { Identity } from "../JobHost.ts"
import type { Claim, ClaimRequest, Former, Hold, Outcome, Store, StoredStep } from "./LeaseStore.ts"
import { type ColumnTypes, formats, tables } from "./sqlFormat.ts"

export interface Dialect {
  /** For messages; no secrets. */
  readonly name: string
  /** For what only reads, outside of transactions. */
  readonly reader: SqlClient.SqlClient
  readonly types: ColumnTypes
  /** Milliseconds of the epoch by the one clock that all who share the store go by. */
  readonly now: Effect.Effect<Fragment>
  /** Taken at the beginning of a migration's transaction. */
  readonly lockFormat: Effect.Effect<unknown, SqlError>
  /** The transaction in it survives a power cut. */
  readonly durably: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  readonly afterClean: Effect.Effect<unknown, SqlError>
  readonly problem: (error: SqlError) => { readonly problem: StoreProblem; readonly detail: string }
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
  readonly is_cancelling: number
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

interface OrphanRow extends Row {
  readonly runner: string
  readonly lease_over: number | null
}

export const make = Effect.fnUntraced(function*(sql: SqlClient.SqlClient, dialect: Dialect) {
  const { reader } = dialect
  const jobs = sql.literal(tables.jobs)
  const steps = sql.literal(tables.steps)
  const runners = sql.literal(tables.runners)
  const turns = sql.literal(tables.turns)
  const columns = sql.literal(
    "id, kind, version, owner, state, attempt, crashes, fence, is_cancelling, percent, message, data, " +
      "failure, revision, created_at, started_at, finished_at, updated_at"
  )

  const fail = (reason: JobError["reason"]) => Effect.fail(new JobError({ reason }))
  const operation = (name: string) => <A>(effect: Effect.Effect<A, SqlError | JobError>): Effect.Effect<A, JobError> =>
    effect.pipe(
      Effect.catchTag(
        "SqlError",
        (error) => fail(new JobStoreUnavailable({ store: dialect.name, operation: name, ...dialect.problem(error) }))
      ),
      // A transaction that could not be rolled back either is told so by a defect.
      Effect.catchDefect((defect) =>
        isSqlError(defect)
          ? fail(new JobStoreUnavailable({ store: dialect.name, operation: name, ...dialect.problem(defect) }))
          : Effect.die(defect)
      ),
      // A statement half done must not be cut off; waiting for a lock is bounded.
      Effect.uninterruptible,
      // Spans are of the operations of `Jobs`; a poll costs less without one per statement.
      Effect.withTracerEnabled(false)
    )
  const durable = <A>(effect: Effect.Effect<A, SqlError | JobError>) => dialect.durably(sql.withTransaction(effect))
  const loose = <A>(effect: Effect.Effect<A, SqlError | JobError>) => sql.withTransaction(effect)

  yield* operation("prepare its tables")(migrate(sql, dialect))

  const held = ({ fence, id }: Hold) => sql`id = ${id} AND fence = ${fence} AND state = 'running'`
  const isHeld = (rows: ReadonlyArray<unknown>): boolean => rows.length > 0
  const isDead = (now: Fragment) =>
    sql`NOT EXISTS (SELECT 1 FROM ${runners} r WHERE r.id = ${jobs}.runner AND r.alive_until > ${now})`
  /** Running under a runner that is dead, and is not the one who asks: its own jobs are its own while nobody took them. */
  const isOrphan = (now: Fragment, { runner, silent }: ClaimRequest) => {
    const isDeadForAll = sql`state = 'running' AND runner <> ${runner} AND ${isDead(now)}`
    if (silent === undefined) return isDeadForAll
    const isKnown = sql`EXISTS (SELECT 1 FROM ${runners} r WHERE r.id = ${jobs}.runner)`
    return sql`${isDeadForAll} AND (NOT ${isKnown} OR ${sql.in("runner", silent)})`
  }
  /** Back into the queue, unless somebody waits for its end. */
  const putBack = (now: Fragment) =>
    sql`state = CASE WHEN is_cancelling = 1 THEN 'cancelled' ELSE 'queued' END,
        finished_at = CASE WHEN is_cancelling = 1 THEN ${now} ELSE finished_at END,
        runner = NULL, is_cancelling = 0, fence = fence + 1, revision = revision + 1, updated_at = ${now}`
  const ending = (now: Fragment, outcome: Outcome) => {
    const result = outcome.state === "succeeded" ? outcome.result ?? null : null
    const failure = outcome.state === "failed" ? JSON.stringify(outcome.failure) : null
    const percent = outcome.state === "succeeded" ? sql.literal("100") : sql.literal("percent")
    return sql`state = ${outcome.state}, result = ${result}, failure = ${failure}, percent = ${percent}, runner = NULL,
        is_cancelling = 0, fence = fence + 1, revision = revision + 1, finished_at = ${now}, updated_at = ${now}`
  }

  /** One look for a job to take; `undefined` if somebody else was faster. */
  const take = (request: ClaimRequest, now: Fragment) =>
    Effect.gen(function*() {
      const { kind, maxCrashes, onOldVersion, runner, version } = request
      const leaseOver = sql`(SELECT ${now} - r.alive_until FROM ${runners} r WHERE r.id = ${jobs}.runner) AS lease_over`
      const [orphan] = yield* sql<OrphanRow>`SELECT ${columns}, runner, ${leaseOver} FROM ${jobs}
        WHERE kind = ${kind} AND version <= ${version} AND ${isOrphan(now, request)} ORDER BY number LIMIT 1`
      const from: { readonly former?: Former } = orphan === undefined
        ? {}
        : { former: { runner: orphan.runner, leaseOverMillis: orphan.lease_over ?? undefined } }
      const row = orphan ?? (yield* nextInTurn(kind, version, now))
      if (row === undefined) return { _tag: "Nothing" } satisfies Claim
      const stillThere = orphan === undefined
        ? sql`id = ${row.id} AND fence = ${row.fence} AND state = 'queued'`
        : sql`id = ${row.id} AND fence = ${row.fence} AND state = 'running'`
      const settle = (outcome: Outcome) =>
        sql`UPDATE ${jobs} SET ${ending(now, outcome)} WHERE ${stillThere} RETURNING id`.pipe(
          Effect.map((rows): Claim | undefined =>
            isHeld(rows) ? { _tag: "Settled", id: row.id, state: outcome.state, ...from } : undefined
          )
        )
      const crashes = row.crashes + (orphan === undefined ? 0 : 1)
      if (orphan?.is_cancelling === 1) return yield* settle({ state: "cancelled" })
      if (crashes >= maxCrashes) return yield* settle({ state: "failed", failure: crashed(crashes) })
      const isOld = row.version < version && onOldVersion !== "finish"
      if (isOld) {
        const unsafe = yield* sql`SELECT 1 AS one FROM ${steps} WHERE job = ${row.id} AND is_unsafe = 1 LIMIT 1`
        if (onOldVersion === "fail" || isHeld(unsafe)) {
          return yield* settle({ state: "failed", failure: outdated(row, request) })
        }
      }
      const over = isOld
        ? sql`, version = ${version}, percent = 0, message = NULL, data = NULL, crashes = 0`
        : sql`, crashes = ${crashes}`
      const [taken] = yield* sql<
        Row & { readonly payload: string }
      >`UPDATE ${jobs} SET state = 'running', runner = ${runner}, attempt = attempt + 1,
        fence = fence + 1, revision = revision + 1, started_at = COALESCE(started_at, ${now}), updated_at = ${now} ${over}
        WHERE ${stillThere} RETURNING ${columns}, payload`
      if (taken === undefined) return undefined
      if (isOld) yield* sql`DELETE FROM ${steps} WHERE job = ${row.id}`
      return { _tag: "Claimed", job: { ...toJob(taken), payload: taken.payload }, ...from } satisfies Claim
    })
  /** The first job of the owner whose last turn is the longest ago. */
  const nextInTurn = (kind: string, version: number, now: Fragment) =>
    Effect.gen(function*() {
      const oldest = sql`SELECT MIN(j.number) FROM ${jobs} j
        WHERE j.kind = t.kind AND j.state = 'queued' AND j.owner = t.owner AND j.version <= ${version}`
      const [next] = yield* sql<{ readonly owner: string }>`SELECT owner FROM
        (SELECT owner, turn, (${oldest}) AS oldest FROM ${turns} t WHERE kind = ${kind}) AS waiting
        WHERE oldest IS NOT NULL ORDER BY turn, oldest LIMIT 1`
      if (next === undefined) return undefined
      yield* sql`UPDATE ${turns} SET asked_at = ${now},
        turn = (SELECT MAX(turn) + 1 FROM ${turns} WHERE kind = ${kind})
        WHERE kind = ${kind} AND owner = ${next.owner}`
      const [row] = yield* sql<Row>`SELECT ${columns} FROM ${jobs} WHERE kind = ${kind} AND state = 'queued'
        AND owner = ${next.owner} AND version <= ${version} ORDER BY number LIMIT 1`
      return row
    })

  const store: Store = {
    name: dialect.name,
    insert: (job) =>
      Effect.flatMap(dialect.now, (now) => {
        const key = job.key === undefined ? null : crypto.createHash("sha256").update(job.key).digest("base64url")
        const same = key === null ? Effect.succeed([]) : sql<Row>`SELECT ${columns} FROM ${jobs}
          WHERE kind = ${job.kind} AND owner = ${job.owner} AND idempotency = ${key}`
        const accept = Effect.gen(function*() {
          const [known] = yield* same
          if (known !== undefined) return { job: toJob(known), isNew: false }
          const [count] = yield* sql<
            { readonly queued: number }
          >`SELECT CAST(COUNT(*) AS INTEGER) AS queued FROM ${jobs}
            WHERE kind = ${job.kind} AND state = 'queued' AND owner = ${job.owner}`
          if (count !== undefined && count.queued >= job.maxQueued) {
            return yield* fail(new JobQueueFull({ kind: job.kind, limit: job.maxQueued }))
          }
          yield* sql`INSERT INTO ${turns} (kind, owner, turn, asked_at) VALUES (${job.kind}, ${job.owner}, 0, ${now})
            ON CONFLICT (kind, owner) DO UPDATE SET asked_at = excluded.asked_at`
          const [row] = yield* sql<
            Row
          >`INSERT INTO ${jobs} (id, kind, version, owner, idempotency, payload, state, attempt,
              crashes, fence, is_cancelling, percent, revision, created_at, updated_at)
            VALUES (${job.id}, ${job.kind}, ${job.version}, ${job.owner}, ${key}, ${job.payload}, 'queued', 0, 0, 0, 0, 0, 1,
              ${now}, ${now})
            ON CONFLICT (kind, owner, idempotency) DO NOTHING RETURNING ${columns}`
          if (row !== undefined) return { job: toJob(row), isNew: true }
          // Somebody else started the same job in this very moment.
          const [other] = yield* same
          if (other === undefined) return yield* Effect.die(new Error("a job was neither accepted nor found"))
          return { job: toJob(other), isNew: false }
        })
        return durable(accept)
      }).pipe(operation("accept a job")),
    read: (ids) =>
      ids.length === 0 ?
        Effect.succeed([]) :
        reader<Row>`SELECT ${columns} FROM ${jobs} WHERE ${sql.in("id", ids)}`.pipe(
          Effect.map((rows) => rows.map(toJob)),
          operation("read jobs")
        ),
    result: (id) =>
      reader<{ readonly result: string | null }>`SELECT result FROM ${jobs} WHERE id = ${id}`.pipe(
        Effect.map(([row]) => row?.result ?? undefined),
        operation("read a result")
      ),
    list: ({ kind, limit, owner, states }) => {
      const conditions = [
        owner === undefined ? sql`1 = 1` : sql`owner = ${owner}`,
        ...kind === undefined ? [] : [sql`kind = ${kind}`],
        ...states === undefined || states.length === 0 ? [] : [sql.in("state", states)]
      ]
      const found = reader<Row>`SELECT ${columns} FROM ${jobs} WHERE ${
        sql.and(conditions)
      } ORDER BY number DESC LIMIT ${limit}`
      return operation("list jobs")(Effect.map(found, (rows) => rows.map(toJob)))
    },
    claim: (request) =>
      Effect.gen(function*() {
        const now = yield* dialect.now
        // Looking takes no lock; most looks find nothing.
        const any =
          yield* reader`SELECT 1 AS one FROM ${jobs} WHERE kind = ${request.kind} AND version <= ${request.version}
          AND (state = 'queued' OR ${isOrphan(now, request)}) LIMIT 1`
        if (!isHeld(any)) return { _tag: "Nothing" } satisfies Claim
        for (let attempt = 0; attempt < 5; attempt++) {
          const claim: Claim | undefined = yield* loose(take(request, now))
          if (claim !== undefined) return claim
        }
        return { _tag: "Nothing" } satisfies Claim
      }).pipe(operation("look for a job")),
    renew: (runner, leaseMillis) =>
      Effect.flatMap(dialect.now, (now) =>
        loose(
          sql`INSERT INTO ${runners} (id, identity, alive_until)
            VALUES (${runner.id}, ${JSON.stringify(runner.identity)}, ${now} + ${leaseMillis})
            ON CONFLICT (id) DO UPDATE SET alive_until = excluded.alive_until`
        )).pipe(Effect.asVoid, operation("renew a lease")),
    runners: Effect.flatMap(
      dialect.now,
      (now) =>
        reader<{ readonly id: string; readonly identity: string; readonly until: number; readonly is_over: number }>`
        SELECT id, identity, alive_until AS until, CASE WHEN alive_until > ${now} THEN 0 ELSE 1 END AS is_over
        FROM ${runners}`
    ).pipe(
      Effect.map((rows) =>
        rows.map(({ id, identity, is_over, until }) => ({
          id,
          // Written by `renew` above.
          identity: JSON.parse(identity) as Identity,
          until,
          isOver: is_over === 1
        }))
      ),
      operation("read its runners")
    ),
    retire: (runner) =>
      sql`DELETE FROM ${runners} WHERE id = ${runner}`.pipe(Effect.asVoid, loose, operation("retire a runner")),
    leave: (runner) =>
      Effect.flatMap(dialect.now, (now) =>
        durable(Effect.andThen(
          sql`UPDATE ${jobs} SET ${putBack(now)} WHERE runner = ${runner} AND state = 'running'`,
          sql`DELETE FROM ${runners} WHERE id = ${runner}`
        ))).pipe(Effect.asVoid, operation("hand its jobs back")),
    held: (runner) =>
      reader<Row>`SELECT id, fence, is_cancelling FROM ${jobs} WHERE runner = ${runner} AND state = 'running'`.pipe(
        Effect.map((rows) =>
          rows.map(({ fence, id, is_cancelling }) => ({ id, fence, isCancelling: is_cancelling === 1 }))
        ),
        operation("read the jobs of a runner")
      ),
    step: (id, name) =>
      reader<{ readonly is_done: number; readonly fence: number; readonly value: string | null }>`
        SELECT is_done, fence, value FROM ${steps} WHERE job = ${id} AND name = ${name}`.pipe(
        Effect.map(([row]): StoredStep | undefined => {
          if (row === undefined) return undefined
          return row.is_done === 1
            ? { _tag: "Done", value: row.value ?? undefined }
            : { _tag: "Begun", fence: row.fence }
        }),
        operation("read a step")
      ),
    beginStep: (hold, name) =>
      durable(Effect.gen(function*() {
        const rows = yield* sql`UPDATE ${jobs} SET fence = fence WHERE ${held(hold)} RETURNING id`
        if (!isHeld(rows)) return false
        yield* sql`INSERT INTO ${steps} (job, name, is_done, is_unsafe, fence) VALUES (${hold.id}, ${name}, 0, 1, ${hold.fence})
          ON CONFLICT (job, name) DO UPDATE SET fence = excluded.fence`
        return true
      })).pipe(operation("begin a step")),
    commitStep: (hold, name, value) =>
      Effect.flatMap(dialect.now, (now) =>
        durable(Effect.gen(function*() {
          const rows = yield* sql`UPDATE ${jobs} SET crashes = 0, revision = revision + 1, updated_at = ${now}
            WHERE ${held(hold)} RETURNING id`
          if (!isHeld(rows)) return false
          yield* sql`INSERT INTO ${steps} (job, name, is_done, is_unsafe, fence, value)
            VALUES (${hold.id}, ${name}, 1, 0, ${hold.fence}, ${value ?? null})
            ON CONFLICT (job, name) DO UPDATE SET is_done = 1, fence = excluded.fence, value = excluded.value`
          return true
        }))).pipe(operation("store a step")),
    finish: (hold, outcome) =>
      Effect.flatMap(
        dialect.now,
        (now) => durable(sql`UPDATE ${jobs} SET ${ending(now, outcome)} WHERE ${held(hold)} RETURNING id`)
      ).pipe(
        Effect.map(isHeld),
        operation("store the end of a job")
      ),
    release: (hold) =>
      Effect.flatMap(
        dialect.now,
        (now) => durable(sql`UPDATE ${jobs} SET ${putBack(now)} WHERE ${held(hold)} RETURNING id`)
      ).pipe(
        Effect.map(isHeld),
        operation("hand a job back")
      ),
    report: (reports) =>
      Effect.flatMap(dialect.now, (now) =>
        loose(Effect.forEach(
          // In one order, so that two who write the same rows never wait for each other.
          reports.toSorted((a, b) => a.id < b.id ? -1 : 1),
          (report) =>
            sql`UPDATE ${jobs} SET percent = CASE WHEN percent > ${report.percent} THEN percent ELSE ${report.percent} END,
              message = ${report.message ?? null}, data = ${report.data ?? null}, revision = revision + 1,
              updated_at = ${now} WHERE ${held(report)}`,
          { discard: true }
        ))).pipe(operation("write progress")),
    requestCancel: (id) =>
      Effect.flatMap(dialect.now, (now) => {
        const isOver = sql`(state = 'queued' OR ${isDead(now)})`
        return durable(sql<{ readonly state: JobState }>`UPDATE ${jobs} SET
          state = CASE WHEN ${isOver} THEN 'cancelled' ELSE state END,
          runner = CASE WHEN ${isOver} THEN NULL ELSE runner END,
          fence = CASE WHEN ${isOver} THEN fence + 1 ELSE fence END,
          finished_at = CASE WHEN ${isOver} THEN ${now} ELSE finished_at END,
          is_cancelling = CASE WHEN ${isOver} THEN 0 ELSE 1 END,
          revision = revision + 1, updated_at = ${now}
          WHERE id = ${id} AND state IN ('queued', 'running') RETURNING state`)
      }).pipe(Effect.map(([row]) => row?.state === "cancelled"), operation("cancel a job")),
    remove: (id) =>
      durable(Effect.gen(function*() {
        const rows = yield* sql`DELETE FROM ${jobs} WHERE id = ${id} AND finished_at IS NOT NULL RETURNING id`
        if (isHeld(rows)) yield* sql`DELETE FROM ${steps} WHERE job = ${id}`
        return isHeld(rows)
      })).pipe(operation("remove a job")),
    backlog: (kind) =>
      Effect.gen(function*() {
        const now = yield* dialect.now
        // Nothing but the index of the queue is read for this.
        const [waiting] = yield* reader<
          { readonly queued: number; readonly first: number | null }
        >`SELECT CAST(COUNT(*) AS INTEGER) AS queued, CAST(MIN(number) AS DOUBLE PRECISION) AS first FROM ${jobs}
          WHERE kind = ${kind} AND state = 'queued'`
        if (waiting === undefined || waiting.first === null) return { queued: 0, oldestMillis: 0 }
        const [oldest] = yield* reader<
          { readonly age: number }
        >`SELECT ${now} - created_at AS age FROM ${jobs} WHERE number = ${waiting.first}`
        return { queued: waiting.queued, oldestMillis: Math.max(0, oldest?.age ?? 0) }
      }).pipe(operation("count the jobs that wait")),
    clean: (retentionMillis) =>
      Effect.gen(function*() {
        const now = yield* dialect.now
        const old = sql`SELECT id FROM ${jobs} WHERE finished_at < ${now} - ${retentionMillis} LIMIT 1000`
        if (!isHeld(yield* old)) return 0
        const removed = yield* loose(Effect.gen(function*() {
          const rows = yield* sql<{ readonly id: string }>`DELETE FROM ${jobs} WHERE id IN (${old}) RETURNING id`
          for (const { id } of rows) yield* sql`DELETE FROM ${steps} WHERE job = ${id}`
          // An owner who asked lately may be about to start a job: the row is locked by that, and then not old any more.
          yield* sql`DELETE FROM ${turns} WHERE asked_at < ${now} - ${retentionMillis}
            AND NOT EXISTS (SELECT 1 FROM ${jobs} j WHERE j.kind = ${turns}.kind AND j.owner = ${turns}.owner)`
          return rows.length
        }))
        yield* dialect.afterClean
        return removed
      }).pipe(operation("remove old jobs"))
  }
  return store
})

/** Brings the tables to the present format, alone. */
const migrate = (sql: SqlClient.SqlClient, dialect: Dialect): Effect.Effect<void, SqlError | JobError> => {
  const format = sql.literal(tables.format)
  return dialect.durably(sql.withTransaction(Effect.gen(function*() {
    yield* dialect.lockFormat
    yield* sql`CREATE TABLE IF NOT EXISTS ${format} (format INTEGER NOT NULL)`
    const [row] = yield* sql<{ readonly format: number }>`SELECT format FROM ${format}`
    const found = row?.format ?? 0
    const supported = formats.length
    if (found > supported) {
      return yield* new JobError({ reason: new JobStoreTooNew({ store: dialect.name, found, supported }) })
    }
    if (found === supported) return
    for (const statements of formats.slice(found)) {
      for (const statement of statements(dialect.types)) yield* sql.unsafe(statement)
    }
    yield* sql`DELETE FROM ${format}`
    yield* sql`INSERT INTO ${format} (format) VALUES (${supported})`
  })))
}

const toJob = (row: Row): StoredJob => ({
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
  question: undefined,
  startsAt: undefined,
  deadlineAt: undefined,
  revision: row.revision,
  createdAt: row.created_at,
  startedAt: row.started_at ?? undefined,
  finishedAt: row.finished_at ?? undefined,
  updatedAt: row.updated_at
})
