/**
 * One contender of the benchmark of jobs, named by its first argument, on the Postgres whose socket is in the folder of the second.
 *
 * Told how many, it starts jobs of one step, as fast as `callers` callers can, while it runs them, up to `atOnce` at a time; meanwhile they are
 * polled. It answers what that took.
 */
import * as Job from "@holdfast/jobs/Job"
import * as JobPolicy from "@holdfast/jobs/JobPolicy"
import * as Jobs from "@holdfast/jobs/Jobs"
import { JobStore } from "@holdfast/jobs/JobStore"
import * as PostgresStore from "@holdfast/jobs/PostgresStore"
import * as Runner from "@holdfast/jobs/Runner"
import * as SqliteStore from "@holdfast/jobs/SqliteStore"
import * as Principal from "@holdfast/protocol/Principal"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Schema from "effect/Schema"
import { registerHooks } from "node:module"
import * as path from "node:path"
import type { Round, Task } from "./Contest.ts"

const callers = 20
const atOnce = 20
const connections = 10

interface Queue {
  readonly start: (number: number, owner: string) => Promise<string>
  /** Whether the job has ended. */
  readonly poll: (id: string, owner: string) => Promise<boolean>
}

/** Told of each job that has run. */
type Make = (folder: string, onRun: (id: string) => void) => Promise<Queue>

const One = Job.make("one", { version: 1, payload: { number: Schema.Int }, success: Schema.Int, concurrency: atOnce })

const holdfast = async (store: Layer.Layer<JobStore, unknown>, onRun: (id: string) => void): Promise<Queue> => {
  const live = Runner.toLayer(
    One,
    ({ number }, job) => Effect.tap(job.step("step", Effect.succeed(number)), () => Effect.sync(() => onRun(job.id)))
  )
  const runtime = ManagedRuntime.make(live.pipe(Layer.provide(store), Layer.provide(JobPolicy.layer({}))))
  const jobs = await runtime.runPromise(Jobs.Jobs)
  return {
    start: (number, owner) => runtime.runPromise(jobs.start(One, { number }, { owner: Principal.make(owner) })),
    poll: (id, owner) =>
      runtime.runPromise(
        Effect.map(jobs.status(id, { owner: Principal.make(owner) }), ({ finishedAt }) => finishedAt !== undefined)
      )
  }
}

/** As its manual has it: in batches woken by NOTIFY, and fetching on while there is work; one by one as often as it may look. */
const pgBoss = async (
  folder: string,
  onRun: (id: string) => void,
  options: { readonly batchSize: number; readonly localConcurrency: number }
): Promise<Queue> => {
  // It is measured without telemetry, and what it would take that from is not there.
  const none =
    "context defaultTextMapGetter defaultTextMapSetter metrics propagation ROOT_CONTEXT SpanKind SpanStatusCode"
  const stub =
    "data:text/javascript,export const trace = { getTracerProvider: () => ({ getTracer: () => undefined }) };" +
    none.split(" ").map((name) => `export const ${name} = {}`).join(";")
  registerHooks({ resolve: (name, context, next) => next(name === "@opentelemetry/api" ? stub : name, context) })
  const { PgBoss } = await import("pg-boss")
  const boss = new PgBoss({
    host: folder,
    user: "jobs",
    database: "bench",
    max: connections,
    openTelemetry: { enabled: false },
    useListenNotify: options.batchSize > 1
  })
  boss.on("error", (error) => console.error(error))
  await boss.start()
  const name = `one-${options.batchSize}`
  await boss.createQueue(name, { notify: options.batchSize > 1 })
  await boss.work(
    name,
    { ...options, pollingIntervalSeconds: 0.5, burstWhenBatchFull: true },
    async (jobs: ReadonlyArray<{ readonly id: string }>) => {
      for (const { id } of jobs) onRun(id)
    }
  )
  return {
    start: async (number) => (await boss.send(name, { number })) ?? "",
    poll: async (id) => (await boss.getJobById(name, id))?.state === "completed"
  }
}

const contenders: Readonly<Record<string, Make>> = {
  "pg-boss": (folder, onRun) => pgBoss(folder, onRun, { batchSize: 1, localConcurrency: atOnce }),
  "pg-boss, in batches": (folder, onRun) => pgBoss(folder, onRun, { batchSize: atOnce, localConcurrency: 1 }),
  "holdfast on Postgres": (folder, onRun) =>
    holdfast(
      PostgresStore.layer({
        path: path.join(folder, ".s.PGSQL.5432"),
        username: "jobs",
        database: "bench",
        maxConnections: connections
      }),
      onRun
    ),
  "holdfast on SQLite": (folder, onRun) => holdfast(SqliteStore.layer(path.join(folder, "jobs.db")), onRun)
}

const pause = (millis: number) => new Promise((resolve) => void setTimeout(resolve, millis))

const main = async (): Promise<void> => {
  const [, , name = "", folder = ""] = process.argv
  const make = contenders[name]
  if (make === undefined) throw new Error(`there is no contender "${name}"`)
  let wanted = 0
  const run = new Set<string>()
  let allRun = (): void => undefined
  const queue = await make(folder, (id) => {
    run.add(id)
    if (run.size === wanted) allRun()
  })

  const round = async ({ jobs, owners, pollers, pollMillis, runs }: Task): Promise<Round> => {
    run.clear()
    wanted = runs
    const hasRun = new Promise<void>((resolve) => void (allRun = resolve))
    const ownerOf = (number: number) => `owner ${number % owners}`
    const ids: Array<readonly [string, string]> = []
    const polls: Array<number> = []
    const over = new AbortController()
    const usage = process.cpuUsage()
    const begun = performance.now()
    let next = 0
    const caller = async (): Promise<void> => {
      while (next < jobs) {
        const owner = ownerOf(next)
        ids.push([await queue.start(next++, owner), owner])
      }
    }
    const poller = async (): Promise<void> => {
      while (!over.signal.aborted) {
        const one = ids[Math.floor(Math.random() * ids.length)]
        const asked = performance.now()
        if (one !== undefined) {
          await queue.poll(...one)
          polls.push(performance.now() - asked)
        }
        await pause(pollMillis)
      }
    }
    const polling = Array.from({ length: pollers }, poller)
    await Promise.all(Array.from({ length: callers }, caller))
    const accepted = performance.now() - begun
    await hasRun
    // What ran last may not have been stored yet.
    const last = new Set([...run].slice(-2 * atOnce))
    for (const one of ids) while (last.has(one[0]) && !(await queue.poll(...one))) await pause(5)
    const ended = performance.now() - begun
    over.abort()
    await Promise.all(polling)
    const { system, user } = process.cpuUsage(usage)
    return {
      accepted: jobs / accepted * 1000,
      ended: runs / ended * 1000,
      polls,
      processor: (system + user) / 1000 / jobs
    }
  }

  process.on("message", (task: Task) => {
    round(task).then(
      (said) => process.send?.(said),
      (error: unknown) => process.send?.({ failed: String(error) })
    )
  })
  process.once("disconnect", () => process.exit())
  process.send?.({ ready: true })
}

main().catch((error: unknown) => process.send?.({ failed: String(error) }, () => process.exit(1)))
