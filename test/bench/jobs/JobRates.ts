/**
 * Jobs of one step on one Postgres: ours, and pg-boss, one by one and in batches, with as many connections and as many jobs at once; and ours on
 * SQLite. All are stored durably, `fsync` and `synchronous_commit` on. A step of ours is stored before the job ends, which pg-boss has no word for.
 * Then ours alone with a queue of ten thousand jobs of as many owners, and as many polls as a hundred clients make.
 */
import * as Effect from "effect/Effect"
import * as Report from "../Report.ts"
import { contest, figure } from "./Contest.ts"

const ours = "holdfast on Postgres"
const batches = "pg-boss, in batches"
const names = ["pg-boss", batches, ours, "holdfast on SQLite"]
const jobs = 200
const crowd = 10_000

export const jobRates = Effect.scoped(Effect.gen(function*() {
  const task = { jobs, owners: 20, runs: jobs, pollers: 1, pollMillis: 20 }
  const { all, comparison, median, row } = yield* contest(names, task, { rounds: 3, limit: "3 minutes" })
  const rate = (name: string) => median(name, ({ ended }) => ended)
  Report.print(`${jobs} jobs of one step, 20 callers, 20 at once, 10 connections`, [
    ...names.map((name) => row(name, () => figure(all(name)))),
    comparison(`${ours} ÷ pg-boss`, [ours, "pg-boss"], rate(ours) / rate("pg-boss")),
    // Not below what it was when this was written, on two busy cores. Half is what it should come to.
    comparison(`${ours} ÷ ${batches}`, [ours, batches], rate(ours) / rate(batches), { atLeast: 0.1 })
  ])

  const many = { jobs: crowd, owners: crowd, runs: 500, pollers: 100, pollMillis: 300 }
  const alone = yield* contest([ours], many, { rounds: 1, warmUp: 0, limit: "10 minutes" })
  Report.print(`${crowd} jobs of as many owners, of which 500 have run, and 100 who poll`, [
    alone.row(ours, () => figure(alone.all(ours)))
  ])
}))
