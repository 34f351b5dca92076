/**
 * The service over real processes: a server whose faults are ordered call by call, and the reference servers.
 */
import { assert, describe, it } from "@effect/vitest"
import { Endpoint, McpConfig, McpConnections, McpRuntimeError, type ServerOptions } from "@holdfast/mcp"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import * as http from "node:http"
import { createRequire } from "node:module"
import type { AddressInfo } from "node:net"
import * as os from "node:os"
import * as path from "node:path"
import { eventually } from "./support/eventually.ts"

const scripted = path.join(import.meta.dirname, "support/scripted-server.ts")
const everything = createRequire(import.meta.url).resolve("@modelcontextprotocol/server-everything/dist/index.js")

const temporaryDirectory = Effect.acquireRelease(
  Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "holdfast-service-"))),
  (directory) => Effect.sync(() => fs.rmSync(directory, { recursive: true }))
)

/** The scripted server with its log. */
const spy = (env: Record<string, string> = {}) =>
  Effect.map(temporaryDirectory, (directory) => {
    const log = path.join(directory, "log")
    return {
      endpoint: Endpoint.stdio({
        command: process.execPath,
        args: [scripted],
        env: { SPY_LOG: log, SPY_ONCE: path.join(directory, "once"), ...env }
      }),
      /** What all its processes have received so far. The last line may still be on its way into the file. */
      received: (): ReadonlyArray<{ readonly pid: number; readonly method: string; readonly name?: string }> =>
        fs.existsSync(log)
          ? fs.readFileSync(log, "utf8").split("\n").slice(0, -1).map((line) => JSON.parse(line))
          : []
    }
  })

type Spy = Effect.Success<ReturnType<typeof spy>>
const starts = (server: Spy) => server.received().filter(({ method }) => method === "(start)").length
const executions = (server: Spy, tool: string) => server.received().filter(({ name }) => name === tool).length

const withServers = <A, E, R>(
  servers: Record<string, Endpoint | ServerOptions>,
  f: (mcp: McpConnections["Service"]) => Effect.Effect<A, E, R>
) =>
  Effect.gen(function*() {
    const config = yield* McpConfig.make(servers)
    return yield* Effect.provide(Effect.flatMap(McpConnections, f), McpConnections.layer(config))
  })

const failureOf = <A>(effect: Effect.Effect<A, McpRuntimeError>) =>
  Effect.map(Effect.flip(effect), (error) => {
    assert.instanceOf(error, McpRuntimeError)
    return error.reason
  })

const firstText = (result: { readonly content: ReadonlyArray<{ readonly type: string; readonly text?: unknown }> }) =>
  result.content[0]?.text

/** Waits for something the test cannot be told about. */
const until = (condition: () => boolean) => eventually(`${condition}`, condition)

const isAlive = (pid: number): boolean => {
  try {
    return !execFileSync("ps", ["-o", "stat=", "-p", String(pid)], { encoding: "utf8" }).trim().startsWith("Z")
  } catch {
    // ps exits with 1 when there is no such process.
    return false
  }
}

describe("McpConnections", () => {
  it.live("ten callers of a cold server start one process, and the eleventh uses it", () =>
    Effect.gen(function*() {
      const server = yield* spy()
      yield* withServers({ a: server.endpoint }, (mcp) =>
        Effect.gen(function*() {
          const call = mcp.callTool("a", { name: "pid" })
          const pids = yield* Effect.all(Array.from({ length: 10 }, () => call), { concurrency: "unbounded" })
          pids.push(yield* call)
          assert.strictEqual(new Set(pids.map(firstText)).size, 1)
          assert.strictEqual(starts(server), 1)
        }))
    }).pipe(Effect.scoped))

  it.live("two names and a bare endpoint that mean the same share a process; other options do not", () =>
    Effect.gen(function*() {
      const { endpoint } = yield* spy()
      const other = { endpoint, policy: { maxInFlight: 3 } }
      yield* withServers({ a: endpoint, b: endpoint, c: other }, (mcp) =>
        Effect.gen(function*() {
          const same = Endpoint.stdio({ ...endpoint, env: { ...endpoint.env } })
          const pids = yield* Effect.forEach(["a", "b", same, "c"], (name) => mcp.callTool(name, { name: "pid" }))
          const [a, b, bare, c] = pids.map(firstText)
          assert.deepStrictEqual([b, bare], [a, a])
          assert.notStrictEqual(c, a)
        }))
    }).pipe(Effect.scoped))

  it.live("when the scope closes, no process is left", () =>
    Effect.gen(function*() {
      const server = yield* spy()
      const pid = yield* withServers({ a: server.endpoint }, (mcp) =>
        Effect.map(mcp.callTool("a", { name: "pid" }), (result) => {
          const pid = Number(firstText(result))
          assert.isTrue(isAlive(pid))
          return pid
        }))
      assert.isFalse(isAlive(pid))
    }).pipe(Effect.scoped))

  it.live("a server that was killed between calls is started again, and the next call succeeds", () =>
    Effect.gen(function*() {
      const server = yield* spy()
      yield* withServers({ a: server.endpoint }, (mcp) =>
        Effect.gen(function*() {
          const before = firstText(yield* mcp.callTool("a", { name: "pid" }))
          yield* mcp.use("a", (connection) =>
            Effect.andThen(Effect.sync(() => process.kill(Number(before), "SIGKILL")), connection.closed))
          const after = firstText(yield* mcp.callTool("a", { name: "pid" }))
          assert.notStrictEqual(after, before)
          assert.strictEqual(starts(server), 2)
        }))
    }).pipe(Effect.scoped))

  it.live("a call that may have run is not repeated: it fails with OutcomeUnknown and says how the server ended", () =>
    Effect.gen(function*() {
      const server = yield* spy()
      yield* withServers({ a: server.endpoint }, (mcp) =>
        Effect.gen(function*() {
          yield* mcp.callTool("a", { name: "pid" })
          yield* until(() => server.received().some(({ method }) => method === "tools/list"))
          yield* mcp.callTool("a", { name: "pid" })
          const reason = yield* failureOf(mcp.callTool("a", { name: "die" }))
          assert(reason._tag === "OutcomeUnknown")
          assert.strictEqual(reason.attempts, 1)
          // At once: before the server is started again.
          assert.strictEqual(starts(server), 1)
          assert.strictEqual(reason.end?.signal, "SIGKILL")
          assert.strictEqual(executions(server, "die"), 1)
        }))
    }).pipe(Effect.scoped))

  it.live("a lost call of a tool that only reads, or is idempotent, is repeated", () =>
    Effect.gen(function*() {
      for (const name of ["read_die", "idempotent_die"]) {
        for (const isListed of [true, false]) {
          const server = yield* spy()
          yield* withServers({ a: server.endpoint }, (mcp) =>
            Effect.gen(function*() {
              if (isListed) yield* mcp.listTools("a")
              const result = yield* mcp.callTool("a", { name })
              assert.strictEqual(firstText(result), "survived")
              assert.strictEqual(executions(server, name), 2)
              assert.strictEqual(starts(server), 2)
            }))
        }
      }
    }).pipe(Effect.scoped))

  it.live("the caller's word on idempotence counts more than the tool's hint, both ways", () =>
    Effect.gen(function*() {
      const hinted = yield* spy()
      yield* withServers({ a: hinted.endpoint }, (mcp) =>
        Effect.gen(function*() {
          yield* mcp.listTools("a")
          const reason = yield* failureOf(mcp.callTool("a", { name: "read_die" }, { idempotent: false }))
          assert.strictEqual(reason._tag, "OutcomeUnknown")
          assert.strictEqual(executions(hinted, "read_die"), 1)
        }))
    }).pipe(Effect.scoped))

  it.live("a call that kills its server every time is tried four times, not for ever", () =>
    Effect.gen(function*() {
      const server = yield* spy()
      yield* withServers({
        a: { endpoint: server.endpoint, policy: { restartIntensity: { limit: 100, window: 1000 } } }
      }, (mcp) =>
        Effect.gen(function*() {
          const reason = yield* failureOf(mcp.callTool("a", { name: "die" }, { idempotent: true }))
          assert(reason._tag === "OutcomeUnknown")
          assert.strictEqual(reason.attempts, 4)
          assert.strictEqual(executions(server, "die"), 4)
        }))
    }).pipe(Effect.scoped))

  it.live("a caller's deadline ends the call in time, tells the server, and says that it may have run", () =>
    Effect.gen(function*() {
      const server = yield* spy()
      yield* withServers({ a: server.endpoint }, (mcp) =>
        Effect.gen(function*() {
          yield* mcp.callTool("a", { name: "pid" })
          const startedAt = performance.now()
          const reason = yield* failureOf(mcp.callTool("a", { name: "silent" }, { deadline: "300 millis" }))
          const elapsed = performance.now() - startedAt
          assert(reason._tag === "DeadlineExceeded")
          assert.include(reason, { kind: "caller", delivery: "Unknown", afterMillis: 300 })
          assert.isAtLeast(elapsed, 299)
          yield* until(() => server.received().some(({ method }) => method === "notifications/cancelled"))
          assert.strictEqual(starts(server), 1)
        }))
    }).pipe(Effect.scoped))

  it.live("a caller's deadline covers the connecting, and then says that nothing was sent", () =>
    Effect.gen(function*() {
      const server = yield* spy({ SPY_START: "silent" })
      yield* withServers({ a: server.endpoint }, (mcp) =>
        Effect.gen(function*() {
          const reason = yield* failureOf(mcp.callTool("a", { name: "echo" }, { deadline: "300 millis" }))
          assert(reason._tag === "DeadlineExceeded")
          assert.include(reason, { kind: "caller", delivery: "NotSent", afterMillis: 300 })
          assert.strictEqual(executions(server, "echo"), 0)
        }))
    }).pipe(Effect.scoped))

  it.live("the server's own deadlines hold for calls without one", () =>
    Effect.gen(function*() {
      const { endpoint } = yield* spy()
      yield* withServers({
        hard: { endpoint, deadlines: { hard: 200 } },
        idle: { endpoint, deadlines: { idle: 200 } }
      }, (mcp) =>
        Effect.gen(function*() {
          for (const kind of ["hard", "idle"] as const) {
            const reason = yield* failureOf(mcp.callTool(kind, { name: "silent" }))
            assert(reason._tag === "DeadlineExceeded")
            assert.include(reason, { kind, delivery: "Unknown", afterMillis: 200 })
          }
        }))
    }).pipe(Effect.scoped))

  it.live("an interrupted call is cancelled at the server, and its neighbour is answered", () =>
    Effect.gen(function*() {
      const server = yield* spy()
      yield* withServers({ a: server.endpoint }, (mcp) =>
        Effect.gen(function*() {
          const long = yield* Effect.forkChild(mcp.callTool("a", { name: "silent" }))
          yield* until(() => executions(server, "silent") === 1)
          yield* Fiber.interrupt(long)
          yield* until(() => server.received().some(({ method }) => method === "notifications/cancelled"))
          const result = yield* mcp.callTool("a", { name: "echo", arguments: { message: "still here" } })
          assert.strictEqual(firstText(result), "still here")
          assert.strictEqual(starts(server), 1)
        }))
    }).pipe(Effect.scoped))

  it.live("progress is told in order before the result", () =>
    Effect.gen(function*() {
      const { endpoint } = yield* spy()
      yield* withServers({ a: endpoint }, (mcp) =>
        Effect.gen(function*() {
          const seen: Array<number> = []
          yield* mcp.callTool("a", { name: "steps", arguments: { steps: 4 } }, {
            onProgress: ({ progress }) => seen.push(progress)
          })
          assert.deepStrictEqual(seen, [1, 2, 3, 4])
        }))
    }).pipe(Effect.scoped))

  it.live("a tool's isError is an answer; a JSON-RPC error and a nonsensical result fail typed; none harms the connection", () =>
    Effect.gen(function*() {
      const server = yield* spy()
      yield* withServers({ a: server.endpoint }, (mcp) =>
        Effect.gen(function*() {
          const result = yield* mcp.callTool("a", { name: "fails" })
          assert.isTrue(result.isError)
          const rpc = yield* failureOf(mcp.callTool("a", { name: "rpc_error" }))
          assert(rpc._tag === "ServerError")
          assert.strictEqual(rpc.code, -32603)
          const nonsense = yield* failureOf(mcp.callTool("a", { name: "nonsense" }))
          assert.strictEqual(nonsense._tag, "InvalidAnswer")
          assert.strictEqual(executions(server, "nonsense"), 1)
          assert.strictEqual(firstText(yield* mcp.callTool("a", { name: "noisy" })), "answered after noise")
          assert.strictEqual(starts(server), 1)
        }))
    }).pipe(Effect.scoped))

  it.live("all pages of a tool list are read, an endless list ends, no tools are no error", () =>
    Effect.gen(function*() {
      const one = yield* spy()
      const four = yield* spy({ SPY_PAGES: "4" })
      const endless = yield* spy({ SPY_PAGES: "endless" })
      const none = yield* spy({ SPY_PAGES: "none" })
      yield* withServers({
        one: one.endpoint,
        four: four.endpoint,
        endless: endless.endpoint,
        none: none.endpoint
      }, (mcp) =>
        Effect.gen(function*() {
          const names = (yield* mcp.listTools("one")).map(({ name }) => name)
          assert.include(names, "echo")
          assert.deepStrictEqual((yield* mcp.listTools("four")).map(({ name }) => name), names)
          assert.strictEqual(four.received().filter(({ method }) => method === "tools/list").length, 4)
          assert.deepStrictEqual(yield* mcp.listTools("endless"), [])
          assert.strictEqual(endless.received().filter(({ method }) => method === "tools/list").length, 2)
          assert.deepStrictEqual(yield* mcp.listTools("none"), [])
        }))
    }).pipe(Effect.scoped))

  it.live("an unknown server is refused with near names, an unusable one with its reason, and nothing is started", () =>
    Effect.gen(function*() {
      const config = yield* McpConfig.decode({
        mcpServers: { files: { command: "x" }, git: { command: "x" }, web: { url: "http://h/${UNSET_HERE}" } }
      }, { environment: {} })
      yield* Effect.gen(function*() {
        const mcp = yield* McpConnections
        assert.deepStrictEqual(mcp.servers, ["files", "git"])
        const unknown = yield* failureOf(mcp.listTools("flies"))
        assert(unknown._tag === "UnknownServer")
        assert.deepStrictEqual(unknown.near, ["files"])
        assert.strictEqual((yield* failureOf(mcp.listTools("web")))._tag, "ConfigInvalid")
        assert.strictEqual((yield* mcp.snapshot).connections, 0)
      }).pipe(Effect.provide(McpConnections.layer(config)))
    }))

  it.live("a missing command fails at once, a crashing start after four attempts, with code and last words", () =>
    Effect.gen(function*() {
      const crashing = yield* spy({ SPY_START: "exit" })
      const missing = Endpoint.stdio({ command: "holdfast-no-such-command" })
      yield* withServers({ missing, crashing: crashing.endpoint }, (mcp) =>
        Effect.gen(function*() {
          assert.strictEqual((yield* failureOf(mcp.listTools("missing")))._tag, "CommandNotFound")
          const reason = yield* failureOf(mcp.listTools("crashing"))
          assert(reason._tag === "ServerExited")
          assert.strictEqual(reason.end.code, 3)
          assert.include(reason.message, "cannot open the database: locked")
          // The first of them twice: it might have died of being asked for its era.
          assert.strictEqual(starts(crashing), 4 + 1)
        }))
    }).pipe(Effect.scoped))

  it.live("a start that fails once is tried again, and the caller notices nothing", () =>
    Effect.gen(function*() {
      const server = yield* spy({ SPY_START: "exit once" })
      yield* withServers({ a: server.endpoint }, (mcp) =>
        Effect.gen(function*() {
          assert.isAbove((yield* mcp.listTools("a")).length, 0)
          assert.strictEqual(starts(server), 2)
        }))
    }).pipe(Effect.scoped))

  it.effect("a server that does not answer the handshake is given up after connectTimeout, with its last words, once", () =>
    Effect.gen(function*() {
      const server = yield* spy({ SPY_START: "silent" })
      yield* withServers(
        { a: { endpoint: server.endpoint, policy: { connectTimeout: "20 seconds" } } },
        (mcp) =>
          Effect.gen(function*() {
            const failing = yield* Effect.forkChild(failureOf(mcp.listTools("a")), { startImmediately: true })
            // It has said its last words before it reads, and it reads before it notes what it has read.
            yield* TestClock.withLive(until(() => server.received().length > 1))
            yield* TestClock.adjust("20 seconds")
            const reason = yield* Fiber.join(failing)
            assert(reason._tag === "HandshakeTimeout")
            assert.strictEqual(reason.timeoutMillis, 20_000)
            assert.include(reason.message, "fetching 214 packages")
            assert.strictEqual(starts(server), 1)
          })
      )
    }).pipe(Effect.scoped))

  it.live("a url where nobody listens is Unreachable; one that wants credentials is refused without another try", () =>
    Effect.gen(function*() {
      let requests = 0
      const url = yield* httpServer((_, response) => {
        requests++
        response.writeHead(401).end("no")
      })
      const free = yield* Effect.scoped(httpServer(() => {}))
      yield* withServers(
        { nobody: Endpoint.http({ url: free }), closed: Endpoint.http({ url }) },
        (mcp) =>
          Effect.gen(function*() {
            assert.strictEqual((yield* failureOf(mcp.listTools("nobody")))._tag, "Unreachable")
            const rejected = yield* failureOf(mcp.listTools("closed"))
            assert(rejected._tag === "HttpRejected")
            assert.strictEqual(rejected.status, 401)
            // The question of the era and the handshake of old, each once.
            assert.strictEqual(requests, 2)
          })
      )
    }).pipe(Effect.scoped))

  it.live("with waitForReady: false a caller is not kept waiting for a server in back-off", () =>
    Effect.gen(function*() {
      const { endpoint } = yield* spy()
      yield* withServers(
        { a: { endpoint, policy: { backoff: { initial: "1 minute", max: "1 minute" } } } },
        (mcp) =>
          Effect.gen(function*() {
            yield* failureOf(mcp.callTool("a", { name: "die" }, { idempotent: false }))
            const reason = yield* failureOf(mcp.callTool("a", { name: "pid" }, { waitForReady: false }))
            assert(reason._tag === "NotReady")
            assert.isAbove(reason.retryInMillis, 1000)
            assert.include(reason.message, "SIGKILL")
          })
      )
    }).pipe(Effect.scoped))

  it.live("use lends a connection, keeps the caller's own errors, and runs the function once", () =>
    Effect.gen(function*() {
      const { endpoint } = yield* spy()
      yield* withServers({ a: endpoint }, (mcp) =>
        Effect.gen(function*() {
          const name = yield* mcp.use("a", (connection) => Effect.succeed(connection.serverInfo.name))
          assert.strictEqual(name, "scripted")
          let runs = 0
          const error = yield* Effect.flip(mcp.use("a", () => {
            runs++
            return Effect.fail("mine")
          }))
          assert.strictEqual(error, "mine")
          assert.strictEqual(runs, 1)
        }))
    }).pipe(Effect.scoped))

  it.live("draining lets a running call finish, refuses new ones, and leaves no process", () =>
    Effect.gen(function*() {
      const { endpoint } = yield* spy()
      yield* withServers({ a: endpoint }, (mcp) =>
        Effect.gen(function*() {
          const isLent = yield* Latch.make()
          const mayFinish = yield* Latch.make()
          const running = yield* Effect.forkChild(mcp.use("a", (connection) =>
            Effect.gen(function*() {
              yield* isLent.open
              yield* mayFinish.await
              return yield* connection.request("tools/call", { name: "pid", arguments: {} })
            })))
          yield* isLent.await
          const drained = yield* Effect.forkChild(mcp.drain("10 seconds"))
          yield* until(() => drained.pollUnsafe() === undefined)
          const refused = yield* failureOf(mcp.callTool("a", { name: "pid" }).pipe(Effect.delay("10 millis")))
          assert.strictEqual(refused._tag, "ShuttingDown")
          yield* mayFinish.open
          const result = yield* Fiber.join(running)
          yield* Fiber.join(drained)
          assert.isFalse(isAlive(Number(firstText(result as never))))
          assert.strictEqual((yield* mcp.snapshot).connections, 0)
        }))
    }).pipe(Effect.scoped))

  it.live("snapshot and events show what the pool does, by name and never with secrets", () =>
    Effect.gen(function*() {
      const { endpoint } = yield* spy({ TOKEN: "hunter2" })
      yield* withServers({ a: endpoint }, (mcp) =>
        Effect.gen(function*() {
          const isListening = yield* Latch.make()
          const events = yield* mcp.events.pipe(
            Stream.onStart(isListening.open),
            Stream.takeUntil((event) => event._tag === "SlotMoved" && event.to === "Ready"),
            Stream.runCollect,
            Effect.forkChild({ startImmediately: true })
          )
          yield* isListening.await
          yield* mcp.callTool("a", { name: "pid" })
          const seen = yield* Fiber.join(events)
          assert.isTrue(seen.every((event) => event.key === "a"))
          const snapshot = yield* mcp.snapshot
          assert.strictEqual(snapshot.connections, 1)
          assert.notInclude(JSON.stringify([seen, snapshot]), "hunter2")
        }))
    }).pipe(Effect.scoped))

  it.live("a config file is all that a program needs: the reference server over stdio", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const file = path.join(directory, "mcp.json")
      const server = { command: process.execPath, args: [everything, "stdio"] }
      fs.writeFileSync(file, JSON.stringify({ mcpServers: { everything: server } }))
      yield* Effect.gen(function*() {
        const mcp = yield* McpConnections
        assert.include((yield* mcp.listTools("everything")).map(({ name }) => name), "echo")
        const result = yield* mcp.callTool("everything", { name: "echo", arguments: { message: "hello" } })
        assert.strictEqual(firstText(result), "Echo: hello")
      }).pipe(Effect.provide(McpConnections.layerFile(file)))
    }).pipe(Effect.scoped))
})

const httpServer = (handler: http.RequestListener) =>
  Effect.acquireRelease(
    Effect.callback<http.Server>((resume) => {
      const server = http.createServer(handler)
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) =>
      Effect.callback<void>((resume) => {
        server.closeAllConnections()
        server.close(() => resume(Effect.void))
      })
  ).pipe(Effect.map((server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`))
