/**
 * A program with jobs in Postgres, to be killed, frozen and cut off: `clusterProgram.ts <options as JSON>`, see `ClusterWorker.ts`.
 *
 * It writes what its steps do into a log, and answers questions, a line of JSON each, on stdin.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Job from "@holdfast/jobs/Job"
import * as JobPolicy from "@holdfast/jobs/JobPolicy"
import * as Jobs from "@holdfast/jobs/Jobs"
import { JobStore } from "@holdfast/jobs/JobStore"
import * as PostgresStore from "@holdfast/jobs/PostgresStore"
import * as Runner from "@holdfast/jobs/Runner"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as fs from "node:fs"
import * as readline from "node:readline"
import type { Line, Options, Question } from "./ClusterWorker.ts"

// What `ClusterWorker.start` was given.
const options = JSON.parse(process.argv[2] ?? "{}") as Options

const tell = (line: Omit<Line, "name" | "at">) =>
  fs.appendFileSync(options.log, `${JSON.stringify({ name: options.name, at: Date.now(), ...line })}\n`)

const kindOf = (name: string) =>
  Job.make(name, {
    version: options.version ?? 1,
    payload: { steps: Schema.Int, millis: Schema.Int },
    success: Schema.Int,
    concurrency: 4,
    // Beside one that kills its program, none may be charged.
    maxCrashes: options.hasBomb === true ? 1 : 10,
    onOldVersion: "finish"
  })

const liveOf = (kind: ReturnType<typeof kindOf>) =>
  Runner.toLayer(kind, ({ millis, steps }, job) =>
    Effect.gen(function*() {
      for (let number = 1; number <= steps; number++) {
        const step = `step ${number}`
        yield* job.step(
          step,
          Effect.gen(function*() {
            const fence = yield* job.fence
            tell({ what: "begin", job: job.id, step })
            yield* options.outside === undefined
              ? Effect.sleep(millis)
              : writing(options.outside, job.id, fence, millis)
            tell({ what: "end", job: job.id, step })
          }).pipe(Effect.onInterrupt(() => Effect.sync(() => tell({ what: "stopped", job: job.id, step })))),
          { compensate: () => Effect.sync(() => tell({ what: "undone", job: job.id, step })) }
        )
        yield* job.progress({ percent: number / steps * 100 })
      }
      tell({ what: "done", job: job.id, step: "" })
      return steps
    }))

/** Writes into a store of others, again and again, with the fence that it got when it began. */
const writing = (port: number, job: string, fence: number, millis: number) =>
  Effect.promise(() => fetch(`http://127.0.0.1:${port}/${job}/${fence}`, { method: "PUT" })).pipe(
    Effect.tap(({ ok }) => Effect.sync(() => ok ? undefined : tell({ what: "refused", job, step: `fence ${fence}` }))),
    Effect.repeat(Schedule.spaced("100 millis").pipe(Schedule.upTo({ duration: millis })))
  )

const Bomb = Job.make("bomb", {
  version: 1,
  payload: { steps: Schema.Int, millis: Schema.Int },
  success: Schema.Int,
  maxCrashes: 2
})
const BombLive = Runner.toLayer(Bomb, ({ millis }, job) =>
  job.step(
    "boom",
    Effect.gen(function*() {
      tell({ what: "begin", job: job.id, step: "boom" })
      yield* Effect.sleep(millis)
      process.kill(process.pid, "SIGKILL")
      return 0
    })
  ))

const kinds = options.kinds.map(kindOf)
const store = PostgresStore.layer({ ...options.postgres, username: "jobs", maxConnections: 4 })
const live = kinds.reduce<Layer.Layer<Jobs.Jobs, unknown, JobStore>>(
  (all, kind) => options.isClient === true ? all : Layer.merge(all, liveOf(kind)),
  options.hasBomb === true ? BombLive : Jobs.layer
).pipe(
  Layer.provide(store),
  Layer.provide(
    options.leaseMillis === undefined ? Layer.empty : JobPolicy.layer({ leaseDuration: options.leaseMillis })
  ),
  Layer.provide(Logger.layer([Logger.withConsoleError(Logger.formatSimple)]))
)

const answer = (question: Question) =>
  Effect.gen(function*() {
    const jobs = yield* Jobs.Jobs
    switch (question.ask) {
      case "start":
        return yield* jobs.start(question.kind === "bomb" ? Bomb : kindOf(question.kind), {
          steps: question.steps,
          millis: question.millis
        })
      case "status":
        return yield* jobs.status(question.id)
      case "cancel":
        return yield* jobs.cancel(question.id)
      case "trouble":
        return (yield* jobs.storeTrouble) ?? null
    }
  })

const program = Effect.gen(function*() {
  const runFork = Effect.runCallbackWith(yield* Effect.context<Jobs.Jobs>())
  const lines = readline.createInterface({ input: process.stdin })
  const say = (line: unknown) => process.stdout.write(`${JSON.stringify(line)}\n`)
  lines.on("line", (line) => {
    // What `ClusterWorker.ask` wrote.
    const { number, question } = JSON.parse(line) as { readonly number: number; readonly question: Question }
    runFork(answer(question), {
      onExit: (exit) =>
        say(Exit.isSuccess(exit) ? { number, ok: exit.value } : { number, failed: Cause.pretty(exit.cause) })
    })
  })
  yield* Effect.addFinalizer(() => Effect.sync(() => lines.close()))
  say({ ready: true })
  return yield* Effect.never
})

program.pipe(Effect.scoped, Effect.provide(live), NodeRuntime.runMain)
