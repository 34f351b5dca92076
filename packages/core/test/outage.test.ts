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
          const exit = yield* Effect.exit(pool.use("db", () => Effect.void))
          took.push(Number(clock.monotonicTimeNanosUnsafe() - asked) / 1e6)
          assert.isTrue(Exit.isFailure(exit))
        })
        callers.push(yield* Effect.forkChild(ask, { startImmediately: true }))
        yield* TestClock.adjust("2 seconds")
      }
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.joinAll(callers)
      const dials = connector.dials() - before

      connector.plan = () => Effect.void
      // No penalty is longer than the longest quarantine.
      yield* TestClock.adjust("5 minutes")
      const healed = yield* Effect.forkChild(pool.use("db", (connection) => Effect.succeed(connection.id)), {
        startImmediately: true
      })
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.join(healed)
      return { took, dials, mostAlive: connector.mostAlive() }
    })

  for (
    const [name, plan] of [
      ["refused", Effect.fail(new FakeConnector.FakeError({ message: "refused" }))],
      ["unanswered", Effect.never]
    ] as const
  ) {
    it.effect(`dials ${name}: every caller is answered by its deadline, dials are few, and it heals`, () =>
      Effect.gen(function*() {
        const { dials, mostAlive, took } = yield* outage(plan)
        assert.strictEqual(took.length, 300)
        assert.isAtMost(Math.max(...took), 5000)
        assert.strictEqual(mostAlive, 1)
        // Six in the first minute, then one per quarantine, which doubles from 30 s to 5 min.
        assert.isAtLeast(dials, 6)
        assert.isAtMost(dials, 20)
        console.info(`dials ${name}: 300 callers, longest wait ${Math.max(...took)} ms, ${dials} dials in ten minutes`)
      }))
  }
})
