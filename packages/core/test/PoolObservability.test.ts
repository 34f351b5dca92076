import { assert, describe, it } from "@effect/vitest"
import { ConnectionPool, type PoolEvent } from "@holdfast/core"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Metric from "effect/Metric"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as Tracer from "effect/Tracer"
import * as FakeConnector from "./support/FakeConnector.ts"

const now = { startImmediately: true } as const

/** The pool's series of a registry of its own, by name. */
const withRegistry = <A, E, R>(
  use: (read: () => Readonly<Record<string, Metric.Metric.Snapshot["state"]>>) => Effect.Effect<A, E, R>
) => {
  const registry = new Map()
  const read = () =>
    Object.fromEntries(Array.from(registry.values(), (series) => [
      String(series.id).replace("holdfast.pool.", ""),
      series.hooks.get(undefined)
    ]))
  return Effect.provideService(use(read), Metric.MetricRegistry, registry)
}

describe("metrics", () => {
  it.effect("say what HikariCP's say: connections, idle, active, pending, acquire, creation, timeout", () =>
    withRegistry((read) =>
      Effect.gen(function*() {
        const connector = FakeConnector.make()
        connector.plan = () => Effect.sleep("2 seconds")
        yield* Effect.scoped(Effect.gen(function*() {
          const pool = yield* ConnectionPool.make(connector, {
            policy: { sharing: "exclusive", maxConnectionsPerKey: 1, acquireTimeout: "5 seconds", maxConnections: 7 }
          })
          const user = yield* Effect.forkScoped(pool.use("a", () => Effect.never), now)
          yield* Effect.forkScoped(Effect.exit(pool.use("a", () => Effect.void)), now)
          yield* TestClock.adjust("2 seconds")
          assert.deepInclude(read(), {
            connections: { value: 1 },
            "connections.idle": { value: 0 },
            "connections.active": { value: 1 },
            "connections.pending": { value: 1 },
            "connections.max": { value: 7 },
            dials: { count: 1, incremental: true }
          })
          yield* TestClock.adjust("3 seconds")
          yield* Fiber.interrupt(user)
          yield* pool.use("a", () => Effect.void)
          const { acquire, creation, timeout } = read()
          assert.deepInclude(timeout, { count: 1 })
          assert.deepInclude(creation, { count: 1, min: 2000, max: 2000, sum: 2000 })
          // One waited two seconds, one got its lease at once.
          assert.deepInclude(acquire, { count: 2, min: 0, max: 2000, sum: 2000 })
        }))
        // What an exporter that outlives the pool sends last.
        assert.deepInclude(read(), {
          connections: { value: 0 },
          "connections.max": { value: 0 },
          dials: { count: 1, incremental: true }
        })
        assert.deepInclude(read()["acquire"], { count: 2, sum: 2000 })
      })
    ))

  it.effect("usage is measured on every sixteenth lease", () =>
    withRegistry((read) =>
      Effect.gen(function*() {
        const pool = yield* ConnectionPool.make(FakeConnector.make())
        for (let i = 0; i < 32; i++) {
          const user = yield* Effect.forkChild(pool.use("a", () => Effect.sleep("40 millis")), now)
          yield* TestClock.adjust("40 millis")
          yield* Fiber.join(user)
        }
        assert.deepInclude(read().usage, { count: 2, min: 40, max: 40, sum: 80 })
      })
    ))

  it.effect("count losses, failed dials and quarantines", () =>
    withRegistry((read) =>
      Effect.gen(function*() {
        const connector = FakeConnector.make()
        const pool = yield* ConnectionPool.make(connector, {
          policy: { maxConnectRetries: 100, acquireTimeout: "10 seconds" }
        })
        yield* pool.use("a", (c) => c.lose("gone"))
        connector.plan = () => Effect.fail(new FakeConnector.FakeError({ message: "refused" }))
        const caller = yield* Effect.forkChild(Effect.exit(pool.use("a", () => Effect.void)), now)
        yield* TestClock.adjust("10 seconds")
        yield* Fiber.join(caller)
        const { "dials.failed": failed, losses, quarantines } = read()
        assert.deepInclude(losses, { count: 1 })
        assert.deepInclude(failed, { count: 5 })
        assert.deepInclude(quarantines, { count: 1 })
      })
    ))
})

describe("refused callers", () => {
  it.effect("are counted by the reason they were given, each once, whichever it was", () => {
    const registry = new Map()
    const refused = (): Record<string, number> =>
      Object.fromEntries(
        Array.from(registry.values()).filter(({ id }) => id === "holdfast.pool.refused").map((series) => [
          series.attributes.reason,
          series.hooks.get(undefined).count
        ])
      )
    const none = {
      AcquireTimeout: 0,
      DialDefect: 0,
      DialFailed: 0,
      DialTimeout: 0,
      NotReady: 0,
      PoolClosed: 0,
      Quarantined: 0,
      TooManyWaiters: 0
    }
    return Effect.gen(function*() {
      const connector = FakeConnector.make()
      const pool = yield* ConnectionPool.make(connector, {
        policy: {
          connectTimeout: "2 seconds",
          acquireTimeout: "5 seconds",
          maxWaiters: 2,
          maxConnectRetries: 1,
          restartIntensity: { limit: 2, window: "1 minute" }
        }
      })
      // From the beginning, or the first increase would go unseen.
      assert.deepStrictEqual(refused(), none)
      const ask = (key: string, options = {}) =>
        Effect.forkChild(Effect.exit(pool.use(key, () => Effect.void, options)), now)
      connector.plan = () => Effect.never
      yield* ask("a", { timeout: "1 second" })
      const left = yield* ask("a")
      yield* ask("a")
      yield* TestClock.adjust("1 second")
      const seen: Record<string, number> = { ...none, TooManyWaiters: 1, AcquireTimeout: 1 }
      assert.deepStrictEqual(refused(), seen)
      // Who goes by himself was not refused.
      yield* Fiber.interrupt(left)
      assert.deepStrictEqual(refused(), seen)
      yield* ask("b")
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(refused(), { ...seen, DialTimeout: 1 })
      connector.plan = () => Effect.fail(new FakeConnector.FakeError({ message: "crashed" }))
      yield* ask("c")
      yield* ask("c", { waitForReady: false })
      assert.deepStrictEqual(refused(), { ...seen, DialTimeout: 1, NotReady: 1 })
      yield* TestClock.adjust("1 second")
      yield* ask("c")
      assert.deepStrictEqual(refused(), { ...seen, DialTimeout: 1, NotReady: 1, DialFailed: 2 })
      yield* ask("c")
      connector.plan = () => Effect.die(new Error("a bug"))
      yield* ask("d")
      yield* pool.drain("1 second")
      yield* ask("c")
      assert.deepStrictEqual(refused(), {
        ...seen,
        DialDefect: 1,
        DialTimeout: 1,
        NotReady: 1,
        DialFailed: 2,
        Quarantined: 1,
        PoolClosed: 1
      })
    }).pipe(Effect.provideService(Metric.MetricRegistry, registry))
  })
})

describe("the series of a pool that has closed", () => {
  it.effect("are taken over by a later pool of its name, which another end does not touch", () =>
    withRegistry((read) =>
      Effect.gen(function*() {
        const connector = FakeConnector.make()
        const older = yield* Scope.make()
        yield* Effect.flatMap(Scope.provide(ConnectionPool.make(connector), older), (pool) =>
          pool.use("a", () => Effect.void))
        const newer = yield* ConnectionPool.make(connector)
        yield* newer.use("a", () =>
          newer.use("b", () => Effect.void))
        yield* Scope.close(older, Exit.void)
        assert.deepInclude(read(), { connections: { value: 2 }, dials: { count: 2, incremental: true } })
      })
    ))
})

describe("spans", () => {
  it.effect("a dial and the wait for it are traced, a lease that is there is not", () => {
    const names: Array<string> = []
    const tracer = Tracer.make({
      span: (options) => {
        names.push(options.name)
        return new Tracer.NativeSpan(options)
      }
    })
    return Effect.gen(function*() {
      const pool = yield* ConnectionPool.make(FakeConnector.make())
      yield* pool.use("a", () => Effect.void)
      assert.sameMembers(names, ["holdfast.pool.acquire", "holdfast.pool.dial"])
      yield* pool.use("a", () => Effect.void)
      assert.strictEqual(names.length, 2)
    }).pipe(Effect.withTracer(tracer))
  })
})

describe("leaks", () => {
  it.effect("a lease held for longer than leakWarningThreshold is reported once, with who took it", () => {
    const warnings: Array<string> = []
    const logger = Logger.make(({ logLevel, message }) => {
      if (logLevel === "Warn") warnings.push(String(message))
    })
    return Effect.gen(function*() {
      const pool = yield* ConnectionPool.make(FakeConnector.make(), { policy: { leakWarningThreshold: "1 minute" } })
      const events: Array<PoolEvent.PoolEvent> = []
      yield* Effect.forkScoped(Stream.runForEach(pool.events, (event) => Effect.sync(() => events.push(event))), now)
      yield* pool.use("a", () => Effect.sleep("1 second")).pipe(Effect.forkChild(now))
      yield* pool.use("a", () => Effect.never).pipe(Effect.withSpan("nightly-report"), Effect.forkScoped(now))
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(warnings.length, 1)
      assert.match(
        warnings[0] ?? "",
        /a: a lease is held for more than 60000 ms .* taken by span nightly-report, at .*PoolObservability\.test/
      )
      const overdue = events.filter((event) => event._tag === "LeaseOverdue")
      assert.strictEqual(overdue.length, 1)
    }).pipe(Effect.provide(Logger.layer([logger])))
  })
})
