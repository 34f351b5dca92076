/**
 * A program with jobs, to be killed: `worker.ts <store> <log> <name> <machine> <jobs> <steps> <step millis> <lease millis> <ahead millis>`.
 * The store is a file, or `<socket> <database>` of Postgres. With a machine, it is as if it ran on that one. Its clock is ahead by
 * the last number, and what it logs goes to stderr.
 *
 * Starts `jobs` jobs (their keys are `<name> <number>`, so a later run finds them again), tells `ready`, and runs what there is
 * to run until it is killed or told SIGTERM.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as JobPolicy from "@holdfast/jobs/JobPolicy"
import * as Jobs from "@holdfast/jobs/Jobs"
import * as PostgresStore from "@holdfast/jobs/PostgresStore"
import * as Runner from "@holdfast/jobs/Runner"
import * as SqliteStore from "@holdfast/jobs/SqliteStore"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as fs from "node:fs"
import { ProcessIdentity } from "../../src/internal/ProcessIdentity.ts"
import { Count, type Line, stepName } from "./CountJob.ts"

const [database = "", log = "", name = "", machine = "", ...numbers] = process.argv.slice(2)
const [jobs = 0, steps = 0, stepMillis = 0, leaseMillis = 0, aheadMillis = 0] = numbers.map(Number)

const tell = (line: Omit<Line, "pid">) => fs.appendFileSync(log, `${JSON.stringify({ pid: process.pid, ...line })}\n`)

const CountLive = Runner.toLayer(
  Count,
  Effect.fn("count")(function*(payload, job) {
    let sum = 0
    for (let number = 1; number <= payload.steps; number++) {
      const step = stepName(number)
      sum = yield* job.step(
        step,
        Effect.gen(function*() {
          tell({ what: "begin", job: job.id, step })
          yield* Effect.sleep(payload.stepMillis)
          tell({ what: "end", job: job.id, step })
          return sum + number
        })
      )
      yield* job.progress({ percent: number / payload.steps * 100, message: step })
    }
    return sum
  })
)

const [place = "", postgres] = database.split(" ")
const store = postgres === undefined
  ? SqliteStore.layer(place)
  : PostgresStore.layer({ path: place, username: "jobs", database: postgres, maxConnections: 4 })

/** On a machine of its own, nobody can see that its process is dead. */
const onMachine = Layer.effect(
  ProcessIdentity,
  Effect.map(ProcessIdentity, (host) => {
    const identity = { ...host.identity, machine: machine === "" ? host.identity.machine : machine }
    return { ...host, identity, ...machine !== "" && { isDead: () => false, isAlive: () => false } }
  })
)

const program = Effect.gen(function*() {
  const all = yield* Jobs.Jobs
  for (let number = 1; number <= jobs; number++) {
    const id = yield* all.start(Count, { name: `${name} ${number}`, steps, stepMillis })
    tell({ what: "accepted", job: id, step: "" })
  }
  process.stdout.write("ready\n")
  return yield* Effect.never
})

/** By a clock that is wrong. */
const ahead = Layer.effect(
  Clock.Clock,
  Effect.map(Clock.Clock, (clock): Clock.Clock => ({
    currentTimeMillisUnsafe: () => clock.currentTimeMillisUnsafe() + aheadMillis,
    currentTimeMillis: Effect.map(clock.currentTimeMillis, (now) => now + aheadMillis),
    currentTimeNanosUnsafe: () => clock.currentTimeNanosUnsafe() + BigInt(aheadMillis) * 1_000_000n,
    currentTimeNanos: Effect.map(clock.currentTimeNanos, (now) => now + BigInt(aheadMillis) * 1_000_000n),
    monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe(),
    monotonicTimeNanos: clock.monotonicTimeNanos,
    sleep: (duration) => clock.sleep(duration)
  }))
)

program.pipe(
  Effect.provide(CountLive.pipe(
    Layer.provide(store),
    Layer.provide(onMachine),
    Layer.provide(
      leaseMillis === 0 ? Layer.empty : JobPolicy.layer({
        leaseDuration: leaseMillis,
        pollInterval: "100 millis",
        progressInterval: "20 millis"
      })
    ),
    Layer.provide([ahead, Logger.layer([Logger.withConsoleError(Logger.formatSimple)])])
  )),
  NodeRuntime.runMain
)
