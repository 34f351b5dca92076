import { assert, describe, it } from "@effect/vitest"
import { JobError, JobStoreTooNew, JobStoreUnavailable } from "@holdfast/jobs/JobError"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import * as StoreTrouble from "../src/internal/StoreTrouble.ts"

const broken = (problem: JobStoreUnavailable["problem"]) =>
  new JobError({ reason: new JobStoreUnavailable({ store: "s", operation: "do it", problem, detail: "so" }) })

describe("trouble with a store", () => {
  it.effect("is over when there was none for as long as it says, and not a moment before", () =>
    Effect.gen(function*() {
      const trouble = yield* StoreTrouble.make("s", 10_000)
      yield* trouble.attempted(Effect.fail(broken("full")))
      yield* TestClock.adjust(9999)
      yield* trouble.attempted(Effect.void)
      assert.strictEqual(trouble.present()?.problem, "full")
      yield* TestClock.adjust(1)
      yield* trouble.attempted(Effect.void)
      assert.isUndefined(trouble.present())
    }))

  it.effect("that may pass is tried again, ever more rarely, but every few seconds for as long as it lasts", () =>
    Effect.gen(function*() {
      const trouble = yield* StoreTrouble.make("s", 10_000)
      const tries: Array<number> = []
      const trying = trouble.persist(
        Effect.flatMap(Effect.clockWith(({ currentTimeMillis }) => currentTimeMillis), (now) => {
          tries.push(now)
          return tries.length > 30 ? Effect.succeed("done") : Effect.fail(broken("locked"))
        })
      )
      const fiber = yield* Effect.forkChild(trying, { startImmediately: true })
      yield* TestClock.adjust("10 minutes")
      assert.strictEqual(yield* Fiber.join(fiber), "done")
      const pauses = tries.slice(1).map((at, index) => at - (tries[index] ?? 0))
      // 100 ms first, five seconds last, each a fifth more or less.
      assert.isAtMost(pauses[0] ?? 0, 120)
      assert.isAtMost(Math.max(...pauses), 6000)
      assert.isAtLeast(Math.min(...pauses.slice(-20)), 4000)
    }))

  it.effect("that cannot pass is not waited for: a damaged store, what can never be stored, a store of a newer program", () =>
    Effect.gen(function*() {
      const newer = new JobError({ reason: new JobStoreTooNew({ store: "s", found: 9, supported: 1 }) })
      const trouble = yield* StoreTrouble.make("s", 10_000)
      for (const error of [broken("corrupt"), broken("unstorable"), newer]) {
        let tries = 0
        const exit = yield* Effect.exit(trouble.persist(Effect.suspend(() => (tries++, Effect.fail(error)))))
        assert.isTrue(Exit.isFailure(exit))
        assert.strictEqual(tries, 1)
      }
      assert.isUndefined(trouble.present())
    }))
})
