import { PgClient } from "@effect/sql-pg"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import * as Job from "@holdfast/jobs/Job"
import * as JobPolicy from "@holdfast/jobs/JobPolicy"
import * as Jobs from "@holdfast/jobs/Jobs"
import * as PostgresStore from "@holdfast/jobs/PostgresStore"
import type { PostgresConfig } from "@holdfast/jobs/PostgresStore"
import * as Runner from "@holdfast/jobs/Runner"
import * as Principal from "@holdfast/protocol/Principal"
import * as ShardId from "effect/cluster/ShardId"
import * as SqlMessageStorage from "effect/cluster/SqlMessageStorage"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as SqlClient from "effect/sql/SqlClient"
import * as Bequests from "../src/internal/postgres/Bequests.ts"
import { tablesIn } from "../src/internal/postgres/format.ts"
import * as Lanes from "../src/internal/postgres/Lanes.ts"
import * as PgSql from "../src/internal/postgres/PgSql.ts"
import * as Postgres from "./support/Postgres.ts"
import { until } from "./support/until.ts"

/** Every plan is logged. */
const settings = {
  session_preload_libraries: "auto_explain",
  "auto_explain.log_min_duration": "0",
  "auto_explain.log_nested_statements": "on"
}

const scope = Scope.makeUnsafe()
let running: Effect.Success<typeof Postgres.start> | undefined
beforeAll(() =>
  Effect.runPromise(Effect.map(Scope.provide(Postgres.startWith(settings), scope), (it) => void (running = it)))
)
afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))

let databases = 0
const place = Effect.gen(function*() {
  if (running === undefined) throw new Error("Postgres does not run")
  const database = `store_${++databases}`
  yield* Effect.orDie(running.admin(`CREATE DATABASE ${database}`))
  return { ...running, database, config: { path: running.socket, username: "jobs", database } }
})

const Count = Job.make("count", { version: 1, payload: { to: Schema.Int }, success: Schema.Int })
const CountLive = Runner.toLayer(Count, ({ to }, job) => job.step("double", Effect.succeed(to * 2)))

const opened = (config: PostgresConfig) => Effect.scoped(Layer.build(PostgresStore.layer(config)))
/** What a job comes to on that store. */
const works = (config: PostgresConfig) =>
  Effect.gen(function*() {
    const jobs = yield* Jobs.Jobs
    const id = yield* jobs.start(Count, { to: 4 })
    yield* until(jobs.status(id), ({ state }) => state === "succeeded")
    assert.strictEqual(yield* jobs.result(Count, id), 8)
  }).pipe(Effect.provide(CountLive.pipe(Layer.provide(PostgresStore.layer(config))), { local: true }))

describe("a store in Postgres", () => {
  it.live("says so when it cannot be reached, where it is, and not the password", () =>
    Effect.gen(function*() {
      const url = Redacted.make("postgres://jobs:s3cret@127.0.0.1:1/some")
      const { message, reason } = yield* Effect.flip(opened({ url }))
      assert.deepInclude(reason, { _tag: "JobStoreUnavailable", problem: "unreachable" })
      assert.include(message, "127.0.0.1:1/some")
      assert.notInclude(JSON.stringify(reason), "s3cret")
    }))

  it.live("is opened by many at once on an empty database", () =>
    Effect.gen(function*() {
      const { config } = yield* place
      yield* Effect.forEach(Array.from({ length: 6 }), () => opened(config), { concurrency: "unbounded" })
      yield* works(config)
    }))

  it.live("is used by a role that may make no tables, once they are there; before it says what is missing", () =>
    Effect.gen(function*() {
      const { admin, config, database } = yield* place
      yield* admin("CREATE ROLE app LOGIN")
      yield* admin("REVOKE CREATE ON SCHEMA public FROM PUBLIC", database)
      const app = { ...config, username: "app" }
      assert.include((yield* Effect.flip(opened(app))).message, "permission denied")
      const { message } = yield* Effect.flip(opened({ ...app, migrate: false }))
      assert.include(message, "PostgresStore.sql")
      yield* admin(PostgresStore.sql(), database)
      yield* admin("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO app", database)
      yield* admin("GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO app", database)
      yield* works({ ...app, migrate: false })
    }))

  it.live("brings tables of the format before to the present one, with their jobs; or says what is to be run, if it may not", () =>
    Effect.gen(function*() {
      const { admin, config, database } = yield* place
      yield* admin(PostgresStore.sql(), database)
      yield* admin("ALTER TABLE holdfast_jobs DROP COLUMN trace", database)
      yield* admin("UPDATE holdfast_job_format SET format = 3", database)
      const { message } = yield* Effect.flip(opened({ ...config, migrate: false }))
      assert.include(message, "ALTER TABLE holdfast_jobs ADD COLUMN trace TEXT")
      yield* Effect.forEach(Array.from({ length: 2 }), () => works(config), { concurrency: 2 })
      yield* works({ ...config, migrate: false })
    }))

  it.live("has a schema of its own when it is asked to, whatever the search path", () =>
    Effect.gen(function*() {
      const { config } = yield* place
      yield* works({ ...config, schema: "mine" })
      yield* works({ ...config, schema: "mine", startupParameters: { search_path: "nowhere" } })
      const { message } = yield* Effect.flip(opened({ ...config, schema: "not-mine" }))
      assert.include(message, "is no name for a schema")
    }))

  it.live("works behind PgBouncer in transaction mode, for two programs", () =>
    Effect.scoped(Effect.gen(function*() {
      const { config, database, folder } = yield* place
      const path = yield* Postgres.bouncer(folder, database)
      yield* Effect.forEach(Array.from({ length: 2 }), () => works({ ...config, path }), { concurrency: 2 })
    })))

  it.live("has the tables of messages that the engine's own migrations make", () =>
    Effect.scoped(Effect.gen(function*() {
      const { admin, config, database } = yield* place
      yield* admin(PostgresStore.sql("ours"), database)
      yield* admin("CREATE SCHEMA theirs", database)
      yield* Effect.gen(function*() {
        const sql = yield* SqlClient.SqlClient
        yield* Layer.build(SqlMessageStorage.layerMigrations({ prefix: "holdfast_job" }))
        const names = sql.in(["holdfast_job_messages", "holdfast_job_replies"])
        const columns = (schema: string) =>
          sql`SELECT table_name, column_name, data_type, character_maximum_length, is_nullable FROM information_schema.columns
            WHERE table_schema = ${schema} AND table_name IN ${names} ORDER BY table_name, column_name`
        const indexes = (schema: string) =>
          sql<
            { readonly definition: string }
          >`SELECT indexdef AS definition FROM pg_indexes WHERE schemaname = ${schema}
            AND tablename IN ${names}`.pipe(
            Effect.map((rows) => rows.map(({ definition }) => definition.replace(/^.* USING /, "")).toSorted())
          )
        assert.deepStrictEqual(yield* columns("ours"), yield* columns("theirs"))
        const ours = yield* indexes("ours")
        for (const index of yield* indexes("theirs")) assert.include(ours, index)
      }).pipe(Effect.provide(PgClient.layer({ ...config, startupParameters: { search_path: "theirs" } })))
    })))

  it.live("accepts a job once that many start at once, counts it once, and takes no more than the queue has room for", () =>
    Effect.scoped(Effect.gen(function*() {
      const { config } = yield* place
      const Keyed = Job.make("keyed", {
        version: 1,
        payload: { to: Schema.Int },
        success: Schema.Int,
        idempotencyKey: ({ to }) => `${to}`,
        maxQueued: 5
      })
      yield* Effect.gen(function*() {
        const jobs = yield* Jobs.Jobs
        const start = (to: number) => Effect.exit(jobs.start(Keyed, { to }))
        const same = yield* Effect.forEach(Array.from({ length: 8 }), () => start(1), { concurrency: "unbounded" })
        assert.strictEqual(new Set(same.map((exit) => Exit.isSuccess(exit) ? exit.value : "failed")).size, 1)
        const others = yield* Effect.forEach([2, 3, 4, 5, 6, 7, 8, 9], start, { concurrency: "unbounded" })
        assert.strictEqual(others.filter(Exit.isSuccess).length, 4)
        assert.strictEqual((yield* jobs.list()).length, 5)
      }).pipe(Effect.provide(Jobs.layer.pipe(Layer.provide(PostgresStore.layer(config))), { local: true }))
      const { sql } = yield* PgSql.make({
        config,
        maxConnections: 1,
        deadline: Duration.seconds(5),
        observe: () => undefined
      })
      const counted = yield* sql<{ readonly waiting: number }>`SELECT waiting FROM holdfast_job_turns`
      assert.deepStrictEqual(counted.map(({ waiting }) => waiting), [5])
    })))

  it.live("gives a runner with the lanes of a dead one what that had read and not ended, in the same statement", () =>
    Effect.scoped(Effect.gen(function*() {
      const { admin, config, database } = yield* place
      yield* opened(config)
      const { sql } = yield* PgSql.make({
        config,
        maxConnections: 2,
        deadline: Duration.seconds(5),
        observe: () => undefined
      })
      yield* admin(
        `INSERT INTO holdfast_jobs (id, kind, version, owner, payload, state, attempt, crashes, fence, runner, execution, lane, is_cancelling,
          percent, revision, created_at, updated_at) VALUES ('one', 'count', 1, 'local', '{}', 'running', 1, 0, 1, 'dead', 'first', 'count:7',
          FALSE, 0, 1, 0, 0)`,
        database
      )
      yield* admin("INSERT INTO holdfast_job_lanes VALUES ('count:7', 'dead', 0), ('count:8', 'alive', 1e15)", database)
      yield* admin(
        `INSERT INTO holdfast_job_messages (id, shard_id, entity_type, entity_id, kind, processed, request_id, last_read)
        SELECT n, 'count:' || 6 + n, 'Workflow/count', 'first', 0, FALSE, n, now() FROM generate_series(1, 2) AS n`,
        database
      )
      const adopted: Array<string> = []
      const { storage } = yield* Lanes.make({
        sql,
        tables: tablesIn(undefined),
        kind: "count",
        version: 1,
        runner: "heir",
        identity: { machine: "here", pid: 1, birth: "" },
        leaseDuration: Duration.seconds(8),
        wanted: 0,
        room: () => 4,
        onAdopted: (lanes) => adopted.push(...lanes)
      })
      const all = Array.from({ length: Lanes.lanesOfKind }, (_, index) => ShardId.make("count", index + 1))
      const taken = yield* storage.acquire(Lanes.addressOf("heir"), all)
      assert.deepStrictEqual([taken.map(String), adopted], [["count:7"], ["count:7"]])
      const unread = yield* sql<
        { readonly id: string }
      >`SELECT id::text AS id FROM holdfast_job_messages WHERE last_read IS NULL`
      assert.deepStrictEqual(unread.map(({ id }) => id), ["1"])
    })))

  it.live("charges a dead process to the job that was alone in it, or the only one that did anything, once; else suspects all", () =>
    Effect.scoped(Effect.gen(function*() {
      const { admin, config, database } = yield* place
      yield* opened(config)
      const { sql } = yield* PgSql.make({
        config,
        maxConnections: 4,
        deadline: Duration.seconds(5),
        observe: () => undefined
      })
      const bequests = Bequests.make(sql, {
        tables: tablesIn(undefined),
        identity: { machine: "here", pid: 1, birth: "" },
        leaseDuration: Duration.seconds(8)
      })
      // Each process was last heard of 8 seconds ago; the third has runners of two kinds.
      yield* admin(
        `INSERT INTO holdfast_job_runners (id, machine, kind, identity, alive_until)
        SELECT id, row_number() OVER (), 'count', '{"machine":"there","pid":' || process || ',"birth":""}', extract(epoch from clock_timestamp()) * 1000
        FROM (VALUES ('one', 1), ('two', 2), ('three', 3), ('more of three', 3)) AS runners (id, process)`,
        database
      )
      const job = (
        id: string,
        runner: string,
        more: { readonly crashes?: number; readonly alone?: true; readonly waiting?: true } = {}
      ) =>
        admin(
          `INSERT INTO holdfast_jobs (id, kind, version, owner, payload, state, attempt, crashes, is_alone, is_waiting, fence, runner, execution, lane,
            is_cancelling, percent, revision, created_at, updated_at) VALUES ('${id}', 'count', 1, 'local', '{}', 'running', 1, ${
            more.crashes ?? 0
          },
            ${more.alone ?? false}, ${
            more.waiting ?? false
          }, 1, '${runner}', 'of ${id}', 'count:7', FALSE, 0, 1, 0, 0)`,
          database
        )
      yield* job("single", "one", { crashes: 6 })
      yield* job("sleeping", "one", { waiting: true })
      yield* job("alone", "two", { alone: true })
      yield* job("beside", "two")
      yield* job("first", "three")
      yield* job("second", "more of three")
      const inherit = (id: string) => bequests.inherit(id, `of ${id}`, "heir")
      const [single, sleeping] = yield* Effect.all([inherit("single"), inherit("sleeping")], { concurrency: 2 })
      assert.deepStrictEqual(single?.former, { runner: "one", identity: { machine: "there", pid: 1, birth: "" } })
      assert.isTrue(single?.isAlone)
      // The pause after seven deaths is a minute, of which the lease was a part.
      assert.isAtMost(single?.pauseMillis ?? 0, 52_000)
      assert.isAbove(single?.pauseMillis ?? 0, 30_000)
      assert.deepInclude(sleeping, { isAlone: false, pauseMillis: 0 })
      for (const id of ["alone", "beside", "first", "second"]) yield* inherit(id)
      const rows = yield* sql<
        { readonly id: string; readonly crashes: number; readonly suspicions: number; readonly state: string }
      >`SELECT id, crashes, suspicions, state FROM holdfast_jobs ORDER BY number`
      assert.deepStrictEqual(
        rows.map(({ crashes, id, state, suspicions }) => `${id} ${crashes} ${suspicions} ${state}`),
        [
          "single 7 0 queued",
          "sleeping 0 0 running",
          "alone 1 0 running",
          "beside 0 0 running",
          "first 0 1 running",
          "second 0 1 running"
        ]
      )
    })))

  it.live(
    "looks at no table from end to end, with a hundred thousand jobs of ten thousand owners",
    () =>
      Effect.gen(function*() {
        const { admin, config, database, log } = yield* place
        yield* opened(config)
        const now = "extract(epoch from clock_timestamp()) * 1000"
        yield* admin(
          `INSERT INTO holdfast_jobs (id, kind, version, owner, payload, state, attempt, crashes, fence, execution, lane, is_cancelling,
          percent, revision, created_at, finished_at, updated_at)
        SELECT 'job ' || n, 'count', 1, 'owner ' || n % 10000, '{"to":1}', CASE WHEN n % 10 = 0 THEN 'queued' ELSE 'succeeded' END,
          1, 0, 1, CASE WHEN n % 10 = 0 THEN NULL ELSE 'execution ' || n END, CASE WHEN n % 10 = 0 THEN NULL ELSE 'count:1' END,
          FALSE, 0, 1, ${now}, CASE WHEN n % 10 = 0 THEN NULL ELSE ${now} - n * 10000 END, ${now}
        FROM generate_series(1, 100000) AS n`,
          database
        )
        yield* admin(
          `INSERT INTO holdfast_job_turns (kind, owner, version, waiting, delayed, turn)
        SELECT kind, owner, version, COUNT(*), 0, MIN(number) FROM holdfast_jobs WHERE state = 'queued' GROUP BY 1, 2, 3`,
          database
        )
        yield* admin(
          `INSERT INTO holdfast_job_messages (id, message_id, shard_id, entity_type, entity_id, kind, tag, processed, request_id)
        SELECT n, 'message ' || n, 'count:1', 'Workflow/count', 'execution ' || n, 0, 'run', TRUE, n
        FROM generate_series(1, 100000) AS n`,
          database
        )
        yield* admin(
          `INSERT INTO holdfast_job_replies (id, kind, request_id, payload) SELECT n, 0, n, '{}' FROM generate_series(1, 100000) AS n`,
          database
        )
        yield* admin(
          `INSERT INTO holdfast_job_steps (job, name, fence) SELECT 'job ' || n, 'step', 1 FROM generate_series(1, 100000) AS n`,
          database
        )
        yield* admin("ANALYZE", database)
        const before = (yield* log).length
        yield* Effect.gen(function*() {
          const jobs = yield* Jobs.Jobs
          const first = yield* jobs.start(Count, { to: 1 })
          yield* jobs.start(Count, { to: 1 }, { delay: "100 millis", deadline: "1 hour" })
          yield* until(jobs.status(first), ({ state }) => state === "succeeded")
          const other = yield* jobs.start(Count, { to: 1 }, { owner: Principal.make("owner 7"), delay: "1 hour" })
          yield* jobs.cancel(other, { owner: Principal.make("owner 7") })
          yield* jobs.list({ owner: Principal.make("owner 7"), states: ["succeeded"], kind: "count" })
          yield* jobs.remove(first)
          yield* Effect.sleep("3 seconds")
        }).pipe(Effect.provide(
          CountLive.pipe(
            Layer.provide(PostgresStore.layer(config)),
            Layer.provide(JobPolicy.layer({ retention: "100 seconds" }))
          ),
          { local: true }
        ))
        const plans = (yield* log).slice(before)
        assert.match(plans, /Index (Only )?Scan using holdfast_jobs_queue/)
        // The owners that wait are counted for the metrics, all of them, and the less often the longer that takes.
        const large = /Seq Scan on holdfast_job(?:s|_messages|_replies|_steps)\b/
        const scanning = plans.split(/\n(?=\S*\d{4}-\d\d-\d\d )/).filter((entry) => large.test(entry))
        assert.deepStrictEqual(scanning, [])
      }),
    120_000
  )

  it.live("removes what ended longer ago than the retention with all that its engine kept, and nothing else", () =>
    Effect.gen(function*() {
      const { config } = yield* place
      const left = Effect.gen(function*() {
        const sql = yield* SqlClient.SqlClient
        const count = (table: string) =>
          Effect.map(sql<{ readonly n: number }>`SELECT COUNT(*)::integer AS n FROM ${sql(table)}`, ([row]) => row?.n)
        return yield* Effect.forEach(["holdfast_jobs", "holdfast_job_messages", "holdfast_job_replies"], count)
      }).pipe(Effect.provide(PgClient.layer(config)), Effect.orDie)
      yield* works(config)
      const [jobs, messages] = yield* left
      assert.deepStrictEqual([jobs, messages], [1, 2])
      yield* until(left, (counts) => counts.every((n) => n === 0)).pipe(
        Effect.provide(
          Jobs.layer.pipe(
            Layer.provide(PostgresStore.layer(config)),
            Layer.provide(JobPolicy.layer({ retention: 0, cleanInterval: "100 millis" }))
          ),
          { local: true }
        )
      )
    }))
})
