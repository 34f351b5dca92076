/** Stores under many jobs and many who look, as many as there is time for. Times are told, and judged by nobody. */
import { assert, describe, it } from "@effect/vitest"
import * as Job from "@holdfast/jobs/Job"
import * as Jobs from "@holdfast/jobs/Jobs"
import * as MemoryStore from "@holdfast/jobs/MemoryStore"
import * as Runner from "@holdfast/jobs/Runner"
import * as SqliteStore from "@holdfast/jobs/SqliteStore"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { temporaryFile } from "./temporaryFile.ts"

const Work = Job.make("work", {
  version: 1,
  payload: { number: Schema.Int },
  success: Schema.Int,
  concurrency: 1000
})

const WorkLive = Runner.toLayer(Work, ({ number }, job) =>
  Effect.gen(function*() {
    const half = yield* job.step("half", Effect.succeed(number))
    yield* job.progress({ percent: 50 })
    return yield* job.step("double", Effect.succeed(half * 2))
  }))

/** Work of a fixed size: what it takes is compared with and without polls beside it. */
const Long = Job.make("long", { version: 1, payload: { steps: Schema.Int }, success: Schema.Int })
const LongLive = Runner.toLayer(Long, ({ steps }, job) =>
  Effect.gen(function*() {
    for (let step = 1; step <= steps; step++) {
      yield* job.step(`step ${step}`, Effect.as(Effect.sleep("5 millis"), step))
      yield* job.progress({ percent: step / steps * 100 })
    }
    return steps
  }))

const stores = {
  memory: MemoryStore.layer,
  SQLite: Layer.unwrap(Effect.map(temporaryFile("jobs.db"), SqliteStore.layer))
}

export const define = (jobCount: number, polls: number, crowdSize: number) => {
  for (const [name, store] of Object.entries(stores)) {
    describe(`a store in ${name}`, () => {
      it.live(`completes ${jobCount} jobs at once, each with its own result, and answers ${polls} polls`, () =>
        Effect.gen(function*() {
          const jobs = yield* Jobs.Jobs
          const started = performance.now()
          const numbers = Array.from({ length: jobCount }, (_, number) => number)
          const ids = yield* Effect.forEach(numbers, (number) => jobs.start(Work, { number }), { concurrency: 50 })
          yield* Effect.forEach(ids, (id) => Stream.runDrain(jobs.progress(id)), { concurrency: "unbounded" })
          const completed = performance.now() - started
          const results = yield* Effect.forEach(ids, (id) => jobs.result(Work, id))
          assert.deepStrictEqual(results, numbers.map((number) => number * 2))

          const latencies: Array<number> = []
          const polling = performance.now()
          for (let poll = 0; poll < polls; poll++) {
            const asked = performance.now()
            const id = ids[poll % jobCount] ?? ""
            assert.strictEqual((yield* jobs.status(id)).state, "succeeded")
            latencies.push(performance.now() - asked)
          }
          const perSecond = polls / (performance.now() - polling) * 1000
          const p99 = latencies.toSorted((a, b) => a - b)[Math.floor(polls * 0.99)] ?? Number.NaN
          console.log(
            `${name}: ${jobCount} jobs in ${Math.round(completed)} ms; ` +
              `${Math.round(perSecond)} polls/s, p99 ${p99.toFixed(2)} ms`
          )
        }).pipe(Effect.provide(Layer.provide(WorkLive, store)), Effect.scoped))

      it.live(`goes on with a job that ${crowdSize} poll, and tells all of them its end`, () =>
        Effect.gen(function*() {
          const jobs = yield* Jobs.Jobs
          const timed = Effect.gen(function*() {
            const started = performance.now()
            const id = yield* jobs.start(Long, { steps: 100 })
            yield* Stream.runDrain(jobs.progress(id))
            return { id, millis: performance.now() - started }
          })
          const alone = yield* timed
          let answers = 0
          const crowd = yield* Effect.forkChild(
            Effect.forEach(
              Array.from({ length: crowdSize }),
              () =>
                jobs.list().pipe(
                  Effect.tap(() => Effect.sync(() => answers++)),
                  Effect.andThen(Effect.sleep("300 millis")),
                  Effect.forever
                ),
              { concurrency: "unbounded", discard: true }
            )
          )
          const watched = yield* timed
          yield* Fiber.interrupt(crowd)
          assert.isAtLeast(answers, crowdSize)
          const watchers = yield* Effect.forEach(
            Array.from({ length: crowdSize }),
            () => Stream.runCollect(jobs.progress(watched.id)),
            { concurrency: "unbounded" }
          )
          for (const seen of watchers) assert.strictEqual(seen.at(-1)?.state, "succeeded")
          console.log(
            `${name}: a job of 100 steps takes ${Math.round(alone.millis)} ms alone, ` +
              `${Math.round(watched.millis)} ms beside ${answers} polls`
          )
        }).pipe(Effect.provide(Layer.provide(LongLive, store)), Effect.scoped))
    })
  }
}
