/** The modern era over HTTP: no session, no stream of the server's own, and headers that say what a request is about. */
import { assert, describe, it } from "@effect/vitest"
import { Endpoint } from "@holdfast/mcp/Endpoint"
import { McpConfig } from "@holdfast/mcp/McpConfig"
import { McpConnection } from "@holdfast/mcp/McpConnection"
import { McpConnections } from "@holdfast/mcp/McpConnections"
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

/** A tool whose argument must be in a header, on a server that says so only in its list. `wanted`: what the header must say. */
const demanding = (wanted: string) => ({ headers, method }: Asked, id: unknown): { status: number; body: object } => {
  const inputSchema = { type: "object", properties: { region: { type: "string", "x-mcp-header": "Region" } } }
  if (method === "tools/list") {
    return {
      status: 200,
      body: {
        id,
        result: { resultType: "complete", tools: [{ name: "deploy", inputSchema }], ttlMs: 0, cacheScope: "private" }
      }
    }
  }
  return headers["mcp-param-region"] === wanted
    ? { status: 200, body: { id, result: { resultType: "complete", content: [{ type: "text", text: "deployed" }] } } }
    : { status: 400, body: { id, error: { code: -32020, message: "the header does not match" } } }
}

const serving = (answer: ((asked: Asked, id: unknown) => { status: number; body: object }) | undefined) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly url: string; readonly asked: Array<Asked>; readonly server: http.Server }>((resume) => {
      const asked: Array<Asked> = []
      const server = http.createServer((request, response) => {
        let body = ""
        request.on("data", (chunk) => body += String(chunk))
        request.on("end", () => {
          const { id, method = "" } = body === "" ? {} : JSON.parse(body)
          const one = { verb: request.method ?? "", headers: request.headers, method, response }
          asked.push(one)
          const capabilities = { tools: {} }
          const result = method === "server/discover"
            ? { resultType: "complete", supportedVersions: ["2026-07-28"], capabilities }
            : method === "tools/call"
            ? { resultType: "complete", content: [] }
            : undefined
          if (answer !== undefined && method !== "server/discover") {
            const { body, status } = answer(one, id)
            response.writeHead(status, { "content-type": "application/json" })
            return void response.end(JSON.stringify({ jsonrpc: "2.0", ...body }))
          }
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

const modern = serving(undefined)

describe("a modern server over HTTP", () => {
  it.live("that misses an argument in a header is asked for its tools, and called once more", () =>
    Effect.gen(function*() {
      const { asked, url } = yield* serving(demanding("eu"))
      const endpoint = Endpoint.http({ url })
      const mcp = yield* McpConnections.make(yield* McpConfig.make({ m: { endpoint, era: "modern" } }))
      const call = mcp.callTool("m", { name: "deploy", arguments: { region: "eu" } })
      for (const { content } of [yield* call, yield* call]) {
        assert.deepStrictEqual(content, [{ type: "text", text: "deployed" }])
      }
      const said = asked.filter(({ method }) => method === "tools/call").map(({ headers }) =>
        headers["mcp-param-region"]
      )
      // The first may know already: hints are asked for beside it.
      assert.deepStrictEqual(said.filter((region) => region !== undefined), ["eu", "eu"])
      assert.isAtMost(said.length, 3)
    }))

  it.live("that goes on missing it is believed", () =>
    Effect.gen(function*() {
      const { asked, url } = yield* serving(demanding("us"))
      const endpoint = Endpoint.http({ url })
      const mcp = yield* McpConnections.make(yield* McpConfig.make({ m: { endpoint, era: "modern" } }))
      yield* mcp.listTools("m")
      const error = yield* Effect.flip(mcp.callTool("m", { name: "deploy", arguments: { region: "eu" } }))
      assert.deepInclude(error.reason, { _tag: "ServerError", code: -32020 })
      assert.deepStrictEqual(asked.map(({ method }) => method), [
        "server/discover",
        "tools/list",
        "tools/call",
        "tools/list"
      ])
    }))

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
