/** Every fiber of a pool has an owner: the pool's Scope, or a connection. Services come from the context the pool is made in. */
import { assert, describe, it } from "@effect/vitest"
import { ConnectionPool, type Connector } from "@holdfast/core"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import * as FakeConnector from "./support/FakeConnector.ts"
import { errors, hearing } from "./support/hearing.ts"

const now = { startImmediately: true } as const

/** A pool in a Scope of its own, and how many fibers run in its context. */
const counted = Effect.fnUntraced(
  function*(connector: FakeConnector.FakeConnector, options: ConnectionPool.Options<string>) {
    let running = 0
    const scope = yield* Scope.make()
    const pool = yield* ConnectionPool.make(connector, options).pipe(
      Scope.provide(scope),
      Effect.provideService(Metric.FiberRuntimeMetrics, {
        recordFiberStart: () => void running++,
        recordFiberEnd: () => void running--
      })
    )
    return { pool, running: () => running, scope }
  }
)

describe("the fibers of a pool", () => {
  it.effect("are all gone once its Scope is closed: dials, monitors, probes and the sweeper", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make()
      connector.probe = Effect.never
      connector.retired = () => Effect.never
      connector.inFlight = 1
      connector.onClose = Effect.sleep("1 second")
      const { pool, running, scope } = yield* counted(connector, {
        policy: { keepaliveInterval: "1 second", keepaliveTimeout: "1 minute", drainTimeout: "2 seconds" }
      })
      for (const key of ["a", "b"]) yield* Effect.forkScoped(Effect.exit(pool.use(key, () => Effect.never)), now)
      yield* TestClock.adjust("10 seconds")
      connector.plan = () => Effect.never
      yield* Effect.forkScoped(Effect.exit(pool.use("c", () => Effect.never)), now)
      yield* TestClock.adjust("1 second")
      // Of both open connections a monitor, a wish to retire and a probe; a dial; the sweeper.
      assert.isAtLeast(running(), 8)
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), now)
      yield* TestClock.adjust("1 minute")
      assert.isDefined(closing.pollUnsafe())
      assert.strictEqual(running(), 0)
      assert.strictEqual(connector.alive(), 0)
    }))

  it.effect("are gone with their connection, while the pool goes on", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make()
      connector.probe = Effect.never
      connector.retired = () => Effect.never
      const { pool, running } = yield* counted(connector, {
        policy: { keepaliveInterval: "1 second", keepaliveTimeout: "1 minute", idleTimeout: "1 hour" }
      })
      yield* TestClock.adjust(1)
      const before = running()
      const holder = yield* Effect.forkChild(pool.use("a", () => Effect.never), now)
      yield* TestClock.adjust("10 seconds")
      assert.isAtLeast(running(), before + 3)
      holder.interruptUnsafe()
      yield* pool.invalidate("a")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(connector.alive(), 0)
      assert.isAtMost(running(), before + 2)
      yield* TestClock.adjust("2 hours")
      assert.strictEqual(running(), before)
    }))

  it.effect("that die of a defect end their own connection, and no other", () =>
    hearing((heard) =>
      Effect.gen(function*() {
        const base = FakeConnector.make()
        const connector: typeof base = {
          ...base,
          dial: (key) =>
            Effect.map(base.dial(key), (dialled) =>
              key === "a" && base.dials() === 1
                ? { ...dialled, closed: Effect.delay(Effect.die(new Error("a bug in closed")), "1 second") }
                : dialled)
        }
        const pool = yield* ConnectionPool.make(connector)
        const id = (key: string) => pool.use(key, (connection) => Effect.succeed(connection.id))
        assert.deepStrictEqual([yield* id("a"), yield* id("b")], [1, 2])
        yield* TestClock.adjust("2 seconds")
        assert.deepStrictEqual([yield* id("a"), yield* id("b")], [3, 2])
        assert.strictEqual(connector.closed(), 1)
        assert.deepStrictEqual(errors(heard).map(({ text }) => text), [
          "a: the effect that tells of a connection's loss died, so it counts as lost"
        ])
        assert.include(errors(heard)[0]?.cause, "a bug in closed")
      })
    ))
})

class Greeting extends Context.Service<Greeting, { readonly words: string }>()("test/Greeting") {}

type Greeter = () => string

class Greeters extends Context.Service<Greeters, ConnectionPool.ConnectionPool<string, Greeter, Error>>()(
  "test/Greeters"
) {}

describe("a dial that requires a service", () => {
  const make = () => {
    let alive = 0
    const connector: Connector.Connector<string, Greeter, Error, Greeting> = {
      fingerprint: (key) => key,
      classify: () => "retryable",
      dial: Effect.fnUntraced(function*(key) {
        yield* Effect.acquireRelease(Effect.sync(() => alive++), () => Effect.sync(() => alive--))
        const { words } = yield* Greeting
        return { value: () => `${words}, ${key}`, closed: Effect.never }
      })
    }
    return { alive: () => alive, connector }
  }

  it.effect("gets it from the context the pool is made in, not from a caller's", () =>
    Effect.gen(function*() {
      const { connector } = make()
      const pool = yield* Effect.provideService(ConnectionPool.make(connector), Greeting, { words: "Hello" })
      const greet = pool.use("Ada", (greeter) => Effect.succeed(greeter()))
      assert.strictEqual(yield* Effect.provideService(greet, Greeting, { words: "Goodbye" }), "Hello, Ada")
    }))

  it.effect("makes it a requirement of the pool's layer, which closes the pool with its Scope", () =>
    Effect.gen(function*() {
      const { alive, connector } = make()
      const layer = ConnectionPool.layer(Greeters, connector).pipe(
        Layer.provide(Layer.succeed(Greeting, { words: "Hello" }))
      )
      const program = Effect.gen(function*() {
        const greeters = yield* Greeters
        const greeting = yield* greeters.use("Ada", (greeter) => Effect.succeed(greeter()))
        return [greeting, alive()]
      })
      assert.deepStrictEqual(yield* Effect.provide(program, layer), ["Hello, Ada", 1])
      assert.strictEqual(alive(), 0)
    }))

  it.effect("fails to make a layer whose policy contradicts itself", () =>
    Effect.gen(function*() {
      const layer = ConnectionPool.layer(Greeters, make().connector, { policy: { maxWaiters: 0 } })
      const error = yield* Effect.flip(Effect.provide(
        Effect.asVoid(Greeters),
        Layer.provide(layer, Layer.succeed(Greeting, { words: "" }))
      ))
      assert.strictEqual(error._tag, "PoolPolicyError")
    }))
})
