/** Connections that their connector takes out of circulation, although they work. */
import { assert, describe, it } from "@effect/vitest"
import { ConnectionPool } from "@holdfast/core"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import * as FakeConnector from "./support/FakeConnector.ts"

const open = Effect.gen(function*() {
  const connector = FakeConnector.make()
  const signal = yield* Deferred.make<void>()
  connector.retired = (id) => id === 1 ? Deferred.await(signal) : Effect.never
  const pool = yield* ConnectionPool.make(connector, { policy: { idleTimeout: "Infinity" } })
  return { connector, pool, retire: Effect.andThen(Deferred.succeed(signal, undefined), TestClock.adjust(0)) }
})

describe("a connection that its connector retires", () => {
  it.effect("is given to nobody else, and those who have it go on until they are done", () =>
    Effect.gen(function*() {
      const { connector, pool, retire } = yield* open
      const scope = yield* Scope.make()
      const held = yield* Scope.provide(pool.lease("a"), scope)
      yield* retire
      assert.strictEqual(yield* pool.use("a", ({ id }) => Effect.succeed(id)), 2)
      assert.strictEqual(held.id, 1)
      assert.strictEqual(connector.closed(), 0)
      yield* Scope.close(scope, Exit.void)
      yield* TestClock.adjust(0)
      assert.strictEqual(connector.closed(), 1)
      assert.strictEqual(yield* pool.use("a", ({ id }) => Effect.succeed(id)), 2)
    }))

  it.effect("is closed at once when nobody has it, and opened anew without a pause where it is kept warm", () =>
    Effect.gen(function*() {
      const { connector, pool, retire } = yield* open
      yield* pool.warm("a")
      yield* TestClock.adjust(0)
      assert.strictEqual(connector.opened(), 1)
      yield* retire
      assert.strictEqual(connector.closed(), 1)
      assert.strictEqual(connector.opened(), 2)
    }))

  it.effect("is not retired by a signal that dies: that is told, and it goes on", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* open
      connector.retired = () => Effect.die(new Error("a fault"))
      assert.strictEqual(yield* pool.use("a", ({ id }) => Effect.succeed(id)), 1)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* pool.use("a", ({ id }) => Effect.succeed(id)), 1)
    }))
})

/** The first connection asks for a successor once `ask` is done, and is retired if the test says so. */
const doubted = (options: Parameters<typeof ConnectionPool.make>[1] = {}) =>
  Effect.gen(function*() {
    const connector = FakeConnector.make()
    const asked = yield* Deferred.make<void>()
    const decided = yield* Deferred.make<"it" | "successor">()
    const outcomes: Array<number | undefined> = []
    connector.retired = (id, succeed) =>
      id > 1 ? Effect.never : Deferred.await(asked).pipe(
        Effect.andThen(succeed),
        Effect.tap((successor) => Effect.sync(() => outcomes.push(successor?.value.id))),
        Effect.flatMap((successor) =>
          Effect.flatMap(
            Deferred.await(decided),
            (which) => which === "it" ? Effect.void : Effect.andThen(successor?.retire ?? Effect.void, Effect.never)
          )
        )
      )
    const pool = yield* ConnectionPool.make(connector, { policy: { idleTimeout: "Infinity", ...options?.policy } })
    const ask = Effect.andThen(Deferred.succeed(asked, undefined), TestClock.adjust(0))
    const retire = (which: "it" | "successor") => Effect.andThen(Deferred.succeed(decided, which), TestClock.adjust(0))
    const given = pool.use("a", ({ id }) => Effect.succeed(id))
    const slots = Effect.map(pool.snapshot, ({ keys }) => keys.flatMap(({ slots }) => slots).length)
    return { connector, pool, ask, retire, given, outcomes, slots }
  })

describe("a connection that asks for a successor", () => {
  it.effect("is given to nobody while that is open, and goes on for those who have it until it is retired", () =>
    Effect.gen(function*() {
      const { ask, connector, given, outcomes, pool, retire, slots } = yield* doubted()
      const scope = yield* Scope.make()
      yield* Scope.provide(pool.lease("a"), scope)
      yield* ask
      assert.deepStrictEqual(outcomes, [2])
      assert.deepStrictEqual([yield* given, yield* given], [2, 2])
      assert.strictEqual(connector.closed(), 0)
      yield* retire("it")
      assert.strictEqual(connector.closed(), 0)
      assert.strictEqual(yield* slots, 1)
      yield* Scope.close(scope, Exit.void)
      yield* TestClock.adjust(0)
      assert.strictEqual(connector.closed(), 1)
      assert.deepStrictEqual([yield* given, connector.opened()], [2, 2])
    }))

  it.effect("is given again when its successor is retired", () =>
    Effect.gen(function*() {
      const { ask, connector, given, retire, slots } = yield* doubted()
      assert.strictEqual(yield* given, 1)
      yield* ask
      assert.strictEqual(yield* given, 2)
      yield* retire("successor")
      assert.strictEqual(yield* given, 1)
      assert.deepStrictEqual([connector.opened(), connector.closed(), yield* slots], [2, 1, 1])
    }))

  it.effect("is given as before when its successor cannot be opened", () =>
    Effect.gen(function*() {
      const { ask, connector, given, outcomes, slots } = yield* doubted()
      connector.plan = (dial) => dial === 1 ? Effect.void : Effect.fail(new FakeConnector.FakeError({ message: "no" }))
      assert.strictEqual(yield* given, 1)
      yield* ask
      assert.deepStrictEqual(outcomes, [undefined])
      assert.strictEqual(yield* given, 1)
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(yield* given, 1)
      assert.deepStrictEqual([connector.dials(), yield* slots], [2, 1])
    }))

  it.effect("is given to nobody while that is being opened, and again when that is lost", () =>
    Effect.gen(function*() {
      const { ask, connector, given, pool } = yield* doubted()
      const ready = yield* Deferred.make<void>()
      connector.plan = (dial) => dial === 1 ? Effect.void : Deferred.await(ready)
      assert.strictEqual(yield* given, 1)
      yield* ask
      const waiting = yield* Effect.forkChild(given, { startImmediately: true })
      yield* TestClock.adjust("1 second")
      assert.isUndefined(waiting.pollUnsafe())
      yield* Deferred.succeed(ready, undefined)
      assert.strictEqual(yield* Fiber.join(waiting), 2)
      yield* pool.use("a", ({ lose }) => lose("gone"))
      yield* TestClock.adjust(0)
      assert.strictEqual(yield* given, 1)
    }))

  it.effect("is given at once to those who have waited for a successor that cannot be opened", () =>
    Effect.gen(function*() {
      const { ask, connector, given } = yield* doubted()
      const broken = yield* Deferred.make<void, FakeConnector.FakeError>()
      connector.plan = (dial) => dial === 1 ? Effect.void : Deferred.await(broken)
      assert.strictEqual(yield* given, 1)
      yield* ask
      const waiting = yield* Effect.forkChild(given, { startImmediately: true })
      yield* Deferred.fail(broken, new FakeConnector.FakeError({ message: "no" }))
      yield* TestClock.adjust(0)
      assert.strictEqual(yield* Fiber.join(waiting), 1)
    }))

  for (const isWarm of [true, false]) {
    it.effect(`costs one connection beyond the limits, for as long as both are open${isWarm ? ", when kept warm" : ""}`, () =>
      Effect.gen(function*() {
        const { ask, connector, pool, retire, slots } = yield* doubted({ policy: { maxConnections: 1 } })
        const scope = yield* Scope.make()
        if (isWarm) yield* pool.warm("a")
        yield* Scope.provide(pool.lease("a"), scope)
        yield* ask
        yield* retire("it")
        // More demand than one connection has leases for, while the first still drains.
        yield* Effect.all(
          Array.from({ length: 600 }, () => pool.use("a", () => Effect.sleep("1 second"))),
          { concurrency: "unbounded" }
        ).pipe(Effect.forkChild({ startImmediately: true }))
        yield* TestClock.adjust("1 minute")
        assert.strictEqual(connector.mostAlive(), 2)
        yield* Scope.close(scope, Exit.void)
        yield* TestClock.adjust("1 minute")
        assert.deepStrictEqual([connector.alive(), yield* slots], [1, 1])
      }))
  }

  it.effect("gets none while its key serves a penalty, which its callers wait out", () =>
    Effect.gen(function*() {
      const { ask, connector, given, outcomes, pool } = yield* doubted({
        policy: { maxConnectionsPerKey: 2, maxInFlight: 1 }
      })
      connector.plan = (dial) => dial === 1 ? Effect.void : Effect.fail(new FakeConnector.FakeError({ message: "no" }))
      const scope = yield* Scope.make()
      yield* Scope.provide(pool.lease("a"), scope)
      const second = yield* Effect.forkChild(given, { startImmediately: true })
      yield* TestClock.adjust(0)
      assert.strictEqual(connector.dials(), 2)
      yield* ask
      assert.deepStrictEqual(outcomes, [undefined])
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(yield* Fiber.join(second), 1)
    }))
})
