/** What callers see of a server that forgets them and says so in its own way, over real HTTP. */
import { assert, describe, it } from "@effect/vitest"
import { Endpoint } from "@holdfast/mcp/Endpoint"
import { McpConfig } from "@holdfast/mcp/McpConfig"
import { McpConnections } from "@holdfast/mcp/McpConnections"
import { MemoryServer } from "@holdfast/mcp/testing"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"
import { eventually } from "./support/eventually.ts"
import { live } from "./support/OpenHttp.ts"
import * as SpyHttp from "./support/SpyHttp.ts"

const open = (said: object = {}, options: Parameters<typeof Endpoint.http>[0] | undefined = undefined) =>
  Effect.gen(function*() {
    const server = yield* SpyHttp.make({ answers: "sse" })
    const config = options === undefined
      ? yield* McpConfig.decode({ mcpServers: { spy: { url: server.url, holdfast: { era: "legacy", ...said } } } })
      : yield* McpConfig.make({ spy: { endpoint: Endpoint.http({ ...options, url: server.url }), era: "legacy" } })
    const mcp = yield* McpConnections.make(config)
    const handshakes = () => server.spy.received.filter(({ method }) => method === "initialize").length
    const ask = (method: string) => mcp.request("spy", { method }, { deadline: "20 seconds", idempotent: false })
    yield* ask("echo")
    return { server, mcp, handshakes, ask }
  })

const sentence = (message: string) => JSON.stringify({ jsonrpc: "2.0", id: null, error: { code: -32000, message } })

/** The same under the id of the request: the form of an answer. */
const answer = (message: string, code = -32001) =>
  `{"jsonrpc":"2.0","id":ID,"error":{"code":${code},"message":"${message}"}}`

describe("a server that has forgotten the session", () => {
  for (
    const [status, body, contentType] of [
      [400, sentence("Bad Request: Server not initialized")],
      [401, "Unauthorized: Session not found"],
      [410, `{"detail":"session expired"}`],
      [503, sentence("Session unavailable; please reconnect")],
      [200, sentence("Session not found")],
      [200, answer("Session not found")],
      [200, answer("Received request before initialization was complete", -32602)],
      [200, `event: message\ndata: ${answer("Session terminated")}\n\n`, "text/event-stream"],
      [200, `event: message\ndata: {"error":"Session not found"}\n\n`, "text/event-stream"],
      [200, `{"error":"Session not found"}`],
      [200, `{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"Unknown session"}}`]
    ] as ReadonlyArray<readonly [number, string, string?]>
  ) {
    it.live(`and says it by ${status} and ${body.slice(0, 40)} costs one handshake, and no call in flight`, () =>
      Effect.gen(function*() {
        const { ask, handshakes, server } = yield* open()
        const held = yield* Effect.forkChild(ask("hold"), { startImmediately: true })
        yield* eventually("held", () => server.open.has("hold"))
        server.lostSession = { status, body, ...(contentType !== undefined && { contentType }) }
        server.sessions.clear()
        yield* Effect.all([ask("echo"), ask("echo"), ask("echo")], { concurrency: "unbounded" })
        assert.strictEqual(handshakes(), 2)
        assert.isUndefined(held.pollUnsafe())
        yield* ask("release")
        yield* Fiber.join(held)
        assert.strictEqual(handshakes(), 2)
      }))
  }

  it.effect("is sent the call again as soon as the new connection is there, without a pause", () =>
    Effect.gen(function*() {
      const { ask, handshakes, server } = yield* open()
      server.lostSession = { status: 400, body: sentence("Bad Request: Server not initialized") }
      server.sessions.clear()
      // The test's time stands still.
      const call = yield* Effect.forkChild(ask("echo"), { startImmediately: true })
      yield* live("the answer", () => call.pollUnsafe() !== undefined)
      yield* Fiber.join(call)
      assert.strictEqual(handshakes(), 2)
    }))

  it.live("twice within minUptime costs no call, and one handshake more only after that time", () =>
    Effect.gen(function*() {
      const { ask, handshakes, server } = yield* open({ minUptime: "3 seconds" })
      server.lostSession = { status: 400, body: sentence("Bad Request: Server not initialized") }
      const refused = () => server.spy.received.filter(({ method }) => method === "echo").length
      const clock = yield* Clock.Clock
      const began = clock.currentTimeMillisUnsafe()
      for (const expected of [2, 3]) {
        server.sessions.clear()
        yield* ask("echo")
        assert.strictEqual(handshakes(), expected)
      }
      assert.isAtLeast(clock.currentTimeMillisUnsafe() - began, 2900)
      assert.isAbove(refused(), 5)
    }))

  it.live("and says it by 500 loses no call that may have run, and serves the next one", () =>
    Effect.gen(function*() {
      const { ask, handshakes, server } = yield* open()
      server.lostSession = { status: 500, body: "session not found" }
      server.sessions.clear()
      const { reason } = yield* Effect.flip(ask("echo"))
      assert.deepInclude(reason, { _tag: "OutcomeUnknown", attempts: 1, status: 500 })
      yield* ask("echo")
      assert.strictEqual(handshakes(), 2)
    }))

  it.live("and refuses everything without a word of it is asked a ping, and connected anew", () =>
    Effect.gen(function*() {
      const { ask, handshakes, server } = yield* open()
      server.lostSession = { status: 422, body: "unprocessable" }
      server.sessions.clear()
      for (let calls = 0; calls < 3; calls++) {
        assert.deepInclude((yield* Effect.flip(ask("echo"))).reason, { _tag: "HttpRejected", status: 422 })
      }
      yield* eventually("a ping", () => server.spy.received.some(({ method }) => method === "ping"))
      yield* Effect.retry(ask("echo"), { times: 100 })
      assert.strictEqual(handshakes(), 2)
    }))

  for (const body of ["unprocessable", "Session not found"]) {
    it.live(`is not one that refuses one request on a new connection as well, with "${body}"`, () =>
      Effect.gen(function*() {
        const { ask, handshakes, mcp, server } = yield* open({ minUptime: "1 hour" })
        server.override.set("bad", (response) => void response.writeHead(400).end(body))
        const held = yield* Effect.forkChild(ask("hold"), { startImmediately: true })
        yield* eventually("held", () => server.open.has("hold"))
        const first = [...server.sessions]
        yield* Effect.flip(mcp.request("spy", { method: "bad" }, { deadline: "1 second" }))
        yield* ask("echo")
        const isSuspected = body !== "unprocessable"
        assert.strictEqual(handshakes(), isSuspected ? 2 : 1)
        // The new session is ended, the old one is not.
        yield* eventually("one session", () => server.sessions.size === 1)
        assert.deepStrictEqual([...server.sessions], first)
        assert.isUndefined(held.pollUnsafe())
        yield* ask("release")
        yield* Fiber.join(held)
      }))
  }

  it.live("and answers every request with the same error is asked a ping, and connected anew", () =>
    Effect.gen(function*() {
      const { ask, handshakes, server } = yield* open()
      server.lostSession = { status: 200, body: answer("Invalid request parameters", -32602) }
      server.sessions.clear()
      for (let calls = 0; calls < 3; calls++) {
        assert.deepInclude((yield* Effect.flip(ask("echo"))).reason, { _tag: "ServerError", code: -32602 })
      }
      yield* eventually("a ping", () => server.spy.received.some(({ method }) => method === "ping"))
      yield* Effect.retry(ask("echo"), { times: 100 })
      assert.strictEqual(handshakes(), 2)
    }))

  it.live("is not one whose tool speaks of a session of its own: that is the answer, once", () =>
    Effect.gen(function*() {
      const { ask, handshakes, server } = yield* open()
      let calls = 0
      server.override.set("bad", (response, { id }) => {
        calls++
        response.writeHead(200, { "content-type": "application/json" }).end(
          answer("Session expired").replace("ID", String(id))
        )
      })
      for (let each = 1; each <= 4; each++) {
        assert.deepInclude((yield* Effect.flip(ask("bad"))).reason, { _tag: "ServerError", code: -32001 })
        assert.strictEqual(calls, each)
      }
      assert.strictEqual(handshakes(), 1)
    }))

  it.live("is not one that refuses a single tool, however often", () =>
    Effect.gen(function*() {
      const { ask, handshakes, server } = yield* open()
      server.override.set("bad", (response) => void response.writeHead(422).end("unprocessable"))
      for (let calls = 0; calls < 12; calls++) yield* Effect.flip(ask("bad"))
      yield* ask("echo")
      assert.strictEqual(handshakes(), 1)
      assert.isAtMost(server.spy.received.filter(({ method }) => method === "ping").length, 4)
    }))

  it.live("is recognised by the signs in a config file", () =>
    Effect.gen(function*() {
      const { ask, handshakes, server } = yield* open({
        isSessionLost: { statuses: [400, 503], words: ["WHO are you"] }
      })
      server.lostSession = { status: 503, body: "who are you?" }
      server.sessions.clear()
      yield* ask("echo")
      assert.strictEqual(handshakes(), 2)
      server.override.set("odd", (response) => void response.writeHead(422).end("who are you?"))
      assert.deepInclude((yield* Effect.flip(ask("odd"))).reason, { _tag: "HttpRejected", status: 422 })
      assert.strictEqual(handshakes(), 2)
    }))
})

describe("a connection that is kept warm over an idle time", () => {
  it.effect("is replaced when the server refuses its pings, though every refusal brings bytes", () =>
    Effect.gen(function*() {
      let refused = 0
      const server = yield* MemoryServer.make({
        transport: "http",
        era: "legacy",
        handlers: {
          ping: (_, { connection, id }) => {
            if (server.opened() > 1) return Effect.succeed({})
            refused++
            connection.fail(id, { _tag: "Rejected", status: 422, description: "who are you" })
            return Effect.never
          }
        }
      })
      const mcp = yield* McpConnections.make(yield* McpConfig.make({ spy: server.endpoint }))
      yield* mcp.warm("spy")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(server.opened(), 1)
      yield* TestClock.adjust("31 seconds")
      assert.strictEqual(refused, 2)
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(server.opened(), 2)
      yield* TestClock.adjust("5 minutes")
      assert.strictEqual(server.opened(), 2)
    }))
})

describe("the signs of a lost session in a config file", () => {
  const faultOf = (isSessionLost: unknown, entry: object = { url: "http://127.0.0.1/mcp" }) =>
    Effect.map(
      McpConfig.decode({ mcpServers: { s: { ...entry, holdfast: { isSessionLost } } } }),
      ({ unusable }) => unusable.get("s")?.message
    )

  it.effect("are statuses, words, or both, and anything else is a fault at its place", () =>
    Effect.gen(function*() {
      for (const good of [{ statuses: [503] }, { words: ["gone"] }, { statuses: [200, 599], words: ["gone"] }, null]) {
        assert.isUndefined(yield* faultOf(good))
      }
      const at = "mcpServers.s.holdfast.isSessionLost"
      assert.include(yield* faultOf({}), `${at}: expected statuses, words, or both, got neither`)
      for (
        const wrong of [
          { statuses: [] },
          { statuses: ["503"] },
          { statuses: [42] },
          { words: [""] },
          { word: ["x"] },
          503
        ]
      ) {
        assert.include(yield* faultOf(wrong), at)
      }
      assert.include(yield* faultOf({ statuses: [503] }, { command: "x" }), "Streamable HTTP only")
    }))

  it.live("are the same in a config that is read again: no connection is lost for it", () =>
    Effect.gen(function*() {
      const { ask, handshakes, mcp, server } = yield* open({ isSessionLost: { words: ["gone"] } })
      const again = (words: ReadonlyArray<string>) =>
        McpConfig.decode({
          mcpServers: { spy: { url: server.url, holdfast: { era: "legacy", isSessionLost: { words } } } }
        })
      yield* mcp.reload(yield* again(["gone"]))
      yield* ask("echo")
      assert.strictEqual(handshakes(), 1)
      yield* mcp.reload(yield* again(["lost"]))
      yield* ask("echo")
      assert.strictEqual(handshakes(), 2)
    }))
})

describe("reset", () => {
  it.live("replaces a connection that is ready, and calls in flight end on the old one", () =>
    Effect.gen(function*() {
      const { ask, handshakes, mcp, server } = yield* open()
      const held = yield* Effect.forkChild(ask("hold"), { startImmediately: true })
      yield* eventually("held", () => server.open.has("hold"))
      yield* mcp.reset("spy")
      yield* ask("echo")
      assert.strictEqual(handshakes(), 2)
      yield* ask("release")
      yield* Fiber.join(held)
    }))
})
