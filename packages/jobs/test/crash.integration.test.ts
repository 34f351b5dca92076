import { assert, describe, it } from "@effect/vitest"
import { JobStore } from "@holdfast/jobs"
import type { Store } from "@holdfast/jobs/JobStore"
import { SeededRandom } from "@holdfast/testkit"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as path from "node:path"
import { stepName } from "./support/CountJob.ts"
import { temporaryDirectory } from "./support/temporaryFile.ts"
import { until } from "./support/until.ts"
import * as Worker from "./support/WorkerProcess.ts"

/** SIGKILLs of one run. A longer run: `HOLDFAST_CRASHES=200`. */
const crashes = Number(process.env["HOLDFAST_CRASHES"] ?? 20)
const seed = Number(process.env["HOLDFAST_SEED"] ?? 7)

const steps = 12
const sum = steps * (steps + 1) / 2

const files = Effect.map(temporaryDirectory, (directory) => ({
  database: path.join(directory, "jobs.db"),
  log: path.join(directory, "log.ndjson")
}))
const storeIn = (database: string) =>
  Effect.map(Layer.build(JobStore.layerSqlite(database)), (context) => Context.get(context, JobStore))

const acceptedIn = (log: string) => Worker.lines(log).flatMap(({ job, what }) => what === "accepted" ? [job] : [])

const statesOf = (store: Store, ids: ReadonlyArray<string>) =>
  Effect.map(store.read([...new Set(ids)]), (jobs) => jobs.map(({ state }) => state))

const doneSteps = (store: Store, ids: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const done = new Set<string>()
    for (const id of ids) {
      for (let number = 1; number <= steps; number++) {
        const step = yield* store.step(id, stepName(number))
        if (step?._tag === "Done") done.add(`${id} ${stepName(number)}`)
      }
    }
    return done
  })

describe("a program that is killed", () => {
  it.live(
    `${crashes} times at random moments loses no accepted job, repeats no completed step, and shows no step back`,
    () =>
      Effect.scoped(Effect.gen(function*() {
        const random = SeededRandom.make(seed)
        const { database, log } = yield* files
        let done = new Set<string>()
        let logged = 0
        let repeated = 0
        const percents = new Map<string, number>()

        const check = Effect.scoped(Effect.gen(function*() {
          const all = Worker.lines(log)
          for (const { job, step, what } of all.slice(logged)) {
            assert.isFalse(what === "begin" && done.has(`${job} ${step}`), `${step} of ${job} is done, and began again`)
          }
          logged = all.length
          const store = yield* storeIn(database)
          const accepted = [...new Set(acceptedIn(log))]
          const jobs = yield* store.read(accepted)
          assert.strictEqual(jobs.length, accepted.length, "an accepted job is gone")
          for (const { failure, id, percent, state } of jobs) {
            assert.notStrictEqual(state, "failed", failure?.message)
            assert.isAtLeast(percent, percents.get(id) ?? 0, `progress of ${id} went back`)
            percents.set(id, percent)
          }
          done = yield* doneSteps(store, accepted)
        }))

        for (let crash = 1; crash <= crashes; crash++) {
          yield* Effect.scoped(Effect.gen(function*() {
            const worker = yield* Worker.start({
              database,
              log,
              name: `run ${crash}`,
              jobs: 2,
              steps,
              stepMillis: 15,
              leaseMillis: 60_000
            })
            yield* Effect.sleep(random.int(0, 250))
            yield* worker.signal("SIGKILL")
            yield* worker.ended
          }))
          yield* check
        }

        yield* Worker.start({ database, log, name: "last", jobs: 0, steps, stepMillis: 1, leaseMillis: 60_000 })
        const store = yield* storeIn(database)
        const accepted = [...new Set(acceptedIn(log))]
        assert.isAtLeast(accepted.length, crashes)
        yield* until(
          statesOf(store, accepted),
          (states) => states.every((state) => state === "succeeded"),
          "60 seconds"
        )
        yield* check
        for (const id of accepted) assert.strictEqual(yield* store.result(id), String(sum))
        // Interrupted steps ran again, which shows that the kills hit work.
        const begun = new Map<string, number>()
        for (const { job, step, what } of Worker.lines(log)) {
          const key = `${job} ${step}`
          if (what === "begin") begun.set(key, (begun.get(key) ?? 0) + 1)
        }
        for (const times of begun.values()) repeated += times - 1
        assert.strictEqual(begun.size, accepted.length * steps)
        assert.isAbove(repeated, 0)
        console.log(
          `${crashes} kills, ${accepted.length} jobs, ${begun.size} steps, ${repeated} interrupted steps repeated`
        )
      })),
    120_000 + crashes * 2000
  )
})

describe("several programs on one file", () => {
  const start = (where: { readonly database: string; readonly log: string }, name: string, leaseMillis: number) =>
    Worker.start({ ...where, name, jobs: 6, steps, stepMillis: 10, leaseMillis })

  it.live("run every step once, and all of them run some", () =>
    Effect.scoped(Effect.gen(function*() {
      const where = yield* files
      yield* Effect.forEach(["a", "b", "c"], (name) => start(where, name, 10_000), { concurrency: "unbounded" })
      const store = yield* storeIn(where.database)
      const accepted = acceptedIn(where.log)
      assert.strictEqual(accepted.length, 18)
      yield* until(statesOf(store, accepted), (states) => states.every((state) => state === "succeeded"), "30 seconds")
      const begins = Worker.lines(where.log).filter(({ what }) => what === "begin")
      assert.strictEqual(begins.length, accepted.length * steps)
      assert.strictEqual(new Set(begins.map(({ job, step }) => `${job} ${step}`)).size, begins.length)
      assert.strictEqual(new Set(begins.map(({ pid }) => pid)).size, 3)
    })))

  it.live("take over what a killed one was running, without waiting for its lease", () =>
    Effect.scoped(Effect.gen(function*() {
      const where = yield* files
      // The lease is far longer than the test: that the process is dead is seen.
      const victim = yield* Worker.start({
        ...where,
        name: "victim",
        jobs: 3,
        steps,
        stepMillis: 100_000,
        leaseMillis: 600_000
      })
      const store = yield* storeIn(where.database)
      const ids = acceptedIn(where.log)
      yield* until(statesOf(store, ids), (states) => states.every((state) => state === "running"), "10 seconds")
      yield* victim.signal("SIGKILL")
      yield* victim.ended
      const heir = yield* Worker.start({ ...where, name: "heir", jobs: 0, steps, stepMillis: 1, leaseMillis: 5000 })
      const taken = Effect.map(store.read(ids), (jobs) => jobs.map(({ attempt }) => attempt))
      yield* until(taken, (attempts) => attempts.every((attempt) => attempt === 2), "10 seconds")
      const said = `taken over from runner .*: its process, ${victim.pid} of this machine, has died; this is attempt 2`
      yield* until(Effect.sync(heir.stderr), (text) => new RegExp(`WARN.*${said}`).test(text), "10 seconds")
    })))

  it.live("take nothing from one whose process lives on this machine, though their clock is two days ahead", () =>
    Effect.scoped(Effect.gen(function*() {
      const where = yield* files
      const owner = yield* Worker.start({ ...where, name: "o", jobs: 3, steps, stepMillis: 200, leaseMillis: 1000 })
      const store = yield* storeIn(where.database)
      const ids = acceptedIn(where.log)
      yield* until(statesOf(store, ids), (states) => states.every((state) => state === "running"), "10 seconds")
      const days = 2 * 86_400_000
      const other = yield* Worker.start({
        ...where,
        name: "p",
        jobs: 1,
        steps: 1,
        stepMillis: 1,
        leaseMillis: 1000,
        aheadMillis: days
      })
      yield* until(statesOf(store, ids), (states) => states.every((state) => state === "succeeded"), "30 seconds")
      assert.deepStrictEqual((yield* store.read(ids)).map(({ attempt }) => attempt), [1, 1, 1])
      // The other was not idle, and nobody found anything to complain of.
      const theirs = acceptedIn(where.log).filter((id) => !ids.includes(id))
      yield* until(statesOf(store, theirs), (states) => states.every((state) => state === "succeeded"), "10 seconds")
      assert.notMatch(owner.stderr() + other.stderr(), /WARN/)
    })))

  it.live("take over from one that is stopped when its lease is over, and it writes nothing more when it goes on", () =>
    Effect.scoped(Effect.gen(function*() {
      const where = yield* files
      const stopped = yield* Worker.start({ ...where, name: "s", jobs: 2, steps, stepMillis: 500, leaseMillis: 1000 })
      const store = yield* storeIn(where.database)
      const ids = acceptedIn(where.log)
      yield* until(statesOf(store, ids), (states) => states.every((state) => state === "running"), "10 seconds")
      yield* stopped.signal("SIGSTOP")
      yield* Effect.addFinalizer(() => stopped.signal("SIGCONT"))
      const heir = yield* Worker.start({ ...where, name: "heir", jobs: 0, steps, stepMillis: 1, leaseMillis: 1000 })
      const attempts = Effect.map(store.read(ids), (jobs) => jobs.map(({ attempt }) => attempt))
      yield* until(attempts, (attempts) => attempts.every((attempt) => attempt === 2), "15 seconds")
      yield* stopped.signal("SIGCONT")
      yield* until(statesOf(store, ids), (states) => states.every((state) => state === "succeeded"), "30 seconds")
      for (const { attempt, id } of yield* store.read(ids)) {
        assert.strictEqual(attempt, 2)
        assert.strictEqual(yield* store.result(id), String(sum))
      }
      // A step that the stopped one was in began at both; no other did, and it ended none that the heir had ended.
      const begins = Worker.lines(where.log).filter(({ what }) => what === "begin")
      assert.isAtMost(begins.length, ids.length * (steps + 1))
      // Both say so, each its side of it.
      for (const id of ids) {
        assert.match(heir.stderr(), new RegExp(`WARN.*job ${id} \\(count\\) taken over from runner .*its lease ended`))
        assert.match(
          stopped.stderr(),
          new RegExp(`WARN.*job ${id} \\(count\\) is no longer of this runner.*was this process asleep`)
        )
      }
    })))

  it.live("take nothing from each other when all of them were asleep", () =>
    Effect.scoped(Effect.gen(function*() {
      const where = yield* files
      const owner = yield* Worker.start({ ...where, name: "o", jobs: 3, steps, stepMillis: 400, leaseMillis: 1000 })
      const other = yield* Worker.start({ ...where, name: "p", jobs: 0, steps, stepMillis: 400, leaseMillis: 1000 })
      const store = yield* storeIn(where.database)
      const ids = acceptedIn(where.log)
      yield* until(statesOf(store, ids), (states) => states.every((state) => state === "running"), "10 seconds")
      const holders = Effect.map(
        Effect.sync(() => Worker.lines(where.log)),
        (lines) => new Set(lines.flatMap(({ pid, what }) => what === "begin" ? [pid] : []))
      )
      const before = yield* holders
      yield* Effect.forEach([owner, other], (program) => program.signal("SIGSTOP"))
      yield* Effect.sleep("2 seconds")
      // Whoever has nothing wakes first: the temptation.
      yield* Effect.forEach([other, owner].toSorted((a) => before.has(a.pid) ? 1 : -1), (program) =>
        Effect.andThen(program.signal("SIGCONT"), Effect.sleep("20 millis")))
      yield* until(statesOf(store, ids), (states) =>
        states.every((state) => state === "succeeded"), "30 seconds")
      assert.deepStrictEqual((yield* store.read(ids)).map(({ attempt }) => attempt), [1, 1, 1])
      assert.strictEqual(Worker.lines(where.log).filter(({ what }) => what === "begin").length, ids.length * steps)
    })))

  it.live("hand over at once when one ends in order", () =>
    Effect.scoped(Effect.gen(function*() {
      const where = yield* files
      const first = yield* Worker.start({ ...where, name: "f", jobs: 2, steps, stepMillis: 300, leaseMillis: 600_000 })
      const store = yield* storeIn(where.database)
      const ids = acceptedIn(where.log)
      yield* until(statesOf(store, ids), (states) => states.every((state) => state === "running"), "10 seconds")
      yield* first.signal("SIGTERM")
      yield* first.ended
      assert.deepStrictEqual(yield* statesOf(store, ids), ["queued", "queued"])
      assert.deepStrictEqual(yield* store.runners, [])
    })))
})
