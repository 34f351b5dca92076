/** The pauses between dials are a Schedule of the user's. */
import { assert, describe, it } from "@effect/vitest"
import { Backoff, ConnectionPool, type Connector, type PoolPolicy } from "@holdfast/core"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import * as TestClock from "effect/testing/TestClock"
import * as FakeConnector from "./support/FakeConnector.ts"
import { hearing } from "./support/hearing.ts"

const now = { startImmediately: true } as const

const failure = (as: Connector.Classification = "retryable") => new FakeConnector.FakeError({ message: "refused", as })

/** A pool whose every dial fails, with the times of its dials. */
const failing = Effect.fnUntraced(function*(policy: PoolPolicy.PoolPolicyInput) {
  const clock = yield* Clock.Clock
  const connector = FakeConnector.make()
  const dials: Array<number> = []
  connector.plan = () =>
    Effect.suspend(() => {
      dials.push(Number(clock.monotonicTimeNanosUnsafe()) / 1e6)
      return Effect.fail(failure())
    })
  // Crash loops are another rule's matter.
  const quiet = { restartIntensity: { limit: 1_000_000, window: "1 minute" }, maxConnectRetries: 1_000_000 } as const
  const pool = yield* ConnectionPool.make(connector, { policy: { ...quiet, ...policy } })
  const ask = Effect.forkChild(Effect.flip(pool.use("a", () => Effect.void)), now)
  return { ask, connector, dials, pool }
})

/** The delays of a schedule, for the same failure again and again. */
const delaysOf = Effect.fnUntraced(function*(schedule: Schedule.Schedule<unknown, Backoff.DialFailure>, times: number) {
  const step = yield* Schedule.toStep(schedule)
  const input = { key: "a", kind: "retryable", of: "dial", cause: "refused", attempt: 1 } as const
  const delays: Array<number> = []
  for (let i = 0; i < times; i++) delays.push(Duration.toMillis((yield* step(0, input))[1]))
  return delays
})

describe("the default schedule", () => {
  it.effect("grows by its factor up to its cap, and varies by its jitter to both sides, by the seed's random numbers", () =>
    Effect.gen(function*() {
      const { defaults } = Backoff
      assert.deepStrictEqual(defaults, { initial: 250, factor: 1.6, max: 30_000, jitter: 0.2 })
      const even = yield* delaysOf(Backoff.schedule({ ...defaults, jitter: 0 }), 60)
      assert.deepStrictEqual(even.slice(0, 3), [250, 400, 640])
      assert.strictEqual(even.at(-1), 30_000)
      const jittered = yield* delaysOf(Backoff.grpc, 60)
      jittered.forEach((delay, i) => {
        const middle = even[i] ?? 0
        assert.isAtLeast(delay, middle * 0.8)
        assert.isAtMost(delay, middle * 1.2)
      })
      assert.notDeepEqual(jittered, even)
      const seeded = () => Effect.provideService(delaysOf(Backoff.grpc, 5), Random.Random, halves)
      assert.deepStrictEqual(yield* seeded(), yield* seeded())
    }))

  const halves = { nextDoubleUnsafe: () => 0.25, nextIntUnsafe: () => 1 }

  it.effect("is what a pool follows that was given none", () =>
    Effect.gen(function*() {
      const { dials, pool } = yield* failing({ backoff: { jitter: 0 } })
      yield* pool.warm("a")
      yield* TestClock.adjust("3 seconds")
      assert.deepStrictEqual(dials, [0, 250, 650, 1290, 2314])
    }))
})

describe("a schedule of the user's", () => {
  it.effect("decides on the pauses, and its jitter keeps to the pool's random numbers", () =>
    Effect.gen(function*() {
      const { dials, pool } = yield* failing({ reconnect: Schedule.jittered(Schedule.spaced("1 second")) })
      yield* pool.warm("a")
      yield* TestClock.adjust("20 seconds")
      const gaps = dials.slice(1).map((at, i) => at - (dials[i] ?? 0))
      assert.isAtLeast(gaps.length, 16)
      for (const gap of gaps) {
        assert.isAtLeast(gap, 800)
        assert.isAtMost(gap, 1201)
      }
      assert.isAbove(new Set(gaps).size, 3)
    }))

  it.effect("that ends makes the failure final: callers get the cause in words, and the key rests until the next one asks", () =>
    Effect.gen(function*() {
      const reconnect = Backoff.schedule({ initial: 100, factor: 1, max: 100, jitter: 0 }).pipe(
        Schedule.upTo({ times: 3 })
      )
      const { ask, dials, pool } = yield* failing({ reconnect })
      const callers = [yield* ask, yield* ask]
      yield* TestClock.adjust("1 second")
      for (const caller of callers) {
        const { reason } = yield* Fiber.join(caller)
        assert.deepInclude(reason, { _tag: "DialFailed", attempts: 4, exhausted: true, permanent: false })
        assert.strictEqual(
          reason.message,
          "a: could not connect 4 times: refused; the reconnect schedule allows no further try"
        )
      }
      assert.deepStrictEqual(dials, [0, 100, 200, 300])
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(dials.length, 4)
      // The schedule begins anew with the next caller.
      const late = yield* ask
      yield* TestClock.adjust("1 second")
      assert.deepInclude((yield* Fiber.join(late)).reason, { attempts: 4, exhausted: true })
      assert.strictEqual(dials.length, 8)
      assert.strictEqual((yield* pool.snapshot).waiting, 0)
    }))

  it.effect("that ends leaves a warm key closed, until a caller or a reset asks for it", () =>
    Effect.gen(function*() {
      const { ask, connector, dials, pool } = yield* failing({ reconnect: Schedule.recurs(1) })
      yield* pool.warm("a")
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(dials.length, 2)
      yield* pool.reset("a")
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(dials.length, 4)
      yield* ask
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(dials.length, 6)
      connector.plan = () => Effect.void
      assert.strictEqual(yield* pool.use("a", ({ key }) => Effect.succeed(key)), "a")
    }))

  it.effect("that ends with a lost connection is final as well, unless the connection had proven itself", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make()
      const pool = yield* ConnectionPool.make(connector, {
        policy: { reconnect: Schedule.upTo(Schedule.spaced("1 second"), { times: 1 }), minUptime: "10 seconds" }
      })
      yield* pool.warm("a")
      const lose = pool.use("a", (connection) => connection.lose("gone"))
      yield* lose
      yield* TestClock.adjust("1 second")
      assert.strictEqual(connector.dials(), 2)
      // A long life makes the loss good: the schedule begins anew.
      yield* TestClock.adjust("1 minute")
      yield* lose
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(connector.dials(), 3)
      yield* lose
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(connector.dials(), 3)
    }))

  it.effect("sees the kind of each failure, and whether a dial or a connection failed", () =>
    Effect.gen(function*() {
      const seen: Array<Omit<Backoff.DialFailure, "cause">> = []
      const reconnect = Backoff.schedule({ initial: 10, factor: 1, max: 10, jitter: 0 }).pipe(
        Schedule.tap(({ input: { attempt, key, kind, of } }) =>
          Effect.sync(() => void seen.push({ attempt, key, kind, of }))
        ),
        Schedule.while(({ input }) => input.kind !== "timeout")
      )
      const connector = FakeConnector.make()
      connector.plan = (dial) =>
        [Effect.void, Effect.fail(failure("unavailable")), Effect.die(new Error("a bug")), Effect.never][dial - 1] ??
          Effect.void
      const pool = yield* ConnectionPool.make(connector, {
        policy: { reconnect, connectTimeout: "1 second", minUptime: "1 minute" }
      })
      yield* hearing(() =>
        Effect.gen(function*() {
          yield* pool.warm("a")
          yield* pool.use("a", (connection) => connection.lose("gone"))
          yield* TestClock.adjust("1 minute")
        })
      )
      const of = "dial" as const
      assert.deepStrictEqual(seen, [
        { key: "a", kind: "retryable", of: "loss", attempt: 1 },
        { key: "a", kind: "unavailable", of, attempt: 2 },
        { key: "a", kind: "defect", of, attempt: 3 },
        { key: "a", kind: "timeout", of, attempt: 4 }
      ])
      // It ended with the timeout.
      assert.strictEqual(connector.dials(), 4)
    }))

  it.effect("of no delay, or of one without an end, is no loop of dials, and no dial", () =>
    Effect.gen(function*() {
      const busy = yield* failing({ reconnect: Schedule.forever })
      yield* busy.pool.warm("a")
      yield* TestClock.adjust("50 millis")
      assert.isAtMost(busy.dials.length, 51)
      assert.isAtLeast(busy.dials.length, 10)
      yield* busy.pool.drain(0)
      const never = yield* failing({ reconnect: Schedule.spaced(Duration.infinity) })
      const caller = yield* never.ask
      yield* TestClock.adjust(1)
      assert.deepInclude((yield* Fiber.join(caller)).reason, { _tag: "DialFailed", exhausted: true })
    }))

  for (
    const [name, broken] of [
      ["dies", Schedule.tap(Schedule.recurs(5), () => Effect.die(new Error("a bug in the schedule")))],
      ["is not synchronous", Schedule.tap(Schedule.recurs(5), () => Effect.sleep("1 second"))]
    ] as const
  ) {
    it.effect(`that ${name} is told in the log once, and the default pause is taken`, () =>
      hearing((heard) =>
        Effect.gen(function*() {
          const { dials, pool } = yield* failing({ reconnect: broken })
          yield* pool.warm("a")
          yield* TestClock.adjust("3 seconds")
          assert.deepStrictEqual(dials.map((at) => Math.round(at / 10) * 10), [0, 250, 650, 1290, 2320])
          const told = heard.filter(({ text }) => text.includes("the reconnect schedule broke"))
          assert.strictEqual(told.length, 1)
        })
      ))
  }

  it.effect("ends in a quarantine, too", () =>
    Effect.gen(function*() {
      const { ask, dials } = yield* failing({
        reconnect: Schedule.upTo(Schedule.spaced("100 millis"), { times: 4 }),
        restartIntensity: { limit: 2, window: "1 minute" },
        quarantine: { initial: "1 second", max: "1 second" }
      })
      const caller = yield* ask
      yield* TestClock.adjust("10 seconds")
      assert.deepInclude((yield* Fiber.join(caller)).reason, { _tag: "DialFailed", attempts: 5, exhausted: true })
      assert.deepStrictEqual(dials, [0, 100, 200, 1200, 2200])
    }))
})

describe("a policy", () => {
  it.effect("refuses what is no Schedule", () =>
    Effect.gen(function*() {
      // A JavaScript caller's mistake.
      const reconnect = "1 second" as never
      const error = yield* Effect.flip(ConnectionPool.make(FakeConnector.make(), { policy: { reconnect } }))
      assert.strictEqual(error.message, "pool policy: reconnect must be a Schedule, got 1 second")
    }))
})
