import { assert, describe, it } from "@effect/vitest"
import * as Job from "@holdfast/jobs/Job"
import { JobError, JobStoreUnavailable } from "@holdfast/jobs/JobError"
import * as JobPolicy from "@holdfast/jobs/JobPolicy"
import * as Jobs from "@holdfast/jobs/Jobs"
import * as MemoryStore from "@holdfast/jobs/MemoryStore"
import * as Runner from "@holdfast/jobs/Runner"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as PrometheusMetrics from "effect/observability/PrometheusMetrics"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import * as fs from "node:fs"
import { publishMetrics } from "../src/internal/publishMetrics.ts"
import { on, Rows } from "./support/Rows.ts"

const options = { version: 1, payload: { to: Schema.Int }, success: Schema.Int, concurrency: 1 } as const
const Count = Job.make("count", options)
const Crunch = Job.make("crunch", options)

const request = { kind: "count", version: 1, onOldVersion: "restart", maxCrashes: 10, suspects: "take" } as const

/** A metric registry of the test's own. */
const isolated = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.provideService(effect, Metric.MetricRegistry, new Map())

/** The value of a series as a page shows it, `undefined` if it does not. */
const valueOf = (page: string, name: string, labels: Readonly<Record<string, string>> = {}) => {
  const lines = page.split("\n").filter((line) =>
    line.startsWith(`${name}{`) && Object.entries(labels).every(([key, value]) => line.includes(`${key}="${value}"`))
  )
  assert.isAtMost(lines.length, 1, lines.join("\n"))
  return lines[0] === undefined ? undefined : Number(lines[0].split(" ").at(-1))
}

const scrape = Effect.map(PrometheusMetrics.format(), (page) => ({
  page,
  of: (id: string, labels: Readonly<Record<string, string>> = { kind: "count" }) =>
    valueOf(page, `holdfast_jobs_${id}`, labels)
}))

describe("the metrics of jobs", () => {
  it.effect("tell what waits and for how long, what runs, and what became of the rest", () =>
    isolated(Effect.gen(function*() {
      const gates = new Map([1, 2, 3].map((to) => [to, Deferred.makeUnsafe<void>()]))
      const begun = new Map([1, 2, 3].map((to) => [to, Deferred.makeUnsafe<void>()]))
      const wait = (all: typeof gates, to: number) =>
        Option.fromNullishOr(all.get(to)).pipe(Effect.fromOption, Effect.orDie)
      const layer = Runner.toLayer(Count, ({ to }, job) =>
        Effect.gen(function*() {
          yield* job.step("one", Effect.void)
          yield* Effect.flatMap(wait(begun, to), (it) => Deferred.succeed(it, undefined))
          yield* Effect.flatMap(wait(gates, to), Deferred.await)
          return to === 2 ? yield* Effect.die(new Error("two")) : to
        }))
      const open = (to: number) => Effect.flatMap(wait(gates, to), (it) => Deferred.succeed(it, undefined))
      yield* Effect.gen(function*() {
        const jobs = yield* Jobs.Jobs
        assert.strictEqual((yield* scrape).of("queued"), 0)
        for (const to of [1, 2, 3]) yield* jobs.start(Count, { to })
        const last = yield* jobs.start(Count, { to: 1 })
        yield* Effect.flatMap(wait(begun, 1), Deferred.await)
        yield* TestClock.adjust("90 seconds")
        const busy = yield* scrape
        assert.strictEqual(busy.of("running"), 1)
        assert.strictEqual(busy.of("queued"), 3)
        assert.strictEqual(busy.of("queued_age"), 90)
        assert.strictEqual(busy.of("attempts"), 1)
        assert.strictEqual(busy.of("steps"), 1)
        assert.strictEqual((yield* jobs.cancel(last)).state, "cancelled")
        for (const to of [1, 2, 3]) yield* open(to)
        yield* TestClock.adjust("10 seconds")
        const done = yield* scrape
        const finished = (state: string) => done.of("finished", { kind: "count", state })
        assert.deepStrictEqual(["succeeded", "failed", "cancelled"].map(finished), [2, 1, 1])
        for (const id of ["running", "queued", "queued_age", "retries", "takeovers", "losses"]) {
          assert.strictEqual(done.of(id), 0, id)
        }
        assert.strictEqual(done.of("attempts"), 3)
        assert.strictEqual(done.of("steps"), 3)
        assert.strictEqual(done.of("store_troubled", { store: "jobs" }), 0)
      }).pipe(Effect.provide(layer.pipe(Layer.provide(MemoryStore.layer)), { local: true }))
      const after = yield* scrape
      assert.strictEqual(
        after.of("finished", { kind: "count", state: "succeeded" }),
        2,
        "for an exporter that outlives it"
      )
    })))

  it.effect("tell of what waits for nobody, by whoever started it; under the name that the policy gives the store", () =>
    isolated(
      Effect.gen(function*() {
        const jobs = yield* Jobs.Jobs
        yield* jobs.start(Crunch, { to: 1 })
        yield* TestClock.adjust("20 minutes")
        const { of } = yield* scrape
        assert.strictEqual(of("queued", { kind: "crunch", store: "night" }), 1)
        assert.strictEqual(of("queued_age", { kind: "crunch", store: "night" }), 1200)
        assert.isUndefined(of("queued", { kind: "count" }))
      }).pipe(
        Effect.provide(Jobs.layer.pipe(Layer.provide([MemoryStore.layer, JobPolicy.layer({ name: "night" })])))
      )
    ))

  it.effect("tell of what waits since it was tried again, by whoever wanted that", () =>
    isolated(Effect.gen(function*() {
      const store = yield* Rows
      const id = yield* Effect.gen(function*() {
        const jobs = yield* Jobs.Jobs
        const id = yield* jobs.start(Crunch, { to: 1 })
        yield* jobs.cancel(id)
        return id
      }).pipe(Effect.provide(Jobs.layer.pipe(Layer.provide(on(store))), { local: true }))
      yield* Effect.gen(function*() {
        assert.strictEqual((yield* scrape).of("queued", { kind: "crunch" }), 0)
        yield* (yield* Jobs.Jobs).retry(id)
        yield* TestClock.adjust("1 minute")
        assert.strictEqual((yield* scrape).of("queued", { kind: "crunch" }), 1)
      }).pipe(Effect.provide(Jobs.layer.pipe(Layer.provide(on(store))), { local: true }))
    })).pipe(Effect.provide(Rows.layerMemory)))

  it.effect("say what was counted last once their program has ended, and nothing that is counted after it", () =>
    isolated(Effect.gen(function*() {
      const scope = yield* Scope.make()
      const metrics = yield* Scope.provide(publishMetrics("late", { running: () => 1, isTroubled: () => true }), scope)
      metrics.of("early").attempts++
      const labels = { kind: "early", store: "late" }
      assert.strictEqual((yield* scrape).of("running", labels), 1)
      yield* Scope.close(scope, Exit.void)
      metrics.of("early").attempts++
      metrics.of("too late").attempts++
      const { of, page } = yield* scrape
      assert.strictEqual(of("attempts", labels), 1)
      assert.strictEqual(of("running", labels), 0)
      assert.strictEqual(of("store_troubled", { store: "late" }), 0)
      assert.notInclude(page, "too late")
    })))

  it.effect("tell of a store in trouble while it is, of jobs that are taken over and begun again, and of those lost", () =>
    isolated(Effect.gen(function*() {
      let isOut = false
      const begun = Deferred.makeUnsafe<void>()
      const store = yield* Rows
      const down = new JobError({
        reason: new JobStoreUnavailable({ store: "s", operation: "do it", problem: "full", detail: "no space" })
      })
      const held: typeof store.held = (...args) => Effect.suspend(() => isOut ? Effect.fail(down) : store.held(...args))
      const layer = Runner.toLayer(Count, ({ to }) =>
        Effect.as(Deferred.succeed(begun, undefined), to).pipe(
          Effect.andThen(Effect.never)
        )).pipe(Layer.provide(on({ ...store, held })))
      const stranger = { id: "stranger", identity: { machine: "elsewhere", pid: 1, birth: "" } }
      yield* Effect.scoped(store.enroll(stranger))
      yield* store.insert({
        id: "a",
        kind: "count",
        version: 1,
        owner: "local",
        key: undefined,
        payload: `{"to":1}`,
        maxQueued: 9,
        again: false,
        delayMillis: 0,
        deadlineMillis: undefined
      })
      assert.strictEqual((yield* store.claim({ ...request, runner: "stranger" }))._tag, "Claimed")
      yield* Effect.gen(function*() {
        const jobs = yield* Jobs.Jobs
        yield* TestClock.adjust("1 minute")
        yield* Deferred.await(begun)
        const taken = yield* scrape
        assert.deepStrictEqual(["attempts", "retries", "takeovers", "losses"].map((id) => taken.of(id)), [1, 1, 1, 0])
        assert.isUndefined(yield* jobs.storeTrouble)
        isOut = true
        yield* TestClock.adjust("5 seconds")
        assert.strictEqual((yield* scrape).of("store_troubled", {}), 1)
        assert.strictEqual((yield* jobs.storeTrouble)?.problem, "full")
        isOut = false
        yield* TestClock.adjust("1 minute")
        assert.strictEqual((yield* scrape).of("store_troubled", {}), 0)
        assert.isUndefined(yield* jobs.storeTrouble)
        for (const { id } of yield* store.runners) yield* store.leave(id)
        yield* store.enroll(stranger)
        yield* store.claim({ ...request, runner: "stranger" })
        yield* TestClock.adjust("3 seconds")
        const lost = yield* scrape
        assert.strictEqual(lost.of("losses"), 1)
        assert.strictEqual(lost.of("running"), 0)
      }).pipe(Effect.provide(layer, { local: true }))
    })).pipe(Effect.provide(Rows.layerMemory)))

  it.effect("count a job that is ended without having run as finished, and not as begun", () =>
    isolated(Effect.gen(function*() {
      const store = yield* Rows
      const Fragile = Job.make("count", { ...options, maxCrashes: 1 })
      yield* store.insert({
        id: "a",
        kind: "count",
        version: 1,
        owner: "local",
        key: undefined,
        payload: `{"to":1}`,
        maxQueued: 9,
        again: false,
        delayMillis: 0,
        deadlineMillis: undefined
      })
      const gone = { id: "gone", identity: { machine: "elsewhere", pid: 1, birth: "" } }
      yield* Effect.scoped(store.enroll(gone))
      yield* store.claim({ ...request, runner: "gone" })
      yield* Effect.gen(function*() {
        yield* TestClock.adjust("3 seconds")
        const { of } = yield* scrape
        assert.strictEqual(of("finished", { kind: "count", state: "failed" }), 1)
        assert.deepStrictEqual(["attempts", "retries", "takeovers"].map((id) => of(id)), [0, 0, 1])
      }).pipe(Effect.provide(
        Runner.toLayer(Fragile, ({ to }) => Effect.succeed(to)).pipe(Layer.provide(on(store))),
        { local: true }
      ))
    })).pipe(Effect.provide(Rows.layerMemory)))

  it.effect("are all in the document, each of its kind, and no others", () =>
    isolated(
      Effect.gen(function*() {
        const page = fs.readFileSync(new URL("../../../docs/metrics.md", import.meta.url), "utf8")
        const section = /^## Jobs\n(.*?)^## /ms.exec(page)?.[1] ?? ""
        const documented = [...section.matchAll(/^\| `(holdfast\.jobs\.[a-z.]+)`\s*\| (gauge|counter)/gm)]
          .map(([, name = "", kind = ""]) => `${kind} ${name}`)
        yield* (yield* Jobs.Jobs).start(Count, { to: 1 })
        const shown = Object.values(yield* Metric.snapshot).map(({ id, type }) => `${type.toLowerCase()} ${id}`)
        assert.sameMembers([...new Set(shown)], documented)
      }).pipe(Effect.provide(Jobs.layer.pipe(Layer.provide(MemoryStore.layer))))
    ))
})
