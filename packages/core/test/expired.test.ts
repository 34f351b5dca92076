/** A connection that expired: its peer is well, only what it kept for this connection is gone. */
import { assert, describe, it } from "@effect/vitest"
import { ConnectionPool, type Connector, type PoolEvent } from "@holdfast/core"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as FakeConnector from "./support/FakeConnector.ts"

const now = { startImmediately: true } as const

const make = Effect.fnUntraced(function*(policy: ConnectionPool.Options<string>["policy"] = {}) {
  let as: Connector.Classification = "expired"
  const fake = FakeConnector.make()
  const connector = { ...fake, classify: () => as }
  const pool = yield* ConnectionPool.make(connector, { policy })
  const moves: Array<string> = []
  yield* Effect.forkScoped(
    Stream.runForEach(
      pool.events,
      (event: PoolEvent.PoolEvent) =>
        Effect.sync(() => event._tag === "SlotMoved" && moves.push(`${event.from} ${event.to}`))
    ),
    now
  )
  const clock = yield* Clock.Clock
  const millis = () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
  const crash = () => {
    as = "retryable"
  }
  const says = Effect.sync(() => {
    fake.received++
  })
  return { connector, crash, millis, moves, pool, says }
})

describe("a connection that expired", () => {
  it.effect("is opened again at once, though it was up for a moment only: no back-off, no outage", () =>
    Effect.gen(function*() {
      const { moves, pool } = yield* make()
      yield* pool.use("a", (c) => c.lose("expired"))
      // Nothing lets time go by.
      assert.strictEqual(yield* pool.use("a", (c) => Effect.succeed(c.id)), 2)
      assert.deepStrictEqual(moves, [
        "Idle Connecting",
        "Connecting Ready",
        "Ready Idle",
        // Nobody waited for it just then.
        "Idle Closed",
        "Idle Connecting",
        "Connecting Ready"
      ])
    }))

  it.effect("and expires again within minUptime goes through back-off, which grows, and a long life makes that good", () =>
    Effect.gen(function*() {
      const { connector, millis, pool } = yield* make({
        minUptime: "10 seconds",
        backoff: { initial: "250 millis", factor: 2, jitter: 0 }
      })
      const waits: Array<number> = []
      const next = Effect.gen(function*() {
        const lost = millis()
        yield* pool.use("a", (c) => c.lose("expired"))
        const caller = yield* Effect.forkChild(pool.use("a", (c) => Effect.succeed(c)), now)
        yield* Effect.yieldNow
        while (caller.pollUnsafe() === undefined) yield* TestClock.adjust("1 millis")
        waits.push(millis() - lost)
      })
      for (let i = 0; i < 4; i++) yield* next
      yield* TestClock.adjust("10 seconds")
      for (let i = 0; i < 3; i++) yield* next
      assert.deepStrictEqual(waits, [0, 250, 500, 1000, 0, 250, 500])
      assert.strictEqual(connector.alive(), 1)
    }))

  it.effect("and served a caller since it was opened is opened again at once, as often as restartIntensity allows", () =>
    Effect.gen(function*() {
      const { connector, millis, moves, pool, says } = yield* make({
        minUptime: "10 seconds",
        backoff: { initial: "250 millis", factor: 2, jitter: 0 },
        restartIntensity: { limit: 3, window: "1 minute" }
      })
      const waits: Array<number> = []
      const next = Effect.gen(function*() {
        yield* pool.use("a", () => says)
        yield* TestClock.adjust("1 second")
        yield* pool.use("a", (c) => c.lose("expired"))
        const lost = millis()
        const caller = yield* Effect.forkChild(pool.use("a", (c) => Effect.succeed(c)), now)
        yield* Effect.yieldNow
        while (caller.pollUnsafe() === undefined) yield* TestClock.adjust("1 millis")
        waits.push(millis() - lost)
      })
      for (let i = 0; i < 5; i++) yield* next
      // A long life makes it good.
      yield* TestClock.adjust("1 minute")
      for (let i = 0; i < 2; i++) yield* next
      assert.deepStrictEqual(waits, [0, 0, 0, 250, 500, 0, 0])
      assert.strictEqual(connector.dials(), 8)
      assert.isFalse(moves.some((move) => move.includes("Quarantined")))
    }))

  it.effect("is no server that works when all its callers got was its loss, or it received nothing since it was opened", () =>
    Effect.gen(function*() {
      const { pool, says } = yield* make({ backoff: { initial: "250 millis", jitter: 0 } })
      const isWaiting = Effect.gen(function*() {
        const caller = yield* Effect.forkChild(pool.use("a", () => Effect.void), now)
        yield* Effect.yieldNow
        const isWaiting = caller.pollUnsafe() === undefined
        yield* TestClock.adjust("1 second")
        yield* Fiber.join(caller)
        return isWaiting
      })
      yield* pool.use("a", (c) => c.lose("expired"))
      // The first time is free.
      assert.isFalse(yield* isWaiting)
      yield* pool.use("a", (c) => c.lose("expired"))
      assert.isTrue(yield* isWaiting)
      yield* says
      yield* pool.use("a", (c) => c.lose("expired"))
      assert.isFalse(yield* isWaiting)
    }))

  it.effect("and its neighbour in turn are not opened without a pause for ever", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* make({ sharing: "exclusive", maxConnectionsPerKey: 2 })
      const lose = pool.use("a", (c) => Effect.andThen(Effect.sleep("2 millis"), c.lose("expired")), {
        timeout: "1 second"
      })
      const loop = Effect.forever(Effect.ignore(lose))
      yield* Effect.forkScoped(loop, now)
      yield* TestClock.adjust("1 millis")
      yield* Effect.forkScoped(loop, now)
      for (let millis = 0; millis < 100; millis++) yield* TestClock.adjust("1 millis")
      assert.isAtMost(connector.dials(), 6)
    }))

  it.effect("never counts for restartIntensity and never leads to quarantine, however often it does", () =>
    Effect.gen(function*() {
      const { connector, crash, moves, pool } = yield* make({
        restartIntensity: { limit: 1, window: "1 hour" },
        backoff: { max: "1 second" }
      })
      yield* pool.warm("a")
      for (let i = 0; i < 50; i++) {
        yield* pool.use("a", (c) => c.lose("expired"), { timeout: "1 minute" }).pipe(Effect.forkScoped(now))
        yield* TestClock.adjust("2 seconds")
      }
      assert.isAtLeast(connector.dials(), 50)
      assert.isFalse(moves.some((move) => move.includes("Quarantined")))
      // A crash is a crash: the limit of one has not been touched.
      crash()
      yield* pool.use("a", (c) => c.lose("crashed"))
      assert.isFalse(moves.some((move) => move.includes("Quarantined")))
      yield* TestClock.adjust("2 seconds")
      yield* pool.use("a", (c) => c.lose("crashed"))
      assert.isTrue(moves.some((move) => move.includes("Quarantined")))
    }))

  it.effect("one event that ends all connections of a key is one event: all of them are opened again without a pause", () =>
    Effect.gen(function*() {
      const { connector, millis, pool } = yield* make({ sharing: "exclusive", maxConnectionsPerKey: 4 })
      const held = yield* Deferred.make<void>()
      const losing = yield* Effect.forEach(
        [1, 2, 3, 4],
        () => Effect.forkChild(pool.use("a", (c) => Effect.andThen(Deferred.await(held), c.lose("expired"))), now)
      )
      yield* TestClock.adjust("1 second")
      const began = millis()
      yield* Deferred.succeed(held, undefined)
      yield* Fiber.joinAll(losing)
      const callers = yield* Effect.forEach(
        [1, 2, 3, 4],
        () => Effect.forkChild(pool.use("a", () => Effect.sleep("1 second")), now)
      )
      yield* TestClock.adjust("1 second")
      yield* Fiber.joinAll(callers)
      assert.strictEqual(millis() - began, 1000)
      assert.strictEqual(connector.dials(), 8)
    }))

  it.effect("an exclusive resource is gone before it is opened again", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make({ exclusiveResource: true })
      connector.onClose = Effect.sleep("1 second")
      const pool = yield* ConnectionPool.make({ ...connector, classify: () => "expired" })
      yield* pool.use("a", (c) => c.lose("expired"))
      const next = yield* Effect.forkChild(pool.use("a", (c) => Effect.succeed(c.id)), now)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(next), 2)
      assert.strictEqual(connector.mostAlive(), 1)
      connector.onClose = Effect.void
    }))

  it.effect("a key that nobody wants is not opened again, and is forgotten", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* make()
      yield* pool.use("a", (c) => c.lose("expired"))
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(connector.dials(), 1)
      assert.deepStrictEqual((yield* pool.snapshot).keys, [])
    }))
})
