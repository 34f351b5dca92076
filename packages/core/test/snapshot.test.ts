import { assert, describe, it } from "@effect/vitest"
import { ConnectionPool, type PoolEvent } from "@holdfast/core"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as FakeConnector from "./support/FakeConnector.ts"

const now = { startImmediately: true } as const

const refused = () => Effect.fail(new FakeConnector.FakeError({ message: "refused" }))

describe("a snapshot", () => {
  it.effect("says how many wait, since when, and what each connection is doing", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make()
      const pool = yield* ConnectionPool.make(connector, { policy: { sharing: "exclusive", maxConnectionsPerKey: 1 } })
      assert.deepStrictEqual(yield* pool.snapshot, { state: "Open", connections: 0, leases: 0, waiting: 0, keys: [] })
      const holder = yield* Effect.forkChild(pool.use("a", () => Effect.never), now)
      yield* TestClock.adjust("1 second")
      const waiters = [
        yield* Effect.forkChild(Effect.exit(pool.use("a", () => Effect.void)), now),
        yield* Effect.forkChild(Effect.exit(pool.use("a", () => Effect.void)), now)
      ]
      yield* TestClock.adjust("2 seconds")
      const busy = yield* pool.snapshot
      assert.deepInclude(busy, { state: "Open", connections: 1, leases: 1, waiting: 2 })
      assert.deepInclude(busy.keys[0], { key: "a", waiting: 2, waitingMillis: 2000, isWarm: false, dials: 1 })
      assert.deepInclude(busy.keys[0]?.slots[0], { state: "Ready", stateMillis: 3000, retryInMillis: undefined })
      assert.deepInclude(busy.keys[0]?.slots[0]?.connection, {
        state: "Open",
        health: "healthy",
        leases: 1,
        ageMillis: 3000,
        idleMillis: 0
      })
      yield* Fiber.interrupt(holder)
      yield* Effect.forEach(waiters, Fiber.join)
      yield* pool.warm("a")
      yield* TestClock.adjust("5 seconds")
      const idle = yield* pool.snapshot
      assert.deepInclude(idle, { connections: 1, leases: 0, waiting: 0 })
      assert.deepInclude(idle.keys[0], { waiting: 0, waitingMillis: 0, isWarm: true })
      assert.deepInclude(idle.keys[0]?.slots[0]?.connection, { leases: 0, ageMillis: 8000, idleMillis: 5000 })
    }))

  it.effect("counts the leases of a connection that drains", () =>
    Effect.gen(function*() {
      const pool = yield* ConnectionPool.make(FakeConnector.make())
      yield* Effect.forkScoped(pool.use("a", () => Effect.never), now)
      yield* pool.invalidate("a")
      yield* Effect.forkScoped(pool.use("a", () => Effect.never), now)
      const { connections, leases } = yield* pool.snapshot
      assert.deepStrictEqual({ connections, leases }, { connections: 2, leases: 2 })
    }))

  it.effect("says when the next dial is, in back-off and in quarantine, and why the last one failed", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make()
      connector.plan = refused
      const pool = yield* ConnectionPool.make(connector, {
        policy: {
          backoff: { initial: "4 seconds", jitter: 0 },
          restartIntensity: { limit: 1, window: "1 minute" },
          maxConnectRetries: 100,
          quarantine: { initial: "20 seconds", max: "20 seconds" },
          acquireTimeout: "1 hour"
        }
      })
      yield* Effect.forkScoped(Effect.exit(pool.use("a", () => Effect.void)), now)
      yield* TestClock.adjust("1 second")
      const paused = yield* pool.snapshot
      assert.include(paused.keys[0], { lastFailure: "refused", dials: 1 })
      assert.include(paused.keys[0]?.slots[0], { state: "Backoff", stateMillis: 1000, retryInMillis: 3000 })
      yield* TestClock.adjust("4 seconds")
      const crashed = yield* pool.snapshot
      assert.include(crashed.keys[0]?.slots[0], { state: "Quarantined", stateMillis: 1000, retryInMillis: 19_000 })
      connector.plan = () => Effect.never
      yield* TestClock.adjust("19 seconds")
      const dialling = yield* pool.snapshot
      assert.include(dialling.keys[0]?.slots[0], { state: "Connecting", retryInMillis: undefined })
    }))
})

describe("an event", () => {
  it.effect("of a move says how long the state before lasted, and when the next dial is where there is a pause", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make()
      connector.plan = () => Effect.andThen(Effect.sleep("2 seconds"), refused())
      const pool = yield* ConnectionPool.make(connector, {
        policy: {
          backoff: { initial: "4 seconds", jitter: 0 },
          restartIntensity: { limit: 1, window: "1 minute" },
          maxConnectRetries: 100,
          acquireTimeout: "1 hour"
        }
      })
      const events: Array<PoolEvent.PoolEvent> = []
      yield* Effect.forkScoped(Stream.runForEach(pool.events, (event) => Effect.sync(() => events.push(event))), now)
      yield* TestClock.adjust("1 second")
      yield* Effect.forkScoped(Effect.exit(pool.use("a", () => Effect.void)), now)
      yield* TestClock.adjust("8 seconds")
      const moves = events.filter((event) => event._tag === "SlotMoved").map(
        ({ attempt, durationMillis, from, key, retryInMillis, slot, to }) => ({
          key,
          slot,
          move: `${from} -> ${to}`,
          attempt,
          durationMillis,
          retryInMillis
        })
      )
      const a = { key: "a", slot: moves[0]?.slot ?? 0 }
      assert.deepStrictEqual(moves, [
        { ...a, move: "Idle -> Connecting", attempt: 0, durationMillis: 0, retryInMillis: undefined },
        { ...a, move: "Connecting -> Backoff", attempt: 1, durationMillis: 2000, retryInMillis: 4000 },
        { ...a, move: "Backoff -> Connecting", attempt: 1, durationMillis: 4000, retryInMillis: undefined },
        { ...a, move: "Connecting -> Backoff", attempt: 2, durationMillis: 2000, retryInMillis: 30_000 },
        { ...a, move: "Backoff -> Quarantined", attempt: 2, durationMillis: 0, retryInMillis: 30_000 }
      ])
    }))

  it.effect("of a connection carries its number, which is given once", () =>
    Effect.gen(function*() {
      const pool = yield* ConnectionPool.make(FakeConnector.make(), { policy: { reuse: false } })
      const opened: Array<number> = []
      yield* Effect.forkScoped(
        Stream.runForEach(pool.events, (event) =>
          Effect.sync(() => {
            if (event._tag === "ConnectionMoved" && event.to === "Open") opened.push(event.connection)
          })),
        now
      )
      for (let i = 0; i < 3; i++) yield* pool.use("a", () => Effect.void)
      yield* TestClock.adjust(1)
      assert.strictEqual(new Set(opened).size, 3)
      assert.isTrue(opened.every((id) => id > 0), String(opened))
    }))
})

describe("a pool's series", () => {
  it.effect("bear the pool's name, count leaks, and count the leases of connections that drain as active", () => {
    const registry = new Map()
    const series = () => Array.from(registry.values())
    const read = (id: string) => series().find((each) => each.id === `holdfast.pool.${id}`)?.hooks.get(undefined)
    const namesOf = () => [...new Set(series().map(({ attributes }) => attributes.pool))]
    return Effect.gen(function*() {
      yield* Effect.scoped(Effect.andThen(
        ConnectionPool.make(FakeConnector.make(), { name: "mine" }),
        Effect.sync(() => assert.deepStrictEqual(namesOf(), ["mine"]))
      ))
      // What has closed stays for the last flush of an exporter.
      registry.clear()
      const pool = yield* ConnectionPool.make(FakeConnector.make(), { policy: { leakWarningThreshold: "1 minute" } })
      assert.deepStrictEqual(namesOf(), ["default"])
      yield* Effect.forkScoped(pool.use("a", () => Effect.never), now)
      yield* pool.invalidate("a")
      yield* Effect.forkScoped(pool.use("a", () => Effect.sleep("2 minutes")), now)
      assert.deepInclude(read("connections.active"), { value: 2 })
      yield* TestClock.adjust("3 minutes")
      assert.deepInclude(read("leaks"), { count: 2 })
    }).pipe(Effect.provideService(Metric.MetricRegistry, registry))
  })
})
