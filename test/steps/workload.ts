/**
 * What users do all day, done over and over in this process, one after the other; prints what one of each takes, as JSON. Runs with
 * `--import Counters.ts`, so that nothing is loaded before.
 *
 * Windows of some calls are counted each for itself, and the median of each count is told: what comes by the clock, such as a heartbeat or a collection of
 * garbage, falls into few of them.
 */
import * as ConnectionPool from "@holdfast/core/ConnectionPool"
import * as Jobs from "@holdfast/jobs"
import { Endpoint, McpConfig, McpConnections } from "@holdfast/mcp"
import * as McpHost from "@holdfast/server/McpHost"
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
import * as Effect from "effect/Effect"
import * as HttpServer from "effect/http/HttpServer"
import * as Layer from "effect/Layer"
import * as References from "effect/References"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { spawn } from "node:child_process"
import * as fs from "node:fs"
import * as net from "node:net"
import * as os from "node:os"
import * as path from "node:path"
import { z } from "zod"
import { connector } from "../bench/core/Steady.ts"
import * as Report from "../bench/Report.ts"
import * as Counters from "./Counters.ts"
import * as Counts from "./Counts.ts"
import { type Name, names } from "./Steps.ts"

const windows = 101
const calls = 4
const warmUp = 120

/** How one is done. What it needs lives as long as its Scope. */
type Workload = Effect.Effect<Ready, unknown, Scope.Scope>
interface Ready {
  readonly once: Effect.Effect<unknown, unknown>
}

const bench = path.resolve(import.meta.dirname, "../bench")

const called = Effect.fnUntraced(function*(endpoint: Endpoint) {
  const mcp = yield* McpConnections.make(yield* McpConfig.make({ echo: { endpoint } }))
  return { once: mcp.callTool("echo", { name: "echo", arguments: { text: "hello" } }) }
})

const stdio = called(
  Endpoint.stdio({ command: process.execPath, args: [path.join(bench, "mcp/echo-server.ts")] })
)

const http = Effect.gen(function*() {
  const port = yield* Effect.acquireRelease(
    Effect.callback<{ readonly port: string; readonly close: () => void }>((resume) => {
      const child = spawn(process.execPath, [path.join(bench, "mcp/http-echo-server.ts")], {
        stdio: ["pipe", "pipe", "inherit"]
      })
      child.stdout.once(
        "data",
        (said) => resume(Effect.succeed({ port: String(said).trim(), close: () => child.stdin.end() }))
      )
      child.once("exit", (code) => resume(Effect.die(new Error(`the server ended with ${code}`))))
    }),
    ({ close }) => Effect.sync(close)
  )
  return yield* called(Endpoint.http({ url: `http://127.0.0.1:${port.port}/mcp` }))
})

const lease = (
  borrow: (pool: ConnectionPool.ConnectionPool<string, number, Error>) => Effect.Effect<unknown, unknown>
): Workload => Effect.map(ConnectionPool.make(connector), (pool) => ({ once: borrow(pool) }))

const server = (): McpServer => {
  const mcp = new McpServer({ name: "steps", version: "1" })
  mcp.registerTool("echo", { inputSchema: { text: z.string() } }, ({ text }) => ({ content: [{ type: "text", text }] }))
  return mcp
}

/** A client of bytes alone: one write, and what comes back as text. It ends where its chunks or its length do. */
const exchange = (
  socket: net.Socket,
  port: number,
  headers: ReadonlyArray<string>,
  body: string
): Effect.Effect<string> =>
  Effect.callback((resume) => {
    let text = ""
    const onData = (chunk: string): void => {
      text += chunk
      const end = text.indexOf("\r\n\r\n")
      if (end < 0) return
      const length = /^content-length: (\d+)/im.exec(text)?.[1]
      if (length === undefined ? !text.endsWith("\r\n0\r\n\r\n") : text.length < end + 4 + Number(length)) return
      socket.off("data", onData)
      resume(Effect.succeed(text))
    }
    socket.on("data", onData)
    const head = [
      "POST /mcp HTTP/1.1",
      `host: 127.0.0.1:${port}`,
      "content-type: application/json",
      "accept: application/json, text/event-stream",
      `content-length: ${body.length}`,
      ...headers
    ]
    socket.write(`${head.join("\r\n")}\r\n\r\n${body}`)
  })

const said = (id: number, method: string, params: object): string =>
  JSON.stringify({ jsonrpc: "2.0", id, method, params })

const host = Effect.gen(function*() {
  const services = yield* Layer.build(McpHost.layerHttp({ server, port: 0 }))
  const { address } = yield* Effect.provide(HttpServer.HttpServer, services)
  const port = "port" in address ? address.port : 0
  const socket = yield* Effect.acquireRelease(
    Effect.callback<net.Socket>((resume) => {
      const opened = net.connect(port, "127.0.0.1", () => resume(Effect.succeed(opened.setEncoding("latin1"))))
    }),
    (opened) => Effect.sync(() => opened.destroy())
  )
  const initialize = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "steps", version: "1" } }
  const answer = yield* exchange(socket, port, [], said(0, "initialize", initialize))
  const session = `mcp-session-id: ${/^mcp-session-id: (\S+)/im.exec(answer)?.[1]}`
  yield* exchange(socket, port, [session], JSON.stringify({ jsonrpc: "2.0", method: "notifications/initialized" }))
  // The same text each time: what is counted is the host. An id may be used again once it was answered.
  const body = said(1, "tools/call", { name: "echo", arguments: { text: "hello" } })
  return {
    once: Effect.filterOrFail(
      exchange(socket, port, [session], body),
      (answer) => answer.includes("hello"),
      (answer) => answer
    )
  }
})

const One = Jobs.Job.make("one", { version: 1, payload: { number: Schema.Int }, success: Schema.Int })

/** Jobs in a file, which nothing runs. */
const jobs = Effect.gen(function*() {
  const folder = yield* Effect.acquireRelease(
    Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "steps-"))),
    (made) => Effect.sync(() => fs.rmSync(made, { recursive: true }))
  )
  const store = Jobs.SqliteStore.layer(path.join(folder, "jobs.db"))
  return yield* Effect.provide(Jobs.Jobs, yield* Layer.build(Jobs.Jobs.layer.pipe(Layer.provide(store))))
})

const workloads: Readonly<Record<Name, Workload>> = {
  "stdio call": stdio,
  "HTTP call": http,
  "use of a pooled connection": lease((pool) => pool.use("a", () => Effect.void)),
  "lease of a pooled connection": lease((pool) => Effect.scoped(pool.lease("a"))),
  "request to a host": host,
  "start of a job": Effect.map(jobs, (jobs) => ({ once: jobs.start(One, { number: 1 }) })),
  "poll of a job": Effect.flatMap(
    jobs,
    (jobs) => Effect.map(jobs.start(One, { number: 1 }), (id) => ({ once: jobs.status(id) }))
  )
}

const measured = Effect.fnUntraced(function*(workload: Workload) {
  const { once } = yield* workload
  // What is planted to show that it is noticed.
  const planted = process.env["HOLDFAST_STEPS_PLANT"] === "fiber"
    ? Effect.flatMap(Effect.forkChild(Effect.void), () => once)
    : once
  for (let call = 0; call < warmUp; call++) yield* planted
  const counts: Array<Counts.Counts> = []
  for (let window = 0; window < windows; window++) {
    const from = Counters.read()
    for (let call = 0; call < calls; call++) yield* planted
    counts.push(Counts.between(from, Counters.read(), calls))
  }
  return Counts.map((name) => Report.median(counts.map((of) => of[name])))
}, Effect.scoped)

const counted: Partial<Record<Name, Counts.Counts>> = {}
for (const name of names) {
  counted[name] = await Effect.runPromise(
    Effect.provideService(measured(workloads[name]), References.MinimumLogLevel, "Warn")
  )
}
// Behind what else was said.
console.log(`\n${JSON.stringify(counted)}`)
