import { assert, describe, it } from "@effect/vitest"
import { ConnectionPool, type PoolError, type PoolEvent, PoolPolicy } from "@holdfast/core"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as References from "effect/References"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as FakeConnector from "./support/FakeConnector.ts"

const now = { startImmediately: true } as const

const reasonOf = <A>(exit: Exit.Exit<A, PoolError<FakeConnector.FakeError>>) => {
  assert.isTrue(Exit.isFailure(exit), "expected a failure")
  if (!Exit.isFailure(exit)) throw new Error("unreachable")
  const fail = exit.cause.reasons.find((reason) => reason._tag === "Fail")
  assert.isDefined(fail, "expected a typed failure")
  if (fail === undefined) throw new Error("unreachable")
  return fail.error.reason
}

const sleepForever = () => Effect.never

describe("sharing", () => {
  it.effect("one dial serves all callers who wait for a key", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make()
      const gate = yield* Deferred.make<void>()
      connector.plan = () => Deferred.await(gate)
      const pool = yield* ConnectionPool.make(connector)
      const callers = yield* Effect.all(
        Array.from({ length: 1000 }, () => Effect.forkChild(pool.use("a", (c) => Effect.succeed(c.id)), now))
      )
      assert.strictEqual(connector.dials(), 1)
      yield* Deferred.succeed(gate, undefined)
      const ids = yield* Fiber.joinAll(callers)
      assert.deepStrictEqual(new Set(ids), new Set([1]))
      assert.strictEqual(connector.dials(), 1)
    }))

  it.effect("a connection is reused across calls, and each key has its own", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make()
      const pool = yield* ConnectionPool.make(connector)
      const ids: Array<number> = []
      for (const key of ["a", "b", "a", "b", "a"]) ids.push(yield* pool.use(key, (c) => Effect.succeed(c.id)))
      assert.deepStrictEqual(ids, [1, 2, 1, 2, 1])
    }))

  it.effect("reuse off: a connection per lease, gone when the call returns", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make()
      const pool = yield* ConnectionPool.make(connector, { policy: { reuse: false } })
      for (let i = 1; i <= 3; i++) {
        assert.strictEqual(yield* pool.use("a", (c) => Effect.succeed(c.id)), i)
        assert.strictEqual(connector.closed(), i)
        assert.strictEqual(connector.alive(), 0)
      }
    }))

  it.effect("exclusive: no connection is ever held by two leases at once, and the limit per key holds", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make()
      const pool = yield* ConnectionPool.make(connector, { policy: { sharing: "exclusive", maxConnectionsPerKey: 3 } })
      const held = new Set<number>()
      let most = 0
      yield* Effect.forEach(Array.from({ length: 50 }), () =>
        pool.use("a", (c) =>
          Effect.gen(function*() {
            assert.isFalse(held.has(c.id))
            held.add(c.id)
            most = Math.max(most, held.size)
            yield* Effect.yieldNow
            held.delete(c.id)
          })), { concurrency: "unbounded" })
      assert.strictEqual(most, 3)
      assert.strictEqual(connector.mostAlive(), 3)
    }))

  it.effect("a queue of thousands behind one exclusive connection is served in order and without growing the stack", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make()
      const gate = yield* Deferred.make<void>()
      connector.plan = () => Deferred.await(gate)
      const pool = yield* ConnectionPool.make(connector, {
        policy: { sharing: "exclusive", maxConnectionsPerKey: 1, maxWaiters: 20_000 }
      })
      const order: Array<number> = []
      const callers = yield* Effect.forEach(
        Array.from({ length: 20_000 }, (_, i) => i),
        (i) => Effect.forkChild(pool.use("a", () => Effect.sync(() => order.push(i))), now)
      )
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.joinAll(callers)
      assert.deepStrictEqual(order, Array.from({ length: 20_000 }, (_, i) => i))
    }))
})

describe("deadlines", () => {
  it.effect("an acquire is settled at its deadline, and the error says what it waited for", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make()
      connector.plan = sleepForever
      const pool = yield* ConnectionPool.make(connector, { policy: { acquireTimeout: "5 seconds" } })
      const caller = yield* Effect.forkChild(Effect.exit(pool.use("a", () => Effect.void)), now)
      yield* TestClock.adjust("4999 millis")
      assert.isUndefined(caller.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      const reason = reasonOf(yield* Fiber.join(caller))
      assert.strictEqual(reason._tag, "AcquireTimeout")
      assert.match(
        reason.message,
        /a: no connection after 5 s, waiting for the dial \(total=0, idle=0, active=0, waiting=0\)/
      )
    }))

  it.effect("a caller's own timeout shortens the policy's, never extends it", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make()
      connector.plan = sleepForever
      const pool = yield* ConnectionPool.make(connector, { policy: { acquireTimeout: "5 seconds" } })
      const short = yield* Effect.forkChild(Effect.exit(pool.use("a", () => Effect.void, { timeout: "1 second" })), now)
      const long = yield* Effect.forkChild(Effect.exit(pool.use("a", () => Effect.void, { timeout: "1 hour" })), now)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(reasonOf(yield* Fiber.join(short))._tag, "AcquireTimeout")
      assert.isUndefined(long.pollUnsafe())
      yield* TestClock.adjust("4 seconds")
      assert.strictEqual(reasonOf(yield* Fiber.join(long))._tag, "AcquireTimeout")
    }))

  it.effect("a dial outlives its callers, and the next caller finds its connection", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make()
      connector.plan = () => Effect.sleep("8 seconds")
      const pool = yield* ConnectionPool.make(connector, { policy: { acquireTimeout: "5 seconds" } })
      const first = yield* Effect.forkChild(Effect.exit(pool.use("a", () => Effect.void)), now)
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(reasonOf(yield* Fiber.join(first))._tag, "AcquireTimeout")
      yield* TestClock.adjust("3 seconds")
      assert.strictEqual(yield* pool.use("a", (c) => Effect.succeed(c.id)), 1)
      assert.strictEqual(connector.dials(), 1)
    }))

  it.effect("a dial that never ends is stopped at connectTimeout and cleaned up", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make()
      connector.plan = sleepForever
      const pool = yield* ConnectionPool.make(connector, {
        policy: { connectTimeout: "2 seconds", maxConnectRetries: 0 }
      })
      const caller = yield* Effect.forkChild(Effect.exit(pool.use("a", () => Effect.void)), now)
      yield* TestClock.adjust("2 seconds")
      const reason = reasonOf(yield* Fiber.join(caller))
      assert.strictEqual(reason._tag, "DialTimeout")
      assert.strictEqual(connector.alive(), 0)
    }))

  it.effect("at most maxWaiters callers wait; the next one fails at once", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make()
      connector.plan = sleepForever
      const pool = yield* ConnectionPool.make(connector, { policy: { maxWaiters: 2 } })
      yield* Effect.forkChild(pool.use("a", () => Effect.void), now)
      yield* Effect.forkChild(pool.use("a", () => Effect.void), now)
      const reason = reasonOf(yield* Effect.exit(pool.use("a", () => Effect.void)))
      assert.strictEqual(reason._tag, "TooManyWaiters")
    }))
})

describe("interruption", () => {
  it.effect("a caller interrupted while it waits leaves no trace", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make()
      const gate = yield* Deferred.make<void>()
      connector.plan = () => Deferred.await(gate)
      const pool = yield* ConnectionPool.make(connector, { policy: { sharing: "exclusive", maxConnectionsPerKey: 1 } })
      const first = yield* Effect.forkChild(pool.use("a", () => Effect.void), now)
      const second = yield* Effect.forkChild(pool.use("a", () => Effect.succeed("served")), now)
      yield* Fiber.interrupt(first)
      yield* Deferred.succeed(gate, undefined)
      assert.strictEqual(yield* Fiber.join(second), "served")
      const snapshot = yield* pool.snapshot
      assert.strictEqual(snapshot.leases, 0)
      assert.strictEqual(snapshot.waiting, 0)
    }))

  it.effect("a caller interrupted while it uses a connection gives it back", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make()
      const pool = yield* ConnectionPool.make(connector, { policy: { sharing: "exclusive", maxConnectionsPerKey: 1 } })
      const user = yield* Effect.forkChild(pool.use("a", () => Effect.never), now)
      assert.strictEqual((yield* pool.snapshot).leases, 1)
      yield* Fiber.interrupt(user)
      assert.strictEqual((yield* pool.snapshot).leases, 0)
      assert.strictEqual(yield* pool.use("a", (c) => Effect.succeed(c.id)), 1)
    }))

  it.effect("a scoped lease is given back when its Scope closes", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make()
      const pool = yield* ConnectionPool.make(connector)
      const scope = yield* Scope.make()
      yield* Scope.provide(pool.lease("a"), scope)
      assert.strictEqual((yield* pool.snapshot).leases, 1)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual((yield* pool.snapshot).leases, 0)
    }))
})

describe("idle and age", () => {
  it.effect("a connection is retired idleTimeout after its last lease, not before", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make()
      const pool = yield* ConnectionPool.make(connector, { policy: { idleTimeout: "1 minute" } })
      yield* pool.use("a", () => Effect.void)
      yield* TestClock.adjust("50 seconds")
      yield* pool.use("a", () => Effect.void)
      yield* TestClock.adjust("59 seconds")
      assert.strictEqual(connector.alive(), 1)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(connector.alive(), 0)
      assert.deepStrictEqual((yield* pool.snapshot).keys, [])
    }))

  it.effect("a busy connection is never retired for being idle", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make()
      const pool = yield* ConnectionPool.make(connector, { policy: { idleTimeout: "1 minute" } })
      const user = yield* Effect.forkChild(pool.use("a", () => Effect.never), now)
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(connector.alive(), 1)
      yield* Fiber.interrupt(user)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(connector.alive(), 0)
    }))

  it.effect("a warm key is dialled ahead, survives idleness, and is redialled when lost", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make()
      const pool = yield* ConnectionPool.make(connector, { policy: { idleTimeout: "1 minute" } })
      const scope = yield* Scope.make()
      yield* Scope.provide(pool.warm("a"), scope)
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(connector.dials(), 1)
      yield* pool.use("a", (c) => c.lose("gone"))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(connector.dials(), 2)
      assert.strictEqual(connector.alive(), 1)
      yield* Scope.close(scope, Exit.void)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(connector.alive(), 0)
    }))

  it.effect("an old connection is replaced, and closes only when its last lease is returned", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make()
      const pool = yield* ConnectionPool.make(connector, { policy: { maxLifetime: "10 minutes" } })
      const user = yield* Effect.forkChild(pool.use("a", () => Effect.never), now)
      yield* TestClock.adjust("10 minutes")
      assert.strictEqual(yield* pool.use("a", (c) => Effect.succeed(c.id)), 2)
      assert.strictEqual(connector.alive(), 2)
      yield* Fiber.interrupt(user)
      assert.strictEqual(connector.alive(), 1)
    }))

  it.effect("at the global limit the longest idle connection makes room; busy ones are left alone", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make()
      const pool = yield* ConnectionPool.make(connector, { policy: { maxConnections: 2 } })
      yield* pool.use("a", () => Effect.void)
      yield* TestClock.adjust("1 second")
      const busy = yield* Effect.forkChild(pool.use("b", () => Effect.never), now)
      yield* pool.use("c", () => Effect.void)
      assert.strictEqual(connector.mostAlive(), 2)
      const waiting = yield* Effect.forkChild(pool.use("d", () => Effect.never), now)
      yield* TestClock.adjust("1 second")
      const last = yield* Effect.forkChild(pool.use("e", (c) => Effect.succeed(c.key)), now)
      yield* TestClock.adjust("1 second")
      assert.isUndefined(last.pollUnsafe(), "both are busy: the caller queues")
      yield* Fiber.interrupt(busy)
      assert.strictEqual(yield* Fiber.join(last), "e")
      assert.strictEqual(connector.mostAlive(), 2)
      yield* Fiber.interrupt(waiting)
    }))
})

describe("a key that is kept warm", () => {
  it.effect("and cannot be dialled for good is tried again with back-off, and its callers are told at once", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make()
      connector.plan = () => Effect.fail(new FakeConnector.FakeError({ message: "not found", as: "permanent" }))
      const pool = yield* ConnectionPool.make(connector, {
        policy: { backoff: { initial: "1 second", max: "10 seconds" } }
      })
      yield* pool.warm("a")
      yield* TestClock.adjust("500 millis")
      assert.strictEqual(connector.dials(), 1)
      const exit = yield* Effect.exit(pool.use("a", () => Effect.void))
      assert.strictEqual(reasonOf(exit)._tag, "DialFailed")
      assert.strictEqual(connector.dials(), 1)
      yield* TestClock.adjust("1 minute")
      assert.isAtLeast(connector.dials(), 3)
      assert.isAtMost(connector.dials(), 20)
      connector.plan = () => Effect.void
      yield* TestClock.adjust("10 minutes")
      assert.strictEqual(connector.alive(), 1)
      yield* pool.use("a", () => Effect.void)
    }))
})

describe("a lease in a Scope", () => {
  it.effect("is given back when the Scope closes, once, and not taken in one that is closed", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make()
      const pool = yield* ConnectionPool.make(connector, { policy: { sharing: "exclusive", maxConnectionsPerKey: 1 } })
      const leases = Effect.map(pool.snapshot, (snapshot) => snapshot.leases)
      yield* pool.use("a", () => Effect.void)
      for (const key of ["a", "b"]) {
        const scope = yield* Scope.make()
        yield* Scope.provide(pool.lease(key), scope)
        assert.strictEqual(yield* leases, 1)
        yield* Scope.close(scope, Exit.void)
        assert.strictEqual(yield* leases, 0)
        yield* Scope.close(scope, Exit.void)
        // Whoever leases in a Scope that is closed already gives back at once.
        yield* Scope.provide(pool.lease(key), scope)
        assert.strictEqual(yield* leases, 0)
      }
    }))

  it.effect("is given back together with what is added to its Scope before and after it", () =>
    Effect.gen(function*() {
      const pool = yield* ConnectionPool.make(FakeConnector.make())
      yield* pool.use("a", () => Effect.void)
      const ended: Array<string> = []
      const leases = Effect.map(pool.snapshot, (snapshot) => snapshot.leases)
      const end = (name: string) =>
        Effect.addFinalizer(() => Effect.map(leases, (count) => void ended.push(`${name}: ${count}`)))
      yield* Effect.scoped(Effect.gen(function*() {
        yield* pool.lease("a")
        yield* end("after the first")
        yield* pool.lease("a")
        yield* end("after the second")
        assert.strictEqual(yield* leases, 2)
      }))
      assert.deepStrictEqual(ended, ["after the second: 2", "after the first: 1"])
      assert.strictEqual(yield* leases, 0)
    }))

  it.effect("a warm lease leaves nothing, wherever its fiber is interrupted or its Scope is closed", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make()
      const pool = yield* ConnectionPool.make(connector, { policy: { sharing: "exclusive", maxConnectionsPerKey: 1 } })
      yield* pool.use("a", () => Effect.void)
      for (let steps = 0; steps < 40; steps++) {
        const scope = yield* Scope.make()
        // A scheduler that lets the others in after so many steps of the fiber.
        const leasing = yield* Effect.forkChild(
          Effect.provideService(Scope.provide(pool.lease("a"), scope), References.MaxOpsBeforeYield, steps + 2),
          now
        )
        const other = steps % 2 === 0 ? Fiber.interrupt(leasing) : Scope.close(scope, Exit.void)
        yield* other
        yield* Fiber.await(leasing)
        yield* Scope.close(scope, Exit.void)
        assert.strictEqual((yield* pool.snapshot).leases, 0, `after ${steps} steps`)
        assert.strictEqual(yield* pool.use("a", (c) => Effect.succeed(c.id)), 1)
      }
    }))
})

describe("loss and redial", () => {
  it.effect("the call after a loss is served by a new connection", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make()
      const pool = yield* ConnectionPool.make(connector)
      yield* pool.use("a", (c) => c.lose("gone"))
      const next = yield* Effect.forkChild(pool.use("a", (c) => Effect.succeed(c.id)), now)
      yield* TestClock.adjust("300 millis")
      assert.strictEqual(yield* Fiber.join(next), 2)
      assert.strictEqual(connector.alive(), 1)
    }))

  it.effect("a connection that was up for minUptime is redialled without delay", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make()
      const pool = yield* ConnectionPool.make(connector, { policy: { minUptime: "10 seconds" } })
      const c = yield* pool.use("a", (c) => Effect.succeed(c))
      yield* TestClock.adjust("10 seconds")
      yield* c.lose("gone")
      assert.strictEqual(yield* pool.use("a", (c) => Effect.succeed(c.id)), 2)
    }))

  it.effect("long uptime does not outweigh a dial of the same key that failed just now", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make()
      connector.plan = (dial) =>
        dial === 1 ? Effect.void : Effect.fail(new FakeConnector.FakeError({ message: "refused" }))
      const pool = yield* ConnectionPool.make(connector, {
        policy: { sharing: "exclusive", maxConnectionsPerKey: 2, minUptime: "10 seconds" }
      })
      const holding = yield* Effect.forkChild(
        pool.use("a", (c) => Effect.andThen(Effect.sleep("10 seconds"), c.lose("gone"))),
        now
      )
      yield* TestClock.adjust("9990 millis")
      // One more caller wants a second connection, which is refused; ten milliseconds later the first is lost.
      yield* Effect.forkChild(pool.use("a", () => Effect.void), now)
      assert.strictEqual(connector.dials(), 2)
      yield* TestClock.adjust("10 millis")
      yield* Fiber.join(holding)
      assert.strictEqual(connector.dials(), 2)
      yield* TestClock.adjust("150 millis")
      assert.strictEqual(connector.dials(), 2)
      yield* TestClock.adjust("1 second")
      assert.isAtLeast(connector.dials(), 3)
    }))

  it.effect("an exclusive resource is gone before its successor is dialled", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make({ exclusiveResource: true })
      connector.onClose = Effect.sleep("3 seconds")
      const pool = yield* ConnectionPool.make(connector)
      yield* pool.use("a", (c) => c.lose("gone"))
      const next = yield* Effect.forkChild(pool.use("a", (c) => Effect.succeed(c.id)), now)
      yield* TestClock.adjust("2 seconds")
      assert.isUndefined(next.pollUnsafe())
      assert.strictEqual(connector.dials(), 1)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(next), 2)
      assert.strictEqual(connector.mostAlive(), 1)
      connector.onClose = Effect.void
    }))

  it.effect("a permanent failure reaches all callers at once and is not retried", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make()
      const gate = yield* Deferred.make<void>()
      connector.plan = () =>
        Effect.andThen(
          Deferred.await(gate),
          Effect.fail(new FakeConnector.FakeError({ message: "not found", as: "permanent" }))
        )
      const pool = yield* ConnectionPool.make(connector)
      const callers = yield* Effect.all(
        Array.from({ length: 3 }, () => Effect.forkChild(Effect.exit(pool.use("a", () => Effect.void)), now))
      )
      yield* Deferred.succeed(gate, undefined)
      for (const exit of yield* Fiber.joinAll(callers)) {
        const reason = reasonOf(exit)
        assert.strictEqual(reason._tag, "DialFailed")
        assert.strictEqual(reason.message, "a: could not connect: not found")
      }
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(connector.dials(), 1)
    }))

  it.effect("a key that was never ready gives its callers the cause after maxConnectRetries", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make()
      connector.plan = () => Effect.fail(new FakeConnector.FakeError({ message: "refused" }))
      const pool = yield* ConnectionPool.make(connector, { policy: { maxConnectRetries: 3 } })
      const caller = yield* Effect.forkChild(Effect.exit(pool.use("a", () => Effect.void)), now)
      yield* TestClock.adjust("30 seconds")
      const reason = reasonOf(yield* Fiber.join(caller))
      assert.strictEqual(reason._tag, "DialFailed")
      assert.strictEqual(connector.dials(), 4)
      assert.match(reason.message, /could not connect 4 times: refused/)
    }))

  it.effect("a thousand callers on a dead key cause one dial at a time", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make()
      connector.plan = () =>
        Effect.andThen(Effect.sleep("100 millis"), Effect.fail(new FakeConnector.FakeError({ message: "refused" })))
      const pool = yield* ConnectionPool.make(connector, { policy: { sharing: "exclusive", maxConnectionsPerKey: 1 } })
      yield* Effect.all(
        Array.from({ length: 1000 }, () => Effect.forkChild(Effect.exit(pool.use("a", () => Effect.void)), now))
      )
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(connector.mostAlive(), 1)
    }))

  it.effect("waitForReady off: a caller in back-off fails at once with the last failure", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make()
      const pool = yield* ConnectionPool.make(connector)
      yield* pool.use("a", (c) => c.lose("crashed"))
      yield* Effect.yieldNow
      const reason = reasonOf(yield* Effect.exit(pool.use("a", () => Effect.void, { waitForReady: false })))
      assert.strictEqual(reason._tag, "NotReady")
      assert.match(reason.message, /crashed/)
    }))

  it.effect("a crash loop is quarantined, callers fail at once, and one dial ends it", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make()
      let isBroken = true
      connector.plan = () => isBroken ? Effect.fail(new FakeConnector.FakeError({ message: "crashed" })) : Effect.void
      const pool = yield* ConnectionPool.make(connector, {
        policy: { acquireTimeout: "10 seconds", maxConnectRetries: 100 }
      })
      const caller = yield* Effect.forkChild(Effect.exit(pool.use("a", () => Effect.void)), now)
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(reasonOf(yield* Fiber.join(caller))._tag, "Quarantined")
      assert.strictEqual(connector.dials(), 6)
      const next = reasonOf(yield* Effect.exit(pool.use("a", () => Effect.void)))
      assert.strictEqual(next._tag, "Quarantined")
      assert.strictEqual(connector.dials(), 6)
      isBroken = false
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual(yield* pool.use("a", (c) => Effect.succeed(c.id)), 7)
    }))

  it.effect("a crash loop is recognised although every caller leaves in between", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make()
      const pool = yield* ConnectionPool.make(connector)
      for (let i = 0; i < 6; i++) {
        const caller = yield* Effect.forkChild(pool.use("a", (c) => c.lose("crashed")), now)
        yield* TestClock.adjust("5 seconds")
        yield* Fiber.join(caller)
      }
      const reason = reasonOf(yield* Effect.exit(pool.use("a", () => Effect.void, { timeout: "5 seconds" })))
      assert.strictEqual(reason._tag, "Quarantined")
    }))

  it.effect("reset forgets a quarantine", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make()
      let isBroken = true
      connector.plan = () => isBroken ? Effect.fail(new FakeConnector.FakeError({ message: "crashed" })) : Effect.void
      const pool = yield* ConnectionPool.make(connector, {
        policy: { maxConnectRetries: 100, acquireTimeout: "10 seconds" }
      })
      yield* Effect.forkChild(Effect.exit(pool.use("a", () => Effect.void)), now)
      yield* TestClock.adjust("10 seconds")
      isBroken = false
      yield* pool.reset("a")
      assert.strictEqual(yield* pool.use("a", (c) => Effect.succeed(c.id)), 7)
    }))
})

describe("a key that nobody will use again", () => {
  it.effect("keeps no connection: not the one there is, nor one that is opened for those who wait", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make()
      const gate = yield* Deferred.make<void>()
      const pool = yield* ConnectionPool.make(connector, {
        policy: { idleTimeout: Duration.infinity, sharing: "exclusive", maxConnectionsPerKey: 2 }
      })
      yield* pool.use("a", () => Effect.void)
      const scope = yield* Scope.make()
      yield* Scope.provide(pool.lease("a"), scope)
      connector.plan = () => Deferred.await(gate)
      const waiting = yield* Effect.forkChild(pool.use("a", (c) => Effect.succeed(c.id)), now)
      assert.strictEqual(connector.dials(), 2)
      yield* pool.discontinue("a")
      assert.strictEqual(connector.closed(), 0, "a lease is a lease")
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(connector.closed(), 1)
      yield* Deferred.succeed(gate, undefined)
      assert.strictEqual(yield* Fiber.join(waiting), 2)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(connector.alive(), 0)
      yield* pool.discontinue("b")
      assert.isEmpty((yield* pool.snapshot).keys, "and is forgotten")
      // From here on it is as any other.
      yield* pool.use("a", () => Effect.void)
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(connector.alive(), 1)
    }))
})

describe("keepalive", () => {
  const policy = {
    keepaliveInterval: "30 seconds",
    keepaliveTimeout: "10 seconds",
    idleTimeout: Duration.infinity
  } as const

  const probed = Effect.fnUntraced(function*(probe: Effect.Effect<void, FakeConnector.FakeError>) {
    const connector = FakeConnector.make()
    let probes = 0
    connector.probe = Effect.andThen(Effect.sync(() => probes++), probe)
    const pool = yield* ConnectionPool.make(connector, { policy })
    return { connector, pool, probes: () => probes }
  })

  it.effect("a silent connection that is held is probed, one that receives anything is not", () =>
    Effect.gen(function*() {
      const { connector, pool, probes } = yield* probed(Effect.void)
      yield* Effect.forkScoped(pool.use("a", () => Effect.never), now)
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual(probes(), 1)
      yield* TestClock.adjust("29 seconds")
      connector.received++
      yield* TestClock.adjust("1 second")
      assert.strictEqual(probes(), 1)
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual(probes(), 2)
    }))

  it.effect("a connection nobody holds is not probed, a warm one is", () =>
    Effect.gen(function*() {
      const { pool, probes } = yield* probed(Effect.void)
      yield* pool.use("a", () => Effect.void)
      yield* TestClock.adjust("10 minutes")
      assert.strictEqual(probes(), 0)
      yield* Effect.scoped(Effect.andThen(pool.warm("a"), TestClock.adjust("1 minute")))
      assert.strictEqual(probes(), 2)
    }))

  it.effect("a dead connection is lost after keepaliveFailures unanswered probes, and redialled for those who want it", () =>
    Effect.gen(function*() {
      const { connector, pool, probes } = yield* probed(Effect.never)
      yield* pool.warm("a")
      yield* TestClock.adjust("49 seconds")
      assert.strictEqual(connector.dials(), 1)
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(probes(), 2)
      assert.strictEqual(connector.dials(), 2)
      assert.strictEqual(connector.alive(), 1)
    }))

  it.effect("a busy connection is only suspected, and trusted again at the first byte", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* probed(Effect.never)
      connector.inFlight = 1
      yield* Effect.forkScoped(pool.use("a", () => Effect.never), now)
      yield* TestClock.adjust("1 hour")
      const health = Effect.map(pool.snapshot, (snapshot) => snapshot.keys[0]?.slots[0]?.connection?.health)
      assert.strictEqual(yield* health, "suspect")
      assert.strictEqual(connector.dials(), 1)
      connector.received++
      yield* TestClock.adjust("40 seconds")
      assert.strictEqual(yield* health, "healthy")
    }))

  it.effect("probing stops with the connection", () =>
    Effect.gen(function*() {
      const { pool, probes } = yield* probed(Effect.void)
      yield* Effect.forkScoped(pool.use("a", () => Effect.never), now)
      yield* TestClock.adjust("30 seconds")
      yield* pool.drain(0)
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(probes(), 1)
    }))
})

describe("shutdown", () => {
  it.effect("closing the pool closes every connection exactly once, in parallel", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make()
      connector.onClose = Effect.sleep("2 seconds")
      const scope = yield* Scope.make()
      const pool = yield* Scope.provide(ConnectionPool.make(connector), scope)
      for (const key of ["a", "b", "c", "d"]) yield* pool.use(key, () => Effect.void)
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), now)
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(closing)
      assert.strictEqual(connector.closed(), 4)
      assert.strictEqual(connector.alive(), 0)
    }))

  it.effect("a drain waits for leases until its deadline, then closes what is left", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make()
      const pool = yield* ConnectionPool.make(connector)
      const short = yield* Effect.forkChild(pool.use("a", () => Effect.sleep("1 second")), now)
      yield* Effect.forkChild(pool.use("b", () => Effect.never), now)
      const drain = yield* Effect.forkChild(pool.drain("3 seconds"), now)
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(short)
      assert.strictEqual(connector.alive(), 1)
      assert.isUndefined(drain.pollUnsafe())
      assert.strictEqual(reasonOf(yield* Effect.exit(pool.use("a", () => Effect.void)))._tag, "PoolClosed")
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(drain)
      assert.strictEqual(connector.alive(), 0)
    }))

  it.effect("a drain waits as long as it was told to, however short the policy's drainTimeout", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make()
      const pool = yield* ConnectionPool.make(connector, { policy: { drainTimeout: "1 second" } })
      const lease = yield* Effect.forkChild(pool.use("a", () => Effect.as(Effect.sleep("1 minute"), "done")), now)
      const drain = yield* Effect.forkChild(pool.drain("2 minutes"), now)
      yield* TestClock.adjust("59 seconds")
      assert.strictEqual(connector.alive(), 1)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(lease), "done")
      yield* Fiber.join(drain)
    }))

  it.effect("closing the pool cuts leases at once where drainOnClose is false, and drains the others", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make()
      const scope = yield* Scope.make()
      const atOnce = yield* PoolPolicy.make({ drainOnClose: false })
      const pool = yield* Scope.provide(
        ConnectionPool.make(connector, { policyFor: (key) => key === "a" ? atOnce : undefined }),
        scope
      )
      for (const key of ["a", "b"]) yield* Effect.forkChild(pool.use(key, () => Effect.never), now)
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), now)
      yield* TestClock.adjust(0)
      assert.strictEqual(connector.alive(), 1)
      assert.isUndefined(closing.pollUnsafe())
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(closing)
      assert.strictEqual(connector.alive(), 0)
    }))

  it.effect("closing while dialling stops the dial and fails those who wait", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make()
      connector.plan = sleepForever
      const scope = yield* Scope.make()
      const pool = yield* Scope.provide(ConnectionPool.make(connector), scope)
      const caller = yield* Effect.forkChild(Effect.exit(pool.use("a", () => Effect.void)), now)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(reasonOf(yield* Fiber.join(caller))._tag, "PoolClosed")
      assert.strictEqual(connector.alive(), 0)
    }))

  it.effect("a finalizer that hangs does not hold the pool longer than closeTimeout", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make()
      connector.onClose = Effect.never
      const scope = yield* Scope.make()
      const pool = yield* Scope.provide(
        ConnectionPool.make(connector, { policy: { drainTimeout: "3 seconds", closeTimeout: "2 seconds" } }),
        scope
      )
      yield* pool.use("a", () => Effect.void)
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), now)
      yield* TestClock.adjust("5 seconds")
      assert.isDefined(closing.pollUnsafe())
    }))
})

describe("observability", () => {
  it.effect("every transition is an event, in order, and every one is legal", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make()
      const pool = yield* ConnectionPool.make(connector, { policy: { idleTimeout: "1 minute" } })
      const events: Array<PoolEvent.PoolEvent> = []
      yield* Effect.forkScoped(Stream.runForEach(pool.events, (event) => Effect.sync(() => events.push(event))), now)
      yield* pool.use("a", () => Effect.void)
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(
        events.map((event) => "from" in event ? `${event._tag} ${event.from}-${event.to}` : event._tag),
        [
          "SlotMoved Idle-Connecting",
          "ConnectionMoved Opening-Open",
          "SlotMoved Connecting-Ready",
          "ConnectionMoved Open-Draining",
          "SlotMoved Ready-Idle",
          "ConnectionMoved Draining-Closing",
          "ConnectionMoved Closing-Closed",
          "SlotMoved Idle-Closed"
        ]
      )
    }))

  it.effect("a policy that contradicts itself is refused when the pool is made, with the option's name", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(
        ConnectionPool.make(FakeConnector.make(), { policy: { maxConnections: 2, maxConnectionsPerKey: 3 } })
      )
      assert.strictEqual(error.message, "pool policy: maxConnectionsPerKey must be at most maxConnections (2), got 3")
      const negative = yield* Effect.flip(
        ConnectionPool.make(FakeConnector.make(), { policy: { idleTimeout: Duration.zero } })
      )
      assert.strictEqual(negative.option, "idleTimeout")
    }))
})
