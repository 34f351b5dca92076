import { assert, describe, it } from "@effect/vitest"
import * as Job from "@holdfast/jobs/Job"
import { JobError, JobStoreUnavailable } from "@holdfast/jobs/JobError"
import * as JobPolicy from "@holdfast/jobs/JobPolicy"
import * as Jobs from "@holdfast/jobs/Jobs"
import { JobStore } from "@holdfast/jobs/JobStore"
import * as MemoryStore from "@holdfast/jobs/MemoryStore"
import * as Runner from "@holdfast/jobs/Runner"
import * as SqliteStore from "@holdfast/jobs/SqliteStore"
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
import { jobsContract } from "./support/jobsContract.ts"
import { on, Rows } from "./support/Rows.ts"
import { temporaryFile } from "./support/temporaryFile.ts"

const Count = Job.make("count", {
  version: 1,
  payload: { to: Schema.Int },
  success: Schema.Int,
  concurrency: 2
})

/** Lets everything that can run do so, without time passing. */
const settle = TestClock.adjust(0)
const now = { startImmediately: true } as const
const ended = (id: string, asker = {}) =>
  Effect.gen(function*() {
    const jobs = yield* Jobs.Jobs
    const all = yield* Stream.runCollect(jobs.progress(id, asker))
    const last = all.at(-1)
    if (last === undefined) throw new Error("a stream of progress ended without a word")
    return last
  })

const provide = <A, E>(layer: Layer.Layer<A, E, JobStore>) =>
  Effect.provide(layer.pipe(Layer.provide(MemoryStore.layer)))

describe("progress", () => {
  it.effect("is written at most once per interval however often it is reported, the last word included", () => {
    const gate = Deferred.makeUnsafe<void>()
    const writes: Array<number> = []
    const counted = Layer.effect(
      Rows,
      Effect.gen(function*() {
        const store = yield* Rows
        return {
          ...store,
          report: (all: Parameters<typeof store.report>[0]) => {
            for (const { percent } of all) writes.push(percent)
            return store.report(all)
          }
        }
      })
    ).pipe(Layer.provide(Rows.layerMemory), (rows) => Layer.provide(Rows.jobStore, rows))
    return Effect.gen(function*() {
      const jobs = yield* Jobs.Jobs
      const id = yield* jobs.start(Count, { to: 3 })
      yield* TestClock.adjust("10 seconds")
      assert.isAtMost(writes.length, 6)
      assert.strictEqual(writes.at(-1), 50)
      yield* Deferred.succeed(gate, undefined)
      assert.strictEqual((yield* ended(id)).percent, 100)
    }).pipe(Effect.provide(
      Runner.toLayer(Count, ({ to }, job) =>
        Effect.gen(function*() {
          for (let i = 1; i <= 1000; i++) {
            yield* Effect.sleep("1 millis")
            yield* job.progress({ percent: i / 20 })
          }
          yield* Deferred.await(gate)
          return to
        })).pipe(Layer.provide(counted))
    ))
  })
})

describe("a report of progress", () => {
  it.effect("reaches the store beside jobs that report nothing, its message cut where it is too long", () => {
    const Silent = Job.make("silent", { version: 1, payload: {}, success: Schema.Void })
    const Loud = Job.make("loud", { version: 1, payload: {}, success: Schema.Void })
    return Effect.gen(function*() {
      const jobs = yield* Jobs.Jobs
      yield* jobs.start(Silent, {})
      yield* settle
      const id = yield* jobs.start(Loud, {})
      yield* TestClock.adjust("2 seconds")
      assert.deepInclude(yield* jobs.status(id), { state: "running", percent: 5, message: "x".repeat(2000) })
    }).pipe(provide(Layer.merge(
      Runner.toLayer(Silent, () => Effect.never),
      Runner.toLayer(
        Loud,
        (_, job) => Effect.andThen(job.progress({ percent: 5, message: "x".repeat(3000) }), Effect.never)
      )
    )))
  })
})

describe("the count of what waits", () => {
  it.effect("takes a store a fiftieth of its time, however long one count takes", () => {
    let counts = 0
    const slow = Layer.effect(
      Rows,
      Effect.map(Rows, (store) => ({
        ...store,
        backlog: (kind: string) => {
          counts++
          return Effect.andThen(Effect.sleep("500 millis"), store.backlog(kind))
        }
      }))
    ).pipe(Layer.provide(Rows.layerMemory), (rows) => Layer.provide(Rows.jobStore, rows))
    return Effect.gen(function*() {
      yield* Jobs.Jobs
      yield* TestClock.adjust("100 seconds")
      assert.isAtMost(counts, 5)
      assert.isAtLeast(counts, 3)
    }).pipe(Effect.provide(Runner.toLayer(Count, ({ to }) => Effect.succeed(to)).pipe(Layer.provide(slow))))
  })
})

describe("the queue", () => {
  it.effect("forgets what ended longer ago than the retention, and nothing else", () =>
    Effect.gen(function*() {
      const jobs = yield* Jobs.Jobs
      const old = yield* jobs.start(Count, { to: 1 })
      yield* ended(old)
      yield* TestClock.adjust("4 days")
      const young = yield* jobs.start(Count, { to: 1 })
      yield* ended(young)
      yield* TestClock.adjust("4 days")
      assert.deepStrictEqual((yield* jobs.list()).map(({ id }) => id), [young])
    }).pipe(provide(
      Runner.toLayer(Count, ({ to }) => Effect.succeed(to)).pipe(
        Layer.provide(JobPolicy.layer({ pollInterval: "1 hour", leaseDuration: "10 days" }))
      )
    )))
})

/** A store that is out of order while `isOut` says so. */
const sometimesOut = (isOut: () => boolean) =>
  Layer.effect(
    Rows,
    Effect.gen(function*() {
      const store = yield* Rows
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
        report: (...args: Parameters<typeof store.report>) => orDown(store.report(...args))
      }
    })
  ).pipe(Layer.provide(Rows.layerMemory), (rows) => Layer.provide(Rows.jobStore, rows))

describe("a step", () => {
  it.effect("that is done is stored once the store works again, and is not repeated for that", () => {
    let isOut = false
    let runs = 0
    const layer = Runner.toLayer(Count, ({ to }, job) =>
      Effect.gen(function*() {
        const one = yield* job.step("one", Effect.sync(() => (isOut = true, ++runs)))
        return one + to
      })).pipe(Layer.provide(sometimesOut(() => isOut)))
    return Effect.gen(function*() {
      const jobs = yield* Jobs.Jobs
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
    const layer = Runner.toLayer(Count, (_, job) => job.step("one", Effect.sync(() => (isOut = true, 1)))).pipe(
      Layer.provide(sometimesOut(() => isOut))
    )
    return Effect.gen(function*() {
      const jobs = yield* Jobs.Jobs
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
})

describe("an attempt", () => {
  it.effect("whose job is another's does nothing more once a step of it could not be stored", () => {
    const log: Array<string> = []
    const begun = Deferred.makeUnsafe<void>()
    const gate = Deferred.makeUnsafe<void>()
    return Effect.gen(function*() {
      const store = yield* Rows
      yield* Effect.gen(function*() {
        const jobs = yield* Jobs.Jobs
        yield* jobs.start(Count, { to: 3 })
        yield* Deferred.await(begun)
        for (const { id } of yield* store.runners) yield* store.bury(id)
        yield* Deferred.succeed(gate, undefined)
        // Before the runner looks at the store again: what stops it is the step.
        yield* settle
        assert.deepStrictEqual(log, ["interrupted"])
      }).pipe(Effect.provide(
        Runner.toLayer(Count, (_, job) =>
          Effect.gen(function*() {
            yield* job.step("one", Effect.andThen(Deferred.succeed(begun, undefined), Deferred.await(gate)))
            log.push("went on")
            return yield* Effect.never
          }).pipe(Effect.onInterrupt(() => Effect.sync(() => log.push("interrupted"))))).pipe(
            Layer.provide([on(store), JobPolicy.layer({ pollInterval: "1 hour" })])
          )
      ))
    }).pipe(Effect.provide(Rows.layerMemory))
  })

  it.effect("that finds a step whose kept value does not fit its schema any more fails, and says what to do", () =>
    Effect.gen(function*() {
      const store = yield* Rows
      const begun = Deferred.makeUnsafe<void>()
      const program = (schema: Schema.Codec<unknown, unknown>, value: unknown) =>
        Runner.toLayer(Count, ({ to }, job) =>
          Effect.gen(function*() {
            yield* job.step("one", Effect.succeed(value), { schema })
            yield* Deferred.succeed(begun, undefined)
            return yield* job.attempt === 1 ? Effect.never : Effect.succeed(to)
          })).pipe(Layer.provide(on(store)))
      const id = yield* Effect.gen(function*() {
        const id = yield* (yield* Jobs.Jobs).start(Count, { to: 3 })
        yield* Deferred.await(begun)
        return id
      }).pipe(Effect.provide(program(Schema.Unknown, "a text"), { local: true }))
      const { failure } = yield* ended(id).pipe(Effect.provide(program(Schema.Int, 7), { local: true }))
      assert.strictEqual(failure?.kind, "defect")
      const [job] = yield* store.read([id])
      assert.match(
        job?.failure?.cause ?? "",
        /what step "one" stored does not fit its schema any more: .*raise the version/
      )
    }).pipe(Effect.provide(Rows.layerMemory)))
})

describe("the words for a failure", () => {
  it.effect("are its message if it has one, else what it is made of", () => {
    const Failing = Job.make("failing", {
      version: 1,
      payload: { error: Schema.Json },
      success: Schema.Void,
      error: Schema.Json
    })
    return Effect.gen(function*() {
      const jobs = yield* Jobs.Jobs
      const words = (error: Schema.Json) =>
        Effect.flatMap(jobs.start(Failing, { error }), (id) => Effect.map(ended(id), ({ failure }) => failure?.message))
      assert.strictEqual(yield* words({ message: "no room" }), "no room")
      assert.strictEqual(yield* words("no disk"), "no disk")
      assert.strictEqual(yield* words({ message: "", code: 5 }), `{"message":"","code":5}`)
      assert.strictEqual(yield* words({ message: 5 }), `{"message":5}`)
      assert.strictEqual(yield* words(7), "7")
      assert.strictEqual(yield* words(null), "null")
    }).pipe(provide(Runner.toLayer(Failing, ({ error }) => Effect.fail(error))))
  })
})

describe("a result", () => {
  it.effect("of nothing can be had like any other", () => {
    const Silent = Job.make("silent", { version: 1, payload: {}, success: Schema.Void })
    return Effect.gen(function*() {
      const jobs = yield* Jobs.Jobs
      const id = yield* jobs.start(Silent, {})
      assert.strictEqual((yield* ended(id)).state, "succeeded")
      assert.isUndefined(yield* jobs.result(Silent, id))
    }).pipe(provide(Runner.toLayer(Silent, () => Effect.void)))
  })

  it.effect("that is removed while it is asked for is that of no job", () =>
    Effect.gen(function*() {
      const store = yield* Rows
      yield* Effect.gen(function*() {
        const jobs = yield* Jobs.Jobs
        const id = yield* jobs.start(Count, { to: 3 })
        yield* ended(id)
        const error = yield* Effect.flip(jobs.result(Count, id))
        assert.deepInclude(error.reason, { _tag: "JobNotFound", id })
      }).pipe(Effect.provide(
        Runner.toLayer(Count, ({ to }) => Effect.succeed(to)).pipe(
          Layer.provide(on({ ...store, result: (id) => Effect.andThen(store.remove(id), store.result(id)) }))
        )
      ))
    }).pipe(Effect.provide(Rows.layerMemory)))
})

describe("trouble with the store", () => {
  it.effect("is told once when it begins and once when it is over, however long it lasts", () => {
    let isOut = false
    const said: Array<string> = []
    const logger = Logger.make(({ logLevel, message }) => void said.push(`${logLevel} ${String(message)}`))
    return Effect.gen(function*() {
      const jobs = yield* Jobs.Jobs
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
      Runner.toLayer(Count, ({ to }) => Effect.succeed(to)).pipe(Layer.provide(sometimesOut(() => isOut))),
      Logger.layer([logger])
    )))
  })

  it.effect("does not end the runner, even when the store breaks in a way that it should not", () => {
    let breaks = 3
    const breaking = Layer.effect(
      Rows,
      Effect.map(Rows, (store) => ({
        ...store,
        held: (runner: string) =>
          Effect.suspend(() => breaks-- > 0 ? Effect.die(new Error("a mistake in the store")) : store.held(runner))
      }))
    ).pipe(Layer.provide(Rows.layerMemory), (rows) => Layer.provide(Rows.jobStore, rows))
    return Effect.gen(function*() {
      const jobs = yield* Jobs.Jobs
      const id = yield* jobs.start(Count, { to: 3 })
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* jobs.result(Count, id), 3)
    }).pipe(Effect.provide(Runner.toLayer(Count, ({ to }) => Effect.succeed(to)).pipe(Layer.provide(breaking))))
  })
})

describe("a runner", () => {
  it.effect("that lost a job to another stops its attempt and writes nothing of it", () => {
    const begun = Deferred.makeUnsafe<void>()
    let interrupted = 0
    return Effect.gen(function*() {
      const store = yield* Rows
      const scope = yield* Scope.make()
      const live = yield* Layer.buildWithScope(
        Runner.toLayer(
          Count,
          (_, job) =>
            job.step("one", Effect.andThen(Deferred.succeed(begun, undefined), Effect.never)).pipe(
              Effect.onInterrupt(() => Effect.sync(() => interrupted++))
            )
        ).pipe(Layer.provide(on(store))),
        scope
      )
      const id = yield* Effect.provideContext(Effect.flatMap(Jobs.Jobs, (jobs) => jobs.start(Count, { to: 3 })), live)
      yield* Deferred.await(begun)
      for (const { id } of yield* store.runners) yield* store.leave(id)
      yield* store.enroll({ id: "other", identity: { machine: "m", pid: 1, birth: "" } })
      const claim = yield* store.claim({
        runner: "other",
        kind: "count",
        version: 1,
        onOldVersion: "restart",
        maxCrashes: 10,
        suspects: "take"
      })
      assert.strictEqual(claim._tag, "Claimed")
      yield* TestClock.adjust("3 seconds")
      assert.strictEqual(interrupted, 1)
      const [job] = yield* store.read([id])
      assert.strictEqual(job?.state, "running")
      assert.strictEqual(job?.attempt, 2)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual((yield* store.read([id]))[0]?.state, "running")
    }).pipe(Effect.provide(Rows.layerMemory))
  })

  it.effect("that hears nothing of the end it has stored, and then that the job is not its own, says how that may be", () => {
    let isFirst = true
    const said: Array<string> = []
    const logger = Logger.make(({ message }) => void said.push(String(message)))
    const forgetful = Layer.effect(
      Rows,
      Effect.map(Rows, (store) => {
        const down = new JobError({
          reason: new JobStoreUnavailable({ store: "s", operation: "o", problem: "unreachable", detail: "cut" })
        })
        const finish: typeof store.finish = (...args) =>
          Effect.tap(store.finish(...args), () => {
            if (!isFirst) return Effect.void
            isFirst = false
            return Effect.fail(down)
          })
        return { ...store, finish }
      })
    ).pipe(Layer.provide(Rows.layerMemory), (rows) => Layer.provide(Rows.jobStore, rows))
    return Effect.gen(function*() {
      const jobs = yield* Jobs.Jobs
      const id = yield* jobs.start(Count, { to: 3 })
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* jobs.result(Count, id), 3)
      assert.match(
        said.join("\n"),
        new RegExp(`job ${id} .* is no longer of this runner.*may have been stored all the same`)
      )
    }).pipe(Effect.provide(Layer.provideMerge(
      Runner.toLayer(Count, ({ to }) => Effect.succeed(to)).pipe(Layer.provide(forgetful)),
      Logger.layer([logger])
    )))
  })
})

describe("a job that may have killed its process", () => {
  const Work = Job.make("work", {
    version: 1,
    payload: { name: Schema.String },
    success: Schema.Void,
    concurrency: 4,
    maxCrashes: 3
  })

  /** A program dies twice over these jobs, and over nothing else. */
  const twiceDead = (names: ReadonlyArray<string>) =>
    Effect.gen(function*() {
      const store = yield* Rows
      for (const name of names) {
        yield* store.insert({
          id: name,
          kind: "work",
          version: 1,
          owner: "local",
          key: undefined,
          payload: JSON.stringify({ name }),
          maxQueued: 9,
          again: false,
          delayMillis: 0,
          deadlineMillis: undefined
        })
      }
      for (let death = 0; death < 2; death++) {
        for (const _ of names) {
          yield* store.claim({
            runner: "dead",
            kind: "work",
            version: 1,
            onOldVersion: "finish",
            maxCrashes: 3,
            suspects: "pass over"
          })
        }
        yield* store.bury("dead")
      }
      return store
    })

  it.effect("is tried alone: when what runs has ended, and without anything beside it until it has completed a step", () => {
    const log: Array<string> = []
    const gates = new Map<string, Deferred.Deferred<void>>()
    const gate = (name: string) => {
      const known = gates.get(name) ?? Deferred.makeUnsafe<void>()
      gates.set(name, known)
      return known
    }
    return Effect.gen(function*() {
      const store = yield* twiceDead(["suspect a", "suspect b"])
      yield* Effect.gen(function*() {
        const jobs = yield* Jobs.Jobs
        yield* jobs.start(Work, { name: "early" })
        yield* settle
        // The pause of the suspects is over while another one runs.
        yield* TestClock.adjust("2 seconds")
        yield* jobs.start(Work, { name: "late" })
        yield* TestClock.adjust("2 seconds")
        assert.deepStrictEqual(log, ["early"])
        yield* Deferred.succeed(gate("early"), undefined)
        yield* TestClock.adjust("2 seconds")
        assert.deepStrictEqual(log, ["early", "suspect a"])
        yield* Deferred.succeed(gate("suspect a step"), undefined)
        yield* TestClock.adjust("2 seconds")
        // It has completed a step: it is no suspect any more, and the next one is tried when it has ended.
        assert.deepStrictEqual(log, ["early", "suspect a", "suspect a stepped"])
        yield* Deferred.succeed(gate("suspect a"), undefined)
        yield* TestClock.adjust("2 seconds")
        assert.deepStrictEqual(log.slice(3), ["suspect b"])
        yield* Deferred.succeed(gate("suspect b step"), undefined)
        yield* TestClock.adjust("2 seconds")
        assert.deepStrictEqual(log.slice(4), ["suspect b stepped", "late"])
      }).pipe(Effect.provide(
        Runner.toLayer(Work, ({ name }, job) =>
          Effect.gen(function*() {
            log.push(name)
            if (name.startsWith("suspect")) {
              yield* job.step("one", Deferred.await(gate(`${name} step`)))
              log.push(`${name} stepped`)
            }
            yield* Deferred.await(gate(name))
          })).pipe(Layer.provide(on(store)))
      ))
    }).pipe(Effect.provide(Rows.layerMemory))
  })

  it.effect("has others beside it from the first step on that it completes", () => {
    const log: Array<string> = []
    const early = Deferred.makeUnsafe<void>()
    return Effect.gen(function*() {
      const store = yield* twiceDead(["suspect"])
      yield* Effect.gen(function*() {
        const jobs = yield* Jobs.Jobs
        yield* jobs.start(Work, { name: "early" })
        yield* settle
        yield* TestClock.adjust("2 seconds")
        yield* jobs.start(Work, { name: "late" })
        yield* TestClock.adjust("2 seconds")
        assert.deepStrictEqual(log, ["early"])
        yield* Deferred.succeed(early, undefined)
        yield* TestClock.adjust("2 seconds")
        assert.deepStrictEqual(log.slice(0, 4), ["early", "suspect", "suspect stepped", "late"])
      }).pipe(Effect.provide(
        Runner.toLayer(Work, ({ name }, job) =>
          Effect.gen(function*() {
            log.push(name)
            if (name === "early") return yield* Deferred.await(early)
            yield* job.step("one", Effect.void)
            log.push(`${name} stepped`)
            return yield* Effect.never
          })).pipe(Layer.provide(on(store)))
      ))
    }).pipe(Effect.provide(Rows.layerMemory))
  })

  it.effect("is made room for again and again for as long as it waits", () => {
    const log: Array<string> = []
    return Effect.gen(function*() {
      const store = yield* twiceDead(["suspect a", "suspect b"])
      yield* Effect.gen(function*() {
        const jobs = yield* Jobs.Jobs
        yield* jobs.start(Work, { name: "endless" })
        yield* TestClock.adjust("40 seconds")
        yield* jobs.start(Work, { name: "in between" })
        yield* TestClock.adjust("10 seconds")
        assert.deepStrictEqual(log, ["endless", "in between"])
        yield* TestClock.adjust("20 seconds")
        yield* jobs.start(Work, { name: "late" })
        yield* TestClock.adjust("10 seconds")
        assert.deepStrictEqual(log, ["endless", "in between"])
        yield* TestClock.adjust("30 seconds")
        assert.deepStrictEqual(log, ["endless", "in between", "late"])
      }).pipe(Effect.provide(
        Runner.toLayer(Work, ({ name }) => Effect.andThen(Effect.sync(() => log.push(name)), Effect.never)).pipe(
          Layer.provide(on(store))
        )
      ))
    }).pipe(Effect.provide(Rows.layerMemory))
  })

  it.effect("keeps others waiting for a while only, before it begins and while it runs", () => {
    const log: Array<string> = []
    return Effect.gen(function*() {
      const store = yield* twiceDead(["suspect a", "suspect b"])
      yield* Effect.gen(function*() {
        const jobs = yield* Jobs.Jobs
        yield* jobs.start(Work, { name: "endless" })
        yield* TestClock.adjust("2 seconds")
        yield* jobs.start(Work, { name: "late" })
        yield* TestClock.adjust("20 seconds")
        assert.deepStrictEqual(log, ["endless"])
        yield* TestClock.adjust("20 seconds")
        assert.deepStrictEqual(log, ["endless", "late"])
        for (const { id, state } of yield* jobs.list()) if (state === "running") yield* jobs.cancel(id)
        yield* TestClock.adjust("2 seconds")
        assert.deepStrictEqual(log.slice(2), ["suspect a"])
        for (const name of ["last", "last, too"]) yield* jobs.start(Work, { name })
        yield* TestClock.adjust("20 seconds")
        assert.deepStrictEqual(log.slice(3), [])
        // Room is made for the other suspect, too. After that all begin at once.
        yield* TestClock.adjust("50 seconds")
        assert.includeMembers(log, ["last", "last, too"])
      }).pipe(Effect.provide(
        Runner.toLayer(Work, ({ name }) => Effect.andThen(Effect.sync(() => log.push(name)), Effect.never)).pipe(
          Layer.provide(on(store))
        )
      ))
    }).pipe(Effect.provide(Rows.layerMemory))
  })
})

describe("a place", () => {
  it.effect("that a job gave up for as long as it slept is taken again when another one has ended", () => {
    const log: Array<string> = []
    const gate = Deferred.makeUnsafe<void>()
    const Napping = Job.make("napping", {
      version: 1,
      payload: { name: Schema.String },
      success: Schema.Void,
      concurrency: 1
    })
    return Effect.gen(function*() {
      const jobs = yield* Jobs.Jobs
      yield* jobs.start(Napping, { name: "napper" })
      yield* settle
      yield* jobs.start(Napping, { name: "other" })
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(log, ["napper sleeps", "other"])
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(log, ["napper sleeps", "other"])
      yield* Deferred.succeed(gate, undefined)
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(log.slice(2), ["napper"])
    }).pipe(provide(Runner.toLayer(Napping, ({ name }, job) =>
      Effect.gen(function*() {
        if (name === "other") {
          log.push(name)
          return yield* Deferred.await(gate)
        }
        log.push("napper sleeps")
        yield* job.sleep("nap", "5 seconds")
        log.push(name)
      }))))
  })
})

describe("kinds", () => {
  it.effect("of a higher priority go first where the jobs of all kinds are limited", () => {
    const log: Array<string> = []
    const kind = <const Name extends string>(name: Name, priority: number) =>
      Job.make(name, { version: 1, payload: {}, success: Schema.Void, priority, concurrency: 2 })
    const Low = kind("low", 0)
    const High = kind("high", 1)
    const gates: Array<Deferred.Deferred<void>> = []
    const run = (name: string) => () =>
      Effect.suspend(() => {
        log.push(name)
        const gate = Deferred.makeUnsafe<void>()
        gates.push(gate)
        return Deferred.await(gate)
      })
    return Effect.gen(function*() {
      const jobs = yield* Jobs.Jobs
      for (let i = 0; i < 3; i++) yield* jobs.start(Low, {})
      for (let i = 0; i < 3; i++) yield* jobs.start(High, {})
      for (let i = 0; i < 6; i++) {
        yield* TestClock.adjust("1 second")
        const gate = gates[i]
        assert.lengthOf(gates, i + 1)
        if (gate !== undefined) yield* Deferred.succeed(gate, undefined)
      }
      assert.deepStrictEqual(log, ["high", "high", "high", "low", "low", "low"])
    }).pipe(provide(
      Layer.merge(Runner.toLayer(Low, run("low")), Runner.toLayer(High, run("high"))).pipe(
        Layer.provide(JobPolicy.layer({ concurrency: 1 }))
      )
    ))
  })
})

describe("data that the store can never take", () => {
  it.effect("fails its job at once, and the store is not in trouble for it", () => {
    const never = new JobError({
      reason: new JobStoreUnavailable({ store: "s", operation: "o", problem: "unstorable", detail: "too big" })
    })
    const refusing = Layer.effect(
      Rows,
      Effect.map(Rows, (store) => ({
        ...store,
        commitStep: (...args: Parameters<typeof store.commitStep>) =>
          args[2] === `"step"` ? Effect.fail(never) : store.commitStep(...args),
        finish: (...args: Parameters<typeof store.finish>) =>
          args[1].state === "succeeded" && args[1].result === "3" ? Effect.fail(never) : store.finish(...args)
      }))
    ).pipe(Layer.provide(Rows.layerMemory), (rows) => Layer.provide(Rows.jobStore, rows))
    return Effect.gen(function*() {
      const jobs = yield* Jobs.Jobs
      for (const to of [3, 4]) {
        const { failure } = yield* ended(yield* jobs.start(Count, { to }))
        assert.strictEqual(failure?.kind, "data")
        assert.notInclude(failure?.message, "too big")
      }
      assert.strictEqual((yield* ended(yield* jobs.start(Count, { to: 5 }))).state, "succeeded")
      assert.isUndefined(yield* jobs.storeTrouble)
    }).pipe(Effect.provide(
      Runner.toLayer(
        Count,
        ({ to }, job) => to === 4 ? Effect.as(job.step("s", Effect.succeed("step")), to) : Effect.succeed(to)
      ).pipe(
        Layer.provide(refusing)
      )
    ))
  })
})

jobsContract({
  name: "memory",
  layer: MemoryStore.layer,
  test: it.effect,
  elapse: (millis) => TestClock.adjust(millis)
})
jobsContract({
  name: "SQLite",
  layer: Layer.unwrap(Effect.map(temporaryFile("jobs.db"), SqliteStore.layer)),
  test: it.effect,
  elapse: (millis) => TestClock.adjust(millis)
})
