/** The same connection against servers that nobody here wrote. */
import { assert, describe, it } from "@effect/vitest"
import { Endpoint } from "@holdfast/mcp/Endpoint"
import { McpConnection, type RequestOptions } from "@holdfast/mcp/McpConnection"
import * as Messages from "@holdfast/mcp/Messages"
import * as SupervisedProcess from "@holdfast/process/SupervisedProcess"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import * as net from "node:net"
import { eventually } from "./support/eventually.ts"

const clientInfo = { name: "test", version: "0.0.0" }
const bin = (name: string): string => new URL(`../node_modules/.bin/${name}`, import.meta.url).pathname
const root = new URL("..", import.meta.url).pathname

const connect = (server: string, endpoint: Endpoint) => McpConnection.connect({ server, endpoint, clientInfo })

const call = (
  connection: McpConnection,
  name: string,
  args: object,
  options?: RequestOptions
) =>
  Effect.map(
    connection.request("tools/call", { name, arguments: args }, options),
    (answer) => Messages.textOf(Result.getOrThrow(Messages.decodeCallToolResult(answer)))
  )

const freePort = Effect.callback<number>((resume) => {
  const server = net.createServer().listen(0, "127.0.0.1", () => {
    const address = server.address()
    server.close(() => resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0)))
  })
})

const everythingStdio = Effect.succeed(Endpoint.stdio({ command: bin("mcp-server-everything"), args: ["stdio"] }))

const everythingHttpOn = Effect.fnUntraced(function*(port: number) {
  const child = yield* SupervisedProcess.spawn({
    command: bin("mcp-server-everything"),
    args: ["streamableHttp"],
    env: { PORT: String(port) },
    // It does not end with its stdin.
    gracePeriod: 0
  })
  child.stdout.resume()
  yield* eventually("the server listens", () => child.stderrTail().includes("listening on port"))
  return Endpoint.http({ url: `http://127.0.0.1:${port}/mcp` })
})

const everythingHttp = Effect.flatMap(freePort, everythingHttpOn)

const everythingSse = Effect.gen(function*() {
  const port = yield* freePort
  const child = yield* SupervisedProcess.spawn({
    command: bin("mcp-server-everything"),
    args: ["sse"],
    env: { PORT: String(port) },
    gracePeriod: 0
  })
  child.stdout.resume()
  yield* eventually("the server listens", () => child.stderrTail().includes("running on port"))
  return Endpoint.sse({ url: `http://127.0.0.1:${port}/sse` })
})

const transports = [
  ["stdio", everythingStdio],
  ["Streamable HTTP", everythingHttp],
  ["HTTP+SSE", everythingSse]
] as const

for (const [transport, endpoint] of transports) {
  describe(`server-everything over ${transport}`, () => {
    it.live("lists its tools and answers a hundred calls at once", () =>
      Effect.gen(function*() {
        const connection = yield* connect("everything", yield* endpoint)
        assert.strictEqual(connection.serverInfo.name, "mcp-servers/everything")
        const page = Result.getOrThrow(Messages.decodeListToolsResult(yield* connection.request("tools/list", {})))
        assert.includeMembers(page.tools.map(({ name }) => name), ["echo", "get-sum", "trigger-long-running-operation"])
        const numbers = Array.from({ length: 100 }, (_, index) => index)
        const texts = yield* Effect.forEach(numbers, (n) => call(connection, "echo", { message: `m${n}` }), {
          concurrency: "unbounded"
        })
        assert.deepStrictEqual(texts, numbers.map((n) => `Echo: m${n}`))
        assert.deepStrictEqual(yield* connection.request("ping"), {})
        assert.deepStrictEqual(connection.diagnostics(), { noise: 0, unmatched: 0, invalid: 0 })
      }))

    it.live("reports the progress of a long call, which can be interrupted without harm to a neighbour", () =>
      Effect.gen(function*() {
        const connection = yield* connect("everything", yield* endpoint)
        const seen: Array<number> = []
        const finished = yield* call(connection, "trigger-long-running-operation", { duration: 0.2, steps: 4 }, {
          onProgress: ({ progress }) => void seen.push(progress)
        })
        assert.deepStrictEqual(seen, [1, 2, 3, 4])
        assert.match(finished, /completed/)
        let steps = 0
        const long = yield* Effect.forkChild(
          call(connection, "trigger-long-running-operation", { duration: 600, steps: 6000 }, {
            onProgress: () => void steps++
          }),
          { startImmediately: true }
        )
        const neighbour = yield* Effect.forkChild(
          call(connection, "trigger-long-running-operation", { duration: 0.3, steps: 1 }),
          { startImmediately: true }
        )
        yield* eventually("it runs", () => steps > 0)
        yield* Fiber.interrupt(long)
        assert.match(yield* Fiber.join(neighbour), /completed/)
        assert.strictEqual(connection.inFlight(), 0)
      }))

    it.live("answers a tool's failure and an unknown tool without harm to the connection", () =>
      Effect.gen(function*() {
        const connection = yield* connect("everything", yield* endpoint)
        const unknown = yield* Effect.result(connection.request("tools/call", { name: "no-such-tool", arguments: {} }))
        if (Result.isFailure(unknown)) assert.strictEqual(unknown.failure._tag, "ServerError")
        else assert.deepInclude(unknown.success, { isError: true })
        assert.deepInclude(yield* Effect.flip(connection.request("no/such/method")), {
          _tag: "ServerError",
          code: -32601
        })
        assert.strictEqual(yield* call(connection, "echo", { message: "on" }), "Echo: on")
      }))
  })
}

describe("server-everything over Streamable HTTP", () => {
  it.live("is known to have lost the session after a restart, though it says so by a 400", () =>
    Effect.gen(function*() {
      const port = yield* freePort
      const first = yield* Scope.make()
      const endpoint = yield* Scope.provide(everythingHttpOn(port), first)
      const connection = yield* connect("everything", endpoint)
      assert.strictEqual(yield* call(connection, "echo", { message: "1" }), "Echo: 1")
      yield* Scope.close(first, Exit.void)
      yield* everythingHttpOn(port)
      const failure = yield* Effect.flip(call(connection, "echo", { message: "2" }))
      assert.deepInclude(failure, { _tag: "ConnectionLost", delivery: "Refused" })
      assert.match(
        failure.message,
        /no longer knows the session \(HTTP 400: Bad Request: No valid session ID provided\)/
      )
      // Words under another status than 404 end nothing: whoever keeps connections replaces this one.
      assert.isTrue(connection.doubts?.isRaised())
      assert.strictEqual(yield* call(yield* connect("everything", endpoint), "echo", { message: "3" }), "Echo: 3")
    }))
})

describe("server-filesystem", () => {
  it.live("reads a file of this package", () =>
    Effect.gen(function*() {
      const endpoint = Endpoint.stdio({ command: bin("mcp-server-filesystem"), args: [root] })
      const connection = yield* connect("fs", endpoint)
      const text = yield* call(connection, "read_text_file", { path: `${root}package.json` })
      assert.include(text, `"name": "@holdfast/mcp"`)
      const denied = yield* connection.request("tools/call", {
        name: "read_text_file",
        arguments: { path: "/etc/passwd" }
      })
      assert.deepInclude(denied, { isError: true })
    }))

  it.live("is said to have exited when its directory does not exist", () =>
    Effect.gen(function*() {
      const endpoint = Endpoint.stdio({ command: bin("mcp-server-filesystem"), args: ["/no/such/directory"] })
      const reason = yield* Effect.flip(connect("fs", endpoint))
      assert.strictEqual(reason._tag, "ServerExited")
      assert.match(reason.message, /\/no\/such\/directory/)
    }))
})
