/** A program that runs jobs and is killed, as often as there is time for; and what tests of such programs share. */
import { assert, describe, it } from "@effect/vitest"
import { SeededRandom } from "@holdfast/testkit"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as path from "node:path"
import type { Store } from "../../src/internal/local/Store.ts"
import { stepName } from "./CountJob.ts"
import { Rows } from "./Rows.ts"
import { temporaryDirectory } from "./temporaryFile.ts"
import { until } from "./until.ts"
import * as Worker from "./WorkerProcess.ts"

const seed = Number(process.env["HOLDFAST_SEED"] ?? 7)

export const steps = 12
export const sum = steps * (steps + 1) / 2

export const files = Effect.map(temporaryDirectory, (directory) => ({
  database: path.join(directory, "jobs.db"),
  log: path.join(directory, "log.ndjson")
}))
export const storeIn = (database: string) =>
  Effect.map(Layer.build(Rows.layerSqlite(database)), (context): Store => Context.get(context, Rows))

export const acceptedIn = (log: string) =>
  Worker.lines(log).flatMap(({ job, what }) => what === "accepted" ? [job] : [])

export const statesOf = (store: Store, ids: ReadonlyArray<string>) =>
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

/** Steps that have begun so far, by all workers. */
const begunIn = (log: string): number => Worker.lines(log).filter(({ what }) => what === "begin").length

export const define = (crashes: number) =>
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
              assert.isFalse(
                what === "begin" && done.has(`${job} ${step}`),
                `${step} of ${job} is done, and began again`
              )
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
              // In the middle of the work, however slow the machine is: when so many steps of the twenty-four to come have begun.
              const moment = begunIn(log) + random.int(1, 16)
              const worker = yield* Worker.start({
                database,
                log,
                name: `run ${crash}`,
                jobs: 2,
                steps,
                stepMillis: 15,
                leaseMillis: 60_000
              })
              yield* until(Effect.sync(() => begunIn(log)), (begun) => begun >= moment)
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
            (states) => states.every((state) => state === "succeeded")
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
        }))
    )
  })
