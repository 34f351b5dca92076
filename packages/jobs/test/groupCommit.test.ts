/** Durable writes that come together, and what each of them is promised all the same. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { DatabaseSync } from "node:sqlite"
import * as GroupCommit from "../src/internal/sqlite/GroupCommit.ts"
import * as NodeSqlite from "../src/internal/sqlite/NodeSqlite.ts"
import { temporaryFile } from "./support/temporaryFile.ts"

const set = Effect.gen(function*() {
  const file = yield* temporaryFile("rows.db")
  const sql = yield* NodeSqlite.make(file)
  yield* sql`CREATE TABLE rows (id INTEGER PRIMARY KEY)`
  const other = yield* Effect.acquireRelease(
    Effect.sync(() => new DatabaseSync(file)),
    (database) => Effect.sync(() => database.close())
  )
  return {
    sql,
    together: GroupCommit.make(sql),
    put: (id: number) => sql`INSERT INTO rows (id) VALUES (${id})`,
    other,
    /** What another program finds in the file. */
    stored: () => other.prepare("SELECT id FROM rows ORDER BY id").all().map(({ id }) => id)
  }
})
const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1)
const atOnce = { concurrency: "unbounded" } as const

describe("durable writes that come together", () => {
  it.effect("share one commit, and each is told after it", () =>
    Effect.scoped(Effect.gen(function*() {
      const { put, stored, together } = yield* set
      const seen = yield* Effect.forEach(upTo(20), (id) => Effect.map(together(put(id)), stored), atOnce)
      assert.deepStrictEqual(seen, seen.map(() => upTo(20)))
    })))

  it.effect("are all done, however many they are", () =>
    Effect.scoped(Effect.gen(function*() {
      const { put, stored, together } = yield* set
      yield* Effect.forEach(upTo(250), (id) => together(put(id)), atOnce)
      assert.deepStrictEqual(stored(), upTo(250))
    })))

  it.effect("fail alone, whole, and each in its own way", () =>
    Effect.scoped(Effect.gen(function*() {
      const { put, stored, together } = yield* set
      const exits = yield* Effect.forEach(
        [put(1), Effect.andThen(put(2), put(1)), Effect.andThen(put(3), Effect.die("a defect")), put(4)],
        (effect) => Effect.exit(together(effect)),
        atOnce
      )
      assert.deepStrictEqual(exits.map(Exit.isSuccess), [true, false, false, true])
      assert.isTrue(exits[2] !== undefined && Exit.hasDies(exits[2]))
      assert.deepStrictEqual(stored(), [1, 4])
    })))

  it.effect("fail alone also when the failure has undone the transaction of all", () =>
    Effect.scoped(Effect.gen(function*() {
      const { put, sql, stored, together } = yield* set
      const undoing = Effect.andThen(sql`ROLLBACK`, sql`NONSENSE`)
      const exits = yield* Effect.forEach(
        [put(2), undoing, put(3)],
        (effect) => Effect.exit(together(effect)),
        atOnce
      )
      assert.deepStrictEqual(exits.map(Exit.isSuccess), [true, false, true])
      assert.deepStrictEqual(stored(), [2, 3])
    })))

  it.effect("fail together when the file cannot be had, and nothing of them is stored", () =>
    Effect.scoped(Effect.gen(function*() {
      const { other, put, stored, together } = yield* set
      other.exec("BEGIN IMMEDIATE")
      const writing = yield* Effect.forkChild(
        Effect.forEach(upTo(3), (id) => Effect.exit(together(put(id))), atOnce),
        { startImmediately: true }
      )
      yield* TestClock.adjust("6 seconds")
      assert.deepStrictEqual((yield* Fiber.join(writing)).map(Exit.isSuccess), [false, false, false])
      other.exec("ROLLBACK")
      assert.deepStrictEqual(stored(), [])
      yield* together(put(1))
      assert.deepStrictEqual(stored(), [1])
    })))

  it.effect("join those that wait for the lock, and one that is interrupted holds up no other", () =>
    Effect.scoped(Effect.gen(function*() {
      const { other, put, stored, together } = yield* set
      other.exec("BEGIN IMMEDIATE")
      const write = (id: number) =>
        Effect.forkChild(Effect.uninterruptible(together(put(id))), { startImmediately: true })
      const first = yield* write(1)
      yield* TestClock.adjust("1 second")
      const second = yield* write(2)
      const interrupting = yield* Effect.forkChild(Fiber.interrupt(first), { startImmediately: true })
      other.exec("ROLLBACK")
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(second)
      yield* Fiber.join(interrupting)
      assert.deepStrictEqual(stored(), [1, 2])
    })))
})
