/** What stands at the edges of messages, on every transport; and event streams that end or stop inside an event. */
import { assert, describe, it } from "@effect/vitest"
import { Endpoint } from "@holdfast/mcp/Endpoint"
import { McpConfig } from "@holdfast/mcp/McpConfig"
import { McpConnection } from "@holdfast/mcp/McpConnection"
import { McpConnections } from "@holdfast/mcp/McpConnections"
import { McpRuntimeError } from "@holdfast/mcp/McpRuntimeError"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"
import type * as http from "node:http"
import { eventually } from "./support/eventually.ts"
import * as SpyHttp from "./support/SpyHttp.ts"
import * as SseServer from "./support/SseServer.ts"

const connect = (endpoint: Endpoint) =>
  McpConnection.connect({ server: "s", endpoint, clientInfo: { name: "test", version: "0.0.0" }, era: "legacy" })

const messageOf = (reason: McpRuntimeError["reason"]): string => new McpRuntimeError({ reason }).message

const answer = `{"jsonrpc":"2.0","id":2,"result":{"it":"is"}}`

describe("an answer", () => {
  const lines: Readonly<Record<string, string>> = {
    "a byte order mark before it": `\uFEFF${answer}\n`,
    "a carriage return behind it": `${answer}\r\n`,
    "blank lines around it": `\n\r\n   \n${answer}\n\n`,
    "a byte order mark on a line of its own": `\uFEFF\r\n${answer}\r\n`,
    "blanks around it": `  \t${answer}  \r\n`
  }
  const program = (text: string) => `
    const handshake = { protocolVersion: "2025-06-18", capabilities: {}, serverInfo: { name: "s", version: "1" } }
    require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
      const { id, method } = JSON.parse(line)
      if (method === "initialize") process.stdout.write(JSON.stringify({ jsonrpc: "2.0", id, result: handshake }) + "\\n")
      else if (id !== undefined) process.stdout.write(${JSON.stringify(text)})
    })`
  for (const [name, text] of Object.entries(lines)) {
    it.live(`over stdio may have ${name}`, () =>
      Effect.gen(function*() {
        const connection = yield* connect(
          Endpoint.stdio({ command: process.execPath, args: ["-e", program(text)] })
        )
        assert.deepStrictEqual(yield* connection.request("any"), { it: "is" })
        assert.strictEqual(connection.diagnostics().noise, 0)
      }))
    it.live(`in a body of JSON may have ${name}`, () =>
      Effect.gen(function*() {
        const server = yield* SpyHttp.make({ answers: "json" })
        server.override.set("any", (response) =>
          void response.writeHead(200, { "content-type": "application/json; charset=utf-8" }).end(text))
        const connection = yield* connect(Endpoint.http({ url: server.url }))
        assert.deepStrictEqual(yield* connection.request("any"), { it: "is" })
      }))
  }

  const [head, tail] = [answer.slice(0, 17), answer.slice(17)]
  const events: Readonly<Record<string, string>> = {
    "a byte order mark before all": `\uFEFFdata: ${answer}\n\n`,
    "a byte order mark before the JSON": `data: \uFEFF${answer}\n\n`,
    "CRLF": `: hello\r\n\r\nevent: message\r\ndata: ${head}\r\ndata: ${tail}\r\n\r\n`,
    "CR": `: hello\r\revent: message\rdata: ${head}\rdata: ${tail}\r\r`,
    "no blank behind the colon": `event:message\ndata:${answer}\n\n`,
    "blank lines and comments around it": `\n\n:\n: ping\n\n\n:x\ndata: ${answer}\n:y\n\n\n\n`,
    "unknown fields": `x: y\nnothing\ndata: ${answer}\nz\n\n`
  }
  for (const [name, text] of Object.entries(events)) {
    it.live(`in an event stream may have ${name}`, () =>
      Effect.gen(function*() {
        const server = yield* SpyHttp.make({ answers: "sse" })
        server.override.set("any", (response) =>
          void response.writeHead(200, { "content-type": "text/event-stream" }).end(text))
        const connection = yield* connect(Endpoint.http({ url: server.url }))
        assert.deepStrictEqual(yield* connection.request("any"), { it: "is" })
        const old = yield* SseServer.make
        const over = yield* connect(Endpoint.sse({ url: old.url }))
        old.onPost = (_, response) => {
          response.writeHead(202).end()
          // The mark of a stream stands at its beginning, which is over.
          old.stream?.write(text.replace(/^\uFEFF/, ""))
        }
        assert.deepStrictEqual(yield* over.request("any"), { it: "is" })
      }))
  }
})

const begun = `data: {"jsonrpc":"2.0","id":3,"res`

/** Begins the answer to a call inside an event, and leaves the response to the test. */
const serving = Effect.gen(function*() {
  const server = yield* SpyHttp.make({ answers: "sse" })
  const responses: Array<http.ServerResponse> = []
  server.override.set("tools/call", (response, { id }) => {
    response.writeHead(200, { "content-type": "text/event-stream" })
    response.write(`event: message\ndata: {"jsonrpc":"2.0","id":${String(id)},"res`)
    responses.push(response)
  })
  return { server, responses }
})

describe("an event stream", () => {
  it.live("may name the event of an answer that says no an error", () =>
    Effect.gen(function*() {
      const server = yield* SpyHttp.make({ answers: "sse" })
      server.override.set("any", (response, { id }) => {
        response.writeHead(200, { "content-type": "text/event-stream" })
        response.write("event: error\ndata: something is wrong\n\n")
        const error = { code: -32603, message: "the backend is away" }
        response.end(`event: error\ndata: ${JSON.stringify({ jsonrpc: "2.0", id, error })}\n\n`)
      })
      const connection = yield* connect(Endpoint.http({ url: server.url }))
      const failure = yield* Effect.flip(connection.request("any"))
      assert.deepInclude(failure, { _tag: "ServerError", description: "the backend is away" })
    }))

  for (
    const [how, cut] of [
      ["ends", (response: http.ServerResponse | undefined) => response?.end()],
      ["breaks", (response: http.ServerResponse | undefined) => response?.destroy()]
    ] as const
  ) {
    it.live(`that ${how} inside an event says so in the error of its call`, () =>
      Effect.gen(function*() {
        const { responses, server } = yield* serving
        const connection = yield* connect(Endpoint.http({ url: server.url }))
        const call = yield* Effect.forkChild(Effect.flip(connection.request("tools/call")), { startImmediately: true })
        yield* eventually("begun", () => responses.length === 1 && connection.received() > 0)
        const before = connection.received()
        responses[0]?.write("ult\":")
        yield* eventually("read", () => connection.received() > before)
        cut(responses[0])
        const failure = yield* Fiber.join(call)
        assert.strictEqual(failure._tag, "OutcomeUnknown")
        assert.match(messageOf(failure), /in the middle of an event/)
      }))
    it.live(`of HTTP+SSE that ${how} inside an event says so in the reason of its end`, () =>
      Effect.gen(function*() {
        const server = yield* SseServer.make
        const connection = yield* connect(Endpoint.sse({ url: server.url }))
        const before = connection.received()
        server.stream?.write(begun)
        yield* eventually("read", () => connection.received() > before)
        cut(server.stream)
        assert.match(messageOf(yield* connection.closed), /in the middle of an event/)
      }))
  }

  it.live("that ends between two events says nothing of the kind", () =>
    Effect.gen(function*() {
      const server = yield* SpyHttp.make({ answers: "sse" })
      server.override.set("tools/call", (response) =>
        void response.writeHead(200, { "content-type": "text/event-stream" }).end(": hello\n\n"))
      const connection = yield* connect(Endpoint.http({ url: server.url }))
      const failure = yield* Effect.flip(connection.request("tools/call"))
      assert.match(messageOf(failure), /ended without the answer after/)
    }))

  /** Lets a request begin, its answer begin, and its deadline of one second pass. */
  const late = <A, E>(request: Effect.Effect<A, E>, connection: McpConnection) =>
    Effect.gen(function*() {
      const before = connection.received()
      const call = yield* Effect.forkChild(Effect.flip(request), { startImmediately: true })
      // The head of a response is counted as one byte.
      yield* TestClock.withLive(eventually("begun", () => connection.received() > before + 1))
      yield* TestClock.adjust("1 second")
      return yield* Fiber.join(call)
    })

  it.effect("that stops inside an event says so when the deadline passes", () =>
    Effect.gen(function*() {
      const { server } = yield* serving
      const connection = yield* connect(Endpoint.http({ url: server.url }))
      const failure = yield* late(connection.request("tools/call", {}, { hardDeadline: "1 second" }), connection)
      assert.match(messageOf(failure), /no answer in .*\(its response stopped in the middle of an event\)/)
    }))

  it.effect("that stops inside an event says so when the caller's deadline passes", () =>
    Effect.gen(function*() {
      const { server } = yield* serving
      const endpoint = Endpoint.http({ url: server.url })
      const mcp = yield* McpConnections.make(yield* McpConfig.make({ s: { endpoint, era: "legacy" } }))
      const connection = yield* mcp.use("s", Effect.succeed)
      const error = yield* late(mcp.callTool("s", { name: "any" }, { deadline: "1 second" }), connection)
      assert.match(error.message, /its response stopped in the middle of an event/)
    }))

  it.effect("of HTTP+SSE that stops inside an event says so, too", () =>
    Effect.gen(function*() {
      const server = yield* SseServer.make
      const connection = yield* connect(Endpoint.sse({ url: server.url }))
      server.onPost = () => server.stream?.write(`data: {"jsonrpc"`)
      const failure = yield* late(connection.request("tools/call", {}, { hardDeadline: "1 second" }), connection)
      assert.match(messageOf(failure), /the event stream stopped in the middle of an event/)
    }))
})
