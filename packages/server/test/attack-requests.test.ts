/**
 * Public attacks on MCP servers over HTTP, against the default configuration: what a web page, or whoever reaches the port, may say.
 *
 * Every test is named after the report it comes from. Attacks on sessions and messages are in `attack-sessions.test.ts`; those on the jobs
 * of others in the tests of `@holdfast/jobs`. Reports about shells, files, outgoing requests and packages concern no code of a host.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { open } from "./support/hosted.ts"
import { RawClient } from "./support/rawClient.ts"
import { converse, request } from "./support/rawSocket.ts"

const initialize = JSON.stringify({
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "attacker", version: "1" } }
})
const accept = "Accept: application/json, text/event-stream"
const length = `Content-Length: ${initialize.length}`

/** Every way in, the deprecated ones too. */
const doors = [["POST", "/mcp"], ["GET", "/mcp"], ["DELETE", "/mcp"], ["GET", "/sse"], ["POST", "/message"]] as const

/** The server with every door, and the request that opens a session when nothing is wrong with it. */
const ready = Effect.gen(function*() {
  let adminPort = 0
  const host = yield* open({ legacySse: true, admin: { port: 0, onListen: (port) => void (adminPort = port) } })
  const { port, registry } = host
  const knock = (method: string, target: string, headers: ReadonlyArray<string>, own = `Host: localhost:${port}`) => {
    const isPost = method === "POST"
    const body = isPost ? ["Content-Type: application/json", length] : []
    return converse(port, request(method, target, [own, accept, ...body, ...headers], isPost ? initialize : ""))
  }
  const opened = Effect.map(registry.snapshot, ({ opened }) => opened)
  return { ...host, adminPort, knock, opened }
})

describe("a page in a browser", () => {
  it.live("the requests below are refused for what is wrong with them, and for nothing else", () =>
    Effect.gen(function*() {
      const { knock, opened, port } = yield* ready
      assert.strictEqual((yield* knock("POST", "/mcp", [])).status, 200)
      assert.strictEqual((yield* knock("POST", "/mcp", [`Origin: http://localhost:${port}`])).status, 200)
      assert.strictEqual((yield* knock("GET", "/sse", [])).status, 200)
      assert.strictEqual(yield* opened, 3)
    }))

  it.live("CVE-2025-66414, CVE-2026-34742, GHSA-9h52-p55h-vw2f: a name rebound to this address opens no door", () =>
    Effect.gen(function*() {
      const { adminPort, knock, opened, port } = yield* ready
      for (const name of ["evil.example", `evil.example:${port}`, `localhost.evil.example:${port}`, "localhost:1"]) {
        for (const [method, target] of doors) {
          const { status } = yield* knock(method, target, [], `Host: ${name}`)
          assert.strictEqual(status, 403, `${method} ${target} of ${name}`)
        }
        for (const target of ["/", "/sessions", "/metrics"]) {
          const { status } = yield* converse(adminPort, request("GET", target, [`Host: ${name}`]))
          assert.strictEqual(status, 403, `${target} of ${name}`)
        }
      }
      assert.strictEqual(yield* opened, 0)
    }))

  it.live("CVE-2025-49596, CVE-2026-23744: 0.0.0.0 is no way to this machine, and no other address of it listens", () =>
    Effect.gen(function*() {
      const { adminPort, knock, opened, port } = yield* ready
      for (const [method, target] of doors) {
        assert.strictEqual((yield* knock(method, target, [], `Host: 0.0.0.0:${port}`)).status, 403)
      }
      // All of 127.0.0.0/8 is this machine: who listens everywhere listens there too.
      for (const listening of [port, adminPort]) {
        assert.strictEqual((yield* converse(listening, initialize, "127.0.0.2")).text, "")
      }
      assert.strictEqual(yield* opened, 0)
    }))

  it.live("CVE-2025-49596: a page of another origin opens no door, whichever way it asks", () =>
    Effect.gen(function*() {
      const { adminPort, knock, opened, port } = yield* ready
      const pages = [
        ["Origin: https://evil.example"],
        ["Origin: null"],
        ["Origin: file://"],
        // Another program of this machine has pages too.
        ["Origin: http://localhost:3000"],
        [`Origin: http://127.0.0.1:${port}`],
        ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors"],
        ["Sec-Fetch-Site: same-site"]
      ]
      for (const page of pages) {
        for (const [method, target] of doors) {
          assert.strictEqual((yield* knock(method, target, page)).status, 403, `${method} ${target} from ${page}`)
        }
        for (const [method, target] of [["POST", "/drain"], ["DELETE", "/sessions/1"], ["GET", "/sessions"]] as const) {
          const { status } = yield* converse(
            adminPort,
            request(method, target, [`Host: localhost:${adminPort}`, ...page])
          )
          assert.strictEqual(status, 403, `${method} ${target} from ${page}`)
        }
      }
      assert.strictEqual(yield* opened, 0)
    }))

  it.live("GHSA-89xv-2j6f-qhc8: what a form can send without asking is no message", () =>
    Effect.gen(function*() {
      const { opened, port } = yield* ready
      for (
        const type of [
          ["Content-Type: text/plain"],
          ["Content-Type: text/plain; charset=application/json"],
          ["Content-Type: application/x-www-form-urlencoded"],
          ["Content-Type: multipart/form-data; boundary=x"],
          ["Content-Type: text/plain", "Content-Type: application/json"],
          []
        ]
      ) {
        for (const target of ["/mcp", "/message"]) {
          const said = request("POST", target, [`Host: localhost:${port}`, accept, length, ...type], initialize)
          assert.strictEqual((yield* converse(port, said)).status, 415, `${target} ${type}`)
        }
      }
      assert.strictEqual(yield* opened, 0)
    }))

  it.live("CVE-2026-33010: no other origin is ever told that it may read an answer, or that it may ask", () =>
    Effect.gen(function*() {
      const { adminPort, knock, port } = yield* ready
      const page = [
        "Origin: https://evil.example",
        "Access-Control-Request-Method: POST",
        "Access-Control-Request-Private-Network: true"
      ]
      for (const [method, target] of [...doors, ["OPTIONS", "/mcp"], ["OPTIONS", "/sse"]] as const) {
        const { status, text } = yield* knock(method, target, page)
        assert.isAtLeast(status, 400)
        assert.notMatch(text, /access-control-/i)
      }
      for (const origin of page.slice(0, 1).concat(`Origin: http://localhost:${adminPort}`)) {
        const asked = request("GET", "/sessions", [`Host: localhost:${adminPort}`, origin])
        assert.notMatch((yield* converse(adminPort, asked)).text, /access-control-/i)
      }
      assert.notMatch((yield* knock("POST", "/mcp", [`Origin: http://localhost:${port}`])).text, /access-control-/i)
    }))

  it.live("CVE-2026-59950: no WebSocket is opened, with or without an Origin", () =>
    Effect.gen(function*() {
      const { knock, opened } = yield* ready
      const upgrade = [
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
      ]
      for (const target of ["/mcp", "/message", "/"]) {
        for (const origin of [[], ["Origin: https://evil.example"]]) {
          const { status } = yield* knock("GET", target, [...upgrade, ...origin])
          assert.isAtLeast(status, 400, `${target} ${origin}`)
        }
      }
      assert.strictEqual((yield* knock("GET", "/sse", [...upgrade, "Origin: https://evil.example"])).status, 403)
      assert.strictEqual(yield* opened, 0)
    }))
})

describe("a request that two programs read in two ways", () => {
  it.live("is refused, and the connection ends with it", () =>
    Effect.gen(function*() {
      const { opened, port } = yield* ready
      const host = `Host: localhost:${port}`
      const json = "Content-Type: application/json"
      const smuggled = request("POST", "/mcp", [host, accept, json, length], initialize)
      const ambiguous = [
        request("POST", "/mcp", [host, accept, json, "Transfer-Encoding: chunked", "Content-Length: 4"], `0\r\n\r\n`),
        request("POST", "/mcp", [host, accept, json, "Content-Length: 2", "Content-Length: 0"], "{}"),
        request("POST", "/mcp", [host, accept, json, "Transfer-Encoding: chunked, identity"], "0\r\n\r\n"),
        request("POST", "/mcp", [host, accept, json, "Content-Length : 2"], "{}"),
        request("POST", "/mcp", [host, accept, json, "Content-Length: 2", "X: a\u0000b"], "{}")
      ]
      for (const said of ambiguous) {
        const { status } = yield* converse(port, [said, smuggled])
        assert.strictEqual(status, 400, JSON.stringify(said))
      }
      assert.strictEqual(yield* opened, 0)
    }))
})

describe("a request that is too much", () => {
  it.live("is refused by its size, announced or not", () =>
    Effect.gen(function*() {
      const { opened, port, url } = yield* ready
      const head = [`Host: localhost:${port}`, accept, "Content-Type: application/json"]
      const long = `X-Long: ${"x".repeat(17 * 1024)}`
      assert.strictEqual((yield* converse(port, request("POST", "/mcp", [...head, long]))).status, 431)
      const announced = request("POST", "/mcp", [...head, "Content-Length: 5000000000"])
      assert.strictEqual((yield* converse(port, announced)).status, 413)
      const chunk = `10000\r\n${"x".repeat(0x10000)}\r\n`
      const chunks = [request("POST", "/mcp", [...head, "Transfer-Encoding: chunked"]), ...Array(80).fill(chunk)]
      assert.strictEqual((yield* converse(port, chunks)).status, 413)
      assert.strictEqual(yield* opened, 0)
      yield* new RawClient(url).initialize()
    }))

  it.live("CVE-2026-0621: no header, however it is made up, costs more than its length", () =>
    Effect.gen(function*() {
      const { knock, url } = yield* ready
      const long = 12 * 1024
      for (
        const header of [
          `Host: ${"a.".repeat(long / 2)}:`,
          `Host: [${":".repeat(long)}`,
          `Origin: http://${"/".repeat(long)}`,
          `Origin: http://${"a".repeat(long)} `,
          `Authorization: Bearer ${" ".repeat(long)}x y`,
          `Accept: ${"text/event-stream;q=0".repeat(long / 21)}`,
          `Accept: ${",".repeat(long)}`,
          `Last-Event-ID: ${"1-".repeat(long / 2)}`,
          `Mcp-Session-Id: ${"a".repeat(long)}`
        ]
      ) {
        const isHost = header.startsWith("Host")
        const { status } = yield* isHost ? knock("GET", "/mcp", [], header) : knock("GET", "/mcp", [header])
        assert.include([400, 403, 404, 406], status, header.slice(0, 40))
      }
      yield* new RawClient(url).initialize()
    }).pipe(Effect.timeout("2 minutes")))
})
