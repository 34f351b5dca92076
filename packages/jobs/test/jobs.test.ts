import { assert, describe, it } from "@effect/vitest"
import { Job, JobError, JobPolicy, Jobs, type JobStatus, JobStore, JobStoreUnavailable } from "@holdfast/jobs"
import * as Principal from "@holdfast/protocol/Principal"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"

class Broken extends Schema.TaggedError<Broken>()("Broken", { why: Schema.String }) {
  override get message() {
    return `broken: ${this.why}`
  }
}

const Count = Job.make("count", {
  version: 1,
  payload: { to: Schema.Int },
  success: Schema.Int,
  error: Broken,
  concurrency: 2
})

const now = { startImmediately: true } as const
const alice = { owner: Principal.make("alice") }
const bob = { owner: Principal.make("bob") }

/** Lets everything that can run do so, without time passing. */
const settle = TestClock.adjust(0)

const ended = (id: string, asker = {}) =>
  Effect.gen(function*() {
    const jobs = yield* Jobs
    const all = yield* Stream.runCollect(jobs.progress(id, asker))
    const last = all.at(-1)
    if (last === undefined) throw new Error("a stream of progress ended without a word")
    return last
  })

const reasonOf = <A, E>(effect: Effect.Effect<A, E | JobError, Jobs>) =>
  Effect.gen(function*() {
    const error = yield* Effect.flip(effect)
    if (!(error instanceof JobError)) throw new Error(`expected a JobError, got ${String(error)}`)
    return error.reason
  })

const provide = <A, E>(layer: Layer.Layer<A, E, JobStore>) =>
  Effect.provide(layer.pipe(Layer.provide(JobStore.layerMemory)))

describe("a job", () => {
  it.effect("runs after start has returned, and its result can be had by id", () =>
    Effect.gen(function*() {
      const jobs = yield* Jobs
      const id = yield* jobs.start(Count, { to: 3 })
      const last = yield* ended(id)
      assert.strictEqual(last.state, "succeeded")
      assert.strictEqual(last.percent, 100)
      assert.strictEqual(last.attempt, 1)
      assert.strictEqual(yield* jobs.result(Count, id), 6)
    }).pipe(provide(Count.toLayer(({ to }) => Effect.succeed(to * 2)))))

  it.effect("that fails is kept with its own error and with the words for it", () =>
    Effect.gen(function*() {
      const jobs = yield* Jobs
      const id = yield* jobs.start(Count, { to: 3 })
      const last = yield* ended(id)
      assert.strictEqual(last.state, "failed")
      assert.deepStrictEqual(last.failure, { kind: "error", message: "broken: no 3" })
      const error = yield* Effect.flip(jobs.result(Count, id))
      assert.isTrue(error instanceof Broken && error.why === "no 3")
    }).pipe(provide(Count.toLayer(({ to }) => Effect.fail(new Broken({ why: `no ${to}` }))))))

  it.effect("whose code breaks fails without a word of its internals", () =>
    Effect.gen(function*() {
      const jobs = yield* Jobs
      const id = yield* jobs.start(Count, { to: 3 })
      const last = yield* ended(id)
      assert.strictEqual(last.failure?.kind, "defect")
      assert.notInclude(JSON.stringify(last), "s3cret")
      assert.strictEqual((yield* reasonOf(jobs.result(Count, id)))._tag, "JobFailed")
    }).pipe(provide(Count.toLayer(() => Effect.die(new Error("s3cret"))))))

  it.effect("of another principal does not exist: not to see, watch, cancel, remove, list or ask for its result", () => {
    const gate = Deferred.makeUnsafe<void>()
    return Effect.gen(function*() {
      const jobs = yield* Jobs
      const id = yield* jobs.start(Count, { to: 3 }, alice)
      const attempts = [
        jobs.status(id, bob),
        Stream.runDrain(jobs.progress(id, bob)),
        jobs.cancel(id, bob),
        jobs.remove(id, bob),
        jobs.result(Count, id, bob),
        jobs.status(id)
      ]
      const never = yield* reasonOf(jobs.status("00000000-0000-4000-8000-000000000000", bob))
      for (const attempt of attempts) {
        const reason = yield* reasonOf<unknown, unknown>(attempt)
        assert.strictEqual(reason._tag, "JobNotFound")
        assert.strictEqual(reason.message.replace(id, ""), never.message.replace(/00000000-[-0-9]+/, ""))
      }
      assert.deepStrictEqual(yield* jobs.list(bob), [])
      assert.deepStrictEqual((yield* jobs.list(alice)).map((job) => job.id), [id])
      yield* Deferred.succeed(gate, undefined)
      assert.strictEqual((yield* ended(id, alice)).state, "succeeded")
    }).pipe(provide(Count.toLayer(({ to }) => Effect.as(Deferred.await(gate), to))))
  })

  it.effect("is cancelled promptly: its running step is interrupted, and its result is told as cancelled", () => {
    const begun = Deferred.makeUnsafe<void>()
    let interrupted = 0
    return Effect.gen(function*() {
      const jobs = yield* Jobs
      const id = yield* jobs.start(Count, { to: 3 })
      yield* Deferred.await(begun)
      const status = yield* jobs.cancel(id)
      assert.strictEqual(status.state, "cancelled")
      assert.strictEqual(interrupted, 1)
      assert.strictEqual((yield* reasonOf(jobs.result(Count, id)))._tag, "JobCancelled")
      assert.strictEqual((yield* jobs.cancel(id)).state, "cancelled")
    }).pipe(provide(Count.toLayer((_, job) =>
      job.step(
        "wait",
        Effect.andThen(Deferred.succeed(begun, undefined), Effect.never).pipe(
          Effect.onInterrupt(() => Effect.sync(() => interrupted++))
        )
      )
    )))
  })

  it.effect("that is unfinished has no result and cannot be removed; one that ended can", () => {
    const gate = Deferred.makeUnsafe<void>()
    return Effect.gen(function*() {
      const jobs = yield* Jobs
      const id = yield* jobs.start(Count, { to: 3 })
      assert.strictEqual((yield* reasonOf(jobs.result(Count, id)))._tag, "JobNotFinished")
      assert.strictEqual((yield* reasonOf(jobs.remove(id)))._tag, "JobNotFinished")
      yield* Deferred.succeed(gate, undefined)
      yield* ended(id)
      yield* jobs.remove(id)
      assert.strictEqual((yield* reasonOf(jobs.status(id)))._tag, "JobNotFound")
    }).pipe(provide(Count.toLayer(({ to }) => Effect.as(Deferred.await(gate), to))))
  })

  it.effect("is not accepted with a payload that does not fit, nor beyond the limit of the queue", () => {
    const Small = Job.make("small", { version: 1, payload: { to: Schema.Int }, success: Schema.Int, maxQueued: 2 })
    return Effect.gen(function*() {
      const jobs = yield* Jobs
      const reason = yield* reasonOf(jobs.start(Small, { to: 0.5 }))
      assert.strictEqual(reason._tag, "JobDataInvalid")
      assert.include(reason.message, "to")
      yield* jobs.start(Small, { to: 1 }, alice)
      yield* jobs.start(Small, { to: 2 }, alice)
      assert.strictEqual((yield* reasonOf(jobs.start(Small, { to: 3 }, alice)))._tag, "JobQueueFull")
      yield* jobs.start(Small, { to: 3 }, bob)
    }).pipe(provide(Jobs.layer))
  })
})

describe("an idempotency key", () => {
  const Keyed = Job.make("keyed", {
    version: 1,
    payload: { path: Schema.String },
    success: Schema.String,
    idempotencyKey: ({ path }) => path
  })

  it.effect("makes the same job of the same owner's payloads, and others' of others", () => {
    let runs = 0
    return Effect.gen(function*() {
      const jobs = yield* Jobs
      const first = yield* jobs.start(Keyed, { path: "/a" }, alice)
      assert.strictEqual(yield* jobs.start(Keyed, { path: "/a" }, alice), first)
      yield* ended(first, alice)
      assert.strictEqual(yield* jobs.start(Keyed, { path: "/a" }, alice), first)
      assert.notStrictEqual(yield* jobs.start(Keyed, { path: "/b" }, alice), first)
      assert.notStrictEqual(yield* jobs.start(Keyed, { path: "/a" }, bob), first)
      yield* settle
      assert.strictEqual(runs, 3)
    }).pipe(provide(Keyed.toLayer(({ path }) => Effect.sync(() => `${path}${++runs}`))))
  })

  it.effect("is free again when its job was removed", () => {
    let runs = 0
    return Effect.gen(function*() {
      const jobs = yield* Jobs
      const first = yield* jobs.start(Keyed, { path: "/a" })
      yield* ended(first)
      yield* jobs.remove(first)
      const second = yield* jobs.start(Keyed, { path: "/a" })
      yield* ended(second)
      assert.strictEqual(yield* jobs.result(Keyed, second), "/a2")
    }).pipe(provide(Keyed.toLayer(({ path }) => Effect.sync(() => `${path}${++runs}`))))
  })
})

describe("progress", () => {
  it.effect("replays the last to a late watcher, goes on live for any number, and ends with the job", () => {
    const first = Deferred.makeUnsafe<void>()
    const second = Deferred.makeUnsafe<void>()
    return Effect.gen(function*() {
      const jobs = yield* Jobs
      const id = yield* jobs.start(Count, { to: 3 })
      yield* settle
      const early = yield* Effect.forkChild(Stream.runCollect(jobs.progress(id)), now)
      yield* Deferred.succeed(first, undefined)
      yield* TestClock.adjust("1 second")
      const late = yield* Effect.forkChild(Stream.runCollect(jobs.progress(id)), now)
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* jobs.status(id)).percent, 40)
      yield* Deferred.succeed(second, undefined)
      yield* TestClock.adjust("1 second")
      const percents = (all: ReadonlyArray<JobStatus>) => all.map(({ percent }) => percent)
      const seen = percents(yield* Fiber.join(early))
      assert.deepStrictEqual(seen, seen.toSorted((a, b) => a - b))
      assert.includeMembers(seen, [0, 40, 100])
      const lateSeen = yield* Fiber.join(late)
      assert.strictEqual(lateSeen[0]?.percent, 40)
      assert.strictEqual(lateSeen[0]?.message, "nearly")
      assert.deepStrictEqual(lateSeen[0]?.data, { files: 4 })
      assert.strictEqual(lateSeen.at(-1)?.state, "succeeded")
    }).pipe(provide(Count.toLayer(({ to }, job) =>
      Effect.gen(function*() {
        yield* Deferred.await(first)
        yield* job.progress({ percent: 40, message: "nearly", data: { files: 4 } })
        yield* job.progress({ percent: 10 })
        yield* Deferred.await(second)
        return to
      })
    )))
  })

  it.effect("is written at most once per interval however often it is reported, the last word included", () => {
    const gate = Deferred.makeUnsafe<void>()
    const writes: Array<number> = []
    const counted = Layer.effect(
      JobStore,
      Effect.gen(function*() {
        const store = yield* JobStore
        return {
          ...store,
          report: (all: Parameters<typeof store.report>[0]) => {
            for (const { percent } of all) writes.push(percent)
            return store.report(all)
          }
        }
      })
    ).pipe(Layer.provide(JobStore.layerMemory))
    return Effect.gen(function*() {
      const jobs = yield* Jobs
      const id = yield* jobs.start(Count, { to: 3 })
      yield* TestClock.adjust("10 seconds")
      assert.isAtMost(writes.length, 6)
      assert.strictEqual(writes.at(-1), 50)
      yield* Deferred.succeed(gate, undefined)
      assert.strictEqual((yield* ended(id)).percent, 100)
    }).pipe(Effect.provide(
      Count.toLayer(({ to }, job) =>
        Effect.gen(function*() {
          for (let i = 1; i <= 1000; i++) {
            yield* Effect.sleep("1 millis")
            yield* job.progress({ percent: i / 20 })
          }
          yield* Deferred.await(gate)
          return to
        })
      ).pipe(Layer.provide(counted))
    ))
  })
})

describe("the queue", () => {
  it.effect("runs as many at once as the kind says, and gives owners their turns", () => {
    const order: Array<string> = []
    let running = 0
    let most = 0
    const gates = new Map<string, Deferred.Deferred<void>>()
    const Named = Job.make("named", {
      version: 1,
      payload: { name: Schema.String },
      success: Schema.Void,
      concurrency: 2
    })
    return Effect.gen(function*() {
      const jobs = yield* Jobs
      for (let i = 1; i <= 6; i++) yield* jobs.start(Named, { name: `a${i}` }, alice)
      for (let i = 1; i <= 3; i++) yield* jobs.start(Named, { name: `b${i}` }, bob)
      for (let i = 0; i < 9; i++) {
        yield* settle
        const name = order[i]
        const gate = name === undefined ? undefined : gates.get(name)
        assert.isDefined(gate)
        if (gate !== undefined) yield* Deferred.succeed(gate, undefined)
      }
      yield* settle
      assert.strictEqual(most, 2)
      assert.strictEqual(running, 0)
      assert.deepStrictEqual(order.filter((name) => name.startsWith("a")), ["a1", "a2", "a3", "a4", "a5", "a6"])
      // Bob's three are through long before Alice's six, though hers came first.
      assert.isBelow(order.indexOf("b3"), order.indexOf("a5"))
    }).pipe(provide(Named.toLayer(({ name }) =>
      Effect.gen(function*() {
        const gate = Deferred.makeUnsafe<void>()
        gates.set(name, gate)
        order.push(name)
        most = Math.max(most, ++running)
        yield* Deferred.await(gate)
        running--
      })
    )))
  })

  it.effect("ends a queued job at once when it is cancelled", () =>
    Effect.gen(function*() {
      const jobs = yield* Jobs
      const id = yield* jobs.start(Count, { to: 1 })
      assert.strictEqual((yield* jobs.cancel(id)).state, "cancelled")
    }).pipe(provide(Jobs.layer)))

  it.effect("forgets what ended longer ago than the retention, and nothing else", () =>
    Effect.gen(function*() {
      const jobs = yield* Jobs
      const old = yield* jobs.start(Count, { to: 1 })
      yield* ended(old)
      yield* TestClock.adjust("4 days")
      const young = yield* jobs.start(Count, { to: 1 })
      yield* ended(young)
      yield* TestClock.adjust("4 days")
      assert.deepStrictEqual((yield* jobs.list()).map(({ id }) => id), [young])
    }).pipe(provide(
      Count.toLayer(({ to }) => Effect.succeed(to)).pipe(
        Layer.provide(JobPolicy.layer({ pollInterval: "1 hour", leaseDuration: "10 days" }))
      )
    )))
})

/** A store that is out of order while `isOut` says so. */
const sometimesOut = (isOut: () => boolean) =>
  Layer.effect(
    JobStore,
    Effect.gen(function*() {
      const store = yield* JobStore
      const down = new JobError({
        reason: new JobStoreUnavailable({ store: "test", operation: "do it", problem: "full", detail: "no space" })
      })
      const orDown = <A>(effect: Effect.Effect<A, JobError>) =>
        Effect.suspend((): Effect.Effect<A, JobError> => isOut() ? Effect.fail(down) : effect)
      return {
        ...store,
        commitStep: (...args: Parameters<typeof store.commitStep>) => orDown(store.commitStep(...args)),
        finish: (...args: Parameters<typeof store.finish>) => orDown(store.finish(...args)),
        release: (...args: Parameters<typeof store.release>) => orDown(store.release(...args)),
        claim: (...args: Parameters<typeof store.claim>) => orDown(store.claim(...args)),
        renew: (...args: Parameters<typeof store.renew>) => orDown(store.renew(...args)),
        report: (...args: Parameters<typeof store.report>) => orDown(store.report(...args))
      }
    })
  ).pipe(Layer.provide(JobStore.layerMemory))

describe("a step", () => {
  it.effect("that is done is stored once the store works again, and is not repeated for that", () => {
    let isOut = false
    let runs = 0
    const layer = Count.toLayer(({ to }, job) =>
      Effect.gen(function*() {
        const one = yield* job.step("one", Effect.sync(() => (isOut = true, ++runs)))
        return one + to
      })
    ).pipe(Layer.provide(sometimesOut(() => isOut)))
    return Effect.gen(function*() {
      const jobs = yield* Jobs
      const id = yield* jobs.start(Count, { to: 3 })
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* jobs.status(id)).state, "running")
      isOut = false
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* jobs.result(Count, id), 4)
      assert.strictEqual(runs, 1)
    }).pipe(Effect.provide(layer))
  })

  it.effect("that waits for its store can be cancelled", () => {
    let isOut = false
    const layer = Count.toLayer((_, job) => job.step("one", Effect.sync(() => (isOut = true, 1)))).pipe(
      Layer.provide(sometimesOut(() => isOut))
    )
    return Effect.gen(function*() {
      const jobs = yield* Jobs
      const id = yield* jobs.start(Count, { to: 3 })
      yield* TestClock.adjust("5 seconds")
      const cancelling = yield* Effect.forkChild(jobs.cancel(id), now)
      yield* TestClock.adjust("3 seconds")
      assert.isTrue((yield* Fiber.join(cancelling)).isCancelling)
      isOut = false
      yield* TestClock.adjust("3 seconds")
      assert.strictEqual((yield* jobs.status(id)).state, "cancelled")
    }).pipe(Effect.provide(layer))
  })

  it.effect("that is not safe to repeat fails its job if it was cut off, and says so", () => {
    const begun = Deferred.makeUnsafe<void>()
    let runs = 0
    const run = Count.toLayer(({ to }, job) =>
      Effect.as(
        job.step(
          "pay",
          Effect.gen(function*() {
            runs++
            yield* Deferred.succeed(begun, undefined)
            return yield* Effect.never
          }),
          { safe: false }
        ),
        to
      )
    )
    return Effect.gen(function*() {
      const store = yield* JobStore
      const under = <A, E>(effect: Effect.Effect<A, E, Jobs>) =>
        Effect.provide(effect, run.pipe(Layer.provide(Layer.succeed(JobStore, store))), { local: true })
      const id = yield* under(Effect.gen(function*() {
        const id = yield* (yield* Jobs).start(Count, { to: 3 })
        yield* Deferred.await(begun)
        return id
      }))
      const last = yield* under(ended(id))
      assert.strictEqual(last.state, "failed")
      assert.strictEqual(last.failure?.kind, "interrupted step")
      assert.include(last.failure?.message ?? "", "pay")
      assert.strictEqual(runs, 1)
    }).pipe(Effect.provide(JobStore.layerMemory))
  })

  it.effect("returns what was stored: plain JSON as it is, anything else by its schema, and refuses what neither keeps", () => {
    const seen: Array<unknown> = []
    return Effect.gen(function*() {
      const jobs = yield* Jobs
      yield* ended(yield* jobs.start(Count, { to: 1 }))
      assert.deepStrictEqual(seen, [{ a: [1, null, "x"] }, new Date(5), undefined])
      const failed = yield* ended(yield* jobs.start(Count, { to: 2 }))
      assert.strictEqual(failed.failure?.kind, "defect")
      const [row] = yield* (yield* JobStore).read([failed.id])
      assert.include(
        row?.failure?.cause ?? "",
        "value.list[1] is Map, which JSON does not keep; give the step a schema"
      )
    }).pipe(Effect.provide(Layer.provideMerge(
      Count.toLayer(({ to }, job) =>
        Effect.gen(function*() {
          if (to === 2) yield* job.step("map", Effect.succeed({ list: [1, new Map()] }))
          seen.push(yield* job.step("plain", Effect.succeed({ a: [1, null, "x"] })))
          seen.push(yield* job.step("date", Effect.succeed(new Date(5)), { schema: Schema.Date }))
          seen.push(yield* job.step("nothing", Effect.void))
          return to
        })
      ),
      JobStore.layerMemory
    )))
  })

  it.effect("asked for again in the same run is not repeated, and two of one name at once are a mistake", () => {
    let runs = 0
    return Effect.gen(function*() {
      const jobs = yield* Jobs
      const id = yield* jobs.start(Count, { to: 1 })
      yield* ended(id)
      assert.strictEqual(yield* jobs.result(Count, id), 2)
      assert.strictEqual((yield* ended(yield* jobs.start(Count, { to: 2 }))).failure?.kind, "defect")
    }).pipe(provide(Count.toLayer(({ to }, job) =>
      Effect.gen(function*() {
        const step = job.step("one", Effect.andThen(Effect.yieldNow, Effect.sync(() => ++runs)))
        if (to === 2) yield* Effect.all([step, step], { concurrency: 2 })
        return (yield* step) + (yield* step)
      })
    )))
  })
})

describe("trouble with the store", () => {
  it.effect("is told once when it begins and once when it is over, however long it lasts", () => {
    let isOut = false
    const said: Array<string> = []
    const logger = Logger.make(({ logLevel, message }) => void said.push(`${logLevel} ${String(message)}`))
    return Effect.gen(function*() {
      const jobs = yield* Jobs
      isOut = true
      const id = yield* jobs.start(Count, { to: 3 })
      yield* TestClock.adjust("5 minutes")
      isOut = false
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* jobs.result(Count, id), 3)
      const [begin = "", end = "", ...more] = said
      assert.match(begin, /^Warn .*no space.*tried again/)
      assert.match(end, /^Info .*works again/)
      assert.deepStrictEqual(more, [])
    }).pipe(Effect.provide(Layer.provideMerge(
      Count.toLayer(({ to }) => Effect.succeed(to)).pipe(Layer.provide(sometimesOut(() => isOut))),
      Logger.layer([logger])
    )))
  })

  it.effect("does not end the runner, even when the store breaks in a way that it should not", () => {
    let breaks = 3
    const breaking = Layer.effect(
      JobStore,
      Effect.map(JobStore, (store) => ({
        ...store,
        held: (runner: string) =>
          Effect.suspend(() => breaks-- > 0 ? Effect.die(new Error("a mistake in the store")) : store.held(runner))
      }))
    ).pipe(Layer.provide(JobStore.layerMemory))
    return Effect.gen(function*() {
      const jobs = yield* Jobs
      const id = yield* jobs.start(Count, { to: 3 })
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* jobs.result(Count, id), 3)
    }).pipe(Effect.provide(Count.toLayer(({ to }) => Effect.succeed(to)).pipe(Layer.provide(breaking))))
  })
})

describe("a runner", () => {
  it.effect("that ends in order hands its jobs back, and the next goes on behind the steps that are done", () => {
    const log: Array<string> = []
    const second = Deferred.makeUnsafe<void>()
    let runs = 0
    const run = Count.toLayer(({ to }, job) =>
      Effect.gen(function*() {
        const mine = ++runs
        const one = yield* job.step("one", Effect.sync(() => (log.push(`one ${mine}`), 20)))
        yield* job.step(
          "two",
          Effect.gen(function*() {
            log.push(`two ${mine}`)
            if (mine === 1) {
              yield* Deferred.succeed(second, undefined)
              return yield* Effect.never
            }
          })
        )
        return one + to
      })
    )
    return Effect.gen(function*() {
      const store = yield* JobStore
      const under = <A, E>(effect: Effect.Effect<A, E, Jobs>) =>
        Effect.provide(effect, run.pipe(Layer.provide(Layer.succeed(JobStore, store))), { local: true })
      const id = yield* under(Effect.gen(function*() {
        const id = yield* (yield* Jobs).start(Count, { to: 3 })
        yield* Deferred.await(second)
        return id
      }))
      const [job] = yield* store.read([id])
      assert.strictEqual(job?.state, "queued")
      yield* under(Effect.gen(function*() {
        assert.strictEqual((yield* ended(id)).attempt, 2)
        assert.strictEqual(yield* (yield* Jobs).result(Count, id), 23)
      }))
      assert.deepStrictEqual(log, ["one 1", "two 1", "two 2"])
    }).pipe(Effect.provide(JobStore.layerMemory))
  })

  it.effect("that lost a job to another stops its attempt and writes nothing of it", () => {
    const begun = Deferred.makeUnsafe<void>()
    let interrupted = 0
    return Effect.gen(function*() {
      const store = yield* JobStore
      const scope = yield* Scope.make()
      const live = yield* Layer.buildWithScope(
        Count.toLayer((_, job) =>
          job.step("one", Effect.andThen(Deferred.succeed(begun, undefined), Effect.never)).pipe(
            Effect.onInterrupt(() => Effect.sync(() => interrupted++))
          )
        ).pipe(Layer.provide(Layer.succeed(JobStore, store))),
        scope
      )
      const id = yield* Effect.provideContext(Effect.flatMap(Jobs, (jobs) => jobs.start(Count, { to: 3 })), live)
      yield* Deferred.await(begun)
      for (const { id } of yield* store.runners) yield* store.retire(id)
      const claim = yield* store.claim({
        runner: "other",
        kind: "count",
        version: 1,
        onOldVersion: "restart",
        maxCrashes: 10
      })
      assert.strictEqual(claim._tag, "Claimed")
      yield* store.renew({ id: "other", identity: { machine: "m", pid: 1, birth: "" } }, 600_000)
      yield* TestClock.adjust("3 seconds")
      assert.strictEqual(interrupted, 1)
      const [job] = yield* store.read([id])
      assert.strictEqual(job?.state, "running")
      assert.strictEqual(job?.attempt, 2)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual((yield* store.read([id]))[0]?.state, "running")
    }).pipe(Effect.provide(JobStore.layerMemory))
  })
})
