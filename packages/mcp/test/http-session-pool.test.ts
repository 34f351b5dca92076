/** What callers see of a session that the server forgets: nothing. */
import { assert, describe, it } from "@effect/vitest"
import { Endpoint, McpConfig, McpConnections } from "@holdfast/mcp"
import { type LayerOptions } from "@holdfast/mcp/McpConnections"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Scope from "effect/Scope"
import { TestClock } from "effect/testing"
import type * as http from "node:http"
import { eventually } from "./support/eventually.ts"
import { live, passing } from "./support/OpenHttp.ts"
import * as SpyHttp from "./support/SpyHttp.ts"

/** A connected server by the name of `spy`, the only one of a file that says this of it. */
const connected = (holdfast: object, options: LayerOptions = {}) =>
  Effect.gen(function*() {
    const server = yield* SpyHttp.make({ answers: "sse" })
    const config = yield* McpConfig.decode({ mcpServers: { spy: { url: server.url, holdfast } } })
    const mcp = yield* McpConnections.make(config, options)
    yield* mcp.request("spy", { method: "ping" })
    return { mcp, server }
  })

describe("what a config says of sessions", () => {
  it.live("leaves a server alone whose own stream is not wanted", () =>
    Effect.gen(function*() {
      const { mcp, server } = yield* connected({ push: false, era: "legacy" })
      yield* mcp.request("spy", { method: "ping" })
      assert.isEmpty(server.gets())
      const asked = yield* connected({ era: "legacy" })
      yield* eventually("asked for", () => asked.server.gets().length === 1)
    }))

  it.effect("gives the server no more time to end its session than the file says", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const opening = connected({ sessionEndTimeout: "500 millis", era: "legacy" })
      const { server } = yield* Scope.provide(opening, scope)
      server.onDelete = () => {}
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
      yield* live("DELETE", () => server.requests.some(({ method }) => method === "DELETE"))
      yield* TestClock.adjust("500 millis")
      // Two seconds, the default, would not pass here.
      yield* Fiber.join(closing)
    }))

  it.live("asks the classifier of the server's name whether a session is lost", () =>
    Effect.gen(function*() {
      const asked: Array<number> = []
      const { mcp, server } = yield* connected({ era: "legacy" }, {
        isSessionLost: {
          spy: (status, body) => {
            asked.push(status)
            return status === 503 && body.includes("unknown session")
          }
        }
      })
      server.lostSession = { status: 503, body: "unknown session" }
      server.sessions.clear()
      // A 503 without that word would be told to the caller.
      yield* mcp.request("spy", { method: "ping" })
      assert.include(asked, 503)
      assert.strictEqual(server.spy.received.filter(({ method }) => method === "initialize").length, 2)
    }))

  it.live("another classifier is another server: its connections are opened anew by a reload", () =>
    Effect.gen(function*() {
      const server = yield* SpyHttp.make({ answers: "sse" })
      const configWith = (isSessionLost: () => boolean) =>
        McpConfig.make({ spy: Endpoint.http({ url: server.url, isSessionLost }) })
      const no = () => false
      const mcp = yield* McpConnections.make(yield* configWith(no))
      const handshakes = () => server.spy.received.filter(({ method }) => method === "initialize").length
      yield* mcp.request("spy", { method: "ping" })
      yield* mcp.reload(yield* configWith(no))
      yield* mcp.request("spy", { method: "ping" })
      assert.strictEqual(handshakes(), 1)
      yield* mcp.reload(yield* configWith(() => false))
      yield* mcp.request("spy", { method: "ping" })
      assert.strictEqual(handshakes(), 2)
    }))
})

describe("calls that meet a lost session", () => {
  it.live("are all sent again after one new handshake, those that write included", () =>
    Effect.gen(function*() {
      const callers = 10
      const server = yield* SpyHttp.make({ answers: "sse" })
      const config = yield* McpConfig.make({ spy: { endpoint: Endpoint.http({ url: server.url }) } })
      const waiting: Array<http.ServerResponse> = []
      let executions = 0
      server.override.set("tools/call", (response, { id }) => {
        const sessionId = String(server.requests.at(-1)?.headers["mcp-session-id"])
        if (server.sessions.has(sessionId)) {
          executions++
          response.writeHead(200, { "content-type": "application/json" })
          return void response.end(JSON.stringify({ jsonrpc: "2.0", id, result: { content: [] } }))
        }
        // All of them are under way before the first one hears of it.
        if (waiting.push(response) < callers) return
        for (const each of waiting) each.writeHead(404).end()
      })
      yield* Effect.provide(
        Effect.gen(function*() {
          const mcp = yield* McpConnections
          const write = mcp.callTool("spy", { name: "write" }, { idempotent: false })
          yield* write
          server.sessions.clear()
          yield* Effect.all(Array.from({ length: callers }, () => write), { concurrency: "unbounded" })
        }),
        McpConnections.layer(config)
      )
      assert.strictEqual(executions, 1 + callers)
      const handshakes = server.spy.received.filter(({ method }) => method === "initialize").length
      assert.strictEqual(handshakes, 2)
    }))

  it.effect("are sent again at once: a lost session is no crash, no outage, and has no pause", () =>
    Effect.gen(function*() {
      const lines: Array<string> = []
      const logger = Logger.make(({ logLevel, message }) => {
        if (logLevel !== "Debug") lines.push(`${logLevel} ${String(message)}`)
      })
      yield* Effect.gen(function*() {
        const { mcp, server } = yield* connected({ era: "legacy" })
        server.sessions.clear()
        // The test's clock stands still: any pause would be for ever.
        yield* mcp.request("spy", { method: "ping" })
        assert.strictEqual(server.spy.received.filter(({ method }) => method === "initialize").length, 2)
        assert.deepStrictEqual(lines, [
          "Info spy: connection lost: the server no longer knows the session (HTTP 404: Session not found). It is opened again when it is needed."
        ])
        const { keys } = yield* mcp.snapshot
        assert.deepStrictEqual(keys.map(({ dials, slots }) => [dials, slots.map(({ state }) => state)]), [[2, [
          "Ready"
        ]]])
      }).pipe(Effect.scoped, Effect.provide(Logger.layer([logger])))
    }))

  it.effect("wait out back-off where the new session is lost at once as well, however often, and no quarantine", () =>
    Effect.gen(function*() {
      const { mcp, server } = yield* connected({ era: "legacy" })
      for (let i = 0; i < 10; i++) {
        server.sessions.clear()
        const before = server.spy.received.filter(({ method }) => method === "initialize").length
        const calling = yield* Effect.forkChild(mcp.request("spy", { method: "ping" }), { startImmediately: true })
        yield* passing("100 millis", "an answer", () => calling.pollUnsafe() !== undefined)
        yield* Fiber.join(calling)
        assert.strictEqual(server.spy.received.filter(({ method }) => method === "initialize").length, before + 1)
      }
      const states = (yield* mcp.snapshot).keys.flatMap(({ slots }) => slots.map(({ state }) => state))
      assert.deepStrictEqual(states, ["Ready"])
    }))
})

describe("calls whose every session is lost", () => {
  // Replicas behind a balancer that does not keep clients together answer so.
  it.effect("end without a deadline of their own as well, and say that they have not run", () =>
    Effect.gen(function*() {
      const { mcp, server } = yield* connected({ era: "legacy" })
      server.override.set("tools/call", (response) => void response.writeHead(404).end())
      const call = mcp.callTool("spy", { name: "write" }, { idempotent: false })
      const calling = yield* Effect.forkChild(Effect.flip(call), { startImmediately: true })
      yield* passing("100 millis", "an end", () => calling.pollUnsafe() !== undefined)
      const { reason } = yield* Fiber.join(calling)
      assert.deepInclude(reason, { _tag: "ConnectionLost", method: "tools/call", delivery: "Refused" })
      // Five seconds are the longest pause of a server over HTTP.
      const handshakes = server.spy.received.filter(({ method }) => method === "initialize").length
      assert.isAtLeast(handshakes, 30 / 6)
      assert.isAtMost(handshakes, 20)
    }))
})

describe("a probe that meets a lost session", () => {
  it.effect("is a lost session as well", () =>
    Effect.gen(function*() {
      const { mcp, server } = yield* connected({
        era: "legacy",
        keepaliveInterval: "5 seconds",
        keepaliveFailures: 1,
        push: false
      })
      yield* mcp.warm("spy")
      server.sessions.clear()
      const handshakes = () => server.spy.received.filter(({ method }) => method === "initialize").length
      // At the first look there is the answer to the call above.
      yield* TestClock.adjust("5 seconds")
      yield* TestClock.adjust("5 seconds")
      yield* live("a second handshake, without any pause", () => handshakes() === 2)
      yield* live("ready again", () => server.sessions.size === 1)
    }))
})
