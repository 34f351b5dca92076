/**
 * Public faults of HTTP connections, each named by its symptom, with the report. Where the SDK's client (1.32) still shows the symptom,
 * the same server is put before it, and the test says so: the day it is healed, this test will tell.
 */
import { assert, describe, it } from "@effect/vitest"
import { Endpoint } from "@holdfast/mcp"
import { Client } from "@modelcontextprotocol/sdk/client/index.js"
import { SSEClientTransport } from "@modelcontextprotocol/sdk/client/sse.js"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as http from "node:http"
import * as BadHttp from "./support/badHttp.ts"
import * as Faults from "./support/faults.ts"

const lost = (status: number, body: string): BadHttp.Misbehaviour => {
  let isLost = false
  return {
    onPost: (message, response) => {
      if (message.method === "initialize") isLost = false
      // The session is forgotten once, after the first call.
      if (message.method !== "tools/call") return false
      if (!isLost && response.req.headers["mcp-session-id"] === "s1") {
        isLost = true
        response.writeHead(status, { "content-type": "application/json" }).end(body)
        return true
      }
      return false
    }
  }
}

const events = { "content-type": "text/event-stream" }

describe("typescript-sdk#1371, python-sdk#1676, claude-code#62008: every call fails after a session is lost", () => {
  for (
    const [name, status, body] of [
      ["404", 404, `{"jsonrpc":"2.0","id":null,"error":{"code":-32001,"message":"Session not found"}}`],
      [
        "400 (opencode#32809)",
        400,
        `{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"Bad Request: No valid session ID provided"}}`
      ]
    ] as const
  ) {
    it.live(`${name}: one new handshake heals it, and the call is sent again because it did not run`, () =>
      Effect.gen(function*() {
        const server = yield* BadHttp.make(lost(status, body))
        const mcp = yield* Faults.ours(Faults.http(server.url))
        const result = yield* mcp.callTool("bad", Faults.work, { idempotent: false })
        assert.isUndefined(result.isError)
        assert.strictEqual(server.count("POST initialize"), 2)
      }))

    it.live(`${name}: the SDK's client fails, and goes on failing`, () =>
      Effect.gen(function*() {
        const server = yield* BadHttp.make({
          onPost: ({ method }, response) => {
            if (method !== "tools/call") return false
            response.writeHead(status, { "content-type": "application/json" }).end(body)
            return true
          }
        })
        const client = yield* Faults.sdkOverHttp(server.url)
        for (let i = 0; i < 2; i++) assert.notStrictEqual(yield* Faults.sdkCall(client), "resolved")
        assert.strictEqual(server.count("POST initialize"), 1)
      }))
  }
})

describe("typescript-sdk#2739, claude-code#60061: a call hangs when its response stream ends without the answer", () => {
  const ends: BadHttp.Misbehaviour = {
    onPost: ({ method }, response) => {
      if (method !== "tools/call") return false
      response.writeHead(200, events).end(": nothing more\n\n")
      return true
    }
  }

  it.live("it is settled at that moment, and said that it may have run", () =>
    Effect.gen(function*() {
      const server = yield* BadHttp.make(ends)
      const mcp = yield* Faults.ours(Faults.http(server.url))
      const reason = yield* Faults.reasonOf(
        mcp.callTool("bad", Faults.work, { idempotent: false, deadline: "5 minutes" })
      )
      assert.strictEqual(reason._tag, "OutcomeUnknown")
    }))

  it.live("the SDK's client waits for its own timeout", () =>
    Effect.gen(function*() {
      const server = yield* BadHttp.make(ends)
      const client = yield* Faults.sdkOverHttp(server.url)
      assert.match(yield* Faults.sdkCall(client, 300), /timed out/i)
    }))
})

describe("typescript-sdk#2682, python-sdk#3257: the push stream is asked for without end when the server closes it", () => {
  const closes: BadHttp.Misbehaviour = { onGet: (response) => void response.writeHead(200, events).end(": bye\n\n") }

  it.live("it is asked for ever more rarely, and calls are not harmed", () =>
    Effect.gen(function*() {
      const server = yield* BadHttp.make(closes)
      const other = yield* BadHttp.make(closes)
      const mcp = yield* Faults.ours(Faults.http(server.url))
      yield* mcp.callTool("bad", Faults.work)
      yield* Faults.sdkOverHttp(other.url)
      // As long as the SDK takes to ask four times: it goes on so for ever.
      yield* Faults.eventually("the SDK asks again and again", () => other.count("GET") >= 4)
      assert.isAtMost(server.count("GET"), other.count("GET") + 3)
      yield* mcp.callTool("bad", Faults.work)
    }))
})

describe("go-sdk#1175: a push stream that fails tears down healthy calls", () => {
  it.live("calls go on whatever becomes of it", () =>
    Effect.gen(function*() {
      const server = yield* BadHttp.make({ onGet: (response) => void response.writeHead(500).end() })
      const mcp = yield* Faults.ours(Faults.http(server.url))
      for (let i = 0; i < 5; i++) yield* mcp.callTool("bad", Faults.work)
      yield* Faults.eventually("the stream was asked for", () => server.count("GET") > 0)
      yield* mcp.callTool("bad", Faults.work)
      assert.strictEqual(server.count("POST initialize"), 1)
    }))
})

describe("qwen-code#8550, typescript-sdk#1883: connecting or reading blocks for ever", () => {
  it.live("a deadline covers connecting to a server that accepts and says nothing", () =>
    Effect.gen(function*() {
      const server = yield* BadHttp.make({ onPost: () => true })
      const mcp = yield* Faults.ours(Faults.http(server.url))
      const reason = yield* Faults.reasonOf(mcp.callTool("bad", Faults.work, { deadline: "300 millis" }))
      assert.strictEqual(reason._tag, "DeadlineExceeded")
    }))

  it.live("a legacy stream that never names its address ends with the deadline", () =>
    Effect.gen(function*() {
      const server = yield* BadHttp.make({
        onGet: (response) => void response.writeHead(200, events).write(": hello\n\n")
      })
      const mcp = yield* Faults.ours({ endpoint: Endpoint.sse({ url: server.url }) })
      const reason = yield* Faults.reasonOf(mcp.callTool("bad", Faults.work, { deadline: "300 millis" }))
      assert.strictEqual(reason._tag, "DeadlineExceeded")
    }))

  it.live("the SDK's client ignores its timeout there", () =>
    Effect.gen(function*() {
      const server = yield* BadHttp.make({
        onGet: (response) => void response.writeHead(200, events).write(": hello\n\n")
      })
      const client = new Client({ name: "sdk", version: "1" })
      const transport = new SSEClientTransport(new URL(server.url))
      const connecting = Faults.ended(() => client.connect(transport, { timeout: 100 }))
      assert.isTrue((yield* Effect.timeoutOption(connecting, "1 second"))._tag === "None")
      yield* Effect.promise(() => transport.close())
    }))
})

describe("typescript-sdk#2175, claude-code#56456: sessions are never ended", () => {
  it.live("closing ends the session at the server", () =>
    Effect.gen(function*() {
      const server = yield* BadHttp.make()
      yield* Effect.scoped(
        Effect.flatMap(Faults.ours(Faults.http(server.url)), (mcp) => mcp.callTool("bad", Faults.work))
      )
      assert.strictEqual(server.count("DELETE"), 1)
    }))

  it.live("a server that does not answer it holds nobody up", () =>
    Effect.gen(function*() {
      const server = yield* BadHttp.make({ onDelete: () => {} })
      yield* Effect.scoped(
        Effect.flatMap(Faults.ours(Faults.http(server.url)), (mcp) => mcp.callTool("bad", Faults.work))
      )
      assert.strictEqual(server.count("DELETE"), 1)
    }))

  it.live("the SDK's client does not", () =>
    Effect.gen(function*() {
      const server = yield* BadHttp.make()
      yield* Effect.scoped(Faults.sdkOverHttp(server.url))
      assert.strictEqual(server.count("DELETE"), 0)
    }))
})

describe("typescript-sdk (abort): a call that is given up goes on at the server", () => {
  const holds = () => {
    const open: Array<http.ServerResponse> = []
    const misbehaviour: BadHttp.Misbehaviour = {
      onPost: ({ method }, response) => {
        if (method !== "tools/call") return false
        response.writeHead(200, events).write(": working\n\n")
        open.push(response)
        return true
      }
    }
    return { open, misbehaviour }
  }

  it.live("the server is told, and the response is let go", () =>
    Effect.gen(function*() {
      const { misbehaviour, open } = holds()
      const server = yield* BadHttp.make(misbehaviour)
      const mcp = yield* Faults.ours(Faults.http(server.url))
      const call = yield* Effect.forkChild(mcp.callTool("bad", Faults.work))
      yield* Faults.eventually("the call arrived", () => open.length === 1)
      yield* Fiber.interrupt(call)
      yield* Faults.eventually("the server was told", () => server.count("POST notifications/cancelled") === 1)
      yield* Faults.eventually("the response is closed", () => open[0]?.destroyed === true)
    }))

  it.live("the SDK's client keeps the response open", () =>
    Effect.gen(function*() {
      const { misbehaviour, open } = holds()
      const server = yield* BadHttp.make(misbehaviour)
      const client = yield* Faults.sdkOverHttp(server.url)
      assert.match(yield* Faults.sdkCall(client, 100), /timed out/i)
      yield* Faults.eventually("the server was told", () => server.count("POST notifications/cancelled") === 1)
      assert.isFalse(open[0]?.destroyed)
    }))
})

describe("typescript-sdk (resume): an error as an answer is taken for a broken stream", () => {
  const answersWithError: BadHttp.Misbehaviour = {
    onGet: (response) => void response.writeHead(405).end(),
    onPost: (message, response) => {
      if (message.method !== "tools/call") return false
      const error = { jsonrpc: "2.0", id: message.id, error: { code: -32000, message: "no" } }
      response.writeHead(200, events).end(`id: 1\ndata: \n\nid: 2\ndata: ${JSON.stringify(error)}\n\n`)
      return true
    }
  }

  it.live("it is the answer, and nothing is asked for again", () =>
    Effect.gen(function*() {
      const server = yield* BadHttp.make(answersWithError)
      const mcp = yield* Faults.ours(Faults.http(server.url))
      assert.strictEqual((yield* Faults.reasonOf(mcp.callTool("bad", Faults.work)))._tag, "ServerError")
      yield* mcp.request("bad", { method: "ping" })
      assert.isTrue(server.headers.every((headers) => headers["last-event-id"] === undefined))
    }))

  it.live("the SDK's client asks for what it has", () =>
    Effect.gen(function*() {
      const server = yield* BadHttp.make(answersWithError)
      const client = yield* Faults.sdkOverHttp(server.url)
      assert.match(yield* Faults.sdkCall(client), /no/)
      yield* Faults.eventually("a request for more", () =>
        server.headers.some((headers) => headers["last-event-id"] !== undefined))
    }))
})

describe("opencode#25682, python-sdk#1423: a gateway in between answers instead", () => {
  it.live("a 503 with Retry-After is waited for, and the call is sent again", () =>
    Effect.gen(function*() {
      let refusals = 0
      const server = yield* BadHttp.make({
        onPost: ({ method }, response) => {
          if (method !== "tools/call" || refusals++ > 0) return false
          response.writeHead(503, { "retry-after": "0" }).end("busy")
          return true
        }
      })
      const mcp = yield* Faults.ours(Faults.http(server.url))
      yield* mcp.callTool("bad", Faults.work, { idempotent: false })
      assert.strictEqual(server.count("POST tools/call"), 2)
    }))

  it.live("a 502 leaves open whether it ran: a write is not sent again", () =>
    Effect.gen(function*() {
      const server = yield* BadHttp.make({
        onPost: ({ method }, response) => {
          if (method !== "tools/call") return false
          response.writeHead(502).end("<html>")
          return true
        }
      })
      const mcp = yield* Faults.ours(Faults.http(server.url))
      const reason = yield* Faults.reasonOf(mcp.callTool("bad", Faults.work, { idempotent: false }))
      assert.strictEqual(reason._tag, "OutcomeUnknown")
      assert.strictEqual(server.count("POST tools/call"), 1)
    }))
})
