/** Servers that open sessions and then know none of them: several replicas behind a balancer that sends each request elsewhere. */
import { assert, describe, it } from "@effect/vitest"
import { Endpoint } from "@holdfast/mcp/Endpoint"
import { McpConfig } from "@holdfast/mcp/McpConfig"
import { McpConnections } from "@holdfast/mcp/McpConnections"
import type { Reason } from "@holdfast/mcp/McpRuntimeError"
import { MemoryServer } from "@holdfast/mcp/testing"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as http from "node:http"
import { inTime } from "./support/memoryTime.ts"

/** A server that refuses the first calls, each on a session of its own. `first`: what it does with the very first one instead. */
const forgetting = (refusals: number, first?: (exit: () => void) => void) =>
  Effect.suspend(() => {
    let calls = 0
    const server = MemoryServer.make({
      transport: "http",
      era: "legacy",
      handlers: {
        "tools/call": (_, { connection, id }) => {
          if (++calls === 1 && first !== undefined) {
            first(() => connection.exit())
            return Effect.never
          }
          if (calls > refusals) return Effect.succeed({ content: [] })
          const description = "the server no longer knows the session (HTTP 404: Session not found)"
          connection.fail(id, { _tag: "Lost", delivery: "Refused", description })
          connection.end({ _tag: "SessionLost", status: 404, description })
          return Effect.never
        }
      }
    })
    return Effect.map(server, (server) => ({ server, calls: () => calls }))
  })

const connect = (endpoint: Endpoint, options: { readonly policy?: object } = {}) =>
  Effect.flatMap(McpConfig.make({ it: { endpoint, ...options } }), (config) => McpConnections.make(config))

const failureOf = <A>(call: Effect.Effect<A, { readonly reason: Reason }>) =>
  Effect.gen(function*() {
    const began = yield* Clock.currentTimeMillis
    const { reason } = yield* inTime(Effect.flip(call))
    return { reason, took: (yield* Clock.currentTimeMillis) - began }
  })

describe("a call that every new session refuses", () => {
  it.effect("ends with the fifth, and says the server's words, how often, and what to do", () =>
    Effect.gen(function*() {
      const { calls, server } = yield* forgetting(Number.POSITIVE_INFINITY)
      const mcp = yield* connect(server.endpoint)
      const { reason, took } = yield* failureOf(mcp.callTool("it", { name: "x" }, { idempotent: false }))
      assert.deepInclude(reason, { _tag: "ConnectionLost", delivery: "Refused", method: "tools/call", server: "it" })
      assert.match(reason.message, /HTTP 404: Session not found/)
      assert.match(reason.message, /refused 5 times in a row/)
      assert.match(reason.message, /behind a load balancer.*sticky/)
      assert.strictEqual(calls(), 5)
      // Long before acquireTimeout (30 s), and before a quarantine.
      assert.isBelow(took, 5000)
    }))

  it.effect("is no such call when a session knows itself at last", () =>
    Effect.gen(function*() {
      const { calls, server } = yield* forgetting(4)
      const mcp = yield* connect(server.endpoint)
      assert.deepStrictEqual((yield* inTime(mcp.callTool("it", { name: "x" }, { idempotent: false }))).content, [])
      assert.strictEqual(calls(), 5)
    }))

  it.effect("ends by its deadline, if that is first, as refused and not as never sent", () =>
    Effect.gen(function*() {
      const { server } = yield* forgetting(Number.POSITIVE_INFINITY)
      const mcp = yield* connect(server.endpoint, { policy: { backoff: { initial: "400 millis" } } })
      const options = { idempotent: false, deadline: "600 millis" } as const
      const { reason } = yield* failureOf(mcp.callTool("it", { name: "x" }, options))
      assert.deepInclude(reason, { _tag: "DeadlineExceeded", kind: "caller", delivery: "Refused" })
      assert.match(reason.message, /the server had refused it, it has not run/)
      assert.match(reason.message, /HTTP 404: Session not found/)
    }))

  it.effect("is never said not to have run if it may have run before", () =>
    Effect.gen(function*() {
      const { calls, server } = yield* forgetting(Number.POSITIVE_INFINITY, (exit) => exit())
      const mcp = yield* connect(server.endpoint)
      const { reason } = yield* failureOf(mcp.callTool("it", { name: "x" }, { idempotent: true }))
      assert.strictEqual(reason._tag, "OutcomeUnknown")
      assert.strictEqual(calls(), 6)
    }))
})

/** Replicas with sessions of their own; `replicaOf` says which of them a request goes to. */
const replicas = (
  replicaOf: (request: { readonly method: string; readonly number: number }) => number
): Effect.Effect<{ readonly url: string; readonly initialized: () => number }, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<{ readonly server: http.Server; readonly url: string; readonly initialized: () => number }>(
      (resume) => {
        const sessions = [new Set<string>(), new Set<string>()]
        let requests = 0
        let opened = 0
        const server = http.createServer((request, response) => {
          let body = ""
          request.on("data", (chunk) => body += String(chunk)).on("end", () => {
            if (request.method !== "POST") return void response.writeHead(405).end()
            const { id, method } = JSON.parse(body)
            const own = sessions[replicaOf({ method, number: requests++ }) % 2]
            const answer = (status: number, message: object, headers = {}) => {
              response.writeHead(status, { "content-type": "application/json", ...headers })
              response.end(JSON.stringify({ jsonrpc: "2.0", ...message }))
            }
            const session = request.headers["mcp-session-id"]
            if (typeof session === "string" && own?.has(session) !== true) {
              return answer(404, { id: null, error: { code: -32001, message: "Session not found" } })
            }
            if (id === undefined) return void response.writeHead(202).end()
            if (method !== "initialize") return answer(200, { id, result: { content: [] } })
            const headers = { "mcp-session-id": `s${++opened}` }
            own?.add(headers["mcp-session-id"])
            const serverInfo = { name: "replica", version: "1" }
            answer(200, { id, result: { protocolVersion: "2025-11-25", capabilities: {}, serverInfo } }, headers)
          })
        })
        server.listen(0, "127.0.0.1", () => {
          const address = server.address()
          const port = typeof address === "object" && address !== null ? address.port : 0
          resume(Effect.succeed({ server, url: `http://127.0.0.1:${port}/mcp`, initialized: () => opened }))
        })
      }
    ),
    ({ server }) =>
      Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  )

describe("replicas behind a balancer without affinity", () => {
  const callOf = (url: string) =>
    Effect.gen(function*() {
      const config = yield* McpConfig.make({ shop: { endpoint: Endpoint.http({ url }), era: "legacy" } })
      const mcp = yield* McpConnections.make(config)
      return yield* Effect.flip(mcp.callTool("shop", { name: "x" }, { idempotent: false }))
    })

  it.live("are told as such when calls always meet the one that did not open the session", () =>
    Effect.gen(function*() {
      const { initialized, url } = yield* replicas(({ method }) => method === "tools/call" ? 1 : 0)
      const { reason } = yield* callOf(url)
      assert.deepInclude(reason, { _tag: "ConnectionLost", delivery: "Refused" })
      assert.match(reason.message, /^shop: .*HTTP 404: Session not found.*refused 5 times in a row.*sticky/)
      assert.strictEqual(initialized(), 5)
    }))

  it.live("are told as such when not even the handshake can be finished", () =>
    Effect.gen(function*() {
      const { url } = yield* replicas(({ number }) => number)
      const { reason } = yield* callOf(url)
      assert.deepInclude(reason, { _tag: "ConnectionLost", delivery: "Refused" })
      assert.match(reason.message, /HTTP 404: Session not found\), which it has opened just now.*sticky/)
      assert.notMatch(reason.message, /cannot reach/)
    }))
})
