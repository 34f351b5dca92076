/**
 * What is kept of the steps of jobs: in a table of ours those that wait, must not be repeated or are undone; in the journal of the engine what the
 * others have returned. A job that is run again goes on behind them.
 */
import * as Snowflake from "effect/cluster/Snowflake"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { SqlError } from "effect/sql/SqlError"
import type { JobError } from "../../JobError.ts"
import type { Hold, StoredStep } from "../local/Store.ts"
import { isAnswer, type StoredQuestion } from "../StoredJob.ts"
import type { JobQueue } from "./JobQueue.ts"
import { isAny, type JobRows, kept, type Row, type StepRow, toJob, unkept } from "./JobRows.ts"

export const make = (
  { columns, held, jobs, messages, now, operation, replies, sql, steps }: JobRows,
  { joinQueue }: Pick<JobQueue, "joinQueue">
) => {
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
  return {
    /** Whether it has begun what starting it over would forget. */
    isBeyondRestart: (id: string) =>
      sql`SELECT 1 AS one FROM ${steps} WHERE job = ${id} AND is_unsafe UNION ALL
        SELECT 1 FROM ${jobs} WHERE id = ${id} AND has_undo LIMIT 1`.pipe(Effect.map(isAny), operation("read a step")),
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
    ask: (hold: Hold, question: StoredQuestion, refused?: string) =>
      sql.withTransaction(Effect.gen(function*() {
        if (!isAny(yield* sql`SELECT 1 AS one FROM ${jobs} WHERE ${held(hold)} FOR UPDATE`)) return undefined
        const [step] = yield* sql<{ readonly value: string | null }>`SELECT value FROM ${steps}
          WHERE job = ${hold.id} AND name = ${kept(question.name)}`
        if (isAnswer(step?.value, refused)) return "answered" as const
        yield* sql`UPDATE ${jobs} SET question = ${JSON.stringify(question)},
          question_name = ${kept(question.name)}, revision = revision + 1, updated_at = ${now} WHERE ${held(hold)}`
        yield* sql`INSERT INTO ${steps} (job, name, fence) VALUES (${hold.id}, ${kept(question.name)}, ${hold.fence})
          ON CONFLICT (job, name) DO UPDATE SET value = NULL, fence = excluded.fence`
        return "asked" as const
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
    commitCompensation: (hold: Hold, name: string) =>
      ifHeld(
        hold,
        sql`INSERT INTO ${steps} (job, name, fence, is_undone) VALUES (${hold.id}, ${kept(name)}, ${hold.fence}, TRUE)
          ON CONFLICT (job, name) DO UPDATE SET is_undone = TRUE`
      ).pipe(operation("store a step")),
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
        >`INSERT INTO ${jobs} (id, kind, version, owner, idempotency, payload, trace, state, attempt, crashes,
            fence, is_cancelling, percent, revision, is_seeded, created_at, updated_at)
          SELECT ${newId}, kind, version, owner, ${old.idempotency}, payload, trace, 'queued', 0, 0, 0, FALSE, 0, 1, TRUE, ${now}, ${now}
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
      })).pipe(operation("run a job again"))
  }
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
