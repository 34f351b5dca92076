import { assert, describe, it } from "@effect/vitest"
import { Endpoint, McpConfig, McpConnections } from "@holdfast/mcp"
import * as Effect from "effect/Effect"
import * as http from "node:http"
import type { AddressInfo } from "node:net"

/** A server whose gateway loses every call: it may have run, nobody knows. */
const losing = Effect.acquireRelease(
  Effect.callback<{ readonly url: string; readonly calls: () => number; readonly server: http.Server }>((resume) => {
    let calls = 0
    const server = http.createServer((request, response) => {
      let body = ""
      request.on("data", (chunk) => body += String(chunk))
      request.on("end", () => {
        const { id, method } = body === "" ? { id: 0, method: request.method } : JSON.parse(body)
        if (method === "initialize") {
          const result = {
            protocolVersion: "2025-11-25",
            capabilities: {},
            serverInfo: { name: "losing", version: "1" }
          }
          response.setHeader("content-type", "application/json")
          response.end(JSON.stringify({ jsonrpc: "2.0", id, result }))
          return
        }
        if (method === "tools/call") calls++
        response.statusCode = method === "tools/call" ? 502 : method === "GET" ? 405 : 202
        response.end()
      })
    })
    server.listen(0, "127.0.0.1", () => {
      // A server that listens on a port has an address of this form.
      const { port } = server.address() as AddressInfo
      resume(Effect.succeed({ url: `http://127.0.0.1:${port}/mcp`, calls: () => calls, server }))
    })
  }),
  ({ server }) =>
    Effect.callback<void>((resume) => {
      server.close(() => resume(Effect.void))
      server.closeAllConnections()
    })
)

describe("the replay budget", () => {
  it.live("an outage is not answered by a storm: calls that may be repeated are, while the budget lasts", () =>
    Effect.gen(function*() {
      const { calls, url } = yield* losing
      const config = yield* McpConfig.make({
        lost: { endpoint: Endpoint.http({ url }), policy: { maxInFlight: 100 } }
      })
      const callers = 200
      yield* Effect.provide(
        Effect.gen(function*() {
          const mcp = yield* McpConnections
          const call = Effect.flip(mcp.callTool("lost", { name: "any" }, { idempotent: true }))
          const failures = yield* Effect.all(Array.from({ length: callers }, () => call), { concurrency: "unbounded" })
          for (const { reason } of failures) assert.strictEqual(reason._tag, "OutcomeUnknown")
        }),
        McpConnections.layer(config)
      )
      assert.strictEqual(calls(), callers + 100)
    }))
})
