import { assert, describe, type it } from "@effect/vitest"
import * as Job from "@holdfast/jobs/Job"
import { JobError } from "@holdfast/jobs/JobError"
import type { JobRun } from "@holdfast/jobs/JobRun"
import * as Jobs from "@holdfast/jobs/Jobs"
import type { JobStatus } from "@holdfast/jobs/JobStatus"
import { JobStore } from "@holdfast/jobs/JobStore"
import * as Runner from "@holdfast/jobs/Runner"
import * as Principal from "@holdfast/protocol/Principal"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"

/** An engine under test. */
export interface Subject {
  readonly name: string
  /** A new and empty store. Engines that are opened on it one after the other see the same jobs. */
  readonly layer: Layer.Layer<JobStore, JobError>
  /** `it.effect` where the engine goes by the test's clock, `it.live` where it goes by its own. */
  readonly test: typeof it.effect | typeof it.live
  readonly elapse: (millis: number) => Effect.Effect<void>
}

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

const reasonOf = <A, E>(effect: Effect.Effect<A, E | JobError, Jobs.Jobs>) =>
  Effect.gen(function*() {
    const error = yield* Effect.flip(effect)
    if (!(error instanceof JobError)) throw new Error(`expected a JobError, got ${String(error)}`)
    return error.reason
  })

/** What every engine promises, at the level of `Jobs`. */
export const jobsContract = ({ elapse, layer, name, test }: Subject): void => {
  /** Lets time pass until it is so. The bound only keeps a broken engine from hanging the test. */
  const eventually = <A, E, R>(look: Effect.Effect<A, E, R>, isSo: (seen: A) => boolean) =>
    Effect.gen(function*() {
      for (let tries = 0; tries < 600; tries++) {
        const seen = yield* look
        if (isSo(seen)) return seen
        yield* elapse(100)
      }
      return yield* Effect.die(new Error(`not within 60 seconds: ${JSON.stringify(yield* look)}`))
    })

  const statusOf = (id: string, asker = {}) => Effect.flatMap(Jobs.Jobs, (jobs) => jobs.status(id, asker))
  const ended = (id: string, asker = {}) =>
    eventually(statusOf(id, asker), ({ finishedAt }) => finishedAt !== undefined)
  const reached = (gate: Deferred.Deferred<void>) => eventually(Deferred.isDone(gate), (isDone) => isDone)

  const provide = <A, E>(live: Layer.Layer<A, E, JobStore>) => Effect.provide(live.pipe(Layer.provide(layer)))
  /** Engines on one store, one after the other: as programs that end and begin. */
  const programs = <A, E>(
    live: Layer.Layer<Jobs.Jobs, JobError, JobStore>,
    use: (run: <B, F>(program: Effect.Effect<B, F, Jobs.Jobs>) => Effect.Effect<B, F | JobError>) => Effect.Effect<A, E>
  ) =>
    Effect.flatMap(
      JobStore,
      (store) =>
        use((program) =>
          Effect.provide(program, Layer.fresh(live).pipe(Layer.provide(Layer.succeed(JobStore, store))), {
            local: true
          })
        )
    ).pipe(Effect.provide(layer))

  describe(`jobs on ${name}: a job`, () => {
    test("runs after start has returned, and its result can be had by id", () =>
      Effect.gen(function*() {
        const jobs = yield* Jobs.Jobs
        const id = yield* jobs.start(Count, { to: 3 })
        const last = yield* ended(id)
        assert.strictEqual(last.state, "succeeded")
        assert.strictEqual(last.percent, 100)
        assert.strictEqual(last.attempt, 1)
        assert.strictEqual(yield* jobs.result(Count, id), 6)
      }).pipe(provide(Runner.toLayer(Count, ({ to }) => Effect.succeed(to * 2)))))

    test("that fails is kept with its own error and with the words for it", () =>
      Effect.gen(function*() {
        const jobs = yield* Jobs.Jobs
        const id = yield* jobs.start(Count, { to: 3 })
        const last = yield* ended(id)
        assert.strictEqual(last.state, "failed")
        assert.deepStrictEqual(last.failure, { kind: "error", message: "broken: no 3" })
        const error = yield* Effect.flip(jobs.result(Count, id))
        assert.isTrue(error instanceof Broken && error.why === "no 3")
      }).pipe(provide(Runner.toLayer(Count, ({ to }) => Effect.fail(new Broken({ why: `no ${to}` }))))))

    test("whose code breaks fails without a word of its internals", () =>
      Effect.gen(function*() {
        const jobs = yield* Jobs.Jobs
        const id = yield* jobs.start(Count, { to: 3 })
        const last = yield* ended(id)
        assert.strictEqual(last.failure?.kind, "defect")
        assert.notInclude(JSON.stringify(last), "s3cret")
        assert.strictEqual((yield* reasonOf(jobs.result(Count, id)))._tag, "JobFailed")
      }).pipe(provide(Runner.toLayer(Count, () => Effect.die(new Error("s3cret"))))))

    test("of another principal does not exist: not to see, watch, cancel, remove, list or ask for its result", () => {
      const gate = Deferred.makeUnsafe<void>()
      return Effect.gen(function*() {
        const jobs = yield* Jobs.Jobs
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
      }).pipe(provide(Runner.toLayer(Count, ({ to }) => Effect.as(Deferred.await(gate), to))))
    })

    test("is cancelled promptly: its running step is interrupted, and its result is told as cancelled", () => {
      const begun = Deferred.makeUnsafe<void>()
      let interrupted = 0
      return Effect.gen(function*() {
        const jobs = yield* Jobs.Jobs
        const id = yield* jobs.start(Count, { to: 3 })
        yield* reached(begun)
        const status = yield* jobs.cancel(id)
        assert.strictEqual(status.state, "cancelled")
        assert.strictEqual(interrupted, 1)
        assert.strictEqual((yield* reasonOf(jobs.result(Count, id)))._tag, "JobCancelled")
        assert.strictEqual((yield* jobs.cancel(id)).state, "cancelled")
      }).pipe(provide(Runner.toLayer(Count, (_, job) =>
        job.step(
          "wait",
          Effect.andThen(Deferred.succeed(begun, undefined), Effect.never).pipe(
            Effect.onInterrupt(() => Effect.sync(() => interrupted++))
          )
        ))))
    })

    test("that is unfinished has no result and cannot be removed; one that ended can", () => {
      const gate = Deferred.makeUnsafe<void>()
      return Effect.gen(function*() {
        const jobs = yield* Jobs.Jobs
        const id = yield* jobs.start(Count, { to: 3 })
        assert.strictEqual((yield* reasonOf(jobs.result(Count, id)))._tag, "JobNotFinished")
        assert.strictEqual((yield* reasonOf(jobs.remove(id)))._tag, "JobNotFinished")
        yield* Deferred.succeed(gate, undefined)
        yield* ended(id)
        yield* jobs.remove(id)
        assert.strictEqual((yield* reasonOf(jobs.status(id)))._tag, "JobNotFound")
      }).pipe(provide(Runner.toLayer(Count, ({ to }) => Effect.as(Deferred.await(gate), to))))
    })

    test("is not accepted with a payload that does not fit, nor beyond the limit of the queue", () => {
      const Small = Job.make("small", { version: 1, payload: { to: Schema.Int }, success: Schema.Int, maxQueued: 2 })
      return Effect.gen(function*() {
        const jobs = yield* Jobs.Jobs
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

  describe(`jobs on ${name}: an idempotency key`, () => {
    const Keyed = Job.make("keyed", {
      version: 1,
      payload: { path: Schema.String },
      success: Schema.String,
      idempotencyKey: ({ path }) => path
    })

    test("makes the same job of the same owner's payloads, and others' of others", () => {
      let runs = 0
      return Effect.gen(function*() {
        const jobs = yield* Jobs.Jobs
        const first = yield* jobs.start(Keyed, { path: "/a" }, alice)
        assert.strictEqual(yield* jobs.start(Keyed, { path: "/a" }, alice), first)
        yield* ended(first, alice)
        assert.strictEqual(yield* jobs.start(Keyed, { path: "/a" }, alice), first)
        const second = yield* jobs.start(Keyed, { path: "/b" }, alice)
        assert.notStrictEqual(second, first)
        const third = yield* jobs.start(Keyed, { path: "/a" }, bob)
        assert.notStrictEqual(third, first)
        yield* ended(second, alice)
        yield* ended(third, bob)
        assert.strictEqual(runs, 3)
      }).pipe(provide(Runner.toLayer(Keyed, ({ path }) => Effect.sync(() => `${path}${++runs}`))))
    })

    test("of a job that failed or was cancelled is had by a new job when that is wanted", () => {
      let runs = 0
      return Effect.gen(function*() {
        const jobs = yield* Jobs.Jobs
        const first = yield* jobs.start(Keyed, { path: "/a" })
        assert.strictEqual((yield* ended(first)).state, "failed")
        assert.strictEqual(yield* jobs.start(Keyed, { path: "/a" }), first)
        const second = yield* jobs.start(Keyed, { path: "/a" }, { again: true })
        assert.notStrictEqual(second, first)
        assert.strictEqual((yield* ended(second)).state, "succeeded")
        assert.strictEqual((yield* jobs.status(first)).state, "failed")
        assert.strictEqual(yield* jobs.start(Keyed, { path: "/a" }, { again: true }), second)
      }).pipe(
        provide(
          Runner.toLayer(Keyed, ({ path }) => ++runs === 1 ? Effect.die(new Error("first")) : Effect.succeed(path))
        )
      )
    })

    test("goes to the job that goes on where one failed, or at a step that is wanted again", () => {
      const log: Array<string> = []
      let isBroken = true
      return Effect.gen(function*() {
        const jobs = yield* Jobs.Jobs
        const first = yield* jobs.start(Keyed, { path: "/a" })
        assert.strictEqual((yield* ended(first)).state, "failed")
        isBroken = false
        const second = yield* jobs.retry(first)
        assert.strictEqual((yield* ended(second)).state, "succeeded")
        assert.deepStrictEqual(log, ["one", "two", "two"])
        assert.strictEqual(yield* jobs.start(Keyed, { path: "/a" }), second)
        assert.strictEqual((yield* reasonOf(jobs.retry(second)))._tag, "JobNotFinished")
        assert.strictEqual((yield* reasonOf(jobs.retry(first, bob)))._tag, "JobNotFound")
        yield* ended(yield* jobs.retry(first, { from: "one" }))
        assert.deepStrictEqual(log.slice(3), ["one", "two"])
      }).pipe(provide(Runner.toLayer(Keyed, ({ path }, job) =>
        Effect.gen(function*() {
          yield* job.step("one", Effect.sync(() => log.push("one")))
          yield* job.step(
            "two",
            Effect.suspend(() => (log.push("two"), isBroken) ? Effect.die(new Error("no")) : Effect.void)
          )
          return path
        }))))
    })

    test("is free again when its job was removed", () => {
      let runs = 0
      return Effect.gen(function*() {
        const jobs = yield* Jobs.Jobs
        const first = yield* jobs.start(Keyed, { path: "/a" })
        yield* ended(first)
        yield* jobs.remove(first)
        const second = yield* jobs.start(Keyed, { path: "/a" })
        yield* ended(second)
        assert.strictEqual(yield* jobs.result(Keyed, second), "/a2")
      }).pipe(provide(Runner.toLayer(Keyed, ({ path }) => Effect.sync(() => `${path}${++runs}`))))
    })
  })

  describe(`jobs on ${name}: an operator`, () => {
    const Keyed = Job.make("kept", {
      version: 1,
      payload: { path: Schema.String },
      success: Schema.String,
      idempotencyKey: ({ path }) => path
    })

    test("sees the jobs of all principals, with their steps, and cancels any", () => {
      const gate = Deferred.makeUnsafe<void>()
      return Effect.gen(function*() {
        const { operator, start } = yield* Jobs.Jobs
        const first = yield* start(Count, { to: 1 }, alice)
        yield* reached(gate)
        const second = yield* start(Count, { to: 2 }, bob)
        assert.deepStrictEqual((yield* operator.list({ limit: 2 })).map(({ id, owner }) => [id, owner]), [
          [second, "bob"],
          [first, "alice"]
        ])
        assert.deepStrictEqual((yield* operator.list(alice)).map(({ id }) => id), [first])
        assert.deepStrictEqual(yield* operator.steps(first), ["one"])
        yield* operator.cancel(first)
        assert.strictEqual((yield* ended(first, alice)).state, "cancelled")
        yield* operator.cancel(second)
        assert.strictEqual((yield* ended(second, bob)).state, "cancelled")
        assert.strictEqual((yield* reasonOf(operator.cancel("none")))._tag, "JobNotFound")
      }).pipe(provide(Runner.toLayer(Count, (_, job) =>
        Effect.andThen(
          job.step("one", Effect.void),
          Effect.andThen(Deferred.succeed(gate, undefined), Effect.never)
        ))))
    })

    // oban-bg/oban#193: a retry of a job that had succeeded wrote over what was known of its first run.
    test("runs a job again that has ended, as a new job of the same principal with the same input, and the first stays", () => {
      let runs = 0
      const gate = Deferred.makeUnsafe<void>()
      return Effect.gen(function*() {
        const jobs = yield* Jobs.Jobs
        const { operator } = jobs
        const first = yield* jobs.start(Keyed, { path: "/a" }, alice)
        const before = yield* ended(first, alice)
        const second = yield* operator.again(first)
        assert.notStrictEqual(second, first)
        assert.strictEqual((yield* reasonOf(operator.again(second)))._tag, "JobNotFinished")
        yield* Deferred.succeed(gate, undefined)
        yield* ended(second, alice)
        assert.deepStrictEqual(yield* jobs.status(first, alice), before)
        assert.strictEqual(yield* jobs.result(Keyed, first, alice), "/a1")
        assert.strictEqual(yield* jobs.result(Keyed, second, alice), "/a2")
        assert.strictEqual((yield* reasonOf(jobs.status(second, bob)))._tag, "JobNotFound")
        // The key goes on to name the first.
        assert.strictEqual(yield* jobs.start(Keyed, { path: "/a" }, alice), first)
        assert.strictEqual((yield* reasonOf(operator.again("none")))._tag, "JobNotFound")
      }).pipe(provide(Runner.toLayer(Keyed, ({ path }, job) =>
        Effect.andThen(
          Effect.suspend(() => runs === 0 ? Effect.void : Deferred.await(gate)),
          job.step("one", Effect.sync(() => `${path}${++runs}`), { schema: Schema.String })
        ))))
    })
  })

  describe(`jobs on ${name}: progress`, () => {
    test("replays the last to a late watcher, goes on live for any number, and ends with the job", () => {
      const first = Deferred.makeUnsafe<void>()
      const second = Deferred.makeUnsafe<void>()
      return Effect.gen(function*() {
        const jobs = yield* Jobs.Jobs
        const id = yield* jobs.start(Count, { to: 3 })
        yield* eventually(jobs.status(id), ({ state }) => state === "running")
        const isWatching = Deferred.makeUnsafe<void>()
        const watched = Stream.tap(jobs.progress(id), () => Deferred.succeed(isWatching, undefined))
        const early = yield* Effect.forkChild(Stream.runCollect(watched), now)
        yield* reached(isWatching)
        yield* Deferred.succeed(first, undefined)
        yield* eventually(jobs.status(id), ({ percent }) => percent === 40)
        const late = yield* Effect.forkChild(Stream.runCollect(jobs.progress(id)), now)
        // Time for both to be told of it, and for the report that goes back.
        yield* elapse(2000)
        assert.strictEqual((yield* jobs.status(id)).percent, 40)
        yield* Deferred.succeed(second, undefined)
        yield* ended(id)
        yield* elapse(2000)
        const percents = (all: ReadonlyArray<JobStatus>) => all.map(({ percent }) => percent)
        const seen = percents(yield* Fiber.join(early))
        assert.deepStrictEqual(seen, seen.toSorted((a, b) => a - b))
        assert.includeMembers(seen, [0, 40, 100])
        const lateSeen = yield* Fiber.join(late)
        assert.strictEqual(lateSeen[0]?.percent, 40)
        assert.strictEqual(lateSeen[0]?.message, "nearly")
        assert.deepStrictEqual(lateSeen[0]?.data, { files: 4 })
        assert.strictEqual(lateSeen.at(-1)?.state, "succeeded")
      }).pipe(provide(Runner.toLayer(Count, ({ to }, job) =>
        Effect.gen(function*() {
          yield* Deferred.await(first)
          yield* job.progress({ percent: 40, message: "nearly", data: { files: 4 } })
          yield* job.progress({ percent: 10 })
          yield* Deferred.await(second)
          return to
        }))))
    })
  })

  describe(`jobs on ${name}: the queue`, () => {
    test("runs as many at once as the kind says, and gives owners their turns", () => {
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
        const jobs = yield* Jobs.Jobs
        // Both places are taken until all others are in the queue.
        for (let i = 1; i <= 2; i++) yield* jobs.start(Named, { name: `c${i}` })
        yield* eventually(Effect.sync(() => order.length), (length) => length === 2)
        for (let i = 1; i <= 6; i++) yield* jobs.start(Named, { name: `a${i}` }, alice)
        for (let i = 1; i <= 3; i++) yield* jobs.start(Named, { name: `b${i}` }, bob)
        for (let i = 0; i < 11; i++) {
          // Both places are taken, as long as there are jobs for both.
          yield* eventually(Effect.sync(() => order.length), (length) => length === Math.min(11, i + 2))
          const gate = gates.get(order[i] ?? "")
          assert.isDefined(gate)
          if (gate !== undefined) yield* Deferred.succeed(gate, undefined)
        }
        yield* eventually(Effect.sync(() => running), (running) => running === 0)
        assert.strictEqual(most, 2)
        assert.deepStrictEqual(order.filter((name) => name.startsWith("a")), ["a1", "a2", "a3", "a4", "a5", "a6"])
        // Bob's three are through long before Alice's six, though hers came first.
        assert.isBelow(order.indexOf("b3"), order.indexOf("a5"))
      }).pipe(provide(Runner.toLayer(Named, ({ name }) =>
        Effect.gen(function*() {
          const gate = Deferred.makeUnsafe<void>()
          gates.set(name, gate)
          order.push(name)
          most = Math.max(most, ++running)
          yield* Deferred.await(gate)
          running--
        }))))
    })

    test("ends a queued job at once when it is cancelled", () =>
      Effect.gen(function*() {
        const jobs = yield* Jobs.Jobs
        const id = yield* jobs.start(Count, { to: 1 })
        assert.strictEqual((yield* jobs.cancel(id)).state, "cancelled")
      }).pipe(provide(Jobs.layer)))
  })

  describe(`jobs on ${name}: a step`, () => {
    test("that is not safe to repeat fails its job if it was cut off, and says so", () => {
      const begun = Deferred.makeUnsafe<void>()
      let runs = 0
      const live = Runner.toLayer(Count, ({ to }, job) =>
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
        ))
      return programs(live, (run) =>
        Effect.gen(function*() {
          const id = yield* run(Effect.gen(function*() {
            const id = yield* (yield* Jobs.Jobs).start(Count, { to: 3 })
            yield* reached(begun)
            return id
          }))
          const last = yield* run(ended(id))
          assert.strictEqual(last.state, "failed")
          assert.strictEqual(last.failure?.kind, "interrupted step")
          assert.include(last.failure?.message ?? "", "pay")
          assert.strictEqual(runs, 1)
        }))
    })

    test("returns what was stored: plain JSON as it is, anything else by its schema, and refuses what neither keeps", () => {
      const seen: Array<unknown> = []
      return Effect.gen(function*() {
        const jobs = yield* Jobs.Jobs
        yield* ended(yield* jobs.start(Count, { to: 1 }))
        assert.deepStrictEqual(seen, [{ a: [1, null, "x"] }, new Date(5), undefined])
        const failed = yield* ended(yield* jobs.start(Count, { to: 2 }))
        assert.strictEqual(failed.failure?.kind, "defect")
      }).pipe(provide(
        Runner.toLayer(Count, ({ to }, job) =>
          Effect.gen(function*() {
            if (to === 2) yield* job.step("map", Effect.succeed({ list: [1, new Map()] }))
            seen.push(yield* job.step("plain", Effect.succeed({ a: [1, null, "x"] })))
            seen.push(yield* job.step("date", Effect.succeed(new Date(5)), { schema: Schema.Date }))
            seen.push(yield* job.step("nothing", Effect.void))
            return to
          }))
      ))
    })

    test("asked for again in the same run is not repeated, and two of one name at once are a mistake", () => {
      let runs = 0
      return Effect.gen(function*() {
        const jobs = yield* Jobs.Jobs
        const id = yield* jobs.start(Count, { to: 1 })
        yield* ended(id)
        assert.strictEqual(yield* jobs.result(Count, id), 2)
        assert.strictEqual((yield* ended(yield* jobs.start(Count, { to: 2 }))).failure?.kind, "defect")
      }).pipe(provide(Runner.toLayer(Count, ({ to }, job) =>
        Effect.gen(function*() {
          const step = job.step("one", Effect.andThen(Effect.yieldNow, Effect.sync(() => ++runs)))
          if (to === 2) yield* Effect.all([step, step], { concurrency: 2 })
          return (yield* step) + (yield* step)
        }))))
    })
  })

  describe(`jobs on ${name}: a step that fails or hangs`, () => {
    test("is run again as its schedule says, and its value is stored once", () => {
      let runs = 0
      return Effect.gen(function*() {
        const jobs = yield* Jobs.Jobs
        const id = yield* jobs.start(Count, { to: 3 })
        assert.strictEqual((yield* ended(id)).state, "succeeded")
        assert.strictEqual(yield* jobs.result(Count, id), 3)
        assert.strictEqual(runs, 3)
      }).pipe(provide(Runner.toLayer(Count, (_, job) =>
        job.step(
          "flaky",
          Effect.suspend(() => ++runs < 3 ? Effect.fail(new Broken({ why: "not yet" })) : Effect.succeed(runs)),
          { retry: Schedule.spaced("1 second") }
        ))))
    })

    test("fails its job with its last error when its schedule is over", () => {
      let runs = 0
      return Effect.gen(function*() {
        const jobs = yield* Jobs.Jobs
        const id = yield* jobs.start(Count, { to: 3 })
        assert.deepStrictEqual((yield* ended(id)).failure, { kind: "error", message: "broken: 3" })
      }).pipe(
        provide(Runner.toLayer(Count, (_, job) =>
          job.step(
            "broken",
            Effect.suspend(() => Effect.fail(new Broken({ why: `${++runs}` }))),
            {
              retry: Schedule.recurs(2)
            }
          )))
      )
    })

    test("is interrupted at its timeout, tried again, and fails its job with the name of the step", () => {
      let interrupted = 0
      return Effect.gen(function*() {
        const jobs = yield* Jobs.Jobs
        const id = yield* jobs.start(Count, { to: 3 })
        const { failure } = yield* ended(id)
        assert.strictEqual(failure?.kind, "timeout")
        assert.match(failure?.message ?? "", /step "slow" took longer than its timeout of 0.5 s/)
        assert.strictEqual(interrupted, 2)
      }).pipe(
        provide(Runner.toLayer(Count, (_, job) =>
          job.step(
            "slow",
            Effect.onInterrupt(Effect.never, () => Effect.sync(() => interrupted++)),
            {
              timeout: "500 millis",
              retry: Schedule.recurs(1)
            }
          )))
      )
    })
  })

  describe(`jobs on ${name}: a sleep`, () => {
    test("goes on where it was in the next program, and is not slept again", () => {
      let runs = 0
      let isAsleep = Deferred.makeUnsafe<void>()
      const live = Runner.toLayer(Count, ({ to }, job) =>
        Effect.gen(function*() {
          runs++
          yield* Deferred.succeed(isAsleep, undefined)
          yield* job.sleep("nap", "4 seconds")
          yield* job.sleep("nap", "1 day")
          return to
        }))
      return programs(live, (run) =>
        Effect.gen(function*() {
          const id = yield* run(Effect.gen(function*() {
            const id = yield* (yield* Jobs.Jobs).start(Count, { to: 3 })
            yield* reached(isAsleep)
            yield* elapse(3000)
            return id
          }))
          isAsleep = Deferred.makeUnsafe<void>()
          const { createdAt, finishedAt = 0 } = yield* run(ended(id))
          assert.isAtLeast(finishedAt - createdAt, 4000)
          // Begun anew it would be seven; an engine may take a second or two to go on.
          assert.isBelow(finishedAt - createdAt, 6900)
          assert.strictEqual(runs, 2)
        }))
    })

    test("takes no place of the jobs that run", () => {
      const One = Job.make("one", {
        version: 1,
        payload: { name: Schema.String },
        success: Schema.Void,
        concurrency: 1
      })
      return Effect.gen(function*() {
        const jobs = yield* Jobs.Jobs
        const sleeper = yield* jobs.start(One, { name: "sleeper" })
        const other = yield* jobs.start(One, { name: "other" })
        assert.strictEqual((yield* ended(other)).state, "succeeded")
        assert.strictEqual((yield* jobs.status(sleeper)).state, "running")
        yield* jobs.cancel(sleeper)
        assert.strictEqual((yield* ended(sleeper)).state, "cancelled")
      }).pipe(
        provide(Runner.toLayer(One, ({ name }, job) => name === "sleeper" ? job.sleep("long", "30 days") : Effect.void))
      )
    })
  })

  describe(`jobs on ${name}: a question`, () => {
    const Asking = Job.make("asking", { version: 1, payload: {}, success: Schema.String })
    const live = Runner.toLayer(Asking, (_, job) =>
      Effect.gen(function*() {
        const name = yield* job.ask("name", Schema.String, { message: "What is your name?" })
        const age = yield* job.ask("age", Schema.Int)
        return `${name}, ${age}`
      }))
    const asked = (id: string, name: string) => eventually(statusOf(id), ({ question }) => question?.name === name)

    test("is told with its schema, waits for its answer, and refuses one that does not fit", () =>
      Effect.gen(function*() {
        const jobs = yield* Jobs.Jobs
        const id = yield* jobs.start(Asking, {})
        const { question } = yield* asked(id, "name")
        assert.strictEqual(question?.message, "What is your name?")
        assert.deepInclude(question?.schema, { type: "string" })
        assert.strictEqual((yield* reasonOf(jobs.answer(id, "age", 3)))._tag, "JobNotAsking")
        assert.strictEqual((yield* reasonOf(jobs.answer(id, "name", "Eve", bob)))._tag, "JobNotFound")
        yield* jobs.answer(id, "name", "Ann")
        yield* asked(id, "age")
        assert.deepInclude(yield* reasonOf(jobs.answer(id, "age", "old")), { _tag: "JobDataInvalid", part: "answer" })
        yield* jobs.answer(id, "age", 40)
        assert.strictEqual((yield* ended(id)).state, "succeeded")
        assert.strictEqual(yield* jobs.result(Asking, id), "Ann, 40")
        assert.isUndefined((yield* jobs.status(id)).question)
      }).pipe(provide(live)))

    test("that was answered is not asked again by the next program; one that was not still waits", () =>
      programs(live, (run) =>
        Effect.gen(function*() {
          const id = yield* run(Effect.gen(function*() {
            const jobs = yield* Jobs.Jobs
            const id = yield* jobs.start(Asking, {})
            yield* asked(id, "name")
            yield* jobs.answer(id, "name", "Ann")
            yield* asked(id, "age")
            return id
          }))
          yield* run(Effect.gen(function*() {
            const jobs = yield* Jobs.Jobs
            yield* eventually(jobs.status(id), ({ question, state }) => state === "running" && question?.name === "age")
            yield* jobs.answer(id, "age", 41)
            yield* ended(id)
            assert.strictEqual(yield* jobs.result(Asking, id), "Ann, 41")
          }))
        })))
  })

  describe(`jobs on ${name}: compensation`, () => {
    const live = (log: Array<string>, then: (job: JobRun<Schema.Json>) => Effect.Effect<number, Broken>) =>
      Runner.toLayer(Count, (_, job) =>
        Effect.gen(function*() {
          const undo = (value: string) => Effect.sync(() => log.push(`undo ${value}`))
          yield* job.step("one", Effect.as(Effect.sync(() => log.push("one")), "1"), { compensate: undo })
          yield* job.step("between", Effect.succeed("x"))
          yield* job.step("two", Effect.as(Effect.sync(() => log.push("two")), "2"), { compensate: undo })
          return yield* then(job)
        }))

    test("undoes the steps of a job that fails, the last first, and keeps the failure", () => {
      const log: Array<string> = []
      return Effect.gen(function*() {
        const id = yield* (yield* Jobs.Jobs).start(Count, { to: 1 })
        assert.deepStrictEqual((yield* ended(id)).failure, { kind: "error", message: "broken: no" })
        assert.deepStrictEqual(log, ["one", "two", "undo 2", "undo 1"])
      }).pipe(provide(live(log, () => Effect.fail(new Broken({ why: "no" })))))
    })

    test("undoes nothing of a job that succeeds", () => {
      const log: Array<string> = []
      return Effect.gen(function*() {
        const id = yield* (yield* Jobs.Jobs).start(Count, { to: 1 })
        assert.strictEqual((yield* ended(id)).state, "succeeded")
        assert.deepStrictEqual(log, ["one", "two"])
      }).pipe(provide(live(log, () => Effect.succeed(1))))
    })

    test("undoes the steps of a job that is cancelled in the middle of a step, which is interrupted first", () => {
      const log: Array<string> = []
      const begun = Deferred.makeUnsafe<void>()
      return Effect.gen(function*() {
        const jobs = yield* Jobs.Jobs
        const id = yield* jobs.start(Count, { to: 1 })
        yield* reached(begun)
        yield* jobs.cancel(id)
        assert.strictEqual((yield* ended(id)).state, "cancelled")
        assert.deepStrictEqual(log, ["one", "two", "interrupted", "undo 2", "undo 1"])
      }).pipe(provide(live(log, (job) =>
        job.step(
          "three",
          Effect.andThen(Deferred.succeed(begun, undefined), Effect.never).pipe(
            Effect.onInterrupt(() => Effect.sync(() => log.push("interrupted")))
          )
        ))))
    })

    for (const how of ["fails", "is cancelled"] as const) {
      test(`of a job that ${how} goes on in the next program: each step is undone once, and nothing else is done`, () => {
        const log: Array<string> = []
        const begun = Deferred.makeUnsafe<void>()
        const undoing = Deferred.makeUnsafe<void>()
        let isFirst = true
        const live = Runner.toLayer(Count, (_, job) =>
          Effect.gen(function*() {
            yield* job.step("one", Effect.succeed("1"), { compensate: () => Effect.sync(() => log.push("undo 1")) })
            yield* job.step("two", Effect.succeed("2"), {
              compensate: () =>
                Effect.suspend(() => {
                  if (!isFirst) return Effect.sync(() => log.push("undo 2"))
                  isFirst = false
                  return Effect.andThen(Deferred.succeed(undoing, undefined), Effect.never)
                })
            })
            yield* job.step("three", Effect.succeed("3"), { compensate: () => Effect.sync(() => log.push("undo 3")) })
            return yield* job.step(
              "four",
              Effect.gen(function*() {
                log.push("four")
                yield* Deferred.succeed(begun, undefined)
                return yield* how === "fails" ? new Broken({ why: "no" }) : Effect.never
              })
            )
          }))
        return programs(live, (run) =>
          Effect.gen(function*() {
            const id = yield* run(Effect.gen(function*() {
              const jobs = yield* Jobs.Jobs
              const id = yield* jobs.start(Count, { to: 1 })
              yield* reached(begun)
              // It is undone for longer than the cancel waits.
              if (how === "is cancelled") yield* Effect.forkChild(jobs.cancel(id), now)
              yield* reached(undoing)
              return id
            }))
            const { failure, state } = yield* run(ended(id))
            assert.strictEqual(state, how === "fails" ? "failed" : "cancelled")
            assert.deepStrictEqual(failure, how === "fails" ? { kind: "error", message: "broken: no" } : undefined)
            assert.deepStrictEqual(log, ["four", "undo 3", "undo 2", "undo 1"])
          }))
      })
    }

    test("undoes the steps of a job that the next version of its kind does not go on with", () => {
      const log: Array<string> = []
      const begun = Deferred.makeUnsafe<void>()
      const Next = Job.make("count", {
        version: 2,
        payload: { to: Schema.Int },
        success: Schema.Int,
        onOldVersion: "fail"
      })
      const code = (_: unknown, job: JobRun<Schema.Json>) =>
        Effect.gen(function*() {
          yield* job.step("one", Effect.succeed("1"), { compensate: () => Effect.sync(() => log.push("undo 1")) })
          return yield* job.step("two", Effect.andThen(Deferred.succeed(begun, undefined), Effect.never))
        })
      let isFirst = true
      return programs(
        Layer.suspend(() => isFirst ? Runner.toLayer(Count, code) : Runner.toLayer(Next, code)),
        (run) =>
          Effect.gen(function*() {
            const id = yield* run(Effect.gen(function*() {
              const id = yield* (yield* Jobs.Jobs).start(Count, { to: 1 })
              yield* reached(begun)
              return id
            }))
            isFirst = false
            const { failure, state } = yield* run(ended(id))
            assert.deepStrictEqual([state, failure?.kind], ["failed", "version"])
            assert.deepStrictEqual(log, ["undo 1"])
          })
      )
    })

    test("that breaks is told with the step, and the others are undone all the same", () => {
      const log: Array<string> = []
      const live = Runner.toLayer(Count, (_, job) =>
        Effect.gen(function*() {
          yield* job.step("one", Effect.succeed("1"), { compensate: () => Effect.sync(() => log.push("undo 1")) })
          yield* job.step("two", Effect.succeed("2"), { compensate: () => Effect.die(new Error("stuck")) })
          return yield* new Broken({ why: "no" })
        }))
      return Effect.gen(function*() {
        const id = yield* (yield* Jobs.Jobs).start(Count, { to: 1 })
        const { failure } = yield* ended(id)
        assert.strictEqual(failure?.kind, "compensation")
        assert.include(failure?.message, `"two"`)
        assert.deepStrictEqual(log, ["undo 1"])
      }).pipe(Effect.provide(Logger.layer([])), provide(live))
    })
  })

  describe(`jobs on ${name}: time`, () => {
    test("a job is not begun before its delay is over", () =>
      Effect.gen(function*() {
        const jobs = yield* Jobs.Jobs
        const id = yield* jobs.start(Count, { to: 1 }, { delay: "3 seconds" })
        const { createdAt, startsAt } = yield* jobs.status(id)
        assert.strictEqual(startsAt, createdAt + 3000)
        yield* elapse(1000)
        assert.strictEqual((yield* jobs.status(id)).state, "queued")
        const { startedAt = 0 } = yield* ended(id)
        assert.isAtLeast(startedAt - createdAt, 3000)
      }).pipe(provide(Runner.toLayer(Count, ({ to }) => Effect.succeed(to)))))

    test("a job past its deadline is interrupted, undone, and fails with it", () => {
      const log: Array<string> = []
      return Effect.gen(function*() {
        const jobs = yield* Jobs.Jobs
        const id = yield* jobs.start(Count, { to: 1 }, { deadline: "2 seconds" })
        const { createdAt, deadlineAt, failure } = yield* ended(id)
        assert.strictEqual(deadlineAt, createdAt + 2000)
        assert.strictEqual(failure?.kind, "deadline")
        assert.deepStrictEqual(log, ["interrupted", "undo"])
      }).pipe(provide(Runner.toLayer(Count, (_, job) =>
        Effect.gen(function*() {
          yield* job.step("one", Effect.void, { compensate: () => Effect.sync(() => log.push("undo")) })
          return yield* job.step(
            "long",
            Effect.onInterrupt(Effect.never, () => Effect.sync(() => log.push("interrupted")))
          )
        }))))
    })

    test("a job past its deadline in the queue fails there", () =>
      Effect.gen(function*() {
        const jobs = yield* Jobs.Jobs
        const id = yield* jobs.start(Count, { to: 1 }, { delay: "1 hour", deadline: "1 second" })
        assert.strictEqual((yield* ended(id)).failure?.kind, "deadline")
      }).pipe(provide(Runner.toLayer(Count, ({ to }) => Effect.succeed(to)))))
  })

  describe(`jobs on ${name}: a fence`, () => {
    test("is the same for all steps of an attempt, and grows with the next", () => {
      const fences: Array<number> = []
      const begun = Deferred.makeUnsafe<void>()
      const live = Runner.toLayer(Count, ({ to }, job) =>
        Effect.gen(function*() {
          const fenced = Effect.map(job.fence, (fence) => void fences.push(fence))
          yield* job.step("one", fenced)
          if (job.attempt === 1) {
            return yield* job.step(
              "two",
              Effect.andThen(fenced, Effect.andThen(Deferred.succeed(begun, undefined), Effect.never))
            )
          }
          yield* job.step("two", fenced)
          return to
        }))
      return programs(live, (run) =>
        Effect.gen(function*() {
          const id = yield* run(Effect.gen(function*() {
            const id = yield* (yield* Jobs.Jobs).start(Count, { to: 3 })
            yield* reached(begun)
            return id
          }))
          yield* run(ended(id))
          const [one = 0, two = 0, again = 0] = fences
          assert.lengthOf(fences, 3)
          assert.strictEqual(one, two)
          assert.isAbove(again, two)
        }))
    })
  })

  describe(`jobs on ${name}: an older version`, () => {
    const kind = (version: number, onOldVersion: Job.OnOldVersion) =>
      Job.make("versioned", { version, onOldVersion, payload: { to: Schema.Int }, success: Schema.Int })
    /** A job whose code is replaced when it has done a step and begun another. What both codes did, and the job in the end. */
    const replaced = (onOldVersion: Job.OnOldVersion, isSafe = true) =>
      Effect.gen(function*() {
        const store = yield* JobStore
        const begun = Deferred.makeUnsafe<void>()
        const log: Array<string> = []
        const run = <A, E>(version: number, program: Effect.Effect<A, E, Jobs.Jobs>) =>
          Effect.provide(
            program,
            Runner.toLayer(kind(version, onOldVersion), ({ to }, job) =>
              Effect.gen(function*() {
                yield* job.step("one", Effect.sync(() => log.push(`one by ${version}`)), { safe: isSafe })
                yield* job.progress({ percent: 50 })
                if (version === 2) return to
                yield* Deferred.succeed(begun, undefined)
                return yield* Effect.never
              })).pipe(Layer.provide(Layer.succeed(JobStore, store))),
            { local: true }
          )
        const id = yield* run(
          1,
          Effect.gen(function*() {
            const id = yield* (yield* Jobs.Jobs).start(kind(1, onOldVersion), { to: 3 })
            yield* reached(begun)
            return id
          })
        )
        const { failure, state, version } = yield* run(2, ended(id))
        return { log, state, version, why: failure?.kind }
      }).pipe(Effect.provide(layer))

    test("starts over with the new code unless its kind says otherwise", () =>
      Effect.gen(function*() {
        const log = ["one by 1", "one by 2"]
        assert.deepStrictEqual(yield* replaced("restart"), { log, state: "succeeded", version: 2, why: undefined })
      }))

    test("goes on behind its steps with the new code where its kind says so", () =>
      Effect.gen(function*() {
        const log = ["one by 1"]
        assert.deepStrictEqual(yield* replaced("finish"), { log, state: "succeeded", version: 1, why: undefined })
      }))

    test("fails where its kind says so, and where a step was begun that is not safe to repeat", () =>
      Effect.gen(function*() {
        const failed = { log: ["one by 1"], state: "failed" as const, version: 1, why: "version" as const }
        assert.deepStrictEqual(yield* replaced("fail"), failed)
        assert.deepStrictEqual(yield* replaced("restart", false), failed)
      }))
  })

  describe(`jobs on ${name}: data`, () => {
    const Small = Job.make("small", {
      version: 1,
      payload: { text: Schema.String },
      success: Schema.String,
      maxDataBytes: 1000,
      concurrency: 2
    })
    const large = "x".repeat(1000)

    test("that is too large is refused at the door, with its size and the limit", () =>
      Effect.gen(function*() {
        const reason = yield* reasonOf((yield* Jobs.Jobs).start(Small, { text: large }))
        assert.deepInclude(reason, { _tag: "JobDataTooLarge", part: "payload", limit: 1000 })
        assert.match(reason.message, /1011 bytes.*limit is 1000/)
      }).pipe(provide(Jobs.layer)))

    test("that is too large to store fails that job at once, with the limit, and no other", () =>
      Effect.gen(function*() {
        const jobs = yield* Jobs.Jobs
        for (
          const [text, what] of [["result", "its result"], ["step", `step "s"`], ["progress", "progress"]] as const
        ) {
          const { failure } = yield* ended(yield* jobs.start(Small, { text }))
          assert.strictEqual(failure?.kind, "data")
          assert.include(failure?.message, what)
          assert.include(failure?.message, "limit is 1000")
        }
        assert.strictEqual((yield* ended(yield* jobs.start(Small, { text: "fine" }))).state, "succeeded")
      }).pipe(provide(Runner.toLayer(Small, ({ text }, job) =>
        Effect.gen(function*() {
          if (text === "result") return large
          if (text === "step") yield* job.step("s", Effect.succeed(large))
          if (text === "progress") yield* job.progress({ data: large })
          return "done"
        })))))

    test("of any characters is kept or replaced, and harms no store", () => {
      const odd = "a\u0000b\ud800c"
      return Effect.gen(function*() {
        const jobs = yield* Jobs.Jobs
        const id = yield* jobs.start(Small, { text: odd })
        const status = yield* ended(id)
        assert.strictEqual(status.state, "succeeded", status.failure?.message)
        assert.strictEqual((yield* ended(yield* jobs.start(Small, { text: "fail" }))).failure?.kind, "defect")
        assert.strictEqual(yield* jobs.result(Small, id), odd)
        assert.isUndefined(yield* jobs.storeTrouble)
      }).pipe(provide(Runner.toLayer(Small, ({ text }, job) =>
        Effect.gen(function*() {
          if (text === "fail") return yield* Effect.die(new Error(odd))
          yield* job.progress({ percent: 50, message: odd })
          return yield* job.step(odd, Effect.succeed(text))
        }))))
    })
  })

  describe(`jobs on ${name}: a program`, () => {
    test("that ends in order hands its jobs back, and the next goes on behind the steps that are done", () => {
      const log: Array<string> = []
      const second = Deferred.makeUnsafe<void>()
      let runs = 0
      const live = Runner.toLayer(Count, ({ to }, job) =>
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
        }))
      return programs(live, (run) =>
        Effect.gen(function*() {
          const id = yield* run(Effect.gen(function*() {
            const id = yield* (yield* Jobs.Jobs).start(Count, { to: 3 })
            yield* reached(second)
            return id
          }))
          yield* run(Effect.gen(function*() {
            assert.strictEqual((yield* ended(id)).attempt, 2)
            assert.strictEqual(yield* (yield* Jobs.Jobs).result(Count, id), 23)
          }))
          assert.deepStrictEqual(log, ["one 1", "two 1", "two 2"])
        }))
    })
  })

  describe(`jobs on ${name}: the trace of a job`, () => {
    /** From a span up to its root. */
    const path = (span: Tracer.AnySpan | undefined): ReadonlyArray<string> => {
      if (span?._tag !== "Span") return []
      const up = spans.find(({ spanId }) => spanId === Option.getOrUndefined(span.parent)?.spanId)
      return [span.name, ...path(up)]
    }
    const spans: Array<Tracer.NativeSpan> = []
    const tracer = Tracer.make({
      span: (options) => {
        const span = new Tracer.NativeSpan(options)
        spans.push(span)
        return span
      }
    })
    const named = (name: string) => spans.filter((span) => span.name === name)

    test("goes on from the call that started it: every attempt is beneath it, in another program too, and steps beneath that", () => {
      const second = Deferred.makeUnsafe<void>()
      spans.length = 0
      const live = Runner.toLayer(Count, ({ to }, job) =>
        Effect.gen(function*() {
          yield* job.step("one", Effect.withSpan(Effect.void, "look"))
          yield* job.step(
            "two",
            Effect.andThen(Deferred.succeed(second, undefined), job.attempt === 1 ? Effect.never : Effect.void)
          )
          return yield* job.attempt < 3 ? Effect.fail(new Broken({ why: "secret" })) : Effect.succeed(to)
        }))
      return programs(live, (run) =>
        Effect.gen(function*() {
          const id = yield* run(Effect.gen(function*() {
            const id = yield* Effect.withSpan(
              Effect.flatMap(Jobs.Jobs, (jobs) => jobs.start(Count, { to: 3 })),
              "the call"
            )
            yield* reached(second)
            return id
          }))
          yield* Effect.withSpan(run(ended(id)), "another program")
          assert.deepStrictEqual(named("look").map(path), [["look", "step one", "job count", "the call"]])
          const steps = named("step two").map((span) => path(span).join(" < "))
          assert.deepStrictEqual(steps, ["step two < job count < the call", "step two < job count < the call"])
          const attempts = named("job count").map(({ attributes }) => Object.fromEntries(attributes))
          assert.deepStrictEqual(attempts.map((each) => each["holdfast.job.attempt"]), [1, 2])
          assert.deepInclude(attempts[1], {
            "holdfast.job.id": id,
            "holdfast.job.kind": "count",
            "holdfast.job.state": "failed",
            "error.type": "error"
          })
          assert.notInclude(JSON.stringify(attempts), "secret")
        })).pipe(Effect.provideService(Tracer.Tracer, tracer))
    })

    test("is that of the first when it is run again, and begins with the job when the call was in none", () => {
      spans.length = 0
      const live = Runner.toLayer(
        Count,
        ({ to }) => to === 1 ? Effect.succeed(1) : Effect.fail(new Broken({ why: "no" }))
      )
      return programs(live, (run) =>
        Effect.withSpan(
          run(Effect.gen(function*() {
            const jobs = yield* Jobs.Jobs
            const id = yield* Effect.withSpan(jobs.start(Count, { to: 2 }), "the call")
            yield* ended(id)
            yield* ended(yield* Effect.withSpan(jobs.retry(id), "another call"))
            yield* ended(yield* Effect.withTracerEnabled(jobs.start(Count, { to: 1 }), false))
            const [first, again, alone] = named("job count").map(path)
            assert.deepStrictEqual(first, ["job count", "the call", "a program"])
            assert.deepStrictEqual(again, first)
            assert.deepStrictEqual(alone, ["job count"])
          })),
          "a program"
        )).pipe(Effect.provideService(Tracer.Tracer, tracer))
    })
  })
}
