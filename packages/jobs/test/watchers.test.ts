import { assert, describe, it } from "@effect/vitest"
import * as Job from "@holdfast/jobs/Job"
import * as Jobs from "@holdfast/jobs/Jobs"
import * as MemoryStore from "@holdfast/jobs/MemoryStore"
import * as Runner from "@holdfast/jobs/Runner"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { on, Rows } from "./support/Rows.ts"

const Count = Job.make("count", { version: 1, payload: { to: Schema.Int }, success: Schema.Int })

describe("a watcher of a job", () => {
  it.effect("that leaves takes no news from another one of the same job", () => {
    const gate = Deferred.makeUnsafe<void>()
    return Effect.gen(function*() {
      const jobs = yield* Jobs.Jobs
      const id = yield* jobs.start(Count, { to: 3 })
      const watch = Effect.forkChild(Stream.runCollect(jobs.progress(id)), { startImmediately: true })
      const [leaver, stayer] = [yield* watch, yield* watch]
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.interrupt(leaver)
      yield* Deferred.succeed(gate, undefined)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* Fiber.join(stayer)).at(-1)?.state, "succeeded")
    }).pipe(Effect.provide(
      Runner.toLayer(Count, ({ to }) => Effect.as(Deferred.await(gate), to)).pipe(Layer.provide(MemoryStore.layer))
    ))
  })

  it.effect("of a job that another program has removed is told that there is no such job", () =>
    Effect.gen(function*() {
      const rows = yield* Rows
      yield* Effect.gen(function*() {
        const jobs = yield* Jobs.Jobs
        // Nothing runs it.
        const id = yield* jobs.start(Count, { to: 3 })
        const watching = yield* Effect.forkChild(Effect.flip(Stream.runDrain(jobs.progress(id))), {
          startImmediately: true
        })
        yield* TestClock.adjust("2 seconds")
        yield* rows.requestCancel(id)
        yield* rows.remove(id)
        yield* TestClock.adjust("2 seconds")
        assert.deepInclude((yield* Fiber.join(watching)).reason, { _tag: "JobNotFound", id })
      }).pipe(Effect.provide(Jobs.layer.pipe(Layer.provide(on(rows)))))
    }).pipe(Effect.provide(Rows.layerMemory)))
})
