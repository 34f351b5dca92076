/** What pages of other origins are told (CORS), over every transport: those that are listed, and those that are not. */
import { assert, describe, it } from "@effect/vitest"
import * as McpHost from "@holdfast/server/McpHost"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { open } from "./support/hosted.ts"
import { converse, request } from "./support/rawSocket.ts"

const page = "https://app.example.org"
const token = "token-of-a-page-0123456789"
const auth = McpHost.bearerTokens({ page: Redacted.make(token) })

const initialize = JSON.stringify({
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "page", version: "1" } }
})

interface Asked {
  readonly origin?: string
  readonly lines?: ReadonlyArray<string>
  readonly body?: string
}

/** The answer's status, and what it tells the browser. */
const ask = (port: number, method: string, target: string, { body = "", lines = [], origin = page }: Asked = {}) =>
  Effect.map(
    converse(
      port,
      request(method, target, [
        `Host: localhost:${port}`,
        `Origin: ${origin}`,
        "Sec-Fetch-Site: cross-site",
        `Content-Length: ${body.length}`,
        ...(method === "POST" ? ["Content-Type: application/json"] : []),
        ...lines
      ], body)
    ),
    ({ status, text }) => {
      const [head = ""] = text.split("\r\n\r\n")
      const headers = Object.fromEntries(
        head.split("\r\n").slice(1).map((line) => {
          const colon = line.indexOf(":")
          return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
        })
      )
      return { status, headers, text }
    }
  )

const allowedBy = (headers: Readonly<Record<string, string>>) =>
  Object.keys(headers).filter((name) => name.startsWith("access-control-"))

const listOf = (header = ""): ReadonlyArray<string> => header.toLowerCase().split(",").map((name) => name.trim())

const doors = [["/mcp", "POST"], ["/mcp", "GET"], ["/mcp", "DELETE"], ["/sse", "GET"], ["/message", "POST"]] as const

describe("a page of a listed origin", () => {
  it.live("is allowed its method and the headers of MCP by a preflight without credentials, at every door", () =>
    Effect.gen(function*() {
      const { port, registry } = yield* open({ allowedOrigins: [page], auth, legacySse: true })
      const wanted =
        "authorization,content-type,last-event-id,mcp-param-region,mcp-protocol-version,mcp-session-id,x-key"
      for (const [target, method] of doors) {
        const { headers, status } = yield* ask(port, "OPTIONS", target, {
          lines: [`Access-Control-Request-Method: ${method}`, `Access-Control-Request-Headers: ${wanted}`]
        })
        assert.strictEqual(status, 204, target)
        assert.strictEqual(headers["access-control-allow-origin"], page)
        assert.strictEqual(headers["vary"], "Origin")
        assert.include(headers["access-control-allow-methods"], method)
        assert.includeMembers(
          [...listOf(headers["access-control-allow-headers"])],
          [...wanted.split(","), "mcp-method", "mcp-name"]
        )
        assert.notProperty(headers, "access-control-allow-credentials")
      }
      assert.strictEqual((yield* registry.snapshot).opened, 0)
    }))

  it.live("may read every answer, whatever its status, and the headers it goes on by", () =>
    Effect.gen(function*() {
      const { port } = yield* open({
        allowedOrigins: [page],
        auth,
        legacySse: true,
        maxBodyBytes: 2000,
        rateLimit: { limit: 8, window: "1 hour" }
      })
      const bearer = `Authorization: Bearer ${token}`
      const seen: Array<number> = []
      const readable = (method: string, target: string, asked: Asked = {}) =>
        Effect.map(ask(port, method, target, asked), ({ headers, status, text }) => {
          assert.strictEqual(headers["access-control-allow-origin"], page, `${method} ${target} ${status}`)
          assert.includeMembers([...listOf(headers["access-control-expose-headers"])], [
            "mcp-session-id",
            "mcp-protocol-version",
            "www-authenticate",
            "retry-after"
          ])
          assert.notProperty(headers, "access-control-allow-credentials")
          seen.push(status)
          return { headers, text }
        })
      const { headers } = yield* readable("POST", "/mcp", { body: initialize, lines: [bearer] })
      const session = `Mcp-Session-Id: ${headers["mcp-session-id"]}`
      yield* readable("GET", "/mcp", { lines: [bearer, session] })
      yield* readable("DELETE", "/mcp", { lines: [bearer, session] })
      yield* readable("GET", "/sse", { lines: [bearer] })
      yield* readable("POST", "/mcp", { body: initialize })
      yield* readable("POST", "/mcp", { body: "{}", lines: [bearer] })
      yield* readable("POST", "/message?sessionId=none", { body: "{}", lines: [bearer] })
      yield* readable("PUT", "/mcp", { lines: [bearer] })
      yield* readable("POST", "/mcp", { body: " ".repeat(3000), lines: [bearer] })
      yield* readable("POST", "/mcp", { body: initialize, lines: [bearer, "Accept: text/html"] })
      yield* readable("POST", "/mcp", { body: initialize, lines: [bearer] })
      assert.deepStrictEqual(seen, [200, 200, 200, 200, 401, 400, 404, 405, 413, 406, 429])
    }))

  it.live("is told of no header that is longer, or another thing, than a name", () =>
    Effect.gen(function*() {
      const { port } = yield* open({ allowedOrigins: [page] })
      const names = [...Array.from({ length: 500 }, (_, n) => `x-${n}`), "x".repeat(65)]
      const { headers } = yield* ask(port, "OPTIONS", "/mcp", {
        lines: [
          "Access-Control-Request-Method: POST",
          `Access-Control-Request-Headers: b@d, ${"y".repeat(65)}, x y, fine, ${names.join(", ")}`
        ]
      })
      const allowed = headers["access-control-allow-headers"] ?? ""
      assert.isBelow(allowed.length, 3000)
      assert.include(listOf(allowed), "fine")
      for (const name of ["b@d", "y".repeat(65), "x y"]) assert.notInclude(listOf(allowed), name)
    }))

  it.live("is known however the list writes its origin; an entry that is none is refused at the start", () =>
    Effect.gen(function*() {
      for (
        const [entry, origin] of [
          ["https://App.Example.org/", page],
          ["https://app.example.org:443", page],
          ["http://localhost:3000", "http://localhost:3000"],
          ["chrome-extension://abcdefgh", "chrome-extension://abcdefgh"],
          ["null", "null"]
        ] as const
      ) {
        const { port } = yield* open({ allowedOrigins: [entry] })
        const { headers } = yield* ask(port, "OPTIONS", "/mcp", {
          origin,
          lines: ["Access-Control-Request-Method: POST"]
        })
        assert.strictEqual(headers["access-control-allow-origin"], origin, entry)
      }
      const server = () => ({ connect: () => Promise.resolve(), close: () => Promise.resolve() })
      for (const entry of ["*", "app.example.org", "https://app.example.org/path", "https://*.example.org", ""]) {
        const error = yield* Effect.flip(Layer.build(McpHost.layerHttp({ server, port: 0, allowedOrigins: [entry] })))
        assert.include(error.message, "allowedOrigins", entry)
        assert.deepInclude("reason" in error ? error.reason : undefined, { option: "allowedOrigins" })
      }
    }))

  it.live("of the internet may ask a server of this machine, if the browser asks for that", () =>
    Effect.gen(function*() {
      const { port } = yield* open({ allowedOrigins: [page] })
      const preflight = "Access-Control-Request-Method: POST"
      const { headers } = yield* ask(port, "OPTIONS", "/mcp", {
        lines: [preflight, "Access-Control-Request-Private-Network: true"]
      })
      assert.strictEqual(headers["access-control-allow-private-network"], "true")
      const { headers: plain } = yield* ask(port, "OPTIONS", "/mcp", { lines: [preflight] })
      assert.notProperty(plain, "access-control-allow-private-network")
    }))
})

describe("a page of another origin", () => {
  it.live("is allowed nothing, at any door, whether others are listed or not", () =>
    Effect.gen(function*() {
      for (const allowedOrigins of [[], [page]]) {
        const { port, registry } = yield* open({ allowedOrigins, legacySse: true })
        for (
          const origin of [
            "https://evil.example",
            "https://app.example.org.evil.example",
            "http://app.example.org",
            "null"
          ]
        ) {
          for (const [target, method] of doors) {
            const preflight = yield* ask(port, "OPTIONS", target, {
              origin,
              lines: [`Access-Control-Request-Method: ${method}`]
            })
            const answer = yield* ask(port, method, target, { origin })
            assert.deepStrictEqual([preflight.status, answer.status], [403, 403])
            assert.deepStrictEqual([...allowedBy(preflight.headers), ...allowedBy(answer.headers)], [])
          }
        }
        assert.strictEqual((yield* registry.snapshot).opened, 0)
      }
    }))
})
