import { assert, describe, it } from "@effect/vitest"
import type { JobError } from "@holdfast/jobs/JobError"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import type * as SqlClient from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import * as TestClock from "effect/testing/TestClock"
import * as Tracer from "effect/Tracer"
import * as fs from "node:fs"
import nodeFs from "node:fs"
import { syncBuiltinESMExports } from "node:module"
import * as path from "node:path"
import { DatabaseSync } from "node:sqlite"
import * as NodeSqlite from "../src/internal/sqlite/NodeSqlite.ts"
import { formats, tables } from "../src/internal/sqlite/sqlFormat.ts"
import * as SqliteStore from "../src/internal/sqlite/sqliteStore.ts"
import type { NewJob } from "../src/internal/StoredJob.ts"
import { Rows } from "./support/Rows.ts"
import { temporaryDirectory, temporaryFile } from "./support/temporaryFile.ts"

const storeIn = (file: string) =>
  Effect.map(Layer.build(Rows.layerSqlite(file)), (context) => Context.get(context, Rows))

/** What opening a store and reading all of it comes to, if it fails. */
const failureOf = (file: string) =>
  Effect.scoped(Effect.gen(function*() {
    const store = yield* storeIn(file)
    yield* store.list({ owner: "alice", kind: undefined, states: undefined, limit: 100_000 })
  })).pipe(
    Effect.flip,
    Effect.map(({ message, reason }) => {
      assert.strictEqual(message, reason.message)
      assert.include(message, file)
      return reason
    })
  )

const job = (id: string, payload = "{}"): NewJob => ({
  id,
  kind: "scan",
  version: 1,
  owner: "alice",
  key: undefined,
  payload,
  maxQueued: 100_000,
  again: false,
  delayMillis: 0,
  deadlineMillis: undefined
})

const holdingTheLock = (file: string) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const other = new DatabaseSync(file)
      other.exec("BEGIN IMMEDIATE")
      return other
    }),
    (other) => Effect.sync(() => other.isOpen && other.close())
  )

/** The client with transactions of another kind. */
const bend = (
  sql: SqlClient.SqlClient,
  withTransaction: (effect: Effect.Effect<unknown, SqlError>) => Effect.Effect<unknown, SqlError>
): SqlClient.SqlClient =>
  // What else a client has is what `sql` has.
  Object.assign((...args: Parameters<typeof sql>) => sql(...args), sql, { withTransaction }) as SqlClient.SqlClient

describe("a store in an SQLite file", () => {
  it.effect("has the jobs of whoever had it open before", () =>
    Effect.scoped(Effect.gen(function*() {
      const file = yield* temporaryFile("jobs.db")
      yield* Effect.scoped(Effect.flatMap(storeIn(file), (store) => store.insert(job("a"))))
      const store = yield* storeIn(file)
      assert.strictEqual((yield* store.read(["a"]))[0]?.id, "a")
    })))

  it.effect("is opened by many at once", () =>
    Effect.scoped(Effect.gen(function*() {
      const file = yield* temporaryFile("jobs.db")
      const stores = yield* Effect.forEach(Array.from({ length: 8 }), () => storeIn(file), { concurrency: "unbounded" })
      yield* Effect.forEach(stores, (store, index) => store.insert(job(`job ${index}`)), { concurrency: "unbounded" })
      const seen = yield* stores[0]!.list({ owner: "alice", kind: undefined, states: undefined, limit: 100 })
      assert.strictEqual(seen.length, 8)
    })))

  it.effect("waits for the lock of another process, and goes on when it is free", () =>
    Effect.scoped(Effect.gen(function*() {
      const file = yield* temporaryFile("jobs.db")
      const store = yield* storeIn(file)
      const other = yield* holdingTheLock(file)
      const inserting = yield* Effect.forkChild(store.insert(job("a")), { startImmediately: true })
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* store.read(["a"]), [])
      other.exec("ROLLBACK")
      yield* TestClock.adjust("100 millis")
      assert.isTrue((yield* Fiber.join(inserting)).isNew)
    })))

  it.effect("says so when the lock is not free within five seconds, and nothing was accepted", () =>
    Effect.scoped(Effect.gen(function*() {
      const file = yield* temporaryFile("jobs.db")
      const store = yield* storeIn(file)
      const other = yield* holdingTheLock(file)
      const inserting = yield* Effect.forkChild(Effect.flip(store.insert(job("a"))), { startImmediately: true })
      yield* TestClock.adjust("6 seconds")
      const { message, reason } = yield* Fiber.join(inserting)
      assert.deepInclude(reason, { _tag: "JobStoreUnavailable", problem: "locked", operation: "accept a job" })
      assert.include(message, "another process has held its lock")
      other.exec("ROLLBACK")
      assert.deepStrictEqual(yield* store.read(["a"]), [])
      assert.isTrue((yield* store.insert(job("a"))).isNew)
    })))

  it.effect("says so when there is no room left, keeps what it had accepted, and goes on when there is room", () =>
    Effect.scoped(Effect.gen(function*() {
      const file = yield* temporaryFile("jobs.db")
      const sql = yield* NodeSqlite.make(file)
      const store = yield* SqliteStore.over(sql, sql, file)
      yield* sql.unsafe("PRAGMA max_page_count = 60")
      const payload = JSON.stringify("x".repeat(10_000))
      const accepted: Array<string> = []
      const filling = Effect.gen(function*() {
        for (let i = 0; i < 1000; i++) accepted.push((yield* store.insert(job(`job ${i}`, payload))).job.id)
      })
      const { message, reason } = yield* Effect.flip(filling)
      assert.deepInclude(reason, { _tag: "JobStoreUnavailable", problem: "full" })
      assert.include(message, "no room left")
      assert.isAbove(accepted.length, 3)
      assert.strictEqual((yield* store.read(accepted)).length, accepted.length)
      yield* sql.unsafe("PRAGMA max_page_count = 10000")
      assert.isTrue((yield* store.insert(job("after", payload))).isNew)
    })))

  it.effect("refuses a file that is no database, one that is cut off, and a path that leads nowhere", () =>
    Effect.scoped(Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const garbage = path.join(directory, "garbage.db")
      fs.writeFileSync(garbage, "this is a letter to somebody, and no database at all".repeat(100))
      assert.deepInclude(yield* failureOf(garbage), { _tag: "JobStoreUnavailable", problem: "corrupt" })
      assert.include(fs.readFileSync(garbage, "utf8"), "this is a letter")

      const cut = path.join(directory, "cut.db")
      yield* Effect.scoped(Effect.gen(function*() {
        const store = yield* storeIn(cut)
        for (let i = 0; i < 50; i++) yield* store.insert(job(`job ${i}`, JSON.stringify("x".repeat(5000))))
      }))
      fs.truncateSync(cut, Math.floor(fs.statSync(cut).size / 2))
      assert.deepInclude(yield* failureOf(cut), { _tag: "JobStoreUnavailable", problem: "corrupt" })

      const nowhere = path.join(directory, "no", "such", "directory", "jobs.db")
      assert.deepInclude(yield* failureOf(nowhere), { _tag: "JobStoreUnavailable", problem: "unreachable" })
    })))

  it.effect("refuses a store of a newer program, and leaves it as it is", () =>
    Effect.scoped(Effect.gen(function*() {
      const file = yield* temporaryFile("jobs.db")
      yield* Effect.scoped(Effect.flatMap(storeIn(file), (store) => store.insert(job("a"))))
      const raw = new DatabaseSync(file)
      yield* Effect.addFinalizer(() => Effect.sync(() => raw.close()))
      raw.exec(`UPDATE ${tables.format} SET format = 99`)
      assert.deepInclude(yield* failureOf(file), { _tag: "JobStoreTooNew", found: 99 })
      assert.strictEqual(raw.prepare(`SELECT id FROM ${tables.jobs}`).all().length, 1)
      raw.exec(`UPDATE ${tables.format} SET format = ${formats.length}`)
      assert.strictEqual((yield* (yield* storeIn(file)).read(["a"])).length, 1)
    })))

  it.effect("says so when it cannot be written, and can be read all the same", () =>
    Effect.scoped(Effect.gen(function*() {
      const file = yield* temporaryFile("jobs.db")
      const sql = yield* NodeSqlite.make(file)
      const store = yield* SqliteStore.over(sql, sql, file)
      yield* store.insert(job("a"))
      yield* sql.unsafe("PRAGMA query_only = ON")
      const { message, reason } = yield* Effect.flip(store.insert(job("b")))
      assert.deepInclude(reason, { _tag: "JobStoreUnavailable", problem: "read-only" })
      assert.include(message, "check the permissions")
      assert.strictEqual((yield* store.read(["a", "b"])).length, 1)
    })))

  it.effect("says what is wrong with the folder of its programs' locks, beside it", () =>
    Effect.scoped(Effect.gen(function*() {
      const file = yield* temporaryFile("jobs.db")
      const store = yield* storeIn(file)
      const enroll = (id: string) => store.enroll({ id, identity: { machine: "m", pid: 1, birth: "" } })
      yield* Effect.scoped(Effect.andThen(enroll("a"), Effect.sync(() => fs.statSync(`${file}-runners`).isDirectory())))
      yield* store.bury("a")
      assert.isFalse(fs.existsSync(`${file}-runners`))
      fs.writeFileSync(`${file}-runners`, "a file of somebody's")
      assert.deepInclude((yield* Effect.flip(enroll("b"))).reason, { _tag: "JobStoreUnavailable", problem: "failed" })
      const { mkdirSync } = nodeFs
      yield* Effect.addFinalizer(() => Effect.sync(() => patch(mkdirSync)))
      const patch = (mkdir: typeof mkdirSync) => {
        nodeFs.mkdirSync = mkdir
        syncBuiltinESMExports()
      }
      patch(() => {
        throw Object.assign(new Error("read-only file system"), { code: "EROFS" })
      })
      assert.deepInclude((yield* Effect.flip(enroll("c"))).reason, {
        _tag: "JobStoreUnavailable",
        problem: "read-only"
      })
    })))

  it.effect("fails typed when a transaction cannot even be rolled back, and breaks over a mistake of its own", () =>
    Effect.scoped(Effect.gen(function*() {
      const file = yield* temporaryFile("jobs.db")
      const sql = yield* NodeSqlite.make(file)
      let defect: unknown
      const bent = bend(sql, (effect) => defect === undefined ? sql.withTransaction(effect) : Effect.die(defect))
      const store = yield* SqliteStore.over(bent, sql, file)
      defect = yield* Effect.flip(sql.unsafe("SELECT nothing FROM nowhere"))
      assert.strictEqual((yield* Effect.flip(store.insert(job("a")))).reason._tag, "JobStoreUnavailable")
      defect = new Error("a mistake")
      const exit = yield* Effect.exit(store.insert(job("a")))
      assert.isTrue(Exit.isFailure(exit) && Cause.squash(exit.cause) === defect)
    })))

  it.effect("promises nothing that went into a file which lost its name meanwhile", () =>
    Effect.scoped(Effect.gen(function*() {
      const file = yield* temporaryFile("jobs.db")
      const sql = yield* NodeSqlite.make(file)
      let isRemoved = false
      const bent = bend(
        sql,
        (effect) => Effect.tap(sql.withTransaction(effect), () => Effect.sync(() => isRemoved && fs.rmSync(file)))
      )
      const store = yield* SqliteStore.over(bent, sql, file)
      yield* store.insert(job("a"))
      isRemoved = true
      assert.deepInclude((yield* Effect.flip(store.insert(job("b")))).reason, { problem: "replaced" })
    })))

  it.effect("makes no span of its statements", () => {
    const spans: Array<string> = []
    const tracer = Tracer.make({
      span: (options) => {
        spans.push(options.name)
        return new Tracer.NativeSpan(options)
      }
    })
    return Effect.scoped(Effect.gen(function*() {
      const store = yield* storeIn(yield* temporaryFile("jobs.db"))
      yield* store.insert(job("a"))
      yield* store.read(["a"])
      assert.deepStrictEqual(spans, [])
    })).pipe(Effect.withTracer(tracer))
  })

  const replacements: Record<string, (file: string, backup: string) => void> = {
    "removed": (file) => fs.rmSync(file),
    "removed with its companions": (file) => {
      for (const suffix of ["", "-wal", "-shm"]) fs.rmSync(file + suffix, { force: true })
    },
    "replaced by a backup": (file, backup) => fs.renameSync(backup, file),
    "left without its log": (file) => fs.rmSync(`${file}-wal`)
  }
  for (const [what, replace] of Object.entries(replacements)) {
    it.effect(`accepts nothing and says so when the file is ${what} while it is open; the next program goes on`, () =>
      Effect.scoped(Effect.gen(function*() {
        const file = yield* temporaryFile("jobs.db")
        yield* Effect.scoped(Effect.flatMap(storeIn(file), (store) => store.insert(job("old"))))
        fs.copyFileSync(file, `${file}.backup`)
        yield* Effect.scoped(Effect.gen(function*() {
          const store = yield* storeIn(file)
          yield* store.insert(job("a"))
          replace(file, `${file}.backup`)
          for (const attempt of [store.insert(job("b")), store.read(["a"]), store.remove("a"), store.awaken]) {
            const { message, reason } = yield* Effect.flip(attempt as Effect.Effect<unknown, JobError>)
            assert.deepInclude(reason, { _tag: "JobStoreUnavailable", problem: "replaced" })
            const word = what === "replaced by a backup" ? "replaced" : "removed"
            assert.match(message, new RegExp(`was ${word} while it was open.*start this program again`))
          }
        }))
        if (what === "left without its log") return
        const next = yield* storeIn(file)
        assert.deepStrictEqual(yield* next.read(["b"]), [])
        assert.lengthOf(yield* next.read(["old"]), what === "replaced by a backup" ? 1 : 0)
        assert.isTrue((yield* next.insert(job("b"))).isNew)
      })))
  }

  it.effect("keeps its log small, though another program has read for long", () =>
    Effect.scoped(Effect.gen(function*() {
      const file = yield* temporaryFile("jobs.db")
      const store = yield* storeIn(file)
      const size = () => fs.statSync(`${file}-wal`).size
      const fill = (name: string, count: number) =>
        Effect.forEach(
          Array.from({ length: count }, (_, index) => `${name} ${index}`),
          (id) => store.insert(job(id, JSON.stringify("x".repeat(500_000))))
        )
      const reader = new DatabaseSync(file, { readOnly: true })
      reader.exec("BEGIN")
      reader.prepare(`SELECT COUNT(*) FROM ${tables.jobs}`).get()
      yield* fill("during", 20)
      const during = size()
      reader.exec("COMMIT")
      reader.close()
      yield* fill("after", 20)
      assert.isAbove(during, 8 * 1024 * 1024)
      assert.isBelow(size(), during / 2)
    })))

  it.effect("removes what is old in small steps: each a bounded number of rows, however they lie", () =>
    Effect.scoped(Effect.gen(function*() {
      const file = yield* temporaryFile("jobs.db")
      const store = yield* storeIn(file)
      const raw = new DatabaseSync(file)
      yield* Effect.addFinalizer(() => Effect.sync(() => raw.close()))
      yield* store.enroll({ id: "r", identity: { machine: "m", pid: 1, birth: "" } })
      for (const id of ["few", "many", "none"]) {
        yield* store.insert(job(id))
        const claim = yield* store.claim({
          runner: "r",
          kind: "scan",
          version: 1,
          onOldVersion: "finish",
          maxCrashes: 1,
          suspects: "take"
        })
        assert.strictEqual(claim._tag === "Claimed" && claim.job.id, id)
        if (claim._tag === "Claimed") yield* store.finish(claim.job, { state: "succeeded", result: "1" })
      }
      const insert = raw.prepare(
        `INSERT INTO ${tables.steps} (job, name, is_done, is_unsafe, fence, value) VALUES (?, ?, 1, 0, 1, '1')`
      )
      raw.exec("BEGIN")
      for (let step = 0; step < 1000; step++) {
        insert.run("many", `step ${step}`)
        if (step < 200) insert.run("few", `step ${step}`)
      }
      raw.exec("COMMIT")
      const rows = () =>
        Number(
          raw.prepare(`SELECT (SELECT COUNT(*) FROM ${tables.steps}) + (SELECT COUNT(*) FROM ${tables.jobs}) AS n`)
            .get()?.["n"]
        )
      yield* TestClock.adjust("8 days")
      let before = rows()
      let times = 0
      let isMore = true
      while (isMore) {
        isMore = yield* store.clean(7 * 86_400_000)
        assert.isAtMost(before - rows(), 320)
        before = rows()
        times++
      }
      assert.strictEqual(before, 0)
      assert.isAtLeast(times, 4)
      assert.isBelow(Number(raw.prepare("PRAGMA freelist_count").get()?.["freelist_count"]), 100)
    })))

  it.effect("goes by an index in every statement, and sorts nothing", () =>
    Effect.scoped(Effect.gen(function*() {
      const file = yield* temporaryFile("jobs.db")
      const statements = new Set<string>()
      const { prepare } = DatabaseSync.prototype
      yield* Effect.addFinalizer(() => Effect.sync(() => void (DatabaseSync.prototype.prepare = prepare)))
      DatabaseSync.prototype.prepare = function(sql, ...options) {
        statements.add(sql)
        return prepare.call(this, sql, ...options)
      }
      const store = yield* storeIn(file)
      const request = { runner: "r", kind: "scan", version: 2, onOldVersion: "restart", maxCrashes: 2 } as const
      yield* store.enroll({ id: "r", identity: { machine: "m", pid: 1, birth: "" } })
      const claimed = (suspects: "take" | "pass over") =>
        Effect.gen(function*() {
          const claim = yield* store.claim({ ...request, suspects })
          if (claim._tag !== "Claimed") throw new Error(`expected a job, got ${claim._tag}`)
          return claim.job
        })
      for (const [index, id] of ["a", "b", "c", "d"].entries()) {
        yield* store.insert({ ...job(id), key: id, delayMillis: index, deadlineMillis: 1000 * (index + 1) })
        yield* TestClock.adjust(index)
        yield* store.awaken
      }
      const first = yield* claimed("take")
      yield* store.beginStep(first, "s")
      yield* store.commitStep(first, "s", "1", true)
      yield* store.setAlarm(first, "t", 1)
      yield* store.setWaiting(first, true)
      yield* store.ask(first, { name: "q", message: "?", schema: {} })
      yield* store.answer("a", "q", "1")
      yield* store.check(first)
      yield* store.report([{ ...first, percent: 1, message: undefined, data: undefined }])
      yield* store.beginEnding(first, { state: "cancelled" })
      yield* store.commitCompensation(first, "s")
      yield* store.finish(first, { state: "cancelled" })
      yield* store.release(yield* claimed("pass over"))
      yield* claimed("pass over")
      yield* store.held("r")
      yield* store.bury("r")
      yield* store.requestCancel("c")
      yield* TestClock.adjust("10 days")
      yield* store.awaken
      yield* store.read(["a"])
      yield* store.result("a")
      yield* store.step("a", "s")
      yield* store.list({ owner: "alice", kind: "scan", states: ["failed"], limit: 9 })
      yield* store.backlog("scan")
      yield* store.remove("a")
      yield* store.leave("r")
      while (yield* store.clean(1000)) yield* Effect.yieldNow
      DatabaseSync.prototype.prepare = prepare
      const raw = new DatabaseSync(file)
      yield* Effect.addFinalizer(() => Effect.sync(() => raw.close()))
      const plans = [...statements].filter((sql) => /^\s*(SELECT|UPDATE|DELETE|INSERT)/.test(sql)).map((sql) => ({
        sql,
        plan: raw.prepare(`EXPLAIN QUERY PLAN ${sql}`).all().map(({ detail }) => String(detail)).join("; ")
      }))
      assert.isAbove(plans.length, 30)
      // Jobs whose time has not come are not looked at, however many.
      const claims = plans.filter(({ sql }) => sql.includes("ORDER BY turn, number"))
      assert.lengthOf(claims, 2)
      for (const { plan } of claims) assert.match(plan, /USING INDEX \w+_ready/)
      for (const { plan, sql } of plans) {
        // The table of runners is as long as there are programs.
        const large = [tables.jobs, tables.steps, tables.turns].join("|")
        assert.notMatch(plan, new RegExp(`SCAN (${large})(?! USING COVERING)|TEMP B-TREE`), sql)
      }
    })))

  it.effect("of the first format is brought to the present one, with its jobs", () =>
    Effect.scoped(Effect.gen(function*() {
      const file = yield* temporaryFile("jobs.db")
      const raw = new DatabaseSync(file)
      yield* Effect.addFinalizer(() => Effect.sync(() => raw.close()))
      for (const statement of formats[0] ?? []) raw.exec(statement)
      raw.exec(`CREATE TABLE ${tables.format} (format INTEGER NOT NULL); INSERT INTO ${tables.format} VALUES (1)`)
      const insert = raw.prepare(
        `INSERT INTO ${tables.jobs} (id, kind, version, owner, payload, state, attempt, crashes, fence,
        runner, is_cancelling, percent, revision, created_at, updated_at) VALUES (?, 'scan', 1, 'o', '{}', ?, 1, 0, 1, ?, 0, 0, 1, 1, 1)`
      )
      insert.run("queued", "queued", null)
      // Its runner was retired by another program, which was to take its job.
      insert.run("orphan", "running", "gone")
      const store = yield* storeIn(file)
      assert.deepStrictEqual((yield* store.read(["queued", "orphan"])).map(({ state }) => state), ["queued", "queued"])
      yield* store.insert(job("new"))
    })))
})
