/** Pages in Debian's Chromium that use a server of another origin: what the browser lets them do is what the server says. */
import { assert, describe, it } from "@effect/vitest"
import * as McpHost from "@holdfast/server/McpHost"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as http from "node:http"
import type { AddressInfo } from "node:net"
import * as Debian from "./support/debianProgram.ts"
import { isEmpty, open } from "./support/hosted.ts"

const token = "token-of-a-page-0123456789"
const auth = McpHost.bearerTokens({ page: Redacted.make(token) })

/** What a page does, in the browser. Each step gives what it has seen, or the error that the browser made of it. */
const page = (mcp: string, sse: string): string =>
  `<!doctype html><script type="module">
const seen = {}
const step = async (name, run) => {
  try { seen[name] = await run() } catch (error) { seen[name] = error.name }
}
const post = (url, message, headers = {}, more = {}) => fetch(url, {
  method: "POST",
  headers: { "content-type": "application/json", accept: "application/json, text/event-stream", authorization: "Bearer ${token}", ...headers },
  body: JSON.stringify({ jsonrpc: "2.0", ...message }),
  ...more
})
const initialize = { id: 1, method: "initialize", params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "page", version: "1" } } }
let session = {}
await step("initialize", async () => {
  const answer = await post("${mcp}", initialize)
  session = { "mcp-session-id": answer.headers.get("mcp-session-id"), "mcp-protocol-version": "2025-11-25" }
  return [answer.status, session["mcp-session-id"] !== null, (await answer.json()).result.serverInfo.name]
})
await step("initialized", async () => (await post("${mcp}", { method: "notifications/initialized" }, session)).status)
await step("call", async () => {
  const answer = await post("${mcp}", { id: 2, method: "tools/call", params: { name: "steps", arguments: { count: 2 }, _meta: { progressToken: "t" } } }, session)
  return (await answer.text()).match(/"progress":\\d/g).length
})
await step("stream", async () => {
  const leaving = new AbortController()
  const answer = await fetch("${mcp}", { headers: { accept: "text/event-stream", authorization: "Bearer ${token}", "last-event-id": "0-0", ...session }, signal: leaving.signal })
  const { value } = await answer.body.getReader().read()
  leaving.abort()
  return [answer.status, value.length > 0]
})
await step("delete", async () => (await fetch("${mcp}", { method: "DELETE", headers: { authorization: "Bearer ${token}", ...session } })).status)
await step("gone", async () => (await post("${mcp}", { id: 3, method: "ping" }, session)).status)
await step("modern", async () => {
  const _meta = { "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {} }
  const headers = { "mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call", "mcp-name": "echo" }
  const answer = await post("${mcp}", { id: 4, method: "tools/call", params: { name: "echo", arguments: { text: "hi" }, _meta } }, headers)
  return (await answer.json()).result.content[0].text
})
await step("stranger", async () => {
  const answer = await post("${mcp}", initialize, { authorization: "Bearer of-somebody-else" })
  return [answer.status, answer.headers.get("www-authenticate").startsWith("Bearer")]
})
await step("cookies", async () => (await post("${mcp}", initialize, {}, { credentials: "include" })).status)
await step("sse", () => new Promise((resolve, reject) => {
  const events = new EventSource("${sse}")
  events.onerror = () => { events.close(); reject(new Error("refused")) }
  events.addEventListener("endpoint", ({ data }) => void post(new URL(data, "${sse}"), initialize).catch(reject))
  events.addEventListener("message", ({ data }) => { events.close(); resolve(JSON.parse(data).result.serverInfo.name) })
}))
await fetch("/seen", { method: "POST", body: JSON.stringify(seen) })
</script>`

/** Serves a page, and waits for what it has seen. `name`: this machine's, that its origin is made of. */
const servePage = (name: string, script: () => string) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly origin: string; readonly server: http.Server; readonly seen: () => unknown }>(
      (resume) => {
        let seen: unknown
        const server = http.createServer((request, response) => {
          if (request.method !== "POST") {
            return void response.writeHead(200, { "content-type": "text/html" }).end(script())
          }
          let body = ""
          request.setEncoding("utf8").on("data", (text: string) => void (body += text)).once("end", () => {
            seen = JSON.parse(body)
            response.end()
          })
        }).listen(0, "127.0.0.1", () => {
          // It listens on a port.
          const { port } = server.address() as AddressInfo
          resume(Effect.succeed({ origin: `http://${name}:${port}`, server, seen: () => seen }))
        })
      }
    ),
    ({ server }) =>
      Effect.sync(() => {
        server.close()
        server.closeAllConnections()
      })
  )

/** What a page of an origin of that name sees of two servers of 127.0.0.1, of which it is listed at `isListed`. */
const visit = Effect.fnUntraced(function*(name: string, isListed: boolean) {
  let script = ""
  const { origin, seen } = yield* servePage(name, () => script)
  const allowedOrigins = isListed ? [origin] : ["https://app.example.org"]
  const closed = yield* open({ allowedOrigins, auth })
  const local = yield* open({ allowedOrigins, legacySse: true })
  script = page(closed.url, `${local.origin}/sse`)
  const cwd = yield* Debian.temporaryDirectory("chromium")
  const chromium = Debian.pathOf("chromium")
  yield* Debian.run(chromium, [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    `--user-data-dir=${cwd}/profile`,
    `${origin}/`
  ], { cwd, env: { HOME: cwd, TMPDIR: cwd }, isReady: Effect.sync(() => seen() !== undefined) })
  return { closed, local, seen: seen() }
})

describe("a page in Chromium", () => {
  for (const name of ["127.0.0.1", "localhost"]) {
    it.live(`of a listed origin (${name}) uses a server over every transport, and reads refusals`, () =>
      Effect.scoped(Effect.gen(function*() {
        const { closed, seen } = yield* visit(name, true)
        assert.deepStrictEqual(seen, {
          initialize: [200, true, "echo"],
          initialized: 202,
          call: 2,
          stream: [200, true],
          delete: 200,
          gone: 404,
          modern: "hi",
          stranger: [401, true],
          // The server takes no cookies, so the browser gives no answer to a page that sends them.
          cookies: "TypeError",
          sse: "echo"
        })
        assert.strictEqual((yield* closed.registry.snapshot).closed.client, 1)
      })))
  }

  it.live("of another origin gets nothing, and opens nothing", () =>
    Effect.scoped(Effect.gen(function*() {
      const { closed, local, seen } = yield* visit("localhost", false)
      assert.deepStrictEqual(seen, {
        initialize: "TypeError",
        initialized: "TypeError",
        call: "TypeError",
        stream: "TypeError",
        delete: "TypeError",
        gone: "TypeError",
        modern: "TypeError",
        stranger: "TypeError",
        cookies: "TypeError",
        sse: "Error"
      })
      for (const host of [closed, local]) {
        yield* isEmpty(host)
        assert.strictEqual((yield* host.registry.snapshot).opened, 0)
      }
    })))
})
