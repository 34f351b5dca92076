import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import { acceptedIn, define, files, statesOf, steps, storeIn } from "./support/killedProgram.ts"
import { takenOver } from "./support/takenOver.ts"
import { until } from "./support/until.ts"
import * as Worker from "./support/WorkerProcess.ts"

define(4)
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
      yield* until(statesOf(store, accepted), (states) => states.every((state) => state === "succeeded"))
      const begins = Worker.lines(where.log).filter(({ what }) => what === "begin")
      assert.strictEqual(begins.length, accepted.length * steps)
      assert.strictEqual(new Set(begins.map(({ job, step }) => `${job} ${step}`)).size, begins.length)
      assert.strictEqual(new Set(begins.map(({ pid }) => pid)).size, 3)
    })))

  it.live("take over what a killed one was running, at once", () =>
    Effect.scoped(Effect.gen(function*() {
      const where = yield* files
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
      yield* until(statesOf(store, ids), (states) => states.every((state) => state === "running"))
      yield* victim.signal("SIGKILL")
      yield* victim.ended
      const heir = yield* Worker.start({ ...where, name: "heir", jobs: 0, steps, stepMillis: 1, leaseMillis: 5000 })
      const taken = Effect.map(store.read(ids), (jobs) => jobs.map(({ attempt }) => attempt))
      yield* until(taken, (attempts) => attempts.every((attempt) => attempt === 2))
      const said = `taken over from runner .*: its process, ${victim.pid}, has died over attempt 1; the job is queued`
      yield* until(Effect.sync(heir.stderr), (text) => new RegExp(`WARN.*${said}`).test(text))
    })))

  it.live("take nothing from one whose process lives on this machine, though their clock is two days ahead", () =>
    Effect.scoped(Effect.gen(function*() {
      const where = yield* files
      const owner = yield* Worker.start({ ...where, name: "o", jobs: 3, steps, stepMillis: 200, leaseMillis: 10_000 })
      const store = yield* storeIn(where.database)
      const ids = acceptedIn(where.log)
      yield* until(statesOf(store, ids), (states) => states.every((state) => state === "running"))
      const days = 2 * 86_400_000
      const other = yield* Worker.start({
        ...where,
        name: "p",
        jobs: 1,
        steps: 1,
        stepMillis: 1,
        leaseMillis: 10_000,
        aheadMillis: days
      })
      yield* until(statesOf(store, ids), (states) => states.every((state) => state === "succeeded"))
      assert.deepStrictEqual((yield* store.read(ids)).map(({ attempt }) => attempt), [1, 1, 1])
      // The other was not idle, and nobody found anything to complain of.
      const theirs = acceptedIn(where.log).filter((id) => !ids.includes(id))
      yield* until(statesOf(store, theirs), (states) => states.every((state) => state === "succeeded"))
      assert.notMatch(owner.stderr() + other.stderr(), /WARN/)
    })))

  it.live("take nothing from one that is stopped, however long: it goes on where it was", () =>
    Effect.scoped(Effect.gen(function*() {
      const where = yield* files
      const stopped = yield* start(where, "s", 1000)
      const store = yield* storeIn(where.database)
      const ids = acceptedIn(where.log)
      const held = Effect.map(store.read(ids), (jobs) => jobs.filter(({ state }) => state === "running"))
      const mine = yield* until(held, (jobs) => jobs.length > 0)
      yield* stopped.signal("SIGSTOP")
      yield* Effect.addFinalizer(() => stopped.signal("SIGCONT"))
      // The other one looks about and does all that is not held: it has had every occasion.
      const other = yield* Worker.start({ ...where, name: "o", jobs: 6, steps, stepMillis: 10, leaseMillis: 1000 })
      const theirs = acceptedIn(where.log).filter((id) => !ids.includes(id))
      yield* until(statesOf(store, theirs), (states) => states.every((state) => state === "succeeded"))
      for (const { attempt, state } of yield* store.read(mine.map(({ id }) => id))) {
        assert.deepStrictEqual([state, attempt], ["running", 1])
      }
      yield* stopped.signal("SIGCONT")
      yield* until(statesOf(store, ids), (states) => states.every((state) => state === "succeeded"))
      assert.notMatch(other.stderr() + stopped.stderr(), /WARN/)
    })))

  it.live("take over from a killed one that names another machine, as after a reboot", () =>
    Effect.scoped(Effect.flatMap(files, (where) => takenOver(where, { machine: "another" }))))

  it.live("leave no lock file behind, killed or not", () =>
    Effect.scoped(Effect.gen(function*() {
      const where = yield* files
      const names = ["a", "b", "c"]
      const workers = yield* Effect.forEach(names, (name) => start(where, name, 1000))
      const folder = `${where.database}-runners`
      assert.lengthOf(fs.readdirSync(folder), names.length)
      const [first, ...others] = workers
      yield* Effect.forEach(others, (worker) => Effect.andThen(worker.signal("SIGKILL"), worker.ended))
      yield* until(Effect.sync(() => fs.readdirSync(folder)), (files) => files.length === 1)
      if (first !== undefined) yield* Effect.andThen(first.signal("SIGTERM"), first.ended)
      assert.isFalse(fs.existsSync(folder))
    })))

  it.live("hand over at once when one ends in order", () =>
    Effect.scoped(Effect.gen(function*() {
      const where = yield* files
      const first = yield* Worker.start({ ...where, name: "f", jobs: 2, steps, stepMillis: 300, leaseMillis: 600_000 })
      const store = yield* storeIn(where.database)
      const ids = acceptedIn(where.log)
      yield* until(statesOf(store, ids), (states) => states.every((state) => state === "running"))
      yield* first.signal("SIGTERM")
      yield* first.ended
      assert.deepStrictEqual(yield* statesOf(store, ids), ["queued", "queued"])
      assert.deepStrictEqual(yield* store.runners, [])
    })))
})
