/** The deprecated HTTP+SSE transport: what it shares with the others, and its own ways to go wrong. */
import { assert, describe, it } from "@effect/vitest"
import { Endpoint } from "@holdfast/mcp/Endpoint"
import { McpConnection } from "@holdfast/mcp/McpConnection"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { eventually } from "./support/eventually.ts"
import * as SseServer from "./support/SseServer.ts"

const clientInfo = { name: "test", version: "0.0.0" }

const connect = (server: SseServer.SseServer, headers: Record<string, string> = {}) =>
  McpConnection.connect({
    server: "old",
    endpoint: Endpoint.sse({ url: server.url, headers }),
    clientInfo,
    connectTimeout: "2 minutes"
  })

describe("a connection over HTTP+SSE", () => {
  it.live("posts where the server says, hears answers on the stream, and says the endpoint's headers to both", () =>
    Effect.gen(function*() {
      const server = yield* SseServer.make
      const connection = yield* connect(server, { "X-Key": "k" })
      assert.deepInclude(connection, { era: "legacy", protocolVersion: "2024-11-05" })
      assert.deepStrictEqual(yield* connection.request("tools/list"), { method: "tools/list" })
      assert.deepStrictEqual(server.requests, [
        "GET /sse",
        ...Array.from({ length: 3 }, () => "POST /messages?session=1")
      ])
      assert.deepStrictEqual(server.messages.map(({ method }) => method), [
        "initialize",
        "notifications/initialized",
        "tools/list"
      ])
      for (const headers of server.headers) assert.strictEqual(headers["x-key"], "k")
    }))

  it.live("an answer that comes before the POST was answered is the answer", () =>
    Effect.gen(function*() {
      const server = yield* SseServer.make
      const connection = yield* connect(server)
      server.onPost = ({ id }, response) => {
        server.send({ id, result: { early: true } })
        setImmediate(() => response.writeHead(500).end())
      }
      assert.deepStrictEqual(yield* connection.request("tools/list"), { early: true })
      assert.strictEqual(connection.inFlight(), 0)
    }))

  it.live("the end of the stream is the end of the connection, and of every call: those may have run", () =>
    Effect.gen(function*() {
      const server = yield* SseServer.make
      const connection = yield* connect(server)
      server.onPost = (_, response) => void response.writeHead(202).end()
      const call = yield* Effect.forkChild(Effect.flip(connection.request("tools/call")), { startImmediately: true })
      yield* eventually("the call arrived", () => server.messages.at(-1)?.method === "tools/call")
      server.stream?.end()
      assert.strictEqual((yield* Fiber.join(call))._tag, "OutcomeUnknown")
      assert.strictEqual((yield* connection.closed)._tag, "Unreachable")
      assert.strictEqual((yield* Effect.flip(connection.request("ping")))._tag, "ConnectionLost")
    }))

  it.live("a second address is a lost connection, never a silent change of sessions", () =>
    Effect.gen(function*() {
      const server = yield* SseServer.make
      const connection = yield* connect(server)
      server.stream?.write("event: endpoint\ndata: /messages?session=2\n\n")
      assert.match((yield* connection.closed).message, /another session/)
    }))

  it.live("an address of another origin is refused, and nothing is sent there", () =>
    Effect.gen(function*() {
      const elsewhere = yield* SseServer.make
      const server = yield* SseServer.make
      server.greeting = `event: endpoint\ndata: ${elsewhere.url}\n\n`
      const reason = yield* Effect.flip(connect(server, { Authorization: "secret" }))
      assert.match(reason.message, /not of its own origin/)
      assert.isEmpty(elsewhere.requests)
    }))

  it.live("a stream that is refused tells its status, one that names no address ends at the connect timeout", () =>
    Effect.gen(function*() {
      const server = yield* SseServer.make
      server.refusal = 401
      const refused = yield* Effect.flip(connect(server))
      assert.deepInclude(refused, { _tag: "HttpRejected", status: 401 })
      server.refusal = undefined
      server.greeting = ": nothing yet\n\n"
      const silent = yield* Effect.flip(McpConnection.connect({
        server: "old",
        endpoint: Endpoint.sse({ url: server.url }),
        clientInfo,
        connectTimeout: "100 millis"
      }))
      assert.strictEqual(silent._tag, "HandshakeTimeout")
    }))

  it.live("a POST that is refused fails its own call alone", () =>
    Effect.gen(function*() {
      const server = yield* SseServer.make
      const connection = yield* connect(server)
      const { onPost } = server
      server.onPost = (message, response) =>
        message.method === "bad" ? void response.writeHead(400).end("no") : onPost(message, response)
      const [bad, good] = yield* Effect.all([Effect.flip(connection.request("bad")), connection.request("good")], {
        concurrency: "unbounded"
      })
      assert.deepInclude(bad, { _tag: "HttpRejected", status: 400 })
      assert.deepStrictEqual(good, { method: "good" })
    }))

  it.live("a call whose answer is too long fails at once and alone, and may have run", () =>
    Effect.gen(function*() {
      const server = yield* SseServer.make
      const connection = yield* McpConnection.connect({
        server: "old",
        endpoint: Endpoint.sse({ url: server.url }),
        clientInfo,
        maxMessageBytes: 10_000
      })
      server.onPost = ({ id, method }, response) => {
        response.writeHead(202).end()
        server.send({ id, result: { text: "x".repeat(method === "long" ? 20_000 : 5) } })
      }
      const [long, short] = yield* Effect.all(
        [Effect.flip(connection.request("long")), connection.request("short")],
        { concurrency: "unbounded" }
      )
      assert.deepInclude(long, { _tag: "InvalidAnswer", server: "old", method: "long" })
      assert.match(long.message, /20\d{3} bytes, which is too long/)
      assert.deepStrictEqual(short, { text: "xxxxx" })
      server.send({ method: "notifications/message", params: { data: "y".repeat(20_000) } })
      assert.deepStrictEqual(yield* connection.request("short"), { text: "xxxxx" })
      assert.deepStrictEqual(connection.diagnostics(), { noise: 1, unmatched: 0, invalid: 1 })
      assert.strictEqual(connection.inFlight(), 0)
    }))

  it.live("an address that is too long is refused", () =>
    Effect.gen(function*() {
      const server = yield* SseServer.make
      server.greeting = `event: endpoint\ndata: /${"a".repeat(20_000)}\n\n`
      const reason = yield* Effect.flip(McpConnection.connect({
        server: "old",
        endpoint: Endpoint.sse({ url: server.url }),
        clientInfo,
        maxMessageBytes: 10_000
      }))
      assert.match(reason.message, /an address that is too long/)
    }))

  it.live("an interrupted call is cancelled at the server; closing the Scope closes the stream", () =>
    Effect.gen(function*() {
      const server = yield* SseServer.make
      let isClosed = false
      yield* Effect.scoped(Effect.gen(function*() {
        const connection = yield* connect(server)
        server.stream?.on("close", () => {
          isClosed = true
        })
        server.onPost = (_, response) => void response.writeHead(202).end()
        const call = yield* Effect.forkChild(connection.request("tools/call"), { startImmediately: true })
        yield* eventually("the call arrived", () => server.messages.at(-1)?.method === "tools/call")
        yield* Fiber.interrupt(call)
        yield* eventually(
          "the cancellation arrived",
          () => server.messages.at(-1)?.method === "notifications/cancelled"
        )
        assert.strictEqual(connection.inFlight(), 0)
      }))
      yield* eventually("the stream is closed", () => isClosed)
    }))
})

describe("a redirection of HTTP+SSE", () => {
  for (const status of [301, 302, 303, 307, 308]) {
    it.live(`of the stream by ${status} is followed within the origin, and the address is relative to its new place`, () =>
      Effect.gen(function*() {
        const server = yield* SseServer.make
        server.redirections.set("GET /sse", { status, location: "/new/sse" })
        server.greeting = "event: endpoint\ndata: messages\n\n"
        const connection = yield* connect(server, { "X-Key": "k" })
        yield* connection.request("tools/list")
        assert.deepStrictEqual(server.requests, [
          "GET /sse",
          "GET /new/sse",
          ...Array.from({ length: 3 }, () => "POST /new/messages")
        ])
        for (const headers of server.headers) assert.strictEqual(headers["x-key"], "k")
      }))
  }

  for (const status of [307, 308]) {
    it.live(`of a POST by ${status} repeats it within the origin, once, and is remembered`, () =>
      Effect.gen(function*() {
        const server = yield* SseServer.make
        server.redirections.set("POST /messages?session=1", { status, location: "/moved/messages?session=1" })
        const connection = yield* connect(server)
        yield* connection.request("tools/list")
        assert.deepStrictEqual(server.requests, [
          "GET /sse",
          "POST /messages?session=1",
          ...Array.from({ length: 3 }, () => "POST /moved/messages?session=1")
        ])
        assert.strictEqual(server.messages.length, 3)
      }))
  }

  it.live("that would make a GET of a POST is refused with the place it names", () =>
    Effect.gen(function*() {
      for (const status of [301, 302, 303]) {
        const server = yield* SseServer.make
        const connection = yield* connect(server)
        server.redirections.set("POST /messages?session=1", { status, location: "/other" })
        const reason = yield* Effect.flip(connection.request("tools/list"))
        assert.deepInclude(reason, { _tag: "HttpRejected", status })
        assert.include(reason.message, "/other")
        assert.notInclude(server.requests.join(), "/other")
      }
    }))

  it.live("to another origin is not followed: no header goes there", () =>
    Effect.gen(function*() {
      const elsewhere = yield* SseServer.make
      for (const status of [301, 302, 303, 307, 308]) {
        const server = yield* SseServer.make
        server.redirections.set("GET /sse", { status, location: elsewhere.url })
        const refusal = yield* Effect.flip(connect(server, { "X-Key": "k" }))
        assert.deepInclude(refusal, { _tag: "HttpRejected", status })
        assert.include(refusal.message, `it redirects to ${elsewhere.url}`)
        server.redirections.clear()
        const connection = yield* connect(server, { "X-Key": "k" })
        server.redirections.set("POST /messages?session=1", { status, location: `${elsewhere.url}/messages` })
        assert.deepInclude(yield* Effect.flip(connection.request("tools/call")), { _tag: "HttpRejected", status })
      }
      assert.isEmpty(elsewhere.requests)
    }))

  it.live("in a circle ends after five, of the stream and of a POST", () =>
    Effect.gen(function*() {
      const server = yield* SseServer.make
      server.redirections.set("GET /sse", { status: 302, location: "/sse" })
      assert.strictEqual((yield* Effect.flip(connect(server)))._tag, "HttpRejected")
      assert.strictEqual(server.requests.length, 6)
      server.redirections.clear()
      const connection = yield* connect(server)
      server.redirections.set("POST /messages?session=1", { status: 307, location: "/messages?session=1" })
      const asked = server.requests.length
      const reason = yield* Effect.flip(connection.request("tools/list"))
      assert.match(reason.message, /in a circle/)
      assert.strictEqual(server.requests.length - asked, 6)
    }))
})
