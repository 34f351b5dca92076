import { assert, describe, it } from "@effect/vitest"
import { ConnectionPool, type PoolEvent } from "@holdfast/core"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as FakeConnector from "./support/FakeConnector.ts"
import { hearing } from "./support/hearing.ts"

const now = { startImmediately: true } as const

const refused = () => Effect.fail(new FakeConnector.FakeError({ message: "refused" }))

type Pool = ConnectionPool.ConnectionPool<string, FakeConnector.FakeConnection, FakeConnector.FakeError>

/** Why a caller that waits at most a second gets no connection. */
const reasonFor = Effect.fnUntraced(function*(pool: Pool, key: string, waitForReady = true) {
  const caller = yield* Effect.forkChild(
    Effect.flip(pool.use(key, () => Effect.void, { timeout: "1 second", waitForReady })),
    now
  )
  yield* TestClock.adjust("1 second")
  const error = yield* Fiber.join(caller)
  if (error === undefined) throw new Error("a connection was given")
  return error.reason
})

describe("a caller whose time is up", () => {
  it.effect("is told what it waited for, and what its key had", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make()
      const pool = yield* ConnectionPool.make(connector, {
        policy: { sharing: "exclusive", maxConnectionsPerKey: 2, maxConnections: 2, backoff: { initial: "20 seconds" } }
      })
      connector.plan = () => Effect.never
      const none = { total: 0, idle: 0, active: 0, waiting: 0 }
      assert.deepInclude(yield* reasonFor(pool, "a"), { phase: "dial", counts: none, waitedMillis: 1000 })
      connector.plan = refused
      assert.deepInclude(yield* reasonFor(pool, "b"), { phase: "backoff", counts: none })
    }))

  it.effect("waited for a free connection where all are busy, also those of other keys", () =>
    Effect.gen(function*() {
      const pool = yield* ConnectionPool.make(FakeConnector.make(), {
        policy: { sharing: "exclusive", maxConnectionsPerKey: 2, maxConnections: 2 }
      })
      for (let i = 0; i < 2; i++) yield* Effect.forkScoped(pool.use("a", () => Effect.never), now)
      yield* Effect.forkScoped(Effect.exit(pool.use("a", () => Effect.never)), now)
      assert.deepInclude(yield* reasonFor(pool, "a"), {
        phase: "queue",
        counts: { total: 2, idle: 0, active: 2, waiting: 1 }
      })
      assert.deepInclude(yield* reasonFor(pool, "b"), {
        phase: "queue",
        counts: { total: 0, idle: 0, active: 0, waiting: 0 }
      })
    }))

  it.effect("or who does not wait is told when the next dial is", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make()
      connector.plan = refused
      const pool = yield* ConnectionPool.make(connector, {
        policy: {
          backoff: { initial: "4 seconds", jitter: 0 },
          restartIntensity: { limit: 1, window: "1 hour" },
          quarantine: { initial: "30 seconds", max: "30 seconds" }
        }
      })
      yield* Effect.forkScoped(Effect.exit(pool.use("a", () => Effect.void)), now)
      yield* TestClock.adjust("1 second")
      assert.deepInclude(yield* reasonFor(pool, "a", false), {
        _tag: "NotReady",
        retryInMillis: 3000,
        lastCause: "refused"
      })
      yield* TestClock.adjust("3 seconds")
      // The second crash was a second ago.
      assert.deepInclude(yield* reasonFor(pool, "a"), { _tag: "Quarantined", retryInMillis: 29_000 })
    }))
})

describe("a connection", () => {
  it.effect("of its caller's own is gone when the call returns, however long its closing takes", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make()
      connector.onClose = Effect.sleep("3 seconds")
      const pool = yield* ConnectionPool.make(connector, { policy: { reuse: false } })
      const caller = yield* Effect.forkChild(pool.use("a", () => Effect.void), now)
      yield* TestClock.adjust("2 seconds")
      assert.isUndefined(caller.pollUnsafe())
      yield* TestClock.adjust("1 second")
      assert.isDefined(caller.pollUnsafe())
      assert.strictEqual(connector.closed(), 1)
    }))

  it.effect("is idle from its last release on, to the millisecond", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make()
      const pool = yield* ConnectionPool.make(connector, { policy: { idleTimeout: "5 minutes" } })
      yield* pool.use("a", () => Effect.void)
      yield* TestClock.adjust(1)
      yield* pool.use("a", () => Effect.void)
      yield* TestClock.adjust(299_999)
      assert.strictEqual(connector.closed(), 0)
      yield* TestClock.adjust(1)
      assert.strictEqual(connector.closed(), 1)
    }))

  it.effect("that was kept warm is retired once nothing keeps it and nothing uses it", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make()
      const pool = yield* ConnectionPool.make(connector, { policy: { idleTimeout: "1 minute" } })
      const scope = yield* Scope.make()
      yield* Scope.provide(pool.warm("a"), scope)
      yield* TestClock.adjust("10 minutes")
      assert.deepStrictEqual([connector.opened(), connector.closed()], [1, 0])
      yield* Scope.close(scope, Exit.void)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(connector.closed(), 1)
      assert.deepStrictEqual((yield* pool.snapshot).keys, [])
    }))

  it.effect("of a warm key is replaced at once when it is retired, although it is still leased", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make()
      const pool = yield* ConnectionPool.make(connector)
      yield* pool.warm("a")
      yield* Effect.forkScoped(pool.use("a", () => Effect.never), now)
      yield* pool.invalidate("a")
      yield* TestClock.adjust(1)
      assert.deepStrictEqual([connector.opened(), connector.closed()], [2, 0])
    }))

  it.effect("that was retired keeps its lease for as long as it takes, unless others wait for the resource itself", () =>
    Effect.gen(function*() {
      const closedAfter = Effect.fnUntraced(function*(exclusiveResource: boolean) {
        const connector = FakeConnector.make({ exclusiveResource })
        const pool = yield* ConnectionPool.make(connector, { policy: { drainTimeout: "10 seconds" } })
        yield* Effect.forkScoped(pool.use("a", () => Effect.never), now)
        yield* pool.invalidate("a")
        yield* TestClock.adjust("9 seconds")
        assert.strictEqual(connector.closed(), 0)
        yield* TestClock.adjust("1 hour")
        return connector.closed()
      })
      assert.strictEqual(yield* closedAfter(false), 0)
      assert.strictEqual(yield* closedAfter(true), 1)
    }))

  it.effect("whose finalizer breaks counts as closed, and that is told", () =>
    hearing((heard) =>
      Effect.gen(function*() {
        const connector = FakeConnector.make()
        connector.onClose = Effect.die(new Error("no such pipe"))
        const pool = yield* ConnectionPool.make(connector)
        yield* pool.use("a", () => Effect.void)
        yield* pool.invalidate("a")
        yield* TestClock.adjust(1)
        assert.strictEqual((yield* pool.snapshot).connections, 0)
        assert.match(heard.map(({ text }) => text).join("\n"), /a: a finalizer of connection \d+ failed/)
      })
    ))
})

describe("a key", () => {
  it.effect("whose pause is over, and that nothing wants, has no slot; its failures are remembered", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make()
      connector.plan = refused
      const pool = yield* ConnectionPool.make(connector, {
        policy: { backoff: { initial: "4 seconds", jitter: 0 }, restartIntensity: { limit: 5, window: "1 minute" } }
      })
      const caller = yield* Effect.forkChild(Effect.exit(pool.use("a", () => Effect.void)), now)
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(caller)
      assert.strictEqual((yield* pool.snapshot).keys[0]?.slots[0]?.state, "Backoff")
      yield* TestClock.adjust("3 seconds")
      assert.deepInclude((yield* pool.snapshot).keys[0], { slots: [], lastFailure: "refused" })
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual((yield* pool.snapshot).keys, [])
    }))
})

describe("a drain", () => {
  it.effect("ends in a pool that is closed, with nothing in it, each slot closed on its way; another one changes nothing", () =>
    Effect.gen(function*() {
      const pool = yield* ConnectionPool.make(FakeConnector.make())
      const moves: Array<string> = []
      yield* Effect.forkScoped(
        Stream.runForEach(pool.events, (event: PoolEvent.PoolEvent) =>
          Effect.sync(() => {
            if (event._tag === "SlotMoved") moves.push(`${event.from} -> ${event.to}`)
          })),
        now
      )
      const holder = yield* Effect.forkChild(pool.use("a", () => Effect.never), now)
      const drain = yield* Effect.forkChild(pool.drain("5 seconds"), now)
      assert.deepInclude(yield* pool.snapshot, { state: "Draining", connections: 1, leases: 1 })
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.join(drain)
      const closed = { state: "Closed" as const, connections: 0, waiting: 0, keys: [] }
      assert.deepInclude(yield* pool.snapshot, closed)
      assert.deepStrictEqual(moves, ["Idle -> Connecting", "Connecting -> Ready", "Ready -> Closed"])
      yield* pool.drain("5 seconds")
      assert.deepInclude(yield* pool.snapshot, closed)
      yield* Fiber.interrupt(holder)
    }))
})

describe("probes", () => {
  const watched = (connector: FakeConnector.FakeConnector) =>
    ConnectionPool.make(connector, {
      policy: { keepaliveInterval: "10 seconds", keepaliveTimeout: "2 seconds", keepaliveFailures: 2 }
    })

  it.effect("that fail end a connection with their own error; those that are not answered, with the silence", () =>
    Effect.gen(function*() {
      const lastFailureOf = Effect.fnUntraced(function*(probe: Effect.Effect<void, FakeConnector.FakeError>) {
        const connector = FakeConnector.make()
        connector.probe = probe
        const pool = yield* watched(connector)
        yield* pool.warm("a")
        // What follows is another matter.
        yield* TestClock.adjust("9 seconds")
        connector.plan = () => Effect.never
        yield* TestClock.adjust("11 seconds")
        return (yield* pool.snapshot).keys[0]?.lastFailure
      })
      assert.strictEqual(yield* lastFailureOf(refused()), "refused")
      // Ten seconds until the first probe; two for each of both, and a last look.
      assert.match((yield* lastFailureOf(Effect.never)) ?? "", /^no sign of life for 140\d\d ms$/)
    }))

  it.effect("need a connector that can probe, and nothing else of it", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make()
      let probes = 0
      connector.probe = Effect.sync(() => void probes++)
      const pool = yield* watched({
        ...connector,
        dial: (key) =>
          Effect.map(connector.dial(key), ({ closed, probe, value }) => ({ closed, value, ...(probe && { probe }) }))
      })
      yield* pool.warm("a")
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual(probes, 3)
      assert.strictEqual((yield* pool.snapshot).connections, 1)
    }))

  it.effect("go on after one that was late, if bytes came meanwhile", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make()
      let probes = 0
      connector.probe = Effect.suspend(() => {
        probes++
        return Effect.never
      })
      const pool = yield* watched(connector)
      yield* pool.warm("a")
      for (let i = 1; i <= 3; i++) {
        yield* TestClock.adjust("10 seconds")
        assert.strictEqual(probes, i)
        connector.received++
        yield* TestClock.adjust("2 seconds")
        yield* TestClock.adjust("5 millis")
      }
      assert.strictEqual(connector.closed(), 0)
    }))

  it.effect("convict a connection that is leased but has no request on the wire", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make()
      connector.probe = Effect.never
      const pool = yield* watched(connector)
      yield* Effect.forkScoped(pool.use("a", () => Effect.never), now)
      connector.inFlight = 1
      yield* TestClock.adjust("1 minute")
      const suspect = yield* pool.snapshot
      assert.include(suspect.keys[0]?.slots[0]?.connection, { state: "Open", health: "suspect" })
      connector.inFlight = 0
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(connector.closed(), 1)
    }))
})
