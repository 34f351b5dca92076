import { assert, describe, it } from "@effect/vitest"
import { ConnectionPool } from "@holdfast/core"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import * as FakeConnector from "./support/FakeConnector.ts"

/** HikariCP's "Welcome To The Jungle": five idle connections, a dial takes 150 ms, a use 2 ms, and fifty ask at once. */
describe("a spike of fifty callers on five idle connections", () => {
  it.effect("opens one connection more at most, and is over long before it is there", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make()
      connector.plan = () => Effect.sleep("150 millis")
      const pool = yield* ConnectionPool.make(connector, { policy: { sharing: "exclusive", maxConnectionsPerKey: 50 } })
      const many = (count: number, millis: number) =>
        Effect.forkChild(
          Effect.all(Array.from({ length: count }, () => pool.use("db", () => Effect.sleep(millis))), {
            concurrency: "unbounded"
          }),
          { startImmediately: true }
        )
      const warming = yield* many(5, 10)
      yield* TestClock.adjust("160 millis")
      yield* Fiber.join(warming)
      assert.strictEqual(connector.opened(), 5)

      const clock = yield* Clock.Clock
      const began = clock.monotonicTimeNanosUnsafe()
      let millis = 0
      const spike = yield* many(50, 2)
      while (spike.pollUnsafe() === undefined) {
        yield* TestClock.adjust("1 millis")
        millis = Number(clock.monotonicTimeNanosUnsafe() - began) / 1e6
      }
      // Ten rounds of 2 ms are ideal.
      assert.isAtMost(millis, 22)
      yield* TestClock.adjust("1 second")
      assert.isAtMost(connector.opened(), 6)
      console.info(`spike: ${connector.opened()} connections opened, makespan ${millis} ms`)
    }))
})
