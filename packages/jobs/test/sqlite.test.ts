import { assert, describe, it } from "@effect/vitest"
import type { NewJob } from "@holdfast/jobs/JobStore"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import * as fs from "node:fs"
import * as path from "node:path"
import { DatabaseSync } from "node:sqlite"
import * as NodeSqlite from "../src/internal/NodeSqlite.ts"
import { formats, tables } from "../src/internal/sqlFormat.ts"
import * as SqliteStore from "../src/internal/sqliteStore.ts"
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
})
