/** How an attempt to connect can fail, and what the person who reads about it learns. */
import { assert, describe, it } from "@effect/vitest"
import { Endpoint } from "@holdfast/mcp/Endpoint"
import { type ConnectOptions, McpConnection } from "@holdfast/mcp/McpConnection"
import { McpRuntimeError } from "@holdfast/mcp/McpRuntimeError"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import { TestClock } from "effect/testing"
import * as net from "node:net"
import { eventually } from "./support/eventually.ts"
import * as SpyHttp from "./support/SpyHttp.ts"

const clientInfo = { name: "test", version: "0.0.0" }
const spyStdio = new URL("./support/spyStdio.ts", import.meta.url).pathname

const notExecutable = new URL("./support/spyBehaviour.ts", import.meta.url).pathname

const spy = (...args: ReadonlyArray<string>) => Endpoint.stdio({ command: process.execPath, args: [spyStdio, ...args] })

const connect = (endpoint: Endpoint, options: Partial<ConnectOptions> = {}) =>
  McpConnection.connect({ server: "spy", endpoint, clientInfo, ...options })

const messageOf = (reason: McpRuntimeError["reason"]): string => new McpRuntimeError({ reason }).message

/** Runs with a logger that collects, and gives back what was logged. */
const withLog = <A, E, R>(effect: (lines: Array<string>) => Effect.Effect<A, E, R>) => {
  const lines: Array<string> = []
  const logger = Logger.make(({ logLevel, message }) => void lines.push(`${logLevel}: ${String(message)}`))
  return effect(lines).pipe(Effect.provide(Logger.layer([logger])))
}

describe("connecting over stdio", () => {
  it.live("tells how a server ended that exits at once, with its last words", () =>
    Effect.gen(function*() {
      const reason = yield* Effect.flip(connect(spy("exit", "3", "Error: no API key\n")))
      assert.deepInclude(reason, { _tag: "ServerExited", command: process.execPath })
      assert.isTrue(reason._tag === "ServerExited" && reason.end.code === 3)
      assert.match(messageOf(reason), /^spy: .* exited with code 3 .*stderr: "Error: no API key"/)
    }))

  it.live("tells it, too, when the server has written half a line", () =>
    Effect.gen(function*() {
      const reason = yield* Effect.flip(connect(spy("half")))
      assert.isTrue(reason._tag === "ServerExited" && reason.end.code === 0)
    }))

  it.live("shows a secret of the endpoint in no message, even if the server prints it", () =>
    Effect.gen(function*() {
      const endpoint = Endpoint.stdio({
        command: process.execPath,
        args: ["-e", "process.stderr.write('bad key ' + process.env.API_KEY); process.exit(1)"],
        env: { API_KEY: "sk-very-secret" }
      })
      const reason = yield* Effect.flip(connect(endpoint))
      assert.include(messageOf(reason), "bad key <redacted>")
      assert.notInclude(JSON.stringify(reason), "sk-very-secret")
    }))

  it.live("gets through to a server that prints noise first, and complains once", () =>
    withLog((lines) =>
      Effect.gen(function*() {
        const connection = yield* connect(spy("noisy"))
        yield* connection.request("noise")
        assert.strictEqual(connection.diagnostics().noise, 4)
        const warnings = lines.filter((line) => line.startsWith("Warn"))
        assert.strictEqual(warnings.length, 1)
        assert.match(warnings[0] ?? "", /spy: .*"Server started".*stderr/)
      })
    ))

  it.effect("gives up after connectTimeout and says what the server wrote instead", () =>
    Effect.gen(function*() {
      const lines: Array<string> = []
      const logger = Logger.make(({ message }) => void lines.push(String(message)))
      const fiber = yield* Effect.forkChild(
        Effect.flip(Effect.scoped(connect(spy("noise-only"), { connectTimeout: "20 seconds" }))).pipe(
          Effect.provide(Logger.layer([logger]))
        ),
        { startImmediately: true }
      )
      yield* TestClock.withLive(eventually("the noise", () => lines.some((line) => line.includes("Usage"))))
      yield* TestClock.adjust("20 seconds")
      const reason = yield* Fiber.join(fiber)
      assert.deepInclude(reason, { _tag: "HandshakeTimeout", timeoutMillis: 20_000 })
      assert.match(messageOf(reason), /no handshake in 20 s; on stdout it wrote "Usage: server \[options\]"/)
      // More time would not help.
      assert.match(
        messageOf(reason),
        /which is no MCP message\. It may need another argument to speak MCP there, such as stdio\.$/
      )
    }))

  it.effect("says that a launcher may still be downloading", () =>
    Effect.gen(function*() {
      const endpoint = Endpoint.stdio({ command: "/bin/sh", args: ["-c", "exec sleep 60", "npx", "-y", "some-server"] })
      const fiber = yield* Effect.forkChild(
        Effect.flip(Effect.scoped(connect(endpoint, { connectTimeout: "2 minutes" }))),
        {
          startImmediately: true
        }
      )
      yield* TestClock.adjust("2 minutes")
      // Closing the Scope ends the process step by step, on the same clock.
      yield* TestClock.adjust("10 seconds")
      assert.match(messageOf(yield* Fiber.join(fiber)), /npx may still be downloading/)
    }))

  for (
    const [mode, expected] of [
      ["error", /handshake failed: unsupported protocol version \(code -32022\)/],
      ["nonsense", /its answer to initialize is wrong: .*protocolVersion/s],
      ["stranger", /speaks revision "1999-12-31" of MCP, this runtime 2026-07-28, 2025-11-25/]
    ] as const
  ) {
    it.live(`explains a handshake that fails (${mode})`, () =>
      Effect.gen(function*() {
        const reason = yield* Effect.flip(connect(spy(mode)))
        assert.strictEqual(reason._tag, "HandshakeFailed")
        assert.match(messageOf(reason), expected)
      }))
  }

  it.live("names a command that does not exist, a bad working directory and a file that cannot be run", () =>
    Effect.gen(function*() {
      const missing = yield* Effect.flip(connect(Endpoint.stdio({ command: "holdfast-no-such-command" })))
      assert.deepInclude(missing, { _tag: "CommandNotFound", command: "holdfast-no-such-command" })
      const nowhere = yield* Effect.flip(connect(Endpoint.stdio({ command: process.execPath, cwd: "/no/such/dir" })))
      assert.deepInclude(nowhere, { _tag: "SpawnFailed", retryable: false })
      assert.include(messageOf(nowhere), "/no/such/dir")
      const text = yield* Effect.flip(connect(Endpoint.stdio({ command: notExecutable })))
      assert.strictEqual(text._tag, "SpawnFailed")
    }))
})

describe("a call over stdio", () => {
  it.live("fails as unknown when the server exits over it, with exit code and last words", () =>
    Effect.gen(function*() {
      const connection = yield* connect(spy())
      const failure = yield* Effect.flip(connection.request("exit", { code: 9, stderr: "assertion failed: cheese\n" }))
      assert.strictEqual(failure._tag, "OutcomeUnknown")
      assert.isTrue(failure._tag === "OutcomeUnknown" && failure.end?.code === 9)
      assert.match(messageOf(failure), /exit may have run: .*exited with code 9.*assertion failed: cheese/)
      const reason = yield* connection.closed
      assert.match(messageOf(reason), /^spy: connection lost: .*code 9.*cheese/)
      assert.deepInclude(yield* Effect.flip(connection.request("echo")), {
        _tag: "ConnectionLost",
        delivery: "NotSent"
      })
    }))

  it.live("gets its answer even if that was the last thing the server did", () =>
    Effect.gen(function*() {
      const connection = yield* connect(spy())
      assert.deepStrictEqual(yield* connection.request("answerAndExit"), { last: true })
      yield* connection.closed
    }))

  it.live("alone fails when its answer is not UTF-8 or too long", () =>
    Effect.gen(function*() {
      const connection = yield* connect(spy(), { maxMessageBytes: 50_000 })
      const held = yield* Effect.forkChild(connection.request("hold"), { startImmediately: true })
      const broken = yield* Effect.flip(connection.request("invalidUtf8"))
      assert.deepInclude(broken, { _tag: "InvalidAnswer", description: "not UTF-8" })
      const huge = yield* Effect.flip(connection.request("big", { bytes: 100_000 }))
      assert.match(messageOf(huge), /a message of 1000\d\d bytes, which is too long/)
      yield* connection.request("release")
      assert.deepStrictEqual(yield* Fiber.join(held), { released: true })
    }))

  it.live("that waits behind a server which does not read is taken back when interrupted", () =>
    Effect.gen(function*() {
      const connection = yield* connect(spy())
      yield* connection.request("deaf")
      const filler = "x".repeat(4 * 1024 * 1024)
      const stuck = yield* Effect.forkChild(Effect.flip(connection.request("echo", { filler })), {
        startImmediately: true
      })
      const waiting = yield* Effect.forkChild(connection.request("echo"), { startImmediately: true })
      const late = yield* Effect.forkChild(Effect.flip(connection.request("echo", {}, { hardDeadline: 20 })), {
        startImmediately: true
      })
      assert.strictEqual(connection.inFlight(), 3)
      yield* Fiber.interrupt(waiting)
      assert.deepInclude(yield* Fiber.join(late), { _tag: "DeadlineExceeded", kind: "hard", delivery: "NotSent" })
      const pending = yield* Effect.forkChild(Effect.flip(connection.request("echo")), { startImmediately: true })
      process.kill(connection.process?.pid ?? 0, "SIGKILL")
      assert.deepInclude(yield* Fiber.join(stuck), { _tag: "OutcomeUnknown" })
      assert.deepInclude(yield* Fiber.join(pending), { _tag: "ConnectionLost", delivery: "NotSent" })
      assert.strictEqual(connection.inFlight(), 0)
    }))
})

describe("connecting over HTTP", () => {
  it.live("tells that nobody listens at the url, without its credentials and query", () =>
    Effect.gen(function*() {
      const port = yield* deadPort
      const reason = yield* Effect.flip(
        connect(Endpoint.http({ url: `http://me:secret-pass@127.0.0.1:${port}/mcp?token=abc` }))
      )
      assert.strictEqual(
        messageOf(reason),
        `spy: cannot reach http://127.0.0.1:${port}/mcp: connection refused. Is the server running, and the url right?`
      )
    }))

  it.live("tells which status the server answers, and what to do about it", () =>
    Effect.gen(function*() {
      const server = yield* SpyHttp.make({ answers: "json" })
      for (
        const [status, expected] of [
          [401, /answered HTTP 401: unauthorized. Check the headers and credentials/],
          [404, /answered HTTP 404: not found. Check the path/],
          [502, /answered HTTP 502: bad gateway/],
          [302, /redirects to http:\/\/example\.com\/login/]
        ] as const
      ) {
        server.override.set("initialize", (response) => {
          response.writeHead(status, { location: "http://example.com/login?secret=1" }).end()
        })
        const reason = yield* Effect.flip(connect(Endpoint.http({ url: server.url })))
        assert.deepInclude(reason, { _tag: "HttpRejected", status })
        assert.match(messageOf(reason), expected)
      }
    }))

  it.live("tells of a server that speaks, but not MCP", () =>
    Effect.gen(function*() {
      const server = yield* SpyHttp.make({ answers: "json" })
      server.override.set("initialize", (response) => {
        response.writeHead(200, { "content-type": "text/html" }).end("<h1>It works!</h1>")
      })
      const reason = yield* Effect.flip(connect(Endpoint.http({ url: server.url })))
      assert.strictEqual(reason._tag, "HandshakeFailed")
      assert.match(messageOf(reason), /text\/html where JSON or an event stream was due/)
    }))

  it.live("takes a server that breaks the connection over the handshake for unreachable", () =>
    Effect.gen(function*() {
      const server = yield* SpyHttp.make({ answers: "json" })
      server.override.set("initialize", (response) => void response.destroy())
      const reason = yield* Effect.flip(connect(Endpoint.http({ url: server.url })))
      assert.deepInclude(reason, { _tag: "Unreachable", description: "the server closed the connection" })
    }))

  it.live("shows a header's secret in no message, even if the server quotes it", () =>
    Effect.gen(function*() {
      const server = yield* SpyHttp.make({ answers: "json" })
      server.override.set("initialize", (response) =>
        void response.writeHead(403).end("token tok-12345678 is not welcome"))
      const endpoint = Endpoint.http({ url: server.url, headers: { authorization: "Bearer tok-12345678" } })
      const reason = yield* Effect.flip(connect(endpoint))
      assert.include(messageOf(reason), "token <redacted> is not welcome")
    }))

  it.live("closes a connection whose session is lost, and the next one gets a new session", () =>
    Effect.gen(function*() {
      const server = yield* SpyHttp.make({ answers: "sse" })
      const endpoint = Endpoint.http({ url: server.url })
      const connection = yield* connect(endpoint)
      server.sessions.clear()
      const failure = yield* Effect.flip(connection.request("echo"))
      assert.deepInclude(failure, { _tag: "ConnectionLost", delivery: "Refused", method: "echo" })
      assert.strictEqual((yield* connection.closed)._tag, "ConnectionLost")
      const next = yield* connect(endpoint)
      assert.deepStrictEqual(yield* next.request("echo", { n: 1 }), { echo: { n: 1 } })
    }))

  it.live("never cancels initialize: an attempt that is given up lets go of its response, and that is all", () =>
    Effect.gen(function*() {
      const server = yield* SpyHttp.make({ answers: "sse", initialize: "silent" })
      let isLetGo = false
      const fiber = yield* Effect.forkChild(Effect.scoped(connect(Endpoint.http({ url: server.url }))), {
        startImmediately: true
      })
      yield* eventually("initialize arrived", () => server.open.has("initialize"))
      server.open.get("initialize")?.on("close", () => {
        isLetGo = true
      })
      yield* Fiber.interrupt(fiber)
      yield* eventually("let go", () => isLetGo)
      assert.deepStrictEqual(server.spy.received.map(({ method }) => method), ["server/discover", "initialize"])
    }))

  it.live("lets go of the response of an interrupted call, and tells the server", () =>
    Effect.gen(function*() {
      const server = yield* SpyHttp.make({ answers: "sse" })
      const connection = yield* connect(Endpoint.http({ url: server.url }))
      const fiber = yield* Effect.forkChild(connection.request("hold"), { startImmediately: true })
      yield* eventually("held", () => server.open.has("hold"))
      let isLetGo = false
      server.open.get("hold")?.on("close", () => {
        isLetGo = true
      })
      yield* Fiber.interrupt(fiber)
      yield* eventually("both", () => isLetGo && server.spy.received.at(-1)?.method === "notifications/cancelled")
    }))

  it.live("does not send a call before the server has accepted that we are ready", () =>
    Effect.gen(function*() {
      const server = yield* SpyHttp.make({ answers: "json" })
      let accept: () => void = () => {}
      server.override.set("notifications/initialized", (response) => {
        accept = () => void response.writeHead(202).end()
      })
      let isConnected = false
      const fiber = yield* Effect.forkChild(
        Effect.tap(connect(Endpoint.http({ url: server.url })), () =>
          Effect.sync(() => {
            isConnected = true
          })),
        { startImmediately: true }
      )
      yield* eventually("initialized arrived", () => server.requests.length === 3)
      assert.isFalse(isConnected)
      accept()
      yield* Fiber.join(fiber)
    }))
})

/** A port that nobody listens on. */
const deadPort = Effect.callback<number>((resume) => {
  const server = net.createServer().listen(0, "127.0.0.1", () => {
    const address = server.address()
    server.close(() => resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0)))
  })
})
