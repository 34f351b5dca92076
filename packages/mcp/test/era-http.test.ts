/** The modern era over HTTP: no session, no stream of the server's own, and headers that say what a request is about. */
import { assert, describe, it } from "@effect/vitest"
import { Endpoint } from "@holdfast/mcp/Endpoint"
import * as McpConnection from "@holdfast/mcp/McpConnection"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as http from "node:http"
import type { AddressInfo } from "node:net"
import { eventually } from "./support/eventually.ts"

interface Asked {
  readonly verb: string
  readonly headers: http.IncomingHttpHeaders
  readonly method: string
  readonly response: http.ServerResponse
}

const modern = Effect.acquireRelease(
  Effect.callback<{ readonly url: string; readonly asked: Array<Asked>; readonly server: http.Server }>((resume) => {
    const asked: Array<Asked> = []
    const server = http.createServer((request, response) => {
      let body = ""
      request.on("data", (chunk) => body += String(chunk))
      request.on("end", () => {
        const { id, method = "" } = body === "" ? {} : JSON.parse(body)
        asked.push({ verb: request.method ?? "", headers: request.headers, method, response })
        const capabilities = { tools: {} }
        const result = method === "server/discover"
          ? { resultType: "complete", supportedVersions: ["2026-07-28"], capabilities }
          : method === "tools/call"
          ? { resultType: "complete", content: [] }
          : undefined
        // Whatever else is asked waits for ever.
        if (result === undefined) return
        response.setHeader("content-type", "application/json")
        // Sent by a server that should not: there is no session.
        response.setHeader("mcp-session-id", "stray")
        response.end(JSON.stringify({ jsonrpc: "2.0", id, result }))
      })
    })
    server.listen(0, "127.0.0.1", () => {
      // A server that listens on a port has an address of this form.
      const { port } = server.address() as AddressInfo
      resume(Effect.succeed({ url: `http://127.0.0.1:${port}/mcp`, asked, server }))
    })
  }),
  ({ server }) =>
    Effect.callback<void>((resume) => {
      server.close(() => resume(Effect.void))
      server.closeAllConnections()
    })
)

describe("a modern server over HTTP", () => {
  it.live("is told method, name and revision in headers, and is asked for no session, stream or DELETE", () =>
    Effect.gen(function*() {
      const { asked, url } = yield* modern
      yield* Effect.scoped(Effect.gen(function*() {
        const connection = yield* McpConnection.connect({
          server: "m",
          endpoint: Endpoint.http({ url }),
          clientInfo: { name: "test", version: "0" }
        })
        assert.deepInclude(connection, { era: "modern", protocolVersion: "2026-07-28" })
        yield* connection.request("tools/call", { name: "größe", arguments: {} })
        yield* connection.request("tools/call", { name: "plain", arguments: {} })
      }))
      assert.deepStrictEqual(asked.map(({ method, verb }) => `${verb} ${method}`), [
        "POST server/discover",
        "POST tools/call",
        "POST tools/call"
      ])
      for (const { headers, method } of asked) {
        assert.strictEqual(headers["mcp-protocol-version"], "2026-07-28")
        assert.strictEqual(headers["mcp-method"], method)
        assert.isUndefined(headers["mcp-session-id"])
      }
      assert.deepStrictEqual(asked.map(({ headers }) => headers["mcp-name"]), [
        undefined,
        "=?base64?Z3LDtsOfZQ==?=",
        "plain"
      ])
    }))

  it.live("an interrupted call is cancelled by letting go of its response, and nothing is sent", () =>
    Effect.gen(function*() {
      const { asked, url } = yield* modern
      const connection = yield* McpConnection.connect({
        server: "m",
        endpoint: Endpoint.http({ url }),
        clientInfo: { name: "test", version: "0" }
      })
      const call = yield* Effect.forkChild(connection.request("prompts/get", { name: "slow" }), {
        startImmediately: true
      })
      yield* eventually("the call arrived", () => asked.at(-1)?.method === "prompts/get")
      let isLetGo = false
      asked.at(-1)?.response.on("close", () => {
        isLetGo = true
      })
      yield* Fiber.interrupt(call)
      yield* eventually("it is let go", () => isLetGo)
      yield* connection.request("tools/call", { name: "plain" })
      assert.isUndefined(asked.find(({ method }) => method === "notifications/cancelled"))
    }))
})
