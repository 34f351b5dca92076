import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import * as Job from "@holdfast/jobs/Job"
import * as JobPolicy from "@holdfast/jobs/JobPolicy"
import * as Jobs from "@holdfast/jobs/Jobs"
import { JobStore } from "@holdfast/jobs/JobStore"
import * as PostgresStore from "@holdfast/jobs/PostgresStore"
import type { PostgresConfig } from "@holdfast/jobs/PostgresStore"
import * as Runner from "@holdfast/jobs/Runner"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Postgres from "./support/Postgres.ts"
import { until } from "./support/until.ts"

const scope = Scope.makeUnsafe()
let running: Effect.Success<typeof Postgres.start> | undefined
beforeAll(() => Effect.runPromise(Effect.map(Scope.provide(Postgres.start, scope), (it) => void (running = it))))
afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))

let databases = 0
const place = Effect.gen(function*() {
  if (running === undefined) throw new Error("Postgres does not run")
  const { admin, folder, socket } = running
  const database = `news_${++databases}`
  yield* Effect.orDie(admin(`CREATE DATABASE ${database}`))
  return { admin, database, folder, config: { path: socket, username: "jobs", database, maxConnections: 4 } }
})

const Count = Job.make("count", { version: 1, payload: { to: Schema.Int }, success: Schema.Int })
const Wait = Job.make("wait", { version: 1, payload: {}, success: Schema.Void })
const isTold = Latch.makeUnsafe(false)
const live = Layer.merge(
  Runner.toLayer(
    Count,
    ({ to }, job) => Effect.as(Effect.andThen(job.progress({ percent: 40 }), isTold.await), to * 2)
  ),
  Runner.toLayer(Wait, () => Effect.never)
)

/** A program of its own, which looks by itself this often. */
const program = (
  layer: Layer.Layer<Jobs.Jobs, unknown, JobStore>,
  config: PostgresConfig,
  pollInterval: Duration.Input,
  logger: Layer.Layer<never> = Layer.empty
) =>
  Layer.build(
    Layer.fresh(layer).pipe(
      Layer.provide(Layer.fresh(PostgresStore.layer(config))),
      Layer.provide(JobPolicy.layer({ pollInterval })),
      Layer.provide(logger)
    )
  ).pipe(Effect.map((context) => Context.get(context, Jobs.Jobs)), Effect.orDie)

const listeners = "FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()"

describe("news of jobs in Postgres", () => {
  it.live("comes to other programs without a look: of jobs that wait, of their progress, of their end, of a cancel", () =>
    Effect.scoped(Effect.gen(function*() {
      isTold.closeUnsafe()
      const { config } = yield* place
      yield* program(live, config, "1 hour")
      const client = yield* program(Jobs.layer, config, "1 hour")
      const id = yield* client.start(Count, { to: 4 })
      const seen = yield* Stream.runCollect(Stream.tap(client.progress(id), ({ percent }) =>
        Effect.sync(() => {
          if (percent === 40) isTold.openUnsafe()
        })))
      assert.strictEqual(seen.at(-1)?.state, "succeeded")
      const other = yield* client.start(Wait, {})
      yield* until(client.status(other), ({ state }) => state === "running")
      yield* client.cancel(other)
      yield* until(client.status(other), ({ state }) => state === "cancelled")
    })))

  it.live("that is cut off is not needed: what it would have told is found by looking", () =>
    Effect.scoped(Effect.gen(function*() {
      isTold.openUnsafe()
      const { admin, config, database } = yield* place
      yield* program(live, config, "200 millis")
      const client = yield* program(Jobs.layer, config, "200 millis")
      const cutting = yield* Effect.forkChild(
        Effect.forever(
          Effect.andThen(admin(`SELECT pg_terminate_backend(pid) ${listeners}`, database), Effect.sleep("50 millis"))
        )
      )
      for (let number = 0; number < 3; number++) {
        const id = yield* client.start(Count, { to: number })
        yield* Stream.runDrain(client.progress(id))
        assert.strictEqual(yield* client.result(Count, id), number * 2)
      }
      yield* Fiber.interrupt(cutting)
    })))

  it.live("comes again when its connection was lost", () =>
    Effect.scoped(Effect.gen(function*() {
      isTold.openUnsafe()
      const { admin, config, database } = yield* place
      yield* program(live, config, "1 hour")
      const client = yield* program(Jobs.layer, config, "1 hour")
      yield* Stream.runDrain(client.progress(yield* client.start(Count, { to: 1 })))
      yield* admin(`SELECT pg_terminate_backend(pid) ${listeners}`, database)
      yield* Stream.runDrain(client.progress(yield* client.start(Count, { to: 2 })))
    })))

  it.live("does not come through PgBouncer in transaction mode, which is said once by each program", () =>
    Effect.scoped(Effect.gen(function*() {
      isTold.openUnsafe()
      const { config, database, folder } = yield* place
      const path = yield* Postgres.bouncer(folder, database)
      const said: Array<string> = []
      const logger = Logger.layer([Logger.make(({ message }) => void said.push(String(message)))])
      const jobs = yield* program(live, { ...config, path }, "200 millis", logger)
      for (let number = 0; number < 2; number++) {
        yield* Stream.runDrain(jobs.progress(yield* jobs.start(Count, { to: number })))
      }
      assert.strictEqual(said.filter((line) => line.includes("notifications do not arrive")).length, 1)
    })))
})
