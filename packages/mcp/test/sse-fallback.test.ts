/** A url without a word about its transport, behind which is a server of HTTP+SSE, or nothing that works. */
import { assert, describe, it } from "@effect/vitest"
import { Endpoint } from "@holdfast/mcp/Endpoint"
import { McpConfig } from "@holdfast/mcp/McpConfig"
import { type ConnectOptions, McpConnection, type Spoken } from "@holdfast/mcp/McpConnection"
import { McpConnections } from "@holdfast/mcp/McpConnections"
import { McpRuntimeError } from "@holdfast/mcp/McpRuntimeError"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"
import { eventually } from "./support/eventually.ts"
import * as SseServer from "./support/SseServer.ts"

const connect = (url: string, options: Partial<ConnectOptions> = {}) =>
  McpConnection.connect({
    server: "old",
    endpoint: Endpoint.http({ url, headers: { "x-key": "k" } }),
    clientInfo: { name: "test", version: "0.0.0" },
    ...options
  })

const error = `{"jsonrpc":"2.0","id":null,"error":{"code":-32601,"message":"Method not allowed"}}`

/** The same server at an address that does not tell what it speaks. */
const unnamed = ({ url }: SseServer.SseServer): string => url.replace("/sse", "/mcp")

const toStream = (server: SseServer.SseServer) => server.requests.filter((request) => !request.includes("messages"))

describe("a server of HTTP+SSE behind a url alone", () => {
  for (const status of [400, 404, 405]) {
    it.live(`is found after HTTP ${status}, with the headers of the endpoint, and remembered`, () =>
      Effect.gen(function*() {
        const server = yield* SseServer.make
        server.onStreamPost = (response) => void response.writeHead(status).end("no")
        let spoken: Spoken | undefined
        const onSpoken = (told: Spoken | undefined) => {
          spoken = told
        }
        const connection = yield* connect(server.url, { onSpoken })
        assert.deepInclude(connection, { era: "legacy", protocolVersion: "2024-11-05" })
        assert.deepStrictEqual(yield* connection.request("tools/list"), { method: "tools/list" })
        assert.deepStrictEqual(toStream(server), ["POST /sse", "POST /sse", "GET /sse"])
        for (const headers of server.headers) assert.strictEqual(headers["x-key"], "k")
        assert.deepInclude(spoken, { era: "legacy first", isOverSse: true })
        yield* connect(server.url, { spoken })
        assert.deepStrictEqual(toStream(server).slice(3), ["GET /sse"])
      }))
  }

  it.live("is asked for its stream once by a pool, however often it is dialled", () =>
    Effect.gen(function*() {
      const server = yield* SseServer.make
      const endpoint = Endpoint.http({ url: server.url })
      const mcp = yield* McpConnections.make(yield* McpConfig.make({ s: { endpoint, policy: { reuse: false } } }))
      for (let count = 0; count < 3; count++) yield* mcp.use("s", () => Effect.void)
      assert.deepStrictEqual(toStream(server), ["POST /sse", "POST /sse", "GET /sse", "GET /sse", "GET /sse"])
    }))

  it.live("that has gone over to Streamable HTTP is found out by the same dial", () =>
    Effect.gen(function*() {
      const server = yield* SseServer.make
      server.refusal = 405
      server.onStreamPost = (response) => void response.writeHead(403).end()
      const told: Array<unknown> = []
      const spoken = { era: "legacy first", isOverSse: true } as const
      const reason = yield* Effect.flip(connect(server.url, { spoken, onSpoken: (spoken) => told.push(spoken) }))
      assert.deepInclude(reason, { _tag: "HttpRejected", status: 403 })
      assert.deepStrictEqual(told, [undefined])
      assert.deepStrictEqual(toStream(server), ["GET /sse", "POST /sse"])
    }))

  it.live("is not looked for where the server said no itself, where credentials are missing, or in the modern era", () =>
    Effect.gen(function*() {
      const server = yield* SseServer.make
      const url = unnamed(server)
      for (
        const [status, body] of [[405, error], [404, error], [400, error], [401, ""], [403, ""], [500, ""]] as const
      ) {
        server.onStreamPost = (response) => void response.writeHead(status).end(body)
        const reason = yield* Effect.flip(connect(url))
        assert.deepInclude(reason, { _tag: "HttpRejected", status })
      }
      server.onStreamPost = (response) => void response.writeHead(405).end()
      yield* Effect.flip(connect(url, { era: "modern" }))
      assert.isEmpty(server.requests.filter((request) => request.startsWith("GET")))
    }))

  it.live("is looked for behind a url that ends in /sse after any refusal but of credentials", () =>
    Effect.gen(function*() {
      const server = yield* SseServer.make
      for (const [status, body] of [[405, error], [501, ""], [200, "<h1>hello</h1>"]] as const) {
        server.onStreamPost = (response) => void response.writeHead(status).end(body)
        assert.strictEqual((yield* connect(server.url)).protocolVersion, "2024-11-05")
      }
    }))

  it.live("that is none is told by the first refusal, with a word on a url that ends in /sse", () =>
    Effect.gen(function*() {
      const server = yield* SseServer.make
      server.refusal = 404
      const named = yield* Effect.flip(connect(server.url))
      assert.deepInclude(named, { _tag: "HttpRejected", status: 405 })
      assert.match(new McpRuntimeError({ reason: named }).message, /answered HTTP 405: .*"type": "sse"/)
      const other = yield* Effect.flip(connect(unnamed(server)))
      assert.notMatch(new McpRuntimeError({ reason: other }).message, /"type": "sse"/)
    }))

  it.live("whose stream came tells what is wrong with it", () =>
    Effect.gen(function*() {
      const server = yield* SseServer.make
      server.onPost = (_, response) => void response.writeHead(403).end("no such session")
      const reason = yield* Effect.flip(connect(server.url))
      assert.deepInclude(reason, { _tag: "HttpRejected", status: 403 })
    }))

  it.effect("is given five seconds for its address: streams are also had by others", () =>
    Effect.gen(function*() {
      const server = yield* SseServer.make
      server.greeting = ": nothing of the kind\n\n"
      const told: Array<unknown> = []
      const fiber = yield* Effect.forkChild(
        Effect.flip(connect(server.url, { onSpoken: (spoken) => told.push(spoken) })),
        {
          startImmediately: true
        }
      )
      yield* TestClock.withLive(eventually("the stream is open", () => server.stream !== undefined))
      yield* TestClock.adjust("4999 millis")
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      assert.deepInclude(yield* Fiber.join(fiber), { _tag: "HttpRejected", status: 405 })
      assert.isEmpty(told)
    }))
})

describe("the address for messages", () => {
  const forms: Readonly<Record<string, (origin: string) => string>> = {
    "a path": () => "data: /messages?session=1\n\n",
    "a relative path": () => "data: messages?session=1\n\n",
    "a query alone": () => "data: ?session=messages\n\n",
    "a whole url": (origin) => `data: ${origin}/messages?session=1\n\n`,
    "a line that ends with CRLF": () => "data: /messages?session=1\r\n\r\n",
    "a line that ends with CR": () => "data: /messages?session=1\r\r",
    "no blank behind the colon": () => "data:/messages?session=1\n\n",
    "blanks around it": () => "data:   /messages?session=1  \n\n",
    "a JSON text": () => "data: \"/messages?session=1\"\n\n",
    "a JSON object": () => "data: {\"uri\":\"/messages?session=1\"}\n\n",
    "a JSON object of another name": () => "data: {\"endpoint\": \"/messages?session=1\", \"id\": 1}\n\n"
  }
  for (const [name, form] of Object.entries(forms)) {
    it.live(`may be ${name}`, () =>
      Effect.gen(function*() {
        const server = yield* SseServer.make
        const line = form(new URL(server.url).origin)
        server.greeting = `\uFEFF: hello\n\nevent:endpoint${/\r\n/.test(line) ? "\r\n" : "\n"}${line}`
        const connection = yield* McpConnection.connect({
          server: "old",
          endpoint: Endpoint.sse({ url: server.url }),
          clientInfo: { name: "test", version: "0.0.0" }
        })
        assert.deepStrictEqual(yield* connection.request("tools/list"), { method: "tools/list" })
      }))
  }

  it.live("is of the stream's own origin in any form, and nothing is sent elsewhere", () =>
    Effect.gen(function*() {
      const elsewhere = yield* SseServer.make
      for (const form of [elsewhere.url, JSON.stringify(elsewhere.url), JSON.stringify({ uri: elsewhere.url })]) {
        const server = yield* SseServer.make
        server.greeting = `event: endpoint\ndata: ${form}\n\n`
        const reason = yield* Effect.flip(connect(server.url))
        assert.match(new McpRuntimeError({ reason }).message, /not of its own origin/)
      }
      assert.isEmpty(elsewhere.requests)
    }))
})
