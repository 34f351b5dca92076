/** Measures one subject at one count, in a process of its own, by its two arguments; prints the figures as JSON. */
import * as ConnectionPool from "@holdfast/core/ConnectionPool"
import * as Jobs from "@holdfast/jobs"
import { Endpoint, McpConfig, McpConnections } from "@holdfast/mcp"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as References from "effect/References"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as fs from "node:fs"
import * as http from "node:http"
import * as os from "node:os"
import * as path from "node:path"
import * as ContenderProcess from "../ContenderProcess.ts"
import { connector, keysOf } from "../core/Steady.ts"
import * as Report from "../Report.ts"
import type { Name, Point } from "./Subjects.ts"

type Measured = Omit<Point, "count">
type Measure = (count: number) => Effect.Effect<Measured, unknown, Scope.Scope>

/** Few at once are had so often that there is something to measure. */
const enough = 2000
const timesOf = (count: number): number => Math.ceil(enough / count)

const micros = (): number => {
  const { system, user } = process.cpuUsage()
  return system + user
}

const heap = (): number => {
  globalThis.gc?.()
  globalThis.gc?.()
  return process.memoryUsage().heapUsed
}

const timed = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<number, E, R> =>
  Effect.suspend(() => {
    const from = micros()
    return Effect.map(effect, () => micros() - from)
  })

/** `hold` leaves `count` of something in the Scope. They are held as often as it takes, all at the same time, and weighed together. */
const held = Effect.fnUntraced(function*(count: number, hold: Effect.Effect<unknown, unknown, Scope.Scope>) {
  const times = timesOf(count)
  const all = Effect.forEach(Array.from({ length: times }), () => hold, { discard: true })
  // The compiler has seen it then.
  yield* Effect.scoped(all)
  const from = heap()
  const taken = yield* timed(all)
  return { micros: taken / times / count, bytes: (heap() - from) / times / count }
})

const calls: Measure = Effect.fnUntraced(function*(count) {
  const endpoint = Endpoint.stdio({
    command: process.execPath,
    args: [path.join(import.meta.dirname, "echo-server.ts")]
  })
  const mcp = yield* McpConnections.make(
    yield* McpConfig.make({ echo: { endpoint, policy: { maxInFlight: 2 * count, maxWaiters: 2 * count } } })
  )
  const echo = mcp.callTool("echo", { name: "echo", arguments: { text: "hello" } })
  const senders = (each: number) =>
    Effect.all(Array.from({ length: count }, () => Effect.repeat(echo, { times: each - 1 })), {
      concurrency: "unbounded",
      discard: true
    })
  const each = Math.max(2, Math.ceil(20_000 / count))
  yield* senders(each)
  const taken = yield* timed(senders(each))
  const hold = Effect.gen(function*() {
    const from = heap()
    const fibers = yield* Effect.forEach(
      Array.from({ length: count }),
      () => Effect.forkChild(mcp.callTool("echo", { name: "echo", arguments: { hold: true } }))
    )
    // What is answered now was sent behind all of them.
    yield* echo
    const bytes = (heap() - from) / count
    yield* Effect.forEach(fibers, Fiber.interrupt, { discard: true })
    return bytes
  })
  // The first ones leave behind what is made once, and few weigh less than what else comes and goes: the median counts.
  yield* hold
  const bytes = Report.median(yield* Effect.forEach(Array.from({ length: count < 1000 ? 21 : 3 }), () => hold))
  return { micros: taken / count / each, bytes }
})

const connections: Measure = (count) =>
  held(
    count,
    Effect.gen(function*() {
      const pool = yield* ConnectionPool.make(connector, {
        policy: { sharing: "exclusive", maxConnectionsPerKey: count, maxConnections: count }
      })
      for (let one = 0; one < count; one++) yield* pool.lease("a")
    })
  )

const keys: Measure = Effect.fnUntraced(function*(count) {
  const names = keysOf(count)
  const pools: Array<ConnectionPool.ConnectionPool<string, number, Error>> = []
  const { bytes } = yield* held(
    count,
    Effect.gen(function*() {
      const pool = yield* ConnectionPool.make(connector, {
        policy: { maxConnections: count + 1, idleTimeout: "1 hour" }
      })
      for (const name of names) yield* pool.use(name, () => Effect.void)
      pools.push(pool)
    })
  )
  const pool = pools.at(-1)
  if (pool === undefined) return yield* Effect.die("there is no pool")
  // A stride that is prime to the count visits every one, far from the last.
  const uses = names.map((_, index) => pool.use(names[(index * 7919) % count] ?? "", () => Effect.void))
  const times = Math.ceil(200_000 / count)
  const all = Effect.gen(function*() {
    for (let time = 0; time < times; time++) for (const use of uses) yield* use
  })
  yield* all
  return { micros: (yield* timed(all)) / times / count, bytes }
})

const waiting: Measure = Effect.fnUntraced(function*(count) {
  const times = timesOf(count)
  /** Callers of a connection that is not there yet. */
  const come = Effect.gen(function*() {
    const ready = yield* Deferred.make<void>()
    const pool = yield* ConnectionPool.make(
      {
        ...connector,
        dial: () => Effect.as(Deferred.await(ready), { value: 1, closed: Effect.never, probe: Effect.void })
      },
      { policy: { maxWaiters: count, maxInFlight: count } }
    )
    const fibers = yield* Effect.forEach(
      Array.from({ length: count }),
      () => Effect.forkChild(pool.use("a", () => Effect.void), { startImmediately: true })
    )
    return {
      served: Effect.andThen(Deferred.succeed(ready, undefined), Effect.forEach(fibers, Fiber.join, { discard: true }))
    }
  })
  const all = Effect.forEach(Array.from({ length: times }), () => come)
  const leave = (come: ReadonlyArray<{ readonly served: Effect.Effect<void, unknown> }>) =>
    Effect.forEach(come, ({ served }) => served, { discard: true })
  yield* Effect.scoped(Effect.flatMap(all, leave))
  const from = heap()
  const before = micros()
  const served = yield* all
  const coming = micros() - before
  const bytes = (heap() - from) / times / count
  const leaving = yield* timed(leave(served))
  return { micros: (coming + leaving) / times / count, bytes }
})

const initialize = JSON.stringify({
  jsonrpc: "2.0",
  id: 0,
  method: "initialize",
  params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "growth", version: "1" } }
})
const initialized = JSON.stringify({ jsonrpc: "2.0", method: "notifications/initialized" })

/** What the host says: its processor time before and after its garbage was collected, and what it holds. */
interface Usage {
  readonly before: number
  readonly after: number
  readonly bytes: number
}

const onHost = (hasStream: boolean): Measure =>
  Effect.fnUntraced(function*(count) {
    const { ask, stdout } = yield* ContenderProcess.open(process.execPath, [
      "--expose-gc",
      path.join(import.meta.dirname, "host.ts")
    ], "pipe")
    const port = yield* Effect.callback<number>((resume) =>
      void stdout?.once("data", (said) => resume(Effect.succeed(Number(String(said)))))
    )
    // It says nothing else.
    const usage = Effect.map(ask({}), (said) => said as Usage)
    const agent = new http.Agent({ keepAlive: true, maxSockets: 16 })
    const streams: Array<http.ClientRequest> = []
    const sessions: Array<string> = []
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        agent.destroy()
        for (const stream of streams) stream.destroy()
      })
    )
    const asked = (method: string, session: string | undefined, body?: string): Promise<http.IncomingMessage> =>
      new Promise((resolve, reject) => {
        const isStream = method === "GET"
        const request = http.request({
          host: "127.0.0.1",
          port,
          path: "/mcp",
          method,
          agent: isStream ? false : agent,
          headers: {
            accept: isStream ? "text/event-stream" : "application/json, text/event-stream",
            ...(body !== undefined && { "content-type": "application/json", "content-length": body.length }),
            ...(session !== undefined && { "mcp-session-id": session })
          }
        }, (response) => {
          response.resume().on("error", () => {})
          if ((response.statusCode ?? 500) >= 300) return reject(new Error(`HTTP ${response.statusCode}`))
          if (isStream) resolve(response)
          else response.once("end", () => resolve(response))
        }).on("error", reject)
        if (isStream) streams.push(request)
        request.end(body)
      })
    const open = async (): Promise<void> => {
      const { headers } = await asked("POST", undefined, initialize)
      const session = String(headers["mcp-session-id"])
      sessions.push(session)
      await asked("POST", session, initialized)
      if (hasStream) await asked("GET", session)
    }
    const many = (count: number) =>
      Effect.tryPromise(async () => {
        for (let left = count; left > 0; left -= 16) await Promise.all(Array.from({ length: Math.min(16, left) }, open))
      })
    const end = Effect.tryPromise(async () => {
      for (const stream of streams.splice(0)) stream.destroy()
      for (const session of sessions.splice(0)) await asked("DELETE", session)
    })
    yield* many(200)
    yield* end
    const opened: Array<Measured> = []
    for (let time = Math.ceil(100 / count); time > 0; time--) {
      const from = yield* usage
      yield* many(count)
      const to = yield* usage
      opened.push({ micros: (to.before - from.after) / count, bytes: (to.bytes - from.bytes) / count })
      if (time > 1) yield* end
    }
    return {
      micros: Report.median(opened.map(({ micros }) => micros)),
      bytes: Report.median(opened.map(({ bytes }) => bytes))
    }
  })

// Nothing runs them: all that are stored are queued.
const One = Jobs.Job.make("one", {
  version: 1,
  payload: { number: Schema.Int },
  success: Schema.Int,
  maxQueued: 100_000
})

const jobs: Measure = Effect.fnUntraced(function*(count) {
  const folder = yield* Effect.acquireRelease(
    Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "growth-"))),
    (made) => Effect.sync(() => fs.rmSync(made, { recursive: true }))
  )
  const file = path.join(folder, "jobs.db")
  const opened = Effect.flatMap(
    Layer.build(Jobs.Jobs.layer.pipe(Layer.provide(Jobs.SqliteStore.layer(file)))),
    (services) => Effect.provide(Jobs.Jobs, services)
  )
  const fill = (numbers: number) =>
    Effect.scoped(
      Effect.flatMap(opened, (jobs) =>
        Effect.forEach(Array.from({ length: numbers }), (_, number) =>
          jobs.start(One, { number }), {
          concurrency: 20,
          discard: true
        }))
    )
  // The file is whole when it was closed: its log is in it then.
  yield* fill(0)
  const from = fs.statSync(file).size
  yield* fill(count)
  const bytes = (fs.statSync(file).size - from) / count
  const jobs = yield* opened
  const start = (number: number) => jobs.start(One, { number })
  const more = Effect.forEach(
    Array.from({ length: 200 }),
    (_, number) => Effect.flatMap(start(number), (id) => jobs.status(id)),
    { discard: true }
  )
  yield* more
  return { micros: (yield* timed(more)) / 200, bytes }
})

const measures: Readonly<Record<Name, Measure>> = {
  calls,
  connections,
  keys,
  waiting,
  sessions: onHost(false),
  streams: onHost(true),
  jobs
}

const [, , name = "", count = ""] = process.argv
const measure = Object.entries(measures).find(([of]) => of === name)?.[1]
if (measure === undefined) throw new Error(`there is no subject "${name}"`)
const measured = await Effect.runPromise(
  Effect.provideService(Effect.scoped(measure(Number(count))), References.MinimumLogLevel, "Warn")
)
console.log(JSON.stringify(measured))
process.exit(0)
