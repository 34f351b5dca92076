/** Keys that wait under `maxConnections` are served in the order in which their callers came. */
import { assert, describe, it } from "@effect/vitest"
import { ConnectionPool, type PoolPolicy } from "@holdfast/core"
import { SeededRandom } from "@holdfast/testkit"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import { Machine } from "../src/internal/machine.ts"
import * as FakeConnector from "./support/FakeConnector.ts"

const now = { startImmediately: true } as const

/** A pool of one place, unless said otherwise, and callers of which each says when it is served. */
const make = Effect.fnUntraced(function*(
  policy: PoolPolicy.PoolPolicyInput = {},
  options: { readonly exclusiveResource?: boolean } = {}
) {
  const connector = FakeConnector.make(options)
  const pool = yield* ConnectionPool.make(connector, {
    // Nothing that a test leaves is waited for.
    policy: { maxConnections: 1, maxConnectionsPerKey: 1, acquireTimeout: "1 hour", drainTimeout: 0, ...policy }
  })
  const served: Array<string> = []
  const ask = (key: string, millis = 10, name = key) =>
    Effect.forkChild(
      pool.use(key, () => {
        served.push(name)
        return Effect.sleep(millis)
      }),
      now
    )
  return { ask, connector, pool, served }
})

describe("keys that wait for a place", () => {
  it.effect("are served first come, first served", () =>
    Effect.gen(function*() {
      const { ask, served } = yield* make()
      for (const key of ["x", "a", "b", "c", "d", "e"]) yield* ask(key)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(served.join(""), "xabcde")
    }))

  it.effect("are not overtaken by newcomers, though one comes whenever a place is free", () =>
    Effect.gen(function*() {
      const { ask, pool, served } = yield* make()
      yield* ask("x", 20)
      const waiting = yield* ask("a")
      let n = 0
      const worker = (name: string) =>
        Effect.forever(Effect.suspend(() => pool.use(`${name}${n++}`, () => Effect.sleep("20 millis"))))
      yield* Effect.forkScoped(worker("p"), now)
      yield* Effect.forkScoped(worker("q"), now)
      yield* TestClock.adjust("20 millis")
      assert.strictEqual(served.join(""), "xa")
      yield* TestClock.adjust("10 millis")
      assert.isDefined(waiting.pollUnsafe())
    }))

  it.effect("all get their turn: a hundred workers on as many keys share ten places evenly", () =>
    // asyncpg#1247: a worker of a hundred that hold one of ten connections for 200 ms each ought to wait for 1.8 s.
    Effect.gen(function*() {
      const { pool } = yield* make({ maxConnections: 10 })
      const clock = yield* Clock.Clock
      const millis = () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
      const waits: Array<number> = []
      const worker = (key: string) =>
        Effect.forever(Effect.suspend(() => {
          const asked = millis()
          return pool.use(key, () => {
            waits.push(millis() - asked)
            return Effect.sleep("200 millis")
          })
        }))
      for (let i = 0; i < 100; i++) yield* Effect.forkScoped(worker(`key ${i}`), now)
      yield* TestClock.adjust("1 minute")
      assert.isAtLeast(waits.length, 10 * 5 * 60)
      assert.isAtMost(Math.max(...waits), 1800)
    }))

  it.effect("share the places of exclusive connections in the order of all callers, not key by key", () =>
    // pgbouncer#131: whatever came free went to the first user in the alphabet who waited.
    Effect.gen(function*() {
      const { ask, connector, served } = yield* make({
        sharing: "exclusive",
        maxConnections: 2,
        maxConnectionsPerKey: 2
      })
      const expected: Array<string> = []
      for (let i = 0; i < 15; i++) {
        for (const key of ["c", "a", "b"]) {
          expected.push(`${key}${i}`)
          yield* ask(key, 10, `${key}${i}`)
        }
      }
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(served, expected)
      assert.isAtMost(connector.mostAlive(), 2)
    }))

  it.effect("are not overtaken by a key whose penalty is over", () =>
    Effect.gen(function*() {
      const { ask, connector, served } = yield* make({ backoff: { initial: 100, jitter: 0 } })
      connector.plan = (dial) =>
        dial === 1 ? Effect.fail(new FakeConnector.FakeError({ message: "refused" })) : Effect.void
      yield* ask("old")
      yield* ask("holder", 200)
      yield* ask("a")
      yield* TestClock.adjust("100 millis")
      // Its own caller is the oldest of all, though: it has waited since before the failure.
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(served, ["holder", "old", "a"])
    }))

  it.effect("come before a key whose failed dial has a younger caller", () =>
    Effect.gen(function*() {
      const { ask, connector, pool, served } = yield* make({ backoff: { initial: 100, jitter: 0 } })
      connector.plan = (dial) =>
        dial === 1 ? Effect.fail(new FakeConnector.FakeError({ message: "refused" })) : Effect.void
      const gone = yield* ask("failing")
      yield* ask("holder", 200)
      yield* ask("a")
      yield* ask("failing", 10, "young")
      yield* Fiber.interrupt(gone)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(served, ["holder", "a", "young"])
      assert.strictEqual((yield* pool.snapshot).waiting, 0)
    }))

  it.effect("come before a warm key that lost its connection after they asked, and the warm key has its turn", () =>
    Effect.gen(function*() {
      const { ask, connector, pool, served } = yield* make()
      yield* pool.warm("warm")
      yield* ask("a", 50)
      yield* ask("b", 50)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(served, [], "what is kept warm is not evicted")
      yield* pool.use("warm", (c) => c.lose("gone"))
      yield* ask("c", 50)
      for (let i = 0; i < 40; i++) {
        yield* TestClock.adjust("50 millis")
        yield* ask(`later ${i}`, 50)
        if ((yield* pool.snapshot).keys.some(({ isWarm, slots }) => isWarm && slots[0]?.state === "Ready")) break
      }
      assert.deepStrictEqual(served.slice(0, 3), ["a", "b", "c"])
      assert.isAtMost(served.length, 10, "it does not wait for all who came later")
      assert.strictEqual(connector.mostAlive(), 1)
    }))

  it.effect("come before a key whose own connection was retired", () =>
    Effect.gen(function*() {
      for (const reason of ["lifetime", "invalidate"] as const) {
        const { ask, pool, served } = yield* make({ maxInFlight: 1, maxLifetime: reason === "lifetime" ? 100 : 1e9 })
        yield* ask("own", 150)
        yield* ask("a")
        yield* ask("own", 10, "next of own")
        if (reason === "invalidate") yield* pool.invalidate("own")
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(served, ["own", "a", "next of own"], reason)
      }
    }))

  it.effect("get a returned exclusive connection's place before its own key's later callers", () =>
    Effect.gen(function*() {
      const { ask, connector, served } = yield* make({ sharing: "exclusive" })
      yield* ask("own", 10, "own 1")
      yield* ask("own", 10, "own 2")
      yield* ask("a")
      yield* ask("own", 10, "own 3")
      yield* ask("own", 10, "own 4")
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(served, ["own 1", "own 2", "a", "own 3", "own 4"])
      // Those who are next in any case are served by the connection there is.
      assert.strictEqual(connector.dials(), 3)
    }))

  it.effect("keep their turn while an exclusive resource closes", () =>
    Effect.gen(function*() {
      const { ask, connector, pool, served } = yield* make({ maxInFlight: 1 }, { exclusiveResource: true })
      connector.onClose = Effect.sleep("1 second")
      yield* ask("own", 100, "own 1")
      yield* ask("own", 100, "own 2")
      yield* ask("a", 100)
      yield* pool.invalidate("own")
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(served, ["own 1", "own 2", "a"])
      connector.onClose = Effect.void
    }))

  it.effect("move back when their oldest caller leaves", () =>
    Effect.gen(function*() {
      const { ask, served } = yield* make()
      yield* ask("holder", 100)
      const first = yield* ask("a", 10, "a, which leaves")
      yield* ask("b")
      yield* ask("a", 10, "a, which came third")
      yield* Fiber.interrupt(first)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(served, ["holder", "b", "a, which came third"])
    }))

  it.effect("a connection that was opened for a caller who has left serves the next caller of its key, and then goes", () =>
    Effect.gen(function*() {
      const { ask, connector, served } = yield* make({ sharing: "exclusive" })
      connector.plan = (dial) => dial === 1 ? Effect.sleep("1 second") : Effect.void
      const gone = yield* ask("own", 10, "gone")
      yield* ask("a")
      yield* ask("own", 10, "next")
      yield* ask("own", 10, "last")
      yield* Fiber.interrupt(gone)
      yield* TestClock.adjust("2 seconds")
      // What is open is used once: else dials that take longer than callers have patience would serve nobody.
      assert.deepStrictEqual(served, ["next", "a", "last"])
    }))
})

describe("making room", () => {
  it.effect("retires one idle connection for each key in line, however long closing takes and whatever else becomes idle", () =>
    Effect.gen(function*() {
      const { ask, connector, pool } = yield* make({ maxConnections: 4 })
      for (const key of ["a", "b", "c", "d"]) yield* ask(key, 10)
      yield* TestClock.adjust("10 millis")
      connector.onClose = Effect.sleep("1 second")
      yield* ask("e", 5000)
      yield* pool.use("d", () => Effect.void)
      yield* pool.use("c", () => Effect.void)
      assert.strictEqual((yield* pool.snapshot).keys.filter(({ slots }) => slots[0]?.state === "Ready").length, 3)
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* pool.snapshot).keys.filter(({ slots }) => slots[0]?.state === "Ready").length, 4)
      connector.onClose = Effect.void
    }))

  it.effect("takes the one that was idle for longest, by its last lease", () =>
    Effect.gen(function*() {
      const { ask, pool } = yield* make({ maxConnections: 3 })
      for (const key of ["a", "b", "c"]) {
        yield* pool.use(key, () => Effect.void)
        yield* TestClock.adjust("1 second")
      }
      yield* pool.use("a", () => Effect.void)
      yield* ask("d")
      yield* ask("e")
      const ready = (yield* pool.snapshot).keys.filter(({ slots }) => slots[0]?.state === "Ready").map(({ key }) => key)
      assert.deepStrictEqual(ready.toSorted(), ["a", "d", "e"])
    }))

  it.effect("does not wait for a connection that hangs while it closes", () =>
    Effect.gen(function*() {
      const { ask, connector, pool, served } = yield* make({ maxConnections: 2, closeTimeout: "3 seconds" })
      yield* pool.use("a", () => Effect.void)
      yield* pool.use("b", () => Effect.void)
      const gate = yield* Deferred.make<void>()
      connector.onClose = Deferred.await(gate)
      yield* ask("c")
      connector.onClose = Effect.void
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(served, [])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(served, ["c"])
      yield* Deferred.succeed(gate, undefined)
    }))

  it.effect("takes what is no longer kept warm, and of several connections of a warm key all but one", () =>
    Effect.gen(function*() {
      const { ask, pool, served } = yield* make({ maxConnections: 2, maxConnectionsPerKey: 2, sharing: "exclusive" })
      const scope = yield* Scope.make()
      yield* Scope.provide(pool.warm("warm"), scope)
      yield* ask("warm", 10)
      yield* ask("warm", 10)
      yield* TestClock.adjust("10 millis")
      yield* ask("a", 1000)
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(served, ["warm", "warm", "a"])
      yield* ask("b", 1000)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(served.length, 3)
      yield* Scope.close(scope, Exit.void)
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(served.at(-1), "b")
    }))
})

describe("thousands of keys in line", () => {
  it.effect("are served in order, and each event looks at a few of them only", () =>
    Effect.gen(function*() {
      const keys = 3000
      const { pool } = yield* make({ maxConnections: 3, sharing: "exclusive" })
      const random = SeededRandom.make(7)
      const expected: Array<string> = []
      const served: Array<string> = []
      const claimOf: unknown = Reflect.get(Machine.prototype, "claimOf")
      let looks = 0
      // A method of the machine's, called as it was.
      Reflect.set(Machine.prototype, "claimOf", function(this: unknown, ...args: ReadonlyArray<unknown>) {
        looks++
        return Reflect.apply(claimOf as (...args: ReadonlyArray<unknown>) => unknown, this, args)
      })
      const impatient: Array<Fiber.Fiber<unknown, unknown>> = []
      for (let i = 0; i < keys; i++) {
        const key = `key ${i}`
        const fiber = yield* Effect.forkChild(
          pool.use(key, () => Effect.andThen(Effect.sync(() => served.push(key)), Effect.sleep("1 millis"))),
          now
        )
        // The first three have their places already.
        if (i >= 3 && random.chance(0.2)) impatient.push(fiber)
        else expected.push(key)
      }
      for (const fiber of impatient) yield* Fiber.interrupt(fiber)
      yield* TestClock.adjust("10 seconds")
      Reflect.set(Machine.prototype, "claimOf", claimOf)
      assert.deepStrictEqual(served, expected)
      assert.isBelow(looks, keys * 12)
    }))
})
