/**
 * The store in an SQLite file. All programs on it are on one machine.
 *
 * Every write about a running job is one statement, or begins with one, that names the fence: no row, no hold, nothing is written.
 *
 * Owners take turns at a cost that does not grow with them: a job gets its turn when it is accepted, one after the owner's last, but
 * not before those that are queued; the lowest turn is taken first.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as SqlClient from "effect/sql/SqlClient"
import { isSqlError, type SqlError } from "effect/sql/SqlError"
import * as crypto from "node:crypto"
import { JobError, JobQueueFull, JobStoreUnavailable } from "../../JobError.ts"
import { crashed, outdated } from "../attempt/failures.ts"
import {
  type Bequest,
  chargedOf,
  type Claim,
  type ClaimRequest,
  type Expired,
  type Hold,
  isSuspect,
  type Outcome,
  pastDeadline,
  pauseAfter,
  type Runner,
  type Store,
  type StoredStep,
  type Unsuccessful
} from "../local/Store.ts"
import { type Identity, ProcessIdentity } from "../ProcessIdentity.ts"
import { isAnswer, type StoredFailure } from "../StoredJob.ts"
import * as GroupCommit from "./GroupCommit.ts"
import { migrate } from "./migrate.ts"
import * as NodeSqlite from "./NodeSqlite.ts"
import * as RunnerLocks from "./RunnerLocks.ts"
import { tables } from "./sqlFormat.ts"
import { unavailable, wordsOf } from "./sqliteProblems.ts"
import { columnsOfRow, compensations, type Id, questionOf, type Row, toJob } from "./sqliteRows.ts"
import * as StoreFile from "./StoreFile.ts"

/** Opens the store; closed with the Scope. */
export const make = Effect.fnUntraced(function*(filename: string) {
  const open = Effect.catchTag(
    NodeSqlite.make(filename),
    "SqlError",
    (error) => Effect.fail(unavailable(filename, "open it", error))
  )
  const writer = yield* open
  // A database in memory belongs to its connection. Polls have one of their own: they never wait for a lock.
  return yield* over(writer, filename === ":memory:" ? writer : yield* open, filename)
})

/** Rows that are removed in one transaction; about a hundredth of a second's work. */
const removedAtOnce = 300

/** The store in an open database. */
export const over = Effect.fnUntraced(
  function*(sql: SqlClient.SqlClient, reader: SqlClient.SqlClient, filename: string) {
    const host = yield* ProcessIdentity
    const clock = yield* Clock.Clock
    const jobs = sql.literal(tables.jobs)
    const steps = sql.literal(tables.steps)
    const runners = sql.literal(tables.runners)
    const turns = sql.literal(tables.turns)
    const ready = sql.literal(`${tables.jobs}_ready`)
    const columns = sql.literal(columnsOfRow)

    const fail = (reason: JobError["reason"]) => Effect.fail(new JobError({ reason }))
    const operation = (name: string) => <A, R>(effect: Effect.Effect<A, SqlError | JobError, R>) =>
      effect.pipe(
        Effect.catchTag("SqlError", (error) => Effect.fail(unavailable(filename, name, error))),
        // A transaction that could not be rolled back either is told so by a defect.
        Effect.catchDefect((defect) =>
          isSqlError(defect) ? Effect.fail(unavailable(filename, name, defect)) : Effect.die(defect)
        ),
        // A statement half done must not be cut off; waiting for a lock is bounded.
        Effect.uninterruptible,
        // Spans are of the operations of `Jobs`; a poll costs less without one per statement.
        Effect.withTracerEnabled(false)
      )
    yield* operation("prepare its tables")(migrate(sql, filename))
    const file = StoreFile.make(filename)
    const locks = filename === ":memory:" ? undefined : RunnerLocks.make(filename, host)
    const together = GroupCommit.make(sql)

    const read = (name: string) => <A>(effect: Effect.Effect<A, SqlError | JobError>): Effect.Effect<A, JobError> =>
      Effect.andThen(file.check(name), operation(name)(effect))
    /** What is lost with the machine: claims, progress. */
    const loose = (name: string) => <A>(effect: Effect.Effect<A, SqlError | JobError>): Effect.Effect<A, JobError> =>
      Effect.andThen(file.check(name), operation(name)(sql.withTransaction(effect)))
    /** What was promised: it survives a power cut, in the file that has the name. */
    const promised =
      (name: string) => <A>(committed: Effect.Effect<A, SqlError | JobError>): Effect.Effect<A, JobError> =>
        Effect.andThen(file.check(name), operation(name)(committed)).pipe(
          Effect.tap(() => file.check(name)),
          Effect.uninterruptible
        )
    const durable = (name: string) => <A>(effect: Effect.Effect<A, SqlError | JobError>) =>
      promised(name)(NodeSqlite.durably(sql.withTransaction(effect)))
    const locking = <A, R>(name: string, effect: Effect.Effect<A, RunnerLocks.LockFailure, R>) =>
      Effect.mapError(
        effect,
        ({ cause }) =>
          new JobError({ reason: new JobStoreUnavailable({ store: filename, operation: name, ...wordsOf(cause) }) })
      )
    const now = () => clock.currentTimeMillisUnsafe()

    const held = ({ fence, id }: Hold) => sql`id = ${id} AND fence = ${fence} AND state = 'running'`
    const isHeld = (rows: ReadonlyArray<unknown>): boolean => rows.length > 0
    const touch = sql.literal("revision = revision + 1")
    const isDue = sql`EXISTS (SELECT 1 FROM ${steps} s WHERE s.job = ${jobs}.id AND s.compensation = 1)`
    const isReady = (kind: string, version: number) =>
      sql`kind = ${kind} AND state = 'queued' AND starts_at IS NULL AND version <= ${version}`
    const ending = (now: number, outcome: Outcome) => {
      const result = outcome.state === "succeeded" ? outcome.result ?? null : null
      const failure = outcome.state === "failed" ? JSON.stringify(outcome.failure) : null
      const percent = outcome.state === "succeeded" ? sql.literal("100") : sql.literal("percent")
      return sql`state = ${outcome.state}, result = ${result}, failure = ${failure}, percent = ${percent}, runner = NULL,
        is_cancelling = 0, is_alone = 0, is_waiting = 0, ending = NULL, question = NULL, starts_at = NULL, fence = fence + 1,
        finished_at = ${now}, updated_at = ${now}, ${touch}`
    }
    const queued = (now: number) =>
      sql`state = 'queued', runner = NULL, is_alone = 0, is_waiting = 0, fence = fence + 1, updated_at = ${now}, ${touch}`
    /** Its runner gives up what these are: back into the queue, unless it is cancelled and has nothing to undo. */
    const putBack = (now: number, which: ReturnType<typeof held>) =>
      Effect.gen(function*() {
        const over = yield* sql`UPDATE ${jobs} SET ${ending(now, { state: "cancelled" })}
          WHERE ${which} AND is_cancelling = 1 AND NOT ${isDue} RETURNING id`
        const back = yield* sql`UPDATE ${jobs} SET ${queued(now)} WHERE ${which} RETURNING id`
        return over.length + back.length > 0
      })

    /** The job is taken, or settled instead. In a transaction that has the lock. */
    const take = Effect.fnUntraced(
      function*(row: Row, { kind, maxCrashes, onOldVersion, runner, version }: ClaimRequest) {
        const at = now()
        const settle = (failure: StoredFailure) =>
          Effect.as(
            sql`UPDATE ${jobs} SET ${ending(at, { state: "failed", failure })} WHERE id = ${row.id}`,
            {
              _tag: "Settled",
              id: row.id,
              state: "failed"
            } satisfies Claim
          )
        const hasDue = isHeld(
          yield* sql`SELECT 1 AS one FROM ${steps} WHERE job = ${row.id} AND compensation = 1 LIMIT 1`
        )
        let endsWith: Unsuccessful | undefined = row.is_cancelling === 1
          ? { state: "cancelled" }
          : row.ending === null
          ? undefined
          // Written by `beginEnding`, and by what takes or awakens it.
          : JSON.parse(row.ending) as Unsuccessful
        let crashes = row.crashes
        let startsOver = false
        if (crashes >= maxCrashes) {
          if (endsWith !== undefined || !hasDue) return yield* settle(crashed(crashes))
          endsWith = { state: "failed", failure: crashed(crashes) }
          crashes = 0
        } else if (endsWith === undefined && row.version < version && onOldVersion !== "finish") {
          const unsafe = yield* sql`SELECT 1 AS one FROM ${steps} WHERE job = ${row.id} AND is_unsafe = 1 LIMIT 1`
          if (onOldVersion === "fail" || isHeld(unsafe) || hasDue) {
            const failure = outdated(row, { kind, version })
            if (!hasDue) return yield* settle(failure)
            endsWith = { state: "failed", failure }
          } else {
            yield* sql`DELETE FROM ${steps} WHERE job = ${row.id}`
            startsOver = true
          }
        }
        const over = startsOver
          ? sql`, version = ${version}, percent = 0, message = NULL, data = NULL, question = NULL, crashes = 0, suspicions = 0`
          : sql`, crashes = ${crashes}`
        const isAlone = !startsOver && isSuspect({ crashes, suspicions: row.suspicions })
        const text = row.is_cancelling === 1 || endsWith === undefined ? row.ending : JSON.stringify(endsWith)
        const [taken] = yield* sql<
          Row & { readonly payload: string; readonly trace: string | null }
        >`UPDATE ${jobs} SET state = 'running', runner = ${runner},
        is_alone = ${isAlone ? 1 : 0}, ending = ${text}, attempt = attempt + 1, fence = fence + 1,
        started_at = COALESCE(started_at, ${at}), updated_at = ${at}, ${touch} ${over}
        WHERE id = ${row.id} RETURNING ${columns}, payload, trace`
        if (taken === undefined) return yield* Effect.die(new Error(`job ${row.id} is gone while it is taken`))
        const job = {
          ...toJob(taken),
          payload: taken.payload,
          trace: taken.trace ?? undefined,
          isAlone,
          ending: endsWith
        }
        return { _tag: "Claimed", job } satisfies Claim
      }
    )

    /** One after the owner's last, but not before what is queued. */
    const nextTurn = (kind: string, owner: string, at: number) =>
      Effect.gen(function*() {
        const [place] = yield* sql<{ readonly turn: number }>`SELECT MAX(
        COALESCE((SELECT turn + 1 FROM ${turns} WHERE kind = ${kind} AND owner = ${owner}), 0),
        COALESCE((SELECT MIN(turn) FROM ${jobs} WHERE kind = ${kind} AND state = 'queued'), 0)) AS turn`
        const turn = place?.turn ?? 0
        yield* sql`INSERT INTO ${turns} (kind, owner, turn, asked_at) VALUES (${kind}, ${owner}, ${turn}, ${at})
        ON CONFLICT (kind, owner) DO UPDATE SET turn = excluded.turn, asked_at = excluded.asked_at`
        return turn
      })

    /** So many steps of the job, and the job when none is left. How much of that was not needed; 0 if there may be more. */
    const removeSome = (id: string, most: number) =>
      Effect.gen(function*() {
        const removed = yield* sql`DELETE FROM ${steps} WHERE rowid IN
          (SELECT rowid FROM ${steps} WHERE job = ${id} LIMIT ${most}) RETURNING 1 AS one`
        if (removed.length === most) return 0
        yield* sql`DELETE FROM ${jobs} WHERE id = ${id}`
        return most - removed.length
      })

    const enrolled = new Map<string, Runner>()
    const enter = (runner: Runner) =>
      loose("enter its runner")(Effect.asVoid(
        // Programs of the first format go by a lease: they are told one that never ends.
        sql`INSERT OR IGNORE INTO ${runners} (id, identity, alive_until)
          VALUES (${runner.id}, ${JSON.stringify(runner.identity)}, ${Number.MAX_SAFE_INTEGER})`
      ))

    const store: Store = {
      name: filename,
      insert: (job) => {
        const key = job.key === undefined ? null : crypto.createHash("sha256").update(job.key).digest("base64url")
        const accept = Effect.gen(function*() {
          const at = now()
          const [known] = key === null ? [] : yield* sql<Row>`SELECT ${columns} FROM ${jobs}
            WHERE kind = ${job.kind} AND owner = ${job.owner} AND idempotency = ${key}`
          if (known !== undefined) {
            const isFree = job.again && (known.state === "failed" || known.state === "cancelled")
            if (!isFree) return { job: toJob(known), isNew: false }
          }
          const waiting = yield* sql`SELECT 1 AS one FROM ${jobs}
            WHERE kind = ${job.kind} AND state = 'queued' AND owner = ${job.owner} LIMIT 1 OFFSET ${job.maxQueued - 1}`
          if (isHeld(waiting)) return yield* fail(new JobQueueFull({ kind: job.kind, limit: job.maxQueued }))
          if (known !== undefined) yield* sql`UPDATE ${jobs} SET idempotency = NULL WHERE id = ${known.id}`
          const turn = yield* nextTurn(job.kind, job.owner, at)
          const [row] = yield* sql<
            Row
          >`INSERT INTO ${jobs} (id, kind, version, owner, idempotency, payload, trace, turn, starts_at,
              deadline_at, state, attempt, crashes, fence, is_cancelling, percent, revision, created_at, updated_at)
            VALUES (${job.id}, ${job.kind}, ${job.version}, ${job.owner}, ${key}, ${job.payload}, ${job.trace ?? null},
              ${turn},
              ${job.delayMillis > 0 ? at + job.delayMillis : null},
              ${
            job.deadlineMillis === undefined ? null : at + job.deadlineMillis
          }, 'queued', 0, 0, 0, 0, 0, 1, ${at}, ${at})
            RETURNING ${columns}`
          if (row === undefined) return yield* Effect.die(new Error("a job was not accepted, without a reason"))
          return { job: toJob(row), isNew: true }
        })
        return promised("accept a job")(together(accept))
      },
      read: (ids) =>
        ids.length === 0
          ? Effect.succeed([])
          : read("read jobs")(Effect.map(
            reader<Row>`SELECT ${columns} FROM ${jobs} WHERE ${sql.in("id", ids)}`,
            (rows) => rows.map(toJob)
          )),
      payload: (id) =>
        read("read what a job was started with")(Effect.map(
          reader<{ readonly payload: string }>`SELECT payload FROM ${jobs} WHERE id = ${id}`,
          ([row]) => row?.payload
        )),
      result: (id) =>
        read("read a result")(Effect.map(
          reader<{ readonly result: string | null }>`SELECT result FROM ${jobs} WHERE id = ${id}`,
          ([row]) => row?.result ?? undefined
        )),
      list: ({ kind, limit, owner, states }) => {
        const conditions = [
          owner === undefined ? sql`1 = 1` : sql`owner = ${owner}`,
          ...kind === undefined ? [] : [sql`kind = ${kind}`],
          ...states === undefined || states.length === 0 ? [] : [sql.in("state", states)]
        ]
        const found = reader<Row>`SELECT ${columns} FROM ${jobs} WHERE ${
          sql.and(conditions)
        } ORDER BY number DESC LIMIT ${limit}`
        return read("list jobs")(Effect.map(found, (rows) => rows.map(toJob)))
      },
      claim: (request) => {
        const name = "look for a job"
        const next = (from: SqlClient.SqlClient) => {
          const others = request.suspects === "pass over" ? sql`AND crashes = 0 AND suspicions < 2` : sql``
          // By itself the planner may sort all that waits.
          return from<Row>`SELECT ${columns} FROM ${jobs} INDEXED BY ${ready} WHERE ${
            isReady(request.kind, request.version)
          } ${others}
            ORDER BY turn, number LIMIT 1`
        }
        return Effect.gen(function*() {
          // Looking takes no lock; most looks find nothing.
          if (!isHeld(yield* read(name)(next(reader)))) return { _tag: "Nothing" } satisfies Claim
          return yield* loose(name)(Effect.gen(function*() {
            const [row] = yield* next(sql)
            if (row === undefined) return { _tag: "Nothing" } satisfies Claim
            if (request.suspects === "wait for" && isSuspect(row)) return { _tag: "Suspect" } satisfies Claim
            return yield* take(row, request)
          }))
        })
      },
      awaken: Effect.gen(function*() {
        const name = "look for jobs whose time has come"
        const at = now()
        const isLate = sql`state = 'queued' AND deadline_at <= ${at} AND ending IS NULL AND is_cancelling = 0`
        const any = yield* read(name)(reader`SELECT 1 AS one WHERE
          EXISTS (SELECT 1 FROM ${jobs} WHERE state = 'queued' AND starts_at IS NOT NULL AND starts_at <= ${at})
          OR EXISTS (SELECT 1 FROM ${jobs} WHERE ${isLate})`)
        if (!isHeld(any)) return []
        return yield* durable(name)(Effect.gen(function*() {
          yield* sql`UPDATE ${jobs} SET starts_at = NULL, updated_at = ${at}, ${touch}
            WHERE state = 'queued' AND starts_at IS NOT NULL AND starts_at <= ${at}`
          const late = yield* sql<Expired>`UPDATE ${jobs} SET ${
            ending(at, pastDeadline)
          } WHERE ${isLate} AND NOT ${isDue}
            RETURNING id, kind`
          yield* sql`UPDATE ${jobs} SET ending = ${
            JSON.stringify(pastDeadline)
          }, starts_at = NULL, updated_at = ${at}, ${touch}
            WHERE ${isLate}`
          return late
        }))
      }),
      enroll: (runner) =>
        Effect.gen(function*() {
          if (locks !== undefined) yield* locking("lock its runner", locks.hold(runner.id))
          yield* Effect.acquireRelease(
            Effect.sync(() => void enrolled.set(runner.id, runner)),
            () => Effect.sync(() => enrolled.delete(runner.id))
          )
          yield* enter(runner)
        }),
      runners: Effect.gen(function*() {
        if (locks !== undefined) yield* locking("renew its lock", locks.renew)
        const rows = yield* read("read its runners")(
          reader<{ readonly id: string; readonly identity: string }>`SELECT id, identity FROM ${runners}`
        )
        // Written by `enter`.
        const all = new Map(rows.map(({ id, identity }) => [id, { id, identity: JSON.parse(identity) as Identity }]))
        for (const [id, runner] of enrolled) {
          if (!all.has(id)) yield* enter(runner)
        }
        return [...all.values()]
      }),
      isDead: (runner) =>
        locks === undefined
          ? Effect.sync(() => !enrolled.has(runner.id))
          : locking("try the lock of a runner", locks.isDead(runner)),
      bury: (runner) => {
        const name = "take over from a runner"
        const buried = loose(name)(Effect.gen(function*() {
          const at = now()
          interface Mine extends Row {
            readonly is_alone: number
            readonly is_waiting: number
          }
          const mine = yield* sql<Mine>`SELECT ${columns}, is_alone, is_waiting FROM ${jobs}
            WHERE runner = ${runner} AND state = 'running' ORDER BY number`
          const all = mine.map((row) => ({ row, isAlone: row.is_alone === 1, isWaiting: row.is_waiting === 1 }))
          const charged = chargedOf(all)
          const bequests: Array<Bequest> = []
          for (const one of all) {
            const { isWaiting, row } = one
            yield* putBack(at, sql`id = ${row.id} AND state = 'running'`)
            const [after] = yield* sql<Row>`SELECT ${columns} FROM ${jobs} WHERE id = ${row.id}`
            const isCharged = one === charged
            if (after?.state === "queued" && !isWaiting && (isCharged || charged === undefined)) {
              const deaths = {
                crashes: row.crashes + (isCharged ? 1 : 0),
                suspicions: row.suspicions + (isCharged ? 0 : 1)
              }
              const pause = pauseAfter(deaths)
              yield* sql`UPDATE ${jobs} SET crashes = ${deaths.crashes}, suspicions = ${deaths.suspicions},
                starts_at = ${pause > 0 ? at + pause : null} WHERE id = ${row.id}`
            }
            bequests.push({
              id: row.id,
              kind: row.kind,
              attempt: row.attempt,
              state: after?.state ?? "queued",
              isCharged
            })
          }
          yield* sql`DELETE FROM ${runners} WHERE id = ${runner}`
          return bequests
        }))
        return Effect.tap(buried, () => locks === undefined ? Effect.void : locking(name, locks.forget(runner)))
      },
      leave: (runner) => {
        const name = "hand its jobs back"
        const left = durable(name)(Effect.andThen(
          putBack(now(), sql`runner = ${runner} AND state = 'running'`),
          Effect.asVoid(sql`DELETE FROM ${runners} WHERE id = ${runner}`)
        ))
        return Effect.tap(left, () =>
          Effect.andThen(
            Effect.sync(() => enrolled.delete(runner)),
            locks === undefined ? Effect.void : locking(name, locks.forget(runner))
          ))
      },
      held: (runner) =>
        read("read the jobs of a runner")(Effect.map(
          reader<
            Row
          >`SELECT id, fence, is_cancelling, question FROM ${jobs} WHERE runner = ${runner} AND state = 'running'`,
          (rows) =>
            rows.map(({ fence, id, is_cancelling, question }) => ({
              id,
              fence,
              isCancelling: is_cancelling === 1,
              question: questionOf(question)?.name
            }))
        )),
      step: (id, name) =>
        read("read a step")(Effect.map(
          reader<{
            readonly is_done: number
            readonly fence: number
            readonly value: string | null
            readonly compensation: number
          }>`SELECT is_done, fence, value, compensation FROM ${steps} WHERE job = ${id} AND name = ${name}`,
          ([row]): StoredStep | undefined => {
            if (row === undefined) return undefined
            const value = row.value ?? undefined
            if (row.is_done === 0) return { _tag: "Begun", fence: row.fence, value }
            return { _tag: "Done", value, compensation: compensations[row.compensation] ?? "none" }
          }
        )),
      beginStep: (hold, name) =>
        durable("begin a step")(Effect.gen(function*() {
          if (!isHeld(yield* sql`SELECT 1 AS one FROM ${jobs} WHERE ${held(hold)}`)) return false
          yield* sql`INSERT INTO ${steps} (job, name, is_done, is_unsafe, fence) VALUES (${hold.id}, ${name}, 0, 1, ${hold.fence})
            ON CONFLICT (job, name) DO UPDATE SET fence = excluded.fence`
          return true
        })),
      commitStep: (hold, name, value, isCompensable) =>
        durable("store a step")(Effect.gen(function*() {
          const rows =
            yield* sql`UPDATE ${jobs} SET crashes = 0, suspicions = 0, is_alone = 0, updated_at = ${now()}, ${touch}
            WHERE ${held(hold)} RETURNING id`
          if (!isHeld(rows)) return false
          yield* sql`INSERT INTO ${steps} (job, name, is_done, is_unsafe, fence, value, compensation)
            VALUES (${hold.id}, ${name}, 1, 0, ${hold.fence}, ${value ?? null}, ${isCompensable ? 1 : 0})
            ON CONFLICT (job, name) DO UPDATE SET is_done = 1, fence = excluded.fence, value = excluded.value,
              compensation = excluded.compensation`
          return true
        })),
      setAlarm: (hold, name, at) =>
        durable("set an alarm")(Effect.gen(function*() {
          if (!isHeld(yield* sql`SELECT 1 AS one FROM ${jobs} WHERE ${held(hold)}`)) return undefined
          const [row] = yield* sql<
            { readonly value: string | null }
          >`INSERT INTO ${steps} (job, name, is_done, is_unsafe, fence, value)
            VALUES (${hold.id}, ${name}, 0, 0, ${hold.fence}, ${String(at)})
            ON CONFLICT (job, name) DO UPDATE SET fence = excluded.fence RETURNING value`
          return Number(row?.value ?? at)
        })),
      ask: (hold, question, refused) =>
        durable("ask a question")(Effect.gen(function*() {
          if (!isHeld(yield* sql`SELECT 1 AS one FROM ${jobs} WHERE ${held(hold)}`)) return undefined
          const [step] = yield* sql<
            { readonly value: string | null }
          >`SELECT value FROM ${steps} WHERE job = ${hold.id} AND name = ${question.name}`
          if (isAnswer(step?.value, refused)) return "answered"
          yield* sql`UPDATE ${jobs} SET question = ${JSON.stringify(question)}, updated_at = ${now()}, ${touch}
            WHERE ${held(hold)}`
          yield* sql`DELETE FROM ${steps} WHERE job = ${hold.id} AND name = ${question.name}`
          return "asked"
        })),
      answer: (id, question, value) =>
        durable("answer a question")(Effect.gen(function*() {
          const [row] = yield* sql<
            { readonly fence: number }
          >`UPDATE ${jobs} SET question = NULL, updated_at = ${now()}, ${touch}
            WHERE id = ${id} AND finished_at IS NULL AND json_extract(question, '$.name') = ${question} RETURNING fence`
          if (row === undefined) return false
          yield* sql`INSERT INTO ${steps} (job, name, is_done, is_unsafe, fence, value)
            VALUES (${id}, ${question}, 0, 0, ${row.fence}, ${value})
            ON CONFLICT (job, name) DO UPDATE SET fence = excluded.fence, value = excluded.value`
          return true
        })),
      setWaiting: (hold, isWaiting) =>
        loose("note that a job waits")(Effect.map(
          sql`UPDATE ${jobs} SET is_waiting = ${isWaiting ? 1 : 0} WHERE ${held(hold)} RETURNING id`,
          isHeld
        )),
      check: (hold) =>
        // By the connection that writes: no older moment is seen.
        read("read a fence")(Effect.map(sql`SELECT 1 AS one FROM ${jobs} WHERE ${held(hold)}`, isHeld)),
      beginEnding: (hold, outcome) =>
        durable("begin to undo a job")(Effect.map(
          sql`UPDATE ${jobs} SET ending = ${
            JSON.stringify(outcome)
          }, question = NULL, is_waiting = 0, updated_at = ${now()},
            ${touch} WHERE ${held(hold)} RETURNING id`,
          isHeld
        )),
      commitCompensation: (hold, name) =>
        durable("store that a step is undone")(Effect.gen(function*() {
          if (!isHeld(yield* sql`SELECT 1 AS one FROM ${jobs} WHERE ${held(hold)}`)) return false
          yield* sql`UPDATE ${steps} SET compensation = 2 WHERE job = ${hold.id} AND name = ${name}`
          return true
        })),
      finish: (hold, outcome) =>
        durable("store the end of a job")(
          Effect.map(sql`UPDATE ${jobs} SET ${ending(now(), outcome)} WHERE ${held(hold)} RETURNING id`, isHeld)
        ),
      release: (hold) => durable("hand a job back")(putBack(now(), held(hold))),
      report: (reports) =>
        loose("write progress")(Effect.forEach(
          reports,
          (report) =>
            sql`UPDATE ${jobs} SET percent = CASE WHEN percent > ${report.percent} THEN percent ELSE ${report.percent} END,
              message = ${report.message ?? null}, data = ${report.data ?? null}, updated_at = ${now()}, ${touch}
              WHERE ${held(report)}`,
          { discard: true }
        )),
      requestCancel: (id) =>
        durable("cancel a job")(Effect.gen(function*() {
          const at = now()
          const over = yield* sql`UPDATE ${jobs} SET ${ending(at, { state: "cancelled" })}
            WHERE id = ${id} AND state = 'queued' AND NOT ${isDue} RETURNING id`
          if (isHeld(over)) return true
          yield* sql`UPDATE ${jobs} SET is_cancelling = 1, starts_at = NULL, updated_at = ${at}, ${touch}
            WHERE id = ${id} AND state IN ('queued', 'running')`
          return false
        })),
      retry: (id, newId, from) =>
        durable("run a job again")(Effect.gen(function*() {
          const at = now()
          const [old] = yield* sql<
            Row
          >`SELECT ${columns} FROM ${jobs} WHERE id = ${id} AND state IN ('failed', 'cancelled')`
          if (old === undefined) return undefined
          const [kept] = yield* sql<
            { readonly idempotency: string | null }
          >`SELECT idempotency FROM ${jobs} WHERE id = ${id}`
          yield* sql`UPDATE ${jobs} SET idempotency = NULL WHERE id = ${id}`
          const turn = yield* nextTurn(old.kind, old.owner, at)
          const [row] = yield* sql<
            Row
          >`INSERT INTO ${jobs} (id, kind, version, owner, idempotency, payload, trace, turn, state, attempt,
              crashes, fence, is_cancelling, percent, revision, created_at, updated_at)
            SELECT ${newId}, kind, version, owner, ${
            kept?.idempotency ?? null
          }, payload, trace, ${turn}, 'queued', 0, 0, 0, 0, 0, 1, ${at}, ${at}
            FROM ${jobs} WHERE id = ${id} RETURNING ${columns}`
          yield* sql`INSERT INTO ${steps} (job, name, is_done, is_unsafe, fence, value, compensation)
            SELECT ${newId}, name, is_done, is_unsafe, fence, value, compensation FROM ${steps}
            WHERE job = ${id} AND is_done = 1 AND rowid < COALESCE(
              (SELECT MIN(rowid) FROM ${steps} WHERE job = ${id} AND (name = ${
            from ?? null
          } OR compensation = 2)), 9223372036854775807)
            ORDER BY rowid`
          return row === undefined ? undefined : toJob(row)
        })),
      steps: (id) =>
        read("read the steps of a job")(Effect.map(
          reader<{ readonly name: string }>`SELECT name FROM ${steps} WHERE job = ${id} AND is_done = 1 ORDER BY rowid`,
          (rows) => rows.map(({ name }) => name)
        )),
      remove: (id) =>
        Effect.gen(function*() {
          const name = "remove a job"
          const [row] = yield* read(name)(sql<Id>`SELECT id FROM ${jobs} WHERE id = ${id} AND finished_at IS NOT NULL`)
          if (row === undefined) return false
          while ((yield* durable(name)(removeSome(id, removedAtOnce))) === 0) yield* Effect.yieldNow
          return true
        }),
      backlog: (kind) =>
        // Nothing but an index is read for the count.
        read("count the jobs that wait")(Effect.gen(function*() {
          const [waiting] = yield* reader<
            { readonly queued: number; readonly first: number | null }
          >`SELECT COUNT(*) AS queued, MIN(number) AS first FROM ${jobs} WHERE kind = ${kind} AND state = 'queued'`
          if (waiting === undefined || waiting.first === null) return { queued: 0, oldestMillis: 0 }
          const [oldest] = yield* reader<
            { readonly created: number }
          >`SELECT created_at AS created FROM ${jobs} WHERE number = ${waiting.first}`
          return { queued: waiting.queued, oldestMillis: Math.max(0, now() - (oldest?.created ?? now())) }
        })),
      clean: (retentionMillis) => {
        const name = "remove old jobs"
        const before = now() - retentionMillis
        const old = sql<Id>`SELECT id FROM ${jobs} WHERE finished_at < ${before} ORDER BY finished_at LIMIT 20`
        const cleaned = loose(name)(Effect.gen(function*() {
          let isMore = false
          let left = removedAtOnce
          for (const { id } of yield* old) {
            isMore = true
            left = yield* removeSome(id, left)
            if (left === 0) return true
          }
          const forgotten = yield* sql`DELETE FROM ${turns} WHERE rowid IN
            (SELECT rowid FROM ${turns} WHERE asked_at < ${before} LIMIT ${left}) RETURNING 1 AS one`
          return isMore || forgotten.length > 0
        }))
        return Effect.gen(function*() {
          const isMore = yield* cleaned
          // Either may come to a checkpoint of the log.
          yield* Effect.yieldNow
          yield* read(name)(sql.unsafe("PRAGMA incremental_vacuum(100)"))
          if (isMore || locks === undefined) return isMore
          const known = new Set((yield* read(name)(sql<Id>`SELECT id FROM ${runners}`)).map(({ id }) => id))
          yield* locking(name, locks.sweep(known))
          return false
        })
      }
    }
    return store
  }
)
