/**
 * The main job on real servers, as a story. Every number printed was measured in the run that prints it.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Endpoint, McpConfig, McpConnections, type McpRuntimeError } from "@holdfast/mcp"
import { Reaper, SupervisedProcess } from "@holdfast/process"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as References from "effect/References"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import { createRequire } from "node:module"
import * as net from "node:net"
import * as path from "node:path"
import * as ObservingProxy from "./ObservingProxy.ts"
import * as ProcessTable from "./ProcessTable.ts"
import { programsStory } from "./ProgramsStory.ts"
import { scanStory } from "./ScanStory.ts"
import { chapter, meanwhile, row, say } from "./Stage.ts"

const repository = path.resolve(import.meta.dirname, "../..")
const require = createRequire(import.meta.url)

/** The entry point of a reference server, as its package declares it. */
const binary = (name: string): string => {
  const manifest = require.resolve(`${name}/package.json`)
  const { bin } = require(manifest)
  return path.join(path.dirname(manifest), typeof bin === "string" ? bin : String(Object.values(bin)[0]))
}

const tagged = { [ProcessTable.tag.name]: ProcessTable.tag.value }
const everything = { command: process.execPath, args: [binary("@modelcontextprotocol/server-everything"), "stdio"] }
const filesystem = { command: process.execPath, args: [binary("@modelcontextprotocol/server-filesystem"), repository] }

/** A free loopback port. Another program could take it before the server does; the demo says so then and stops. */
const freePort = Effect.callback<number>((resume) => {
  const probe = net.createServer()
  probe.listen(0, "127.0.0.1", () => {
    const address = probe.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    probe.close(() => resume(Effect.succeed(port)))
  })
})

/** Waits until something listens on the port, for minutes at most. */
const listening = (port: number) =>
  Effect.callback<void, Error>((resume) => {
    const socket = net.connect(port, "127.0.0.1")
    socket.once("connect", () => {
      socket.destroy()
      resume(Effect.void)
    })
    socket.once("error", (error) => resume(Effect.fail(error)))
  }).pipe(Effect.retry(Schedule.upTo(Schedule.spaced("20 millis"), { duration: "2 minutes" })), Effect.orDie)

const timed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const clock = yield* Clock.Clock
    const before = { nanos: clock.monotonicTimeNanosUnsafe(), started: ProcessTable.startedCount() }
    const value = yield* effect
    const millis = Number(clock.monotonicTimeNanosUnsafe() - before.nanos) / 1e6
    return { value, millis, processes: ProcessTable.startedCount() - before.started }
  })

const millis = (n: number) => n < 10 ? `${n.toFixed(1)} ms` : `${n.toFixed(0)} ms`

const story = Effect.gen(function*() {
  // A Streamable HTTP server of its own process, and a proxy that witnesses what reaches it.
  const port = yield* freePort
  const httpServer = yield* SupervisedProcess.spawn({
    command: process.execPath,
    args: [binary("@modelcontextprotocol/server-everything"), "streamableHttp"],
    env: { ...tagged, PORT: String(port) },
    // It serves a port and does not look at its stdin: there is nothing to wait for.
    gracePeriod: "50 millis"
  })
  yield* meanwhile(() => "starting a Streamable HTTP server", listening(port))
  const proxy = yield* ObservingProxy.make(new URL(`http://127.0.0.1:${port}/mcp`))

  const stdio = (server: typeof everything) => Endpoint.stdio({ ...server, env: tagged })
  const config = yield* McpConfig.make({
    everything: { endpoint: stdio(everything) },
    "everything-per-call": { endpoint: stdio(everything), policy: { reuse: false } },
    http: { endpoint: Endpoint.http({ url: proxy.url }) },
    "http-per-call": { endpoint: Endpoint.http({ url: proxy.url }), policy: { reuse: false } },
    fs: { endpoint: stdio(filesystem) }
  })

  const runtime = yield* Scope.make()
  const context = yield* Layer.buildWithScope(McpConnections.layer(config), runtime)
  yield* Effect.gen(function*() {
    const mcp = yield* McpConnections
    const echo = (server: string, i: number) =>
      mcp.callTool(server, { name: "echo", arguments: { message: `call ${i}` } })
    const sequence = (server: string, what: string) => {
      let done = 0
      const each = Effect.forEach(
        Array.from({ length: 20 }, (_, i) => i),
        (i) => Effect.tap(echo(server, i), () => Effect.sync(() => void done++))
      )
      return timed(meanwhile(() => `${what}: ${done} of 20 calls`, each))
    }
    const countHandshakes = () => proxy.accepted.filter((method) => method === "initialize").length

    yield* chapter("1. Twenty calls: a connection per call, and one from the pool")
    const compare = row([32, 19, 8, 6])
    yield* compare("", "connection per call", "pooled", "ratio")
    const perCall = yield* sequence("everything-per-call", "stdio, a connection per call")
    const pooled = yield* sequence("everything", "stdio, pooled")
    const ratio = (a: { readonly millis: number }, b: { readonly millis: number }) => {
      const times = a.millis / b.millis
      return `${times.toFixed(times < 10 ? 1 : 0)} x`
    }
    yield* compare("stdio, 20 calls", millis(perCall.millis), millis(pooled.millis), ratio(perCall, pooled))
    yield* compare("stdio, processes started", String(perCall.processes), String(pooled.processes))
    const before = countHandshakes()
    const httpPerCall = yield* sequence("http-per-call", "Streamable HTTP, a connection per call")
    const between = countHandshakes()
    const httpPooled = yield* sequence("http", "Streamable HTTP, pooled")
    const after = countHandshakes()
    yield* compare(
      "Streamable HTTP, 20 calls",
      millis(httpPerCall.millis),
      millis(httpPooled.millis),
      ratio(httpPerCall, httpPooled)
    )
    yield* compare("Streamable HTTP, sessions opened", String(between - before), String(after - between))

    yield* chapter("2. Ten callers at once on a cold server, reading this repository")
    const files = ["README.md", "CONTRIBUTING.md", "package.json", "tsconfig.json", "LICENSE"]
    const reading = Effect.forEach(
      Array.from({ length: 10 }, (_, i) => files[i % files.length] ?? "README.md"),
      (file) => mcp.callTool("fs", { name: "read_text_file", arguments: { path: path.join(repository, file) } }),
      { concurrency: "unbounded" }
    )
    const cold = yield* timed(meanwhile(() => "ten callers wait for one server", reading))
    const characters = cold.value.reduce((sum, result) => sum + textOf(result).length, 0)
    yield* say(
      `  ${cold.value.filter((result) => result.isError !== true).length} of 10 answered in ${millis(cold.millis)}, ` +
        `${characters} characters read, processes started: ${cold.processes}`
    )

    yield* chapter("3. The server is killed between two calls")
    const pid = yield* mcp.use("fs", (connection) => Effect.succeed(connection.process?.pid ?? 0))
    yield* Effect.sync(() => process.kill(pid, "SIGKILL"))
    const next = mcp.callTool("fs", { name: "read_text_file", arguments: { path: path.join(repository, "LICENSE") } })
    const healed = yield* timed(meanwhile(() => "the next call waits for a new process", next))
    const heir = yield* mcp.use("fs", (connection) => Effect.succeed(connection.process?.pid ?? 0))
    yield* say(
      `  kill -9 ${pid}; the next call ${healed.value.isError === true ? "failed" : "succeeded"} in ` +
        `${millis(healed.millis)}, on process ${heir}`
    )

    yield* chapter("4. A long call is interrupted, its neighbours are not")
    const progress: Array<number> = []
    const long = yield* Effect.forkChild(mcp.callTool(
      "http",
      { name: "trigger-long-running-operation", arguments: { duration: 20, steps: 40 } },
      { onProgress: (update) => progress.push(update.progress) }
    ))
    yield* meanwhile(
      () => `a call of 20 s runs; progress reports: ${progress.length}`,
      waitUntil(() => progress.length >= 2)
    )
    const neighbours = yield* Effect.forkChild(
      Effect.forEach(Array.from({ length: 5 }, (_, i) => i), (i) => echo("http", i), { concurrency: "unbounded" })
    )
    yield* Fiber.interrupt(long)
    const answers = yield* Fiber.join(neighbours)
    yield* waitUntil(() => proxy.accepted.includes("notifications/cancelled"))
    const cancellations = proxy.accepted.filter((method) => method === "notifications/cancelled").length
    yield* say(
      `  interrupted after ${progress.length} progress reports; the server received ${cancellations} cancellation`
    )
    yield* say(`  ${answers.length} of 5 neighbours answered`)

    yield* chapter("5. Shutdown")
  }).pipe(Effect.provideContext(context))

  const held = ProcessTable.living().length
  const closing = yield* timed(meanwhile(() => "closing every connection", Scope.close(runtime, Exit.void)))
  yield* httpServer.close
  const { pid: reaper } = yield* Reaper.status
  const count = row([37, 8])
  yield* count("servers started in all", String(ProcessTable.startedCount() - 1))
  yield* count("reapers, which end with this program", reaper === undefined ? "0" : "1")
  yield* count("alive before shutdown", String(held))
  yield* count("alive after shutdown", String(ProcessTable.living().length))
  yield* count("time to close all connections", millis(closing.millis))
  if (ProcessTable.living().length > 0) return yield* Effect.die(new Error("processes were left behind"))

  yield* chapter("6. A long scan that outlives its clients and its server")
  yield* scanStory

  yield* chapter("7. Five programs that know nothing of each other, and one server")
  yield* programsStory(filesystem)
  if (ProcessTable.living().length > 0) return yield* Effect.die(new Error("processes were left behind"))
})

const textOf = (
  result: { readonly content: ReadonlyArray<{ readonly type: string; readonly text?: unknown }> }
): string => result.content.map((block) => typeof block.text === "string" ? block.text : "").join("")

const waitUntil = (isTrue: () => boolean): Effect.Effect<void> =>
  Effect.suspend(() => isTrue() ? Effect.void : Effect.andThen(Effect.sleep("5 millis"), waitUntil(isTrue))).pipe(
    Effect.timeoutOrElse({
      duration: Duration.minutes(2),
      orElse: () => Effect.die(new Error("what the demo waited for did not happen within minutes"))
    })
  )

const explain = (error: McpRuntimeError) =>
  Effect.sync(() => {
    process.stderr.write(`demo: ${error.message}\n`)
    process.exitCode = 1
  })

/** Tells the story, as this process. */
export const main = (): void =>
  Effect.scoped(story).pipe(
    Effect.timed,
    Effect.flatMap(([duration]) => say(`\nDone in ${(Duration.toMillis(duration) / 1000).toFixed(1)} s.`)),
    Effect.catchTag("McpRuntimeError", explain),
    // Of the servers that are killed the story tells itself.
    Effect.provideService(References.MinimumLogLevel, "Error"),
    NodeRuntime.runMain
  )
