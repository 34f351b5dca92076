import { assert, describe, it } from "@effect/vitest"
import { ConnectionPool } from "@holdfast/core"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import * as FakeConnector from "./support/FakeConnector.ts"

/**
 * HikariCP's "Bad Behavior: Handling Database Down": a connection is asked for every two seconds, with a timeout of five,
 * through an outage of ten minutes. Most pools hang for minutes; the contract is an answer within the timeout, always.
 */
describe("an outage of ten minutes, asked every two seconds with a timeout of five", () => {
  const outage = (plan: Effect.Effect<void, FakeConnector.FakeError>) =>
    Effect.gen(function*() {
      const connector = FakeConnector.make()
      const pool = yield* ConnectionPool.make(connector, {
        policy: { acquireTimeout: "5 seconds", connectTimeout: "20 seconds" }
      })
      yield* pool.use("db", (connection) => connection.lose("the network is cut"))
      connector.plan = () => plan
      const before = connector.dials()
      const took: Array<number> = []
      const callers = []
      for (let i = 0; i < 300; i++) {
        const ask = Effect.gen(function*() {
          const clock = yield* Clock.Clock
          const asked = clock.monotonicTimeNanosUnsafe()
          const error = yield* Effect.flip(pool.use("db", () => Effect.void))
          took.push(Number(clock.monotonicTimeNanosUnsafe() - asked) / 1e6)
          assert.include(["AcquireTimeout", "Quarantined"], error.reason._tag)
        })
        callers.push(yield* Effect.forkChild(ask, { startImmediately: true }))
        yield* TestClock.adjust("2 seconds")
      }
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.joinAll(callers)
      const dials = connector.dials() - before

      connector.plan = () => Effect.void
      // A dial that hangs since before the peer came back fails at its own deadline, and its penalty is the last one.
      yield* TestClock.adjust("20 seconds")
      const penalties = (yield* pool.snapshot).keys.flatMap(({ slots }) => slots.map((slot) => slot.retryInMillis ?? 0))
      const penalty = Math.max(0, ...penalties)
      assert.isAtMost(penalty, 300_000)
      // The sweeper sleeps for whole milliseconds, rounded up.
      yield* TestClock.adjust(Math.ceil(penalty) + 1)
      const healed = yield* Effect.forkChild(pool.use("db", () => Effect.void), { startImmediately: true })
      yield* TestClock.adjust(0)
      const exit = healed.pollUnsafe()
      assert.isTrue(exit !== undefined && Exit.isSuccess(exit), "the first caller after the outage is served at once")
      return { took, dials, mostAlive: connector.mostAlive(), penalty }
    })

  for (
    const { fewest, most, name, plan } of [
      // The loss and five dials within seconds are too many failures; then one per quarantine: after 30, 90, 210 and 450 s.
      { name: "crashed", plan: Effect.fail(new FakeConnector.FakeError({ message: "crashed" })), fewest: 8, most: 9 },
      // No crash, no quarantine: eleven dials of a back-off that grows to 30 s within 73 s, and then one per 24 to 36 s.
      {
        name: "refused",
        plan: Effect.fail(new FakeConnector.FakeError({ message: "refused", as: "unavailable" })),
        fewest: 8 + (605 - 90) / 36,
        most: 13 + 605 / 24
      },
      // 20 s each, and back-off in between, which grows to 30 s and varies by a fifth: too slow for a quarantine.
      { name: "unanswered", plan: Effect.never, fewest: 605 / (20 + 36), most: 605 / 20 }
    ]
  ) {
    it.effect(`dials ${name}: every caller is answered by its deadline, dials are few, and it heals`, () =>
      Effect.gen(function*() {
        const { dials, mostAlive, penalty, took } = yield* outage(plan)
        assert.strictEqual(took.length, 300)
        // Virtual time is exact: who times out does so at the deadline, not a millisecond later.
        assert.strictEqual(took.filter((millis) => millis > 5000).length, 0)
        assert.strictEqual(mostAlive, 1)
        assert.isAtLeast(dials, fewest)
        assert.isAtMost(dials, most)
        console.info(
          `dials ${name}: 300 callers, longest wait ${Math.max(...took)} ms, ${dials} dials in ten minutes, ` +
            `healed ${Math.ceil(penalty)} ms later`
        )
      }))
  }
})
