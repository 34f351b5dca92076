import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { type JobError, JobStore } from "@holdfast/jobs"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import { stepName } from "../support/CountJob.ts"
import * as Postgres from "../support/Postgres.ts"
import { temporaryFile } from "../support/temporaryFile.ts"
import { until } from "../support/until.ts"
import * as Worker from "../support/WorkerProcess.ts"
import { Rows } from "./LeaseRows.ts"
import { storeContract } from "./storeContract.ts"

const scope = Scope.makeUnsafe()
let running: Effect.Success<typeof Postgres.start> | undefined
beforeAll(() => Effect.runPromise(Effect.map(Scope.provide(Postgres.start, scope), (it) => void (running = it))))
afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))

let databases = 0
/** A database of its own in the one server. */
const fresh: Layer.Layer<Rows, JobError> = Layer.unwrap(Effect.gen(function*() {
  if (running === undefined) throw new Error("Postgres does not run")
  const database = `test_${++databases}`
  yield* Effect.orDie(running.admin(`CREATE DATABASE ${database}`))
  return layerOf(running.socket, database)
}))
const layerOf = (socket: string, database: string) =>
  Rows.layerPostgres({ path: socket, username: "jobs", database, maxConnections: 4 })

storeContract({ name: "Postgres", layer: fresh, test: it.live, elapse: (millis) => Effect.sleep(millis) })

describe("a store in Postgres", () => {
  it.live("is opened by many at once, and gives each job to one", () =>
    Effect.scoped(Effect.gen(function*() {
      if (running === undefined) throw new Error("Postgres does not run")
      const { admin, socket } = running
      yield* admin("CREATE DATABASE many")
      const stores = yield* Effect.forEach(
        Array.from({ length: 6 }),
        () => Effect.map(Layer.build(layerOf(socket, "many")), (context) => Effect.provideContext(Rows, context)),
        { concurrency: "unbounded" }
      )
      const all = yield* Effect.all(stores)
      for (let i = 0; i < 60; i++) {
        yield* all[0]!.insert({
          id: `${i}`,
          kind: "scan",
          version: 1,
          owner: `owner ${i % 4}`,
          key: undefined,
          payload: "{}",
          maxQueued: 100,
          again: false,
          delayMillis: 0,
          deadlineMillis: undefined
        })
      }
      const taken = yield* Effect.forEach(all, (store, index) =>
        Effect.gen(function*() {
          const runner = `runner ${index}`
          yield* store.renew({ id: runner, identity: { machine: "m", pid: 1, birth: "" } }, 60_000)
          const mine: Array<string> = []
          for (let misses = 0; misses < 5;) {
            const claim = yield* store.claim({
              runner,
              kind: "scan",
              version: 1,
              onOldVersion: "restart",
              maxCrashes: 3
            })
            if (claim._tag === "Claimed") mine.push(claim.job.id)
            else misses++
          }
          return mine
        }), { concurrency: "unbounded" })
      assert.strictEqual(taken.flat().length, 60)
      assert.strictEqual(new Set(taken.flat()).size, 60)
    })))

  it.live("says so when it cannot be reached, where it is, and not the password", () =>
    Effect.gen(function*() {
      const url = Redacted.make("postgres://jobs:s3cret@127.0.0.1:1/some")
      const opened = Effect.scoped(Layer.build(JobStore.layerPostgres({ url, connectTimeout: "2 seconds" })))
      const { message, reason } = yield* Effect.flip(opened)
      assert.deepInclude(reason, { _tag: "JobStoreUnavailable", problem: "unreachable" })
      assert.include(message, "127.0.0.1:1/some")
      assert.notInclude(JSON.stringify(reason), "s3cret")
    }))
})

describe("three programs on three machines", () => {
  it.live(
    "go on when one is killed, within 15 seconds, repeat no completed step, and answer for all jobs throughout",
    () =>
      Effect.scoped(Effect.gen(function*() {
        if (running === undefined) throw new Error("Postgres does not run")
        const { admin, socket } = running
        yield* admin("CREATE DATABASE machines")
        const log = yield* temporaryFile("log.ndjson")
        const steps = 20
        const on = (machine: string, jobs: number) =>
          Worker.start({
            database: `${socket} machines`,
            log,
            name: machine,
            machine,
            jobs,
            steps,
            stepMillis: 1000,
            leaseMillis: 0
          })
        const victim = yield* on("a", 3)
        const store = Context.get(yield* Layer.build(layerOf(socket, "machines")), Rows)
        const ids = [...new Set(Worker.lines(log).map(({ job }) => job))]
        assert.strictEqual(ids.length, 3)
        const attempts = Effect.map(store.read(ids), (jobs) => jobs.map(({ attempt }) => attempt))
        yield* until(attempts, (all) => all.every((attempt) => attempt === 1))
        const begun = performance.now()
        yield* Effect.forEach(["b", "c"], (machine) => on(machine, 0), { concurrency: 2 })
        // On a machine where programs take longer to start than a second, everything may take as much longer.
        const within = 15 * Math.max(1, (performance.now() - begun) / 1000)
        yield* until(store.step(ids[0]!, stepName(2)), (step) => step?._tag === "Done")
        const done = yield* Effect.forEach(ids, (id) => store.step(id, stepName(1)))
        assert.isTrue(done.every((step) => step?._tag === "Done"))

        yield* victim.signal("SIGKILL")
        yield* victim.ended
        const before = Worker.lines(log).length
        // Each look is a poll of all jobs, answered while nobody runs them.
        yield* until(attempts, (all) => all.length === 3 && all.every((attempt) => attempt === 2), `${within} seconds`)
        yield* until(
          Effect.sync(() => new Set(Worker.lines(log).slice(before).map(({ job }) => job)).size),
          (count) => count === 3
        )
        const repeated = Worker.lines(log).slice(before).filter(({ what }) => what === "begin").map(({ step }) => step)
        assert.notInclude(repeated, stepName(1))
      }))
  )

  it.live("hand over within two seconds when one ends in order", () =>
    Effect.scoped(Effect.gen(function*() {
      if (running === undefined) throw new Error("Postgres does not run")
      const { admin, socket } = running
      yield* admin("CREATE DATABASE order_")
      const log = yield* temporaryFile("log.ndjson")
      const on = (machine: string, jobs: number) =>
        Worker.start({
          database: `${socket} order_`,
          log,
          name: machine,
          machine,
          jobs,
          steps: 2,
          stepMillis: 60_000,
          leaseMillis: 0
        })
      const first = yield* on("a", 2)
      const store = Context.get(yield* Layer.build(layerOf(socket, "order_")), Rows)
      const ids = [...new Set(Worker.lines(log).map(({ job }) => job))]
      const attempts = Effect.map(store.read(ids), (jobs) => jobs.map(({ attempt }) => attempt))
      yield* until(attempts, (all) => all.every((attempt) => attempt === 1))
      const begun = performance.now()
      yield* on("b", 0)
      // Two seconds, or twice what a program takes to start where that is longer.
      const start = performance.now() - begun
      yield* first.signal("SIGTERM")
      yield* until(attempts, (all) => all.every((attempt) => attempt === 2), `${Math.max(2, 2 * start / 1000)} seconds`)
    })))
})
