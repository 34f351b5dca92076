/** Public attacks on MCP servers over HTTP, against the default configuration: on sessions, on secrets, and by what a message holds. */
import { assert, describe, it } from "@effect/vitest"
import * as McpHost from "@holdfast/server/McpHost"
import * as SeededRandom from "@holdfast/testkit/SeededRandom"
import { McpServer, ResourceTemplate } from "@modelcontextprotocol/sdk/server/mcp.js"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as References from "effect/References"
import { eventually } from "./support/eventually.ts"
import { open } from "./support/hosted.ts"
import { eventsOf, RawClient } from "./support/rawClient.ts"

const tokens = { ann: Redacted.make("token-of-ann-0123456789"), bob: Redacted.make("token-of-bob-0123456789") }
const bearer = (name: keyof typeof tokens) => ({ authorization: `Bearer ${Redacted.value(tokens[name])}` })
const sessionOf = (client: RawClient): string => client.headers["mcp-session-id"] ?? "none"

const initialize = {
  protocolVersion: "2025-11-25",
  capabilities: {},
  clientInfo: { name: "attacker", version: "1" }
}

describe("a session", () => {
  it.live("CVE-2026-25536: many clients that use the same ids and tokens at once each get their own answers", () =>
    Effect.gen(function*() {
      const { url } = yield* open()
      const clients = Array.from({ length: 20 }, () => new RawClient(url))
      yield* Effect.forEach(clients, (client) => client.initialize(), { concurrency: "unbounded" })
      const said = yield* Effect.forEach(clients, (client, index) =>
        Effect.gen(function*() {
          const count = index + 1
          const response = yield* client.send({
            jsonrpc: "2.0",
            id: 7,
            method: "tools/call",
            params: { name: "steps", arguments: { count }, _meta: { progressToken: "same" } }
          })
          const events = eventsOf(response)
          yield* eventually("the answer came", events.isOver)
          const totals = events.messages().map(({ params, result }) => params?.["total"] ?? result?.content?.[0]?.text)
          const own: Array<unknown> = [...Array<number>(count).fill(count), `${count} steps`]
          return { totals, own }
        }), { concurrency: "unbounded" })
      for (const { own, totals } of said) assert.deepStrictEqual(totals, own)
    }))

  it.live("CVE-2026-52869: is nobody's but its principal's, over the deprecated transport too", () =>
    Effect.gen(function*() {
      const { origin } = yield* open({ legacySse: true, auth: McpHost.bearerTokens(tokens) })
      const events = eventsOf(yield* new RawClient(`${origin}/sse`, bearer("ann")).send(undefined, {}, "GET"))
      yield* eventually("the address", () => events.seen.length > 0)
      const address = new URL(events.seen[0]?.data ?? "", `${origin}/sse`).href
      assert.strictEqual((yield* new RawClient(address).request("initialize", initialize)).status, 401)
      const stolen = yield* new RawClient(address, bearer("bob")).request("initialize", initialize)
      const invented = yield* new RawClient(`${origin}/message?sessionId=x`, bearer("bob")).request("initialize")
      assert.strictEqual(stolen.status, 404)
      // Nothing tells a session of somebody else from none.
      assert.strictEqual(
        yield* Effect.promise(() => stolen.text()),
        yield* Effect.promise(() => invented.text())
      )
      assert.strictEqual((yield* new RawClient(address, bearer("ann")).request("initialize", initialize)).status, 202)
      yield* eventually("its answer", () => events.messages().length === 1)
    }))

  it.live("byterover 329: is never guessed from there being only one", () =>
    Effect.gen(function*() {
      const { origin, registry, url } = yield* open({ legacySse: true })
      const owner = new RawClient(url)
      yield* owner.initialize()
      const id = sessionOf(owner)
      for (const method of ["POST", "GET", "DELETE"]) {
        const ask = (headers: Record<string, string>, address = url) =>
          new RawClient(address, headers).send(
            method === "POST" ? { jsonrpc: "2.0", id: 1, method: "tools/list" } : undefined,
            {},
            method
          )
        for (const headers of [{}, { "mcp-session-id": "" }, { cookie: `mcp-session-id=${id}` }]) {
          assert.strictEqual((yield* ask(headers)).status, 400, `${method} ${JSON.stringify(headers)}`)
        }
        for (const query of [`sessionId=${id}`, `mcp-session-id=${id}`]) {
          assert.strictEqual((yield* ask({}, `${url}?${query}`)).status, 400, `${method} by the query`)
        }
        const near = [id.slice(1), id.slice(0, -1), `${id}A`, id.toUpperCase(), `${id}, ${id}`, "1", "*", "__proto__"]
        for (const guess of near) {
          assert.strictEqual((yield* ask({ "mcp-session-id": guess })).status, 404, `${method} near`)
        }
      }
      // A session of the one transport is none of the other's.
      const crossed = yield* new RawClient(`${origin}/message?sessionId=${id}`).request("tools/list")
      assert.strictEqual(crossed.status, 404)
      assert.strictEqual((yield* registry.snapshot).sessions.length, 1)
      assert.strictEqual((yield* owner.call("echo", { text: "still mine" })).status, 200)
    }))

  it.live("has an id that no client chooses and none foresees", () =>
    Effect.gen(function*() {
      const { url } = yield* open()
      const chosen = new RawClient(url, { "mcp-session-id": "chosen-by-the-attacker" })
      yield* chosen.initialize()
      const ids = [sessionOf(chosen)]
      for (let i = 0; i < 20; i++) {
        const client = new RawClient(url)
        yield* client.initialize()
        ids.push(sessionOf(client))
      }
      for (const id of ids) assert.match(id, /^[A-Za-z0-9_-]{43}$/)
      assert.strictEqual(new Set(ids.flatMap((id) => [id.slice(0, 8), id.slice(-8)])).size, 2 * ids.length)
    }))
})

describe("a secret", () => {
  it.live("evm-mcp-server 35: of a session or a token is in no log, no event, no snapshot and on no page", () =>
    Effect.gen(function*() {
      const lines: Array<string> = []
      const collect = Logger.layer([Logger.map(Logger.formatJson, (line) => void lines.push(line))])
      yield* Effect.gen(function*() {
        let adminPort = 0
        const { registry, url } = yield* open({
          auth: McpHost.bearerTokens(tokens),
          admin: { port: 0, onListen: (port) => void (adminPort = port) }
        })
        const client = new RawClient(url, bearer("ann"))
        yield* client.initialize()
        const said = [JSON.stringify(yield* registry.snapshot)]
        for (const page of ["healthz", "readyz", "sessions", "metrics", "nowhere"]) {
          const response = yield* new RawClient(`http://127.0.0.1:${adminPort}/${page}`).send(undefined, {}, "GET")
          said.push(yield* Effect.promise(() => response.text()))
        }
        const guesses = [
          { ...bearer("bob"), "mcp-session-id": sessionOf(client) },
          { authorization: "Bearer token-of-eve-0123456789", "mcp-session-id": sessionOf(client) },
          { ...bearer("ann"), "mcp-session-id": `${sessionOf(client)}-` }
        ]
        for (const headers of guesses) {
          const response = yield* new RawClient(url, headers).call("echo", { text: "" })
          assert.include([401, 404], response.status)
          said.push(JSON.stringify([...response.headers]), yield* Effect.promise(() => response.text()))
        }
        yield* registry.close(1)
        yield* Effect.logDebug("the end")
        for (const text of [...said, ...lines]) {
          for (const secret of [sessionOf(client), "token-of-"]) assert.notInclude(text, secret)
        }
      }).pipe(
        Effect.scoped,
        Effect.provide(Layer.merge(collect, Layer.succeed(References.MinimumLogLevel, "All")))
      )
      // What was collected is all there was.
      assert.include(lines.join("\n"), "the end")
    }))
})

/** Each is wrong, or does not mean what it seems to. */
const wrong: ReadonlyArray<string> = [
  "",
  "{",
  "null",
  "0",
  "\"initialize\"",
  "[]",
  "[[]]",
  "{}",
  "\u0000",
  "{\"jsonrpc\":\"2.0\"}",
  "{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"tools/list\"}",
  "{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"tools/list\"}",
  "{\"jsonrpc\":\"2.0\",\"id\":[1],\"method\":\"tools/list\"}",
  "{\"jsonrpc\":\"2.0\",\"id\":true,\"method\":\"tools/list\"}",
  "{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"tools/list\"}",
  "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":7}",
  "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":null}",
  "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":7}",
  // CVE-2026-27896: keys that some parsers take for others.
  "{\"jsonrpc\":\"2.0\",\"id\":1,\"Method\":\"tools/list\"}",
  "{\"jsonrpc\":\"2.0\",\"id\":1,\"METHOD\":\"tools/list\"}",
  "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\\u0000\":\"tools/list\"}",
  "{\"JSONRPC\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}",
  "{\"jsonrpc\":\"2.0\",\"id\":1,\"__proto__\":{\"method\":\"tools/list\"}}",
  "[".repeat(200_000),
  "{\"a\":".repeat(200_000)
]

describe("a message", () => {
  it.live("CVE-2026-27896, CVE-2025-53365: that is none is refused, and the session goes on", () =>
    Effect.gen(function*() {
      const { registry, url } = yield* open()
      const client = new RawClient(url)
      yield* client.initialize()
      for (const body of wrong) {
        const { status } = yield* client.send(body)
        assert.strictEqual(status, 400, body.slice(0, 80))
      }
      assert.strictEqual((yield* client.call("echo", { text: "hi" })).status, 200)
      assert.strictEqual((yield* registry.snapshot).opened, 1)
    }))

  it.live("CVE-2026-27896: is what its last words say, for those who guard as for those who serve", () =>
    Effect.gen(function*() {
      const { registry, url } = yield* open()
      const params = `"params":${JSON.stringify(initialize)}`
      const twice = `{"jsonrpc":"2.0","id":1,"method":"initialize",${params},"method":"tools/list"}`
      assert.strictEqual((yield* new RawClient(url).send(twice)).status, 400)
      assert.strictEqual((yield* registry.snapshot).opened, 0)
      const client = new RawClient(url)
      yield* client.initialize()
      const response = yield* client.send(`{"jsonrpc":"2.0","id":8,"id":9,"method":"tools/list","method":"ping"}`)
      assert.deepInclude(yield* client.json(response), { id: 9, result: {} })
    }))

  it.live("CVE-2025-53366: out of place or half made up, of any kind, stops nobody else's", () =>
    Effect.gen(function*() {
      const { registry, steer, url } = yield* open()
      const other = new RawClient(url)
      yield* other.initialize()
      const call = yield* Effect.forkChild(other.call("wait"), { startImmediately: true })
      yield* eventually("the call arrived", () => steer.waiting.length === 1)

      const client = new RawClient(url)
      yield* client.initialize()
      const outOfPlace = [
        { id: 99, result: {} },
        { id: "never asked", error: { code: -1, message: "no" } },
        { method: "notifications/initialized" },
        { method: "notifications/cancelled", params: { requestId: { a: 1 } } },
        { method: "notifications/cancelled", params: null },
        { method: "notifications/progress", params: { progressToken: [], progress: "much" } },
        { method: "notifications/nothing", params: [1, 2] }
      ]
      for (const message of outOfPlace) {
        assert.isBelow((yield* client.send({ jsonrpc: "2.0", ...message })).status, 500, JSON.stringify(message))
      }
      const random = SeededRandom.make(20260728)
      const seeds: readonly [string, ...ReadonlyArray<string>] = [
        JSON.stringify({
          jsonrpc: "2.0",
          id: 1,
          method: "tools/call",
          params: { name: "echo", arguments: { text: "" } }
        }),
        JSON.stringify({ jsonrpc: "2.0", id: 1, method: "initialize", params: initialize }),
        JSON.stringify({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 1 } }),
        JSON.stringify([{ jsonrpc: "2.0", id: 1, method: "ping" }])
      ]
      const pieces = [
        "null",
        "{}",
        "[]",
        "-1e999",
        "\"\\ud800\"",
        "\"__proto__\"",
        ",",
        "}",
        "\"",
        "9".repeat(40),
        "\\u0000"
      ] as const
      for (let i = 0; i < 200; i++) {
        const seed = random.pick(seeds)
        const from = random.int(0, seed.length)
        const body = seed.slice(0, from) + random.pick(pieces) + seed.slice(from + random.int(0, 8))
        const response = yield* client.send(body)
        assert.isBelow(response.status, 500, body)
        yield* Effect.promise(() => response.text())
      }
      steer.waiting[0]?.("done")
      const answer = yield* Effect.flatMap(Fiber.join(call), other.json)
      assert.strictEqual(answer.result?.content?.[0]?.text, "done")
      assert.strictEqual((yield* client.call("echo", { text: "hi" })).status, 200)
      assert.includeMembers((yield* registry.snapshot).sessions.map(({ session }) => session), [1, 2])
    }))

  it.live("cannot change what all objects are, nor call what all objects have", () =>
    Effect.gen(function*() {
      const { url } = yield* open()
      const client = new RawClient(url)
      yield* client.initialize()
      const polluted = `{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"text":"hi"}`
      const calls = ["echo", "__proto__", "constructor", "toString", "hasOwnProperty"].map((name) =>
        `{"jsonrpc":"2.0","id":1,"method":"tools/call","__proto__":{"polluted":1},"params":{"name":"${name}","arguments":${polluted},"_meta":${polluted}}}`
      )
      const answers = yield* Effect.forEach(calls, (body) => Effect.flatMap(client.send(body), client.json))
      const [echo, ...others] = answers
      assert.strictEqual(echo?.result?.content?.[0]?.text, "hi")
      for (const { error, result } of others) assert.isTrue(error !== undefined || result?.["isError"])
      for (const method of ["__proto__", "constructor", "toString"]) {
        assert.strictEqual((yield* client.json(yield* client.request(method))).error?.code, -32601)
      }
      assert.notProperty({}, "polluted")
    }))

  it.live("CVE-2026-0621: cannot keep the server busy with the uri of a resource", () =>
    Effect.gen(function*() {
      const server = (): McpServer => {
        const mcp = new McpServer({ name: "files", version: "1" })
        for (const template of ["test://a{/id*}", "test://b{?tags*}", "test://c/{id*}/end"]) {
          mcp.registerResource(template, new ResourceTemplate(template, { list: undefined }), {}, (uri) => ({
            contents: [{ uri: uri.href, text: "" }]
          }))
        }
        return mcp
      }
      const { url } = yield* open({ server })
      const client = new RawClient(url)
      yield* client.initialize()
      for (const tail of [",".repeat(5000), "a,".repeat(2500), "/a".repeat(2500), "?tags=" + "a,".repeat(2500)]) {
        for (const name of ["a/", "b", "c/"]) {
          const response = yield* client.request("resources/read", { uri: `test://${name}${tail}\n` })
          assert.isBelow(response.status, 500)
          yield* Effect.promise(() => response.text())
        }
      }
    }).pipe(Effect.timeout("2 minutes")))
})
