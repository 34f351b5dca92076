import { assert, describe, it } from "@effect/vitest"
import { ConnectionPool, type PoolEvent } from "@holdfast/core"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as FakeConnector from "./support/FakeConnector.ts"

const now = { startImmediately: true } as const

const away = Effect.fail(new FakeConnector.FakeError({ message: "connection refused", as: "unavailable" }))
const crash = Effect.fail(new FakeConnector.FakeError({ message: "exit code 1" }))

/** Dials that fail one after the other, by the plan, for a key that is kept warm; and all moves of its slot. */
const watch = Effect.fnUntraced(function*(
  plan: FakeConnector.FakeConnector["plan"],
  policy: Parameters<typeof ConnectionPool.make>[1]
) {
  const connector = FakeConnector.make()
  const pool = yield* ConnectionPool.make(connector, policy)
  const moves: Array<PoolEvent.SlotMoved> = []
  yield* Effect.forkScoped(
    Stream.runForEach(
      pool.events,
      (event) => Effect.sync(() => event._tag === "SlotMoved" ? void moves.push(event) : undefined)
    ),
    now
  )
  connector.plan = plan
  yield* pool.warm("a")
  const quarantines = () => moves.filter(({ to }) => to === "Quarantined").length
  /** Milliseconds until the next dial. */
  const pause = Effect.map(pool.snapshot, ({ keys }) => keys[0]?.slots[0]?.retryInMillis ?? 0)
  return { connector, pool, moves, quarantines, pause }
})

describe("a peer that is not there", () => {
  for (const outage of ["3 seconds", "40 seconds", "1 hour", "8 hours"] as const) {
    it.effect(`is connected at most backoff.max and its jitter after its return, be it away for ${outage}`, () =>
      Effect.gen(function*() {
        let isAway = true
        const { moves, pool, quarantines } = yield* watch(() => isAway ? away : Effect.void, {
          policy: { backoff: { max: "5 seconds" } }
        })
        yield* TestClock.adjust(outage)
        assert.isAbove(moves.filter(({ to }) => to === "Backoff").length, 3)
        assert.strictEqual(quarantines(), 0)
        isAway = false
        const caller = yield* Effect.forkChild(pool.use("a", () => Effect.succeed("served")), now)
        yield* TestClock.adjust("6 seconds")
        assert.deepInclude(caller.pollUnsafe(), { _tag: "Success", value: "served" })
      }))
  }

  it.effect("has five crashes free as any other, however often it was not there in between; the sixth is a crash loop", () =>
    Effect.gen(function*() {
      // Two of three dials find nobody.
      const { connector, quarantines } = yield* watch((dial) => dial % 3 === 0 ? crash : away, {
        policy: { backoff: { max: "500 millis", jitter: 0 } }
      })
      const until = (dials: number) =>
        Effect.whileLoop({
          while: () => connector.dials() < dials,
          body: () => TestClock.adjust("100 millis"),
          step: () => {}
        })
      yield* until(17)
      assert.strictEqual(quarantines(), 0)
      yield* until(18)
      assert.strictEqual(quarantines(), 1)
    }))

  it.effect("stays in the crash loop it was in, with a pause that grows by crashes only", () =>
    Effect.gen(function*() {
      const { connector, pause, quarantines } = yield* watch((dial) => dial <= 6 || dial === 9 ? crash : away, {
        policy: { backoff: { max: "500 millis", jitter: 0 }, quarantine: { initial: "30 seconds", max: "5 minutes" } }
      })
      yield* TestClock.adjust("5 seconds")
      const seen: Array<[dials: number, seconds: number]> = []
      for (let i = 0; i < 4; i++) {
        const millis = yield* pause
        seen.push([connector.dials(), Math.round((yield* pause) / 10_000) * 10])
        yield* TestClock.adjust(Math.ceil(millis) + 1)
      }
      // The seventh and eighth found nobody, the ninth crashed.
      assert.deepStrictEqual(seen, [[6, 30], [7, 30], [8, 30], [9, 60]])
      assert.strictEqual(quarantines(), 5)
    }))

  it.effect("tells callers of a key that was never ready after maxConnectRetries, and goes on for the next ones", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make()
      connector.plan = () => away
      const pool = yield* ConnectionPool.make(connector, { policy: { backoff: { max: "5 seconds" } } })
      for (let i = 0; i < 20; i++) {
        const caller = yield* Effect.forkChild(Effect.flip(pool.use("a", () => Effect.void)), now)
        yield* TestClock.adjust("6 seconds")
        const exit = caller.pollUnsafe()
        assert.isDefined(exit, "it is told within one pause")
        assert.include(yield* Effect.map(exit, ({ reason }) => reason), { _tag: "DialFailed", permanent: false })
      }
      connector.plan = () => Effect.void
      const caller = yield* Effect.forkChild(pool.use("a", () => Effect.succeed("served")), now)
      yield* TestClock.adjust("6 seconds")
      assert.deepInclude(caller.pollUnsafe(), { _tag: "Success", value: "served" })
    }))
})
