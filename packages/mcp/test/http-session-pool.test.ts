/** What callers see of a session that the server forgets: nothing. */
import { assert, describe, it } from "@effect/vitest"
import { Endpoint, layer, McpConfig, McpConnections } from "@holdfast/mcp"
import * as Effect from "effect/Effect"
import type * as http from "node:http"
import * as SpyHttp from "./support/SpyHttp.ts"

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
        layer(config)
      )
      assert.strictEqual(executions, 1 + callers)
      const handshakes = server.spy.received.filter(({ method }) => method === "initialize").length
      assert.strictEqual(handshakes, 2)
    }))
})
