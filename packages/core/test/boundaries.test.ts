/** What throws while the pool works ends the dial, the connection or the caller it belongs to, and nothing else. */
import { assert, describe, it } from "@effect/vitest"
import { ConnectionPool, type Connector, Deadlines, type PoolEvent, PoolPolicy, PoolPolicyError } from "@holdfast/core"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Metric from "effect/Metric"
import * as Random from "effect/Random"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as Tracer from "effect/Tracer"
import * as FakeConnector from "./support/FakeConnector.ts"
import { errors, hearing } from "./support/hearing.ts"

const now = { startImmediately: true } as const

const bug = (of: string) => new Error(`a bug in ${of}`)

const throws = (of: string) => (): never => {
  throw bug(of)
}

type Fake = FakeConnector.FakeConnector

/** A connector whose dials give something else than they should. */
const giving = (
  change: (dialled: Connector.Dialled<FakeConnector.FakeConnection, FakeConnector.FakeError>) => unknown
) => {
  const connector = FakeConnector.make()
  const { dial } = connector
  // It breaks the types on purpose: connectors in plain JavaScript do.
  return { ...connector, dial: (key: string) => Effect.map(dial(key), change) as ReturnType<Fake["dial"]> }
}

const stateOf = (pool: ConnectionPool.ConnectionPool<string, unknown, unknown>) =>
  Effect.map(pool.snapshot, ({ keys }) => keys.flatMap(({ slots }) => slots.map(({ state }) => state)))

describe("a dial that dies", () => {
  const ways: Readonly<Record<string, (connector: Fake) => Fake>> = {
    "of a defect": (connector) => Object.assign(connector, { plan: () => Effect.die(bug("dial")) }),
    "of a defect, later": (connector) =>
      Object.assign(connector, { plan: () => Effect.delay(Effect.die(bug("dial")), "10 millis") }),
    "by throwing": (connector) => ({ ...connector, dial: throws("dial") }),
    "by interrupting itself": (connector) => Object.assign(connector, { plan: () => Effect.interrupt }),
    "by being no effect": (connector) => ({ ...connector, dial: () => undefined as never }),
    "by giving nothing": () => giving(() => undefined),
    "by giving something else": () => giving(() => null)
  }
  for (const [way, make] of Object.entries(ways)) {
    it.effect(`${way} fails its callers typed, at once, and is tried again under back-off`, () =>
      hearing((heard) =>
        Effect.gen(function*() {
          const connector = make(FakeConnector.make())
          const pool = yield* ConnectionPool.make(connector)
          const callers = yield* Effect.forEach(
            [1, 2, 3],
            () => Effect.forkChild(Effect.flip(pool.use("a", () => Effect.void)), now)
          )
          yield* TestClock.adjust("10 millis")
          for (const caller of callers) {
            const { reason } = yield* Fiber.join(caller)
            assert.strictEqual(reason._tag, "DialDefect")
            assert.match(reason.message, /^a: the connector broke while dialling: /)
            if (reason._tag === "DialDefect") assert.isDefined(reason.cause)
          }
          assert.deepStrictEqual(yield* stateOf(pool), ["Backoff"])
          // While it pauses, newcomers are told as well.
          assert.strictEqual((yield* Effect.flip(pool.use("a", () => Effect.void))).reason._tag, "DialDefect")
          yield* pool.warm("a")
          yield* TestClock.adjust("10 seconds")
          const [key] = (yield* pool.snapshot).keys
          assert.isAtLeast(key?.dials ?? 0, 4)
          assert.isAtMost(key?.dials ?? 0, 10)
          assert.strictEqual(errors(heard).length, 1, "one line for all of them")
          assert.match(errors(heard)[0]?.text ?? "", /^a: /)
        })
      ))
  }

  it.effect("is a defect with its stack in the log and with its cause in the error, and poisons nothing", () =>
    hearing((heard) =>
      Effect.gen(function*() {
        const connector = FakeConnector.make()
        const defect = bug("dial")
        connector.plan = (dial) => dial === 1 ? Effect.die(defect) : Effect.void
        const pool = yield* ConnectionPool.make(connector)
        const { reason } = yield* Effect.flip(pool.use("a", () => Effect.void))
        assert.isTrue(reason._tag === "DialDefect" && reason.cause === defect)
        assert.include(reason.message, "a bug in dial")
        assert.include(errors(heard)[0]?.cause, "boundaries.test")
        assert.strictEqual(connector.alive(), 0)
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* pool.use("a", (c) => Effect.succeed(c.id)), 2)
        yield* TestClock.adjust("1 hour")
        assert.deepStrictEqual((yield* pool.snapshot).keys, [])
      })
    ))

  it.effect("harms nobody who is served by another connection of the key", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make()
      connector.plan = (dial) => dial === 1 ? Effect.void : Effect.die(bug("dial"))
      const pool = yield* ConnectionPool.make(connector, { policy: { sharing: "exclusive", maxConnectionsPerKey: 2 } })
      const first = yield* Effect.forkChild(pool.use("a", () => Effect.sleep("1 second")), now)
      const second = yield* Effect.forkChild(pool.use("a", (c) => Effect.succeed(c.id)), now)
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(first)
      assert.strictEqual(yield* Fiber.join(second), 1)
    }))

  it.effect("harms nobody who may be served by another dial that is under way", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make()
      connector.plan = (dial) =>
        dial === 1 ? Effect.delay(Effect.die(bug("dial")), "10 millis") : Effect.sleep("1 second")
      const pool = yield* ConnectionPool.make(connector, { policy: { sharing: "exclusive", maxConnectionsPerKey: 3 } })
      const callers = yield* Effect.forEach(
        [1, 2, 3],
        () => Effect.forkChild(pool.use("a", (c) => Effect.succeed(c.id)), now)
      )
      yield* TestClock.adjust("2 seconds")
      const served = yield* Fiber.joinAll(callers)
      assert.strictEqual(served.length, 3)
    }))

  it.effect("and crashes in a loop is quarantined, and its callers are still told why", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make()
      connector.plan = () => Effect.die(bug("dial"))
      const pool = yield* ConnectionPool.make(connector)
      yield* pool.warm("a")
      yield* TestClock.adjust("20 seconds")
      assert.deepStrictEqual(yield* stateOf(pool), ["Quarantined"])
      assert.strictEqual((yield* Effect.flip(pool.use("a", () => Effect.void))).reason._tag, "DialDefect")
    }))
})

describe("a dial that can not be stopped", () => {
  it.effect("fails at connectTimeout all the same, holds its place, and does not keep its key from being dialled", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make()
      connector.plan = (dial) => dial === 1 ? Effect.uninterruptible(Effect.sleep("1 minute")) : Effect.void
      const pool = yield* ConnectionPool.make(connector, { policy: { connectTimeout: "2 seconds" } })
      const caller = yield* Effect.forkChild(pool.use("a", (c) => Effect.succeed(c.id)), now)
      yield* TestClock.adjust("3 seconds")
      assert.strictEqual(yield* Fiber.join(caller), 2)
      assert.strictEqual((yield* pool.snapshot).connections, 2)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* pool.snapshot).connections, 1, "what it brought late is closed")
      assert.strictEqual(connector.alive(), 1)
    }))

  it.effect("costs its key two places at most, and other keys none", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make()
      connector.plan = () => Effect.uninterruptible(Effect.sleep("1 hour"))
      const pool = yield* ConnectionPool.make(connector, { policy: { connectTimeout: "2 seconds", maxConnections: 4 } })
      yield* pool.warm("a")
      yield* TestClock.adjust("10 minutes")
      assert.strictEqual(connector.dials(), 2)
      connector.plan = () => Effect.void
      assert.strictEqual(yield* pool.use("b", (c) => Effect.succeed(c.key)), "b")
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(yield* pool.use("a", (c) => Effect.succeed(c.key)), "a")
    }))
})

describe("what a connector says of its connections", () => {
  const ends: Readonly<Record<string, Effect.Effect<never>>> = {
    "dies of a defect": Effect.die(bug("closed")),
    "interrupts itself": Effect.interrupt,
    "is no effect": undefined as never
  }
  for (const [way, closed] of Object.entries(ends)) {
    it.effect(`when closed ${way}, the connection is lost, and dialled again after a pause`, () =>
      hearing((heard) =>
        Effect.gen(function*() {
          const connector = giving((dialled) => ({
            ...dialled,
            closed: closed === undefined ? undefined : Effect.delay(closed, "1 second")
          }))
          const pool = yield* ConnectionPool.make(connector)
          yield* pool.warm("a")
          yield* TestClock.adjust("1 second")
          assert.deepStrictEqual(yield* stateOf(pool), ["Backoff"])
          yield* TestClock.adjust("3 seconds")
          assert.isAtLeast(connector.dials(), 2)
          assert.isAtMost(connector.dials(), 6)
          assert.strictEqual(errors(heard).length, 1)
        })
      ))
  }

  it.effect("when classify throws, a failed dial is retried, its callers get its own error, and the log tells once", () =>
    hearing((heard) =>
      Effect.gen(function*() {
        const connector = { ...FakeConnector.make(), classify: throws("classify") }
        connector.plan = () => Effect.fail(new FakeConnector.FakeError({ message: "refused" }))
        const dial: Fake["dial"] = () => Effect.fail(new FakeConnector.FakeError({ message: "refused" }))
        const pool = yield* ConnectionPool.make({ ...connector, dial })
        const caller = yield* Effect.forkChild(Effect.flip(pool.use("a", () => Effect.void)), now)
        yield* TestClock.adjust("10 seconds")
        assert.match((yield* Fiber.join(caller)).message, /could not connect 4 times: refused/)
        assert.deepStrictEqual(errors(heard).map(({ text }) => text), [
          "a: classify threw, so a failure counts as retryable"
        ])
        assert.include(errors(heard)[0]?.cause, "a bug in classify")
      })
    ))

  it.effect("when classify throws at a loss, the connection is dialled again", () =>
    Effect.gen(function*() {
      const fake = FakeConnector.make()
      const pool = yield* ConnectionPool.make({ ...fake, classify: throws("classify") })
      yield* pool.use("a", (c) => c.lose("gone"))
      const next = yield* Effect.forkChild(pool.use("a", (c) => Effect.succeed(c.id)), now)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(next), 2)
    }))

  const policy = { keepaliveInterval: "1 second", keepaliveTimeout: "1 second", idleTimeout: "1 hour" } as const

  for (const name of ["received", "inFlight"] as const) {
    it.effect(`when ${name} throws, the connection is lost, other deadlines are kept, and the log tells once`, () =>
      hearing((heard) =>
        Effect.gen(function*() {
          const connector = giving((dialled) => ({ ...dialled, probe: Effect.never, [name]: throws(name) }))
          const pool = yield* ConnectionPool.make(connector, { policy: { ...policy, connectTimeout: "1 minute" } })
          yield* pool.warm("a")
          yield* TestClock.adjust("2 minutes")
          assert.strictEqual(errors(heard).length, 1)
          assert.include(errors(heard)[0]?.cause, `a bug in ${name}`)
          assert.isAtMost(connector.dials(), 20)
          const late = yield* Effect.forkChild(
            Effect.flip(pool.use("b", () => Effect.sleep("1 hour"), { timeout: "5 seconds" })),
            now
          )
          yield* TestClock.adjust("1 second")
          yield* Fiber.interrupt(late)
        })
      ))
  }

  for (
    const [way, probe] of [
      ["dies", Effect.die(bug("probe"))],
      ["interrupts itself", Effect.interrupt],
      ["is no effect", null as never]
    ] as const
  ) {
    it.effect(`a probe that ${way} has failed: an idle connection is lost, and the log tells once`, () =>
      hearing((heard) =>
        Effect.gen(function*() {
          const connector = giving((dialled) => ({ ...dialled, probe }))
          const pool = yield* ConnectionPool.make(connector, { policy })
          yield* pool.warm("a")
          yield* TestClock.adjust("30 seconds")
          assert.isAtLeast(connector.dials(), 2)
          assert.isAtMost(connector.dials(), 20)
          assert.strictEqual(errors(heard).length, 1)
        })
      ))
  }

  it.effect("a probe that dies convicts no connection with requests in flight", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make()
      connector.inFlight = 1
      connector.probe = Effect.die(bug("probe"))
      const pool = yield* ConnectionPool.make(connector, { policy })
      yield* Effect.forkScoped(pool.use("a", () => Effect.never), now)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(connector.dials(), 1)
    }))

  for (const nonsense of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    it.effect(`received ${nonsense} is no sign of life`, () =>
      Effect.gen(function*() {
        const connector = FakeConnector.make()
        connector.probe = Effect.never
        connector.received = nonsense
        const pool = yield* ConnectionPool.make(connector, { policy })
        yield* pool.warm("a")
        yield* TestClock.adjust("10 seconds")
        assert.isAtLeast(connector.dials(), 2)
      }))
  }

  for (const nonsense of [Number.NaN, -1, Number.POSITIVE_INFINITY]) {
    it.effect(`with ${nonsense} requests in flight, leases count`, () =>
      Effect.gen(function*() {
        const connector = FakeConnector.make()
        connector.probe = Effect.never
        connector.inFlight = nonsense
        const pool = yield* ConnectionPool.make(connector, { policy })
        yield* pool.warm("a")
        const user = yield* Effect.forkChild(pool.use("a", () => Effect.never), now)
        yield* TestClock.adjust("10 seconds")
        assert.strictEqual(connector.dials(), 1)
        yield* Fiber.interrupt(user)
        yield* TestClock.adjust("10 seconds")
        assert.isAtLeast(connector.dials(), 2)
      }))
  }
})

describe("what a key's functions throw", () => {
  const policy = PoolPolicy.defaults
  const ways: Readonly<Record<string, (connector: Fake) => readonly [Fake, ConnectionPool.Options<string>]>> = {
    fingerprint: (connector) => [{ ...connector, fingerprint: throws("it") }, {}],
    label: (connector) => [{ ...connector, label: throws("it") }, {}],
    exclusiveResource: (connector) => [{ ...connector, exclusiveResource: throws("it") }, {}],
    policyFor: (connector) => [connector, { policyFor: throws("it") }]
  }
  for (const [name, make] of Object.entries(ways)) {
    it.effect(`${name}: is the defect of the caller that asked, and leaves no trace`, () =>
      Effect.gen(function*() {
        const fake = FakeConnector.make()
        const [connector, options] = make(fake)
        const pool = yield* ConnectionPool.make(connector, options)
        for (
          const ask of [pool.use("a", () => Effect.void), Effect.scoped(pool.lease("a")), Effect.scoped(pool.warm("a"))]
        ) {
          const exit = yield* Effect.exit(ask)
          assert.isTrue(Exit.isFailure(exit) && exit.cause.reasons.some((reason) => reason._tag === "Die"))
        }
        const { keys, leases, waiting } = yield* pool.snapshot
        assert.deepStrictEqual({ keys, leases, waiting }, { keys: [], leases: 0, waiting: 0 })
        assert.strictEqual(fake.dials(), 0)
      }))
  }

  it.effect("a policy with a number that makes no sense is the defect of the caller that asked, and names the option", () =>
    Effect.gen(function*() {
      for (const option of ["maxInFlight", "maxConnectionsPerKey", "acquireTimeout", "keepaliveInterval"] as const) {
        const pool = yield* ConnectionPool.make(FakeConnector.make(), {
          policyFor: (key) => key === "a" ? { ...policy, [option]: Number.NaN } : undefined
        })
        const exit = yield* Effect.exit(pool.use("a", () => Effect.void))
        const defect = Exit.isFailure(exit)
          ? exit.cause.reasons.find((reason) => reason._tag === "Die")?.defect
          : undefined
        assert.isTrue(defect instanceof PoolPolicyError && defect.option === option, option)
        assert.strictEqual(yield* pool.use("b", (c) => Effect.succeed(c.key)), "b")
        assert.deepStrictEqual((yield* pool.snapshot).keys.map(({ key }) => key), ["b"])
      }
    }))

  for (const timeout of [Number.NaN, -5, Number.NEGATIVE_INFINITY]) {
    it.effect(`a caller with a timeout of ${timeout} is answered at once`, () =>
      Effect.gen(function*() {
        const connector = FakeConnector.make()
        connector.plan = () => Effect.never
        const pool = yield* ConnectionPool.make(connector)
        const caller = yield* Effect.forkChild(Effect.flip(pool.use("a", () => Effect.void, { timeout })), now)
        yield* TestClock.adjust("1 millis")
        assert.match((yield* Fiber.join(caller)).message, /no connection after 0 ms/)
      }))
  }

  for (const random of [throws("random"), () => Number.NaN, () => 1e20, () => -1]) {
    it.effect(`random numbers that are none (${random}) leave back-off its pause`, () =>
      Effect.gen(function*() {
        const connector = FakeConnector.make()
        connector.plan = () => Effect.fail(new FakeConnector.FakeError({ message: "refused" }))
        const pool = yield* Effect.provideService(ConnectionPool.make(connector), Random.Random, {
          ...(yield* Random.Random),
          nextDoubleUnsafe: random
        })
        yield* pool.warm("a")
        yield* TestClock.adjust("249 millis")
        assert.strictEqual(connector.dials(), 1)
        yield* TestClock.adjust("1 millis")
        assert.strictEqual(connector.dials(), 2)
      }))
  }
})

describe("strangers around the pool", () => {
  it.effect("a caller whose end throws harms no other caller, and the log tells", () =>
    hearing((heard) =>
      Effect.gen(function*() {
        const connector = FakeConnector.make()
        const pool = yield* ConnectionPool.make(connector, {
          policy: { sharing: "exclusive", maxConnectionsPerKey: 1 }
        })
        const holding = yield* Effect.forkChild(pool.use("a", () => Effect.sleep("1 second")), now)
        const fork = Effect.runForkWith(yield* Effect.context<never>())
        for (let i = 0; i < 3; i++) fork(pool.use("a", () => Effect.void)).addObserver(throws("an observer"))
        const last = yield* Effect.forkChild(pool.use("a", (c) => Effect.succeed(c.id)), now)
        yield* TestClock.adjust("1 second")
        yield* Fiber.join(holding)
        assert.strictEqual(yield* Fiber.join(last), 1)
        assert.deepInclude(yield* pool.snapshot, { leases: 0, waiting: 0 })
        assert.deepStrictEqual(errors(heard).map(({ text }) => text), ["a: a caller threw when it was answered"])
        assert.include(errors(heard)[0]?.cause, "boundaries.test")
      })
    ))

  it.effect("a caller that throws while it has a connection gives it back", () =>
    Effect.gen(function*() {
      const pool = yield* ConnectionPool.make(FakeConnector.make(), {
        policy: { sharing: "exclusive", maxConnectionsPerKey: 1 }
      })
      for (let i = 0; i < 3; i++) {
        const exit = yield* Effect.exit(pool.use("a", (): Effect.Effect<void> => throws("a caller")()))
        assert.isTrue(Exit.isFailure(exit))
        assert.strictEqual(yield* pool.use("a", (c) => Effect.succeed(c.id)), 1)
      }
      assert.deepInclude(yield* pool.snapshot, { leases: 0, waiting: 0 })
    }))

  it.effect("a caller whose end throws at its deadline harms no other deadline", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make()
      connector.plan = () => Effect.never
      const pool = yield* ConnectionPool.make(connector, { policy: { acquireTimeout: "1 second" } })
      const fork = Effect.runForkWith(yield* Effect.context<never>())
      fork(pool.use("a", () => Effect.void)).addObserver(throws("an observer"))
      const next = yield* Effect.forkChild(Effect.flip(pool.use("a", () => Effect.void)), now)
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(next)).reason._tag, "AcquireTimeout")
    }))

  it.effect("a reader of events whose end throws keeps no event from other readers, and no move from being made", () =>
    hearing((heard) =>
      Effect.gen(function*() {
        const pool = yield* ConnectionPool.make(FakeConnector.make(), { policy: { idleTimeout: "1 minute" } })
        const fork = Effect.runForkWith(yield* Effect.context<never>())
        for (let i = 1; i <= 3; i++) {
          fork(Stream.runDrain(Stream.take(pool.events, i))).addObserver(throws("a reader"))
        }
        const seen: Array<PoolEvent.PoolEvent> = []
        yield* Effect.forkScoped(Stream.runForEach(pool.events, (event) => Effect.sync(() => seen.push(event))), now)
        const user = yield* Effect.forkChild(pool.use("a", (c) => Effect.succeed(c.id)), now)
        assert.strictEqual(yield* Fiber.join(user), 1)
        yield* TestClock.adjust("1 minute")
        assert.strictEqual(seen.length, 8)
        assert.deepStrictEqual(yield* stateOf(pool), [])
        assert.strictEqual(errors(heard).length, 1, "the same defect of the same place")
      })
    ))

  it.effect("a reader of events may use the pool: a move is complete when it is told", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make()
      const pool = yield* ConnectionPool.make(connector, { policy: { maxConnections: 2, idleTimeout: "1 minute" } })
      let asked = 0
      yield* Effect.forkScoped(
        Stream.runForEach(pool.events, (event) => {
          if (asked++ > 40) return Effect.void
          return Effect.andThen(
            event.key === "b" ? Effect.void : pool.use("b", () => Effect.void),
            asked % 5 === 0 ? pool.invalidate("a") : Effect.void
          )
        }),
        now
      )
      for (let i = 0; i < 20; i++) yield* pool.use(i % 3 === 0 ? "c" : "a", () => Effect.void)
      yield* TestClock.adjust("10 minutes")
      assert.deepInclude(yield* pool.snapshot, { connections: 0, leases: 0, waiting: 0, keys: [] })
    }))

  it.effect("a connector may dial through the pool it serves", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make()
      const pool: ConnectionPool.ConnectionPool<string, FakeConnector.FakeConnection, FakeConnector.FakeError> =
        yield* ConnectionPool.make({
          ...connector,
          dial: (key) =>
            key === "gateway"
              ? connector.dial(key)
              : Effect.andThen(Effect.orDie(pool.lease("gateway")), connector.dial(key))
        })
      assert.strictEqual(yield* pool.use("a", (c) => Effect.succeed(c.key)), "a")
      assert.strictEqual((yield* pool.snapshot).connections, 2)
    }))

  it.effect("a log that throws keeps nothing from being done", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make()
      connector.onClose = Effect.die(bug("a finalizer"))
      const pool = yield* ConnectionPool.make(connector, { policy: { leakWarningThreshold: "1 second" } })
      const user = yield* Effect.forkChild(pool.use("a", (c) => Effect.as(Effect.sleep("1 minute"), c.id)), now)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* Fiber.join(user), 1)
      yield* pool.invalidate("a")
      assert.deepInclude(yield* pool.snapshot, { connections: 0, leases: 0 })
    }).pipe(Effect.provide(Logger.layer([Logger.make(throws("the log"))]))))

  it.effect("a tracer that throws fails the dial, or the caller, whose span it is", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make()
      const tracer = Tracer.make({
        span: (options) => {
          if (options.name === "holdfast.pool.dial") throw bug("the tracer")
          return new Tracer.NativeSpan(options)
        }
      })
      const pool = yield* Effect.withTracer(ConnectionPool.make(connector), tracer)
      assert.strictEqual((yield* Effect.flip(pool.use("a", () => Effect.void))).reason._tag, "DialDefect")
      assert.strictEqual((yield* pool.snapshot).connections, 0)
    }))

  it.effect("fiber metrics that throw fail the dial, and leave no connection", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make()
      let isFaulty = false
      const record = () => {
        if (isFaulty) throw bug("the metrics")
      }
      // The sweeper's own fibers are another matter: they are those of whoever made it.
      const deadlines = yield* Deadlines.make
      const pool = yield* Effect.provideService(
        ConnectionPool.make(connector, { deadlines }),
        Metric.FiberRuntimeMetrics,
        {
          recordFiberStart: record,
          recordFiberEnd: record
        }
      )
      isFaulty = true
      const { reason } = yield* Effect.flip(pool.use("a", () => Effect.void))
      assert.strictEqual(reason._tag, "DialDefect")
      isFaulty = false
      yield* TestClock.adjust("1 second")
      yield* pool.use("a", () => Effect.void)
      assert.deepInclude(yield* pool.snapshot, { connections: 1, leases: 0 })
    }))

  it.effect("callers who ask again at once, on and on, leave others their turn", () =>
    Effect.gen(function*() {
      const pool = yield* ConnectionPool.make(FakeConnector.make(), {
        policy: { sharing: "exclusive", maxConnectionsPerKey: 1 }
      })
      let rounds = 0
      const most = 60_000
      const busy = Effect.whileLoop({
        while: () => rounds < most,
        body: () => pool.use("a", () => Effect.sync(() => rounds++)),
        step: () => {}
      })
      yield* Effect.forEach([1, 2, 3], () => Effect.forkScoped(busy, now))
      // Each asks for a turn of the scheduler's, among those of the three.
      for (let i = 0; i < 3; i++) yield* Effect.yieldNow
      assert.isBelow(rounds, most)
    }))
})

describe("errors that are no errors", () => {
  it.effect("a cause that can not be shown is told of all the same", () =>
    Effect.gen(function*() {
      const connector: Connector.Connector<string, string, unknown> = {
        fingerprint: (key) => key,
        classify: () => "permanent",
        dial: () => Effect.fail(Object.create(null))
      }
      const pool = yield* ConnectionPool.make(connector)
      const error = yield* Effect.flip(pool.use("a", () => Effect.void))
      assert.strictEqual(error.message, "a: could not connect: a cause that cannot be shown")
      assert.strictEqual((yield* pool.snapshot).keys[0]?.lastFailure, undefined)
    }))
})
