/** What stands in front of a server: other paths, names and schemes than it knows, old proxies, and programs that only look whether it is there. */
import { assert, describe, it } from "@effect/vitest"
import * as Authenticator from "@holdfast/server/Authenticator"
import * as McpHost from "@holdfast/server/McpHost"
import * as SessionRegistry from "@holdfast/server/SessionRegistry"
import { Client } from "@modelcontextprotocol/sdk/client/index.js"
import { SSEClientTransport } from "@modelcontextprotocol/sdk/client/sse.js"
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js"
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js"
import * as Effect from "effect/Effect"
import * as http from "node:http"
import type { AddressInfo } from "node:net"
import { echoServer, steering } from "./support/echoServer.ts"
import { eventually } from "./support/eventually.ts"
import { open } from "./support/hosted.ts"
import { RawClient } from "./support/rawClient.ts"
import { converse, request } from "./support/rawSocket.ts"
import { StatelessClient, textOf } from "./support/statelessClient.ts"

/** A proxy: what it makes of a path, and what it says of itself. */
interface ProxyOptions {
  readonly toPath: (path: string) => string
  readonly headers?: (own: http.IncomingHttpHeaders) => http.IncomingHttpHeaders
}

const proxy = (target: number, { headers = (own) => own, toPath }: ProxyOptions) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly port: number; readonly server: http.Server }>((resume) => {
      const server = http.createServer((asked, answer) => {
        const sent = http.request(
          {
            port: target,
            host: "127.0.0.1",
            method: asked.method,
            path: toPath(asked.url ?? ""),
            headers: headers(asked.headers)
          },
          (answered) => {
            answer.writeHead(answered.statusCode ?? 502, answered.headers)
            answer.flushHeaders()
            answered.pipe(answer)
          }
        )
        answer.once("close", () => sent.destroy())
        sent.once("error", () => answer.destroy())
        asked.pipe(sent)
      }).listen(0, "127.0.0.1", () => {
        // It listens on a port.
        const { port } = server.address() as AddressInfo
        resume(Effect.succeed({ port, server }))
      })
    }),
    ({ server }) =>
      Effect.sync(() => {
        server.close()
        server.closeAllConnections()
      })
  )

const echoBy = (transport: Transport) =>
  Effect.gen(function*() {
    const client = new Client({ name: "sdk", version: "1" })
    yield* Effect.acquireRelease(
      Effect.promise(() => client.connect(transport)),
      () => Effect.promise(() => client.close())
    )
    const result = yield* Effect.promise(() => client.callTool({ name: "echo", arguments: { text: "hi" } }))
    assert.deepInclude(result, { content: [{ type: "text", text: "hi" }] })
  })

const everyWay = (base: string) =>
  Effect.gen(function*() {
    yield* echoBy(new StreamableHTTPClientTransport(new URL(`${base}/mcp`)))
    yield* echoBy(new SSEClientTransport(new URL(`${base}/sse`)))
    yield* echoBy(new SSEClientTransport(new URL(`${base}/sse/`)))
    const client = new StatelessClient(`${base}/mcp`)
    assert.strictEqual(textOf(yield* client.call("echo", { text: "hi" })), "hi")
  })

const named = { allowedHosts: ["127.0.0.1"], legacySse: true }

describe("a server behind a proxy", () => {
  it.live("that strips a prefix is reached over every transport", () =>
    Effect.gen(function*() {
      const { port } = yield* open(named)
      const front = yield* proxy(port, { toPath: (path) => path.replace(/^\/tools\/a/, "") })
      yield* everyWay(`http://127.0.0.1:${front.port}/tools/a`)
    }))

  it.live("that keeps a prefix is reached over every transport, with that prefix in its paths", () =>
    Effect.gen(function*() {
      const { port } = yield* open({
        ...named,
        path: "/tools/a/mcp",
        legacySse: { path: "/tools/a/sse", messagePath: "/tools/a/message" }
      })
      const front = yield* proxy(port, { toPath: (path) => path })
      yield* everyWay(`http://127.0.0.1:${front.port}/tools/a`)
      // The way from one to the other need not be short.
      const far = yield* open({ ...named, legacySse: { path: "/a/b/sse", messagePath: "/c/say" } })
      yield* echoBy(new SSEClientTransport(new URL(`${far.origin}/a/b/sse`)))
      const cut = yield* proxy(far.port, { toPath: (path) => path.replace(/^\/tools/, "") })
      yield* echoBy(new SSEClientTransport(new URL(`http://127.0.0.1:${cut.port}/tools/a/b/sse`)))
    }))

  it.live("that ends TLS and names itself is known by its name, and takes the header of a proxy for it only if told so", () =>
    Effect.gen(function*() {
      const own = (host: string) => (headers: http.IncomingHttpHeaders) => ({
        ...headers,
        host,
        origin: "https://mcp.example.org",
        "sec-fetch-site": "same-origin"
      })
      const { port } = yield* open({ allowedHosts: ["mcp.example.org"], legacySse: true })
      const inside = yield* open({ allowedHosts: ["mcp.example.org"], legacySse: true, trustProxy: true })
      for (const host of ["mcp.example.org", "mcp.example.org:443"]) {
        const front = yield* proxy(port, { toPath: (path) => path, headers: own(host) })
        yield* everyWay(`http://127.0.0.1:${front.port}`)
      }
      const forwarded = (headers: http.IncomingHttpHeaders) => ({
        ...own(`10.0.0.7:8080`)(headers),
        // Of several proxies the first tells what the client has asked for.
        "x-forwarded-host": "mcp.example.org, inner.example.org",
        "x-forwarded-proto": "https",
        "x-forwarded-prefix": "/elsewhere"
      })
      const trusted = yield* proxy(inside.port, { toPath: (path) => path, headers: forwarded })
      yield* everyWay(`http://127.0.0.1:${trusted.port}`)
      const untrusted = yield* proxy(port, { toPath: (path) => path, headers: forwarded })
      const refused = yield* new RawClient(`http://127.0.0.1:${untrusted.port}/mcp`).request("initialize")
      assert.strictEqual(refused.status, 403)
    }))

  it.live("that speaks HTTP/1.0, or asks by a whole address, gets the same answers", () =>
    Effect.gen(function*() {
      const { port } = yield* open({ legacySse: true })
      const body = JSON.stringify({
        jsonrpc: "2.0",
        id: 1,
        method: "initialize",
        params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "old", version: "1" } }
      })
      const lines = [`Host: localhost:${port}`, "Content-Type: application/json", `Content-Length: ${body.length}`]
      const old = (text: string) => text.replace(" HTTP/1.1", " HTTP/1.0")
      const first = yield* converse(port, old(request("POST", "/mcp", lines, body)))
      assert.strictEqual(first.status, 200)
      const session = /mcp-session-id: (\S+)/i.exec(first.text)?.[1] ?? ""
      const stream = yield* converse(
        port,
        old(request("GET", "/mcp", [...lines.slice(0, 1), `Mcp-Session-Id: ${session}`]))
      )
      assert.strictEqual(stream.status, 200)
      // It could not tell where a part ends.
      assert.notMatch(stream.text, /transfer-encoding/i)
      const whole = yield* converse(port, request("POST", `http://localhost:${port}/mcp`, lines, body))
      assert.strictEqual(whole.status, 200)
    }))
})

describe("a program that looks whether the server is there", () => {
  for (
    const [kind, options, allowed] of [
      ["with sessions", {}, "GET, HEAD, POST, DELETE, OPTIONS"],
      ["without sessions", { sessions: false }, "POST, OPTIONS"]
    ] as const
  ) {
    it.live(`is told by OPTIONS what may be asked, and by HEAD what GET would say, and leaves nothing behind, ${kind}`, () =>
      Effect.gen(function*() {
        const { port, registry } = yield* open({ ...options, legacySse: true })
        const look = (method: string, target: string, lines: ReadonlyArray<string> = []) =>
          converse(port, request(method, target, [`Host: localhost:${port}`, "Content-Length: 0", ...lines]))
        for (
          const [target, methods] of [["/mcp", allowed], ["/sse", "GET, HEAD, OPTIONS"], [
            "/message",
            "POST, OPTIONS"
          ]] as const
        ) {
          const { status, text } = yield* look("OPTIONS", target)
          assert.strictEqual(status, 204)
          assert.include(text, `allow: ${methods}\r\n`)
          const refused = yield* look("PUT", target)
          assert.strictEqual(refused.status, 405)
          assert.include(refused.text, `allow: ${methods}\r\n`)
        }
        const stream = yield* look("HEAD", "/sse")
        assert.strictEqual(stream.status, 200)
        assert.match(stream.text, /content-type: text\/event-stream\r\n[\s\S]*\r\n\r\n$/i)
        const head = yield* look("HEAD", "/mcp")
        const get = yield* look("GET", "/mcp")
        assert.strictEqual(head.status, get.status)
        assert.isTrue(head.text.endsWith("\r\n\r\n"))
        assert.strictEqual((yield* registry.snapshot).opened, 0)
        if (options.sessions === false) return
        const client = new RawClient(`http://127.0.0.1:${port}/mcp`)
        yield* client.initialize()
        const known = yield* look("HEAD", "/mcp", [`Mcp-Session-Id: ${client.headers["mcp-session-id"]}`])
        assert.strictEqual(known.status, 200)
        assert.match(known.text, /content-type: text\/event-stream\r\n[\s\S]*\r\n\r\n$/i)
        assert.strictEqual((yield* registry.snapshot).openStreams, 0)
      }))
  }

  it.live("gets no body for HEAD where the host is mounted, either", () =>
    Effect.gen(function*() {
      const handler = yield* McpHost.webHandler({ server: echoServer(steering()), port: 8080 })
      const response = yield* Effect.promise(() =>
        handler(new Request("http://localhost:8080/mcp", { method: "HEAD" }))
      )
      assert.deepStrictEqual([response.status, yield* Effect.promise(() => response.text())], [400, ""])
    }).pipe(Effect.provide(SessionRegistry.layer())))
})

describe("a header of an answer that repeats what was asked", () => {
  it.live("is bounded, and is a header whatever an authenticator says", () =>
    Effect.gen(function*() {
      const auth: Authenticator.Authenticator = ({ headers }) =>
        Effect.fail(
          new Authenticator.AuthenticationRefused({
            status: 401,
            challenge: `Bearer error_description="${headers["x-said"]}"\r\nx-evil: 1 \u{1F600} ${"x".repeat(100_000)}`
          })
        )
      const { port } = yield* open({ auth })
      const { status, text } = yield* converse(
        port,
        request("GET", "/mcp", [`Host: localhost:${port}`, `X-Said: ${"y".repeat(500)}`])
      )
      assert.strictEqual(status, 401)
      assert.isBelow(text.length, 2000)
      assert.notMatch(text, /^x-evil/im)
    }))

  it.live("is none of a stream that a client comes back to by a made up place", () =>
    Effect.gen(function*() {
      const { url } = yield* open()
      const client = new RawClient(url)
      yield* client.initialize()
      const { response, events } = yield* client.stream("9".repeat(4000))
      assert.strictEqual(response.status, 400)
      yield* eventually("it has ended", events.isOver)
      assert.isBelow(JSON.stringify([...response.headers]).length, 1000)
    }))
})
