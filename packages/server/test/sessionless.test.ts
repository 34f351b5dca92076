/** The revisions that have sessions, served without any: what two clients of one principal cannot do to each other, and what a restart is to them. */
import { assert, describe, it } from "@effect/vitest"
import * as EffectTool from "@holdfast/server/EffectTool"
import * as McpHost from "@holdfast/server/McpHost"
import { Client } from "@modelcontextprotocol/sdk/client/index.js"
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js"
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
import { EmptyResultSchema } from "@modelcontextprotocol/sdk/types.js"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { eventually } from "./support/eventually.ts"
import { isEmpty, open } from "./support/hosted.ts"
import { eventsOf, type Message, RawClient } from "./support/rawClient.ts"

const sessions = false

const said = (response: Response): Effect.Effect<Message> =>
  // A test that gets something else fails at what it looks for.
  Effect.promise(() => response.json() as Promise<Message>)

/** Without the second half of a handshake: whatever a client has said before is forgotten. */
const clientOf = (url: string, headers: Record<string, string> = {}) =>
  new RawClient(url, { "mcp-protocol-version": "2025-11-25", ...headers })

const callOf = (id: number | string, name: string, args: object = {}, meta?: object) => ({
  jsonrpc: "2.0",
  id,
  method: "tools/call",
  params: { name, arguments: args, ...(meta !== undefined && { _meta: meta }) }
})

describe("a server of the revisions with sessions that gives out none", () => {
  it.live("serves the SDK's own client from its handshake to its end, and no answer bears an id", () =>
    Effect.gen(function*() {
      const host = yield* open({ sessions })
      const client = new Client({ name: "sdk", version: "1" })
      const transport = new StreamableHTTPClientTransport(new URL(host.url))
      yield* Effect.promise(() => client.connect(transport))
      assert.isUndefined(transport.sessionId)
      const { tools } = yield* Effect.promise(() => client.listTools())
      assert.include(tools.map(({ name }) => name), "echo")
      const result = yield* Effect.promise(() => client.callTool({ name: "echo", arguments: { text: "hi" } }))
      assert.deepInclude(result, { content: [{ type: "text", text: "hi" }] })
      yield* Effect.promise(() => transport.terminateSession())
      yield* Effect.promise(() => client.close())
      yield* isEmpty(host)
    }))

  it.live("serves any request of any of its revisions, before and after a restart, whatever id it bears", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const before = yield* Scope.provide(open({ sessions }), scope)
      const ask = (url: string, headers: Record<string, string>, body: object) =>
        Effect.flatMap(new RawClient(url, headers).send(body), (response) => {
          assert.strictEqual(response.status, 200)
          assert.isNull(response.headers.get("mcp-session-id"))
          return said(response)
        })
      const all = Effect.fnUntraced(function*(url: string) {
        for (const revision of ["2025-03-26", "2025-06-18", "2025-11-25"]) {
          const headers = { "mcp-protocol-version": revision, "mcp-session-id": "of-a-server-before" }
          assert.strictEqual(
            (yield* ask(url, headers, callOf(1, "echo", { text: "hi" }))).result?.content?.[0]?.text,
            "hi"
          )
        }
        // Revision 2025-03-26 has no such header.
        assert.strictEqual((yield* ask(url, {}, callOf(1, "echo", { text: "hi" }))).result?.content?.[0]?.text, "hi")
      })
      yield* all(before.url)
      yield* Scope.close(scope, Exit.void)
      yield* all((yield* open({ sessions })).url)
    }))

  it.live("two clients of one principal may use equal ids at once: each gets its own answer, and a cancellation reaches none", () =>
    Effect.gen(function*() {
      const token = "token-of-two-0123456789"
      const auth = McpHost.bearerTokens({ both: Redacted.make(token) })
      const host = yield* open({ sessions, auth })
      const headers = { authorization: `Bearer ${token}` }
      const [one, other] = [clientOf(host.url, headers), clientOf(host.url, headers)]
      const waiting = yield* Effect.forkChild(Effect.flatMap(one.send(callOf(7, "wait")), said))
      yield* eventually("the first call arrived", () => host.steer.waiting.length === 1)
      const also = yield* Effect.forkChild(Effect.flatMap(other.send(callOf(7, "wait")), said))
      yield* eventually("the second call arrived", () => host.steer.waiting.length === 2)
      for (const client of [one, other]) {
        assert.strictEqual((yield* client.notify("notifications/cancelled", { requestId: 7 })).status, 202)
      }
      const [first, second] = host.steer.waiting
      second?.("for the other")
      assert.strictEqual((yield* Fiber.join(also)).result?.content?.[0]?.text, "for the other")
      first?.("for the one")
      assert.strictEqual((yield* Fiber.join(waiting)).result?.content?.[0]?.text, "for the one")
      assert.strictEqual(host.steer.aborted, 0)
      yield* isEmpty(host)
    }))

  it.live("offers no list changes, subscriptions and log messages, and says so when one is asked for", () =>
    Effect.gen(function*() {
      const server = () => {
        const mcp = new McpServer({ name: "full", version: "1" }, {
          capabilities: { logging: {}, resources: { subscribe: true, listChanged: true }, completions: {} }
        })
        mcp.registerTool("announce", {}, () => {
          mcp.sendToolListChanged()
          void mcp.server.sendLoggingMessage({ level: "error", data: "loud" })
          return { content: [] }
        })
        mcp.registerResource("r", "memory://r", {}, () => ({ contents: [] }))
        return mcp
      }
      const { url } = yield* open({ sessions, server })
      const client = clientOf(url)
      const { answer } = yield* client.initialize()
      assert.deepStrictEqual(answer.result?.["capabilities"], { tools: {}, resources: {}, completions: {} })
      for (
        const [method, params] of [
          ["logging/setLevel", { level: "debug" }],
          ["resources/subscribe", { uri: "memory://r" }],
          ["resources/unsubscribe", { uri: "memory://r" }]
        ] as const
      ) {
        assert.strictEqual((yield* said(yield* client.request(method, params))).error?.code, -32601, method)
      }
      const response = yield* client.call("announce")
      assert.strictEqual(response.headers.get("content-type"), "application/json")
      assert.deepStrictEqual((yield* said(response)).result?.content, [])
    }))

  it.live("a client's capabilities count as none, and what a handler asks it fails at once", () =>
    Effect.gen(function*() {
      const { url } = yield* open({ sessions })
      const client = clientOf(url)
      yield* client.request("initialize", {
        protocolVersion: "2025-11-25",
        capabilities: { elicitation: {}, sampling: {}, roots: { listChanged: true } },
        clientInfo: { name: "able", version: "1" }
      })
      const answer = yield* said(yield* client.call("ask"))
      assert.strictEqual(answer.result?.["isError"], true)
      assert.include(answer.result?.content?.[0]?.text, "cannot be asked")
    }))

  it.live("a server that pings its client in the course of a call is answered", () =>
    Effect.gen(function*() {
      const server = () => {
        const mcp = new McpServer({ name: "careful", version: "1" })
        mcp.registerTool("ping", {}, async (extra) => {
          await extra.sendRequest({ method: "ping" }, EmptyResultSchema)
          return { content: [{ type: "text", text: "it lives" }] }
        })
        return mcp
      }
      const { url } = yield* open({ sessions, server })
      const answer = yield* said(yield* clientOf(url).call("ping"))
      assert.deepStrictEqual(answer.result?.content, [{ type: "text", text: "it lives" }])
    }))

  it.live("progress of a call is told in its answer, without a place to come back to", () =>
    Effect.gen(function*() {
      const { url } = yield* open({ sessions })
      const response = yield* clientOf(url).call("steps", { count: 3 }, { progressToken: "t" })
      const events = eventsOf(response)
      yield* eventually("it ended", events.isOver)
      assert.deepStrictEqual(
        events.messages().map(({ method, params }) => [method, params?.["progress"]]),
        [1, 2, 3].map((step) => ["notifications/progress", step] as [string | undefined, unknown]).concat([[
          undefined,
          undefined
        ]])
      )
      assert.isEmpty(events.lastEventId())
    }))

  it.live("GET and DELETE are answered 405, a batch by the revision that has them, a notification by 202", () =>
    Effect.gen(function*() {
      const { registry, url } = yield* open({ sessions })
      const client = clientOf(url)
      for (const method of ["GET", "DELETE"]) {
        const { headers, status } = yield* client.send(undefined, {}, method)
        assert.deepStrictEqual([status, headers.get("allow")], [405, "POST, OPTIONS"])
      }
      const batch = [
        callOf("a", "echo", { text: "A" }),
        { jsonrpc: "2.0", method: "notifications/initialized" },
        callOf("b", "echo", { text: "B" })
      ]
      assert.strictEqual((yield* client.send(batch)).status, 400)
      const answers = yield* said(yield* new RawClient(url).send(batch))
      assert.sameDeepMembers(
        [answers].flat().map(({ id, result }) => [id, result?.content?.[0]?.text]),
        [["a", "A"], ["b", "B"]]
      )
      const { opened } = yield* registry.snapshot
      for (const body of [batch[1], { jsonrpc: "2.0", id: 3, result: {} }]) {
        assert.strictEqual((yield* client.send(body)).status, 202)
      }
      assert.strictEqual((yield* registry.snapshot).opened, opened)
    }))

  it.live("a client that disconnects stops nothing that was begun, and what it leaves is gone with the answer", () =>
    Effect.gen(function*() {
      const host = yield* open({ sessions })
      const call = yield* Effect.forkChild(clientOf(host.url).call("wait"))
      yield* eventually("it arrived", () => host.steer.waiting.length === 1)
      yield* Fiber.interrupt(call)
      host.steer.waiting[0]?.("done")
      yield* eventually("it finished", () => host.steer.finished === 1)
      yield* isEmpty(host)
      assert.strictEqual(host.steer.aborted, 0)
      assert.deepInclude((yield* host.registry.snapshot).closed, { done: 1, client: 0 })
    }))

  it.live("a server that cannot be made costs its request, and leaves nothing", () =>
    Effect.gen(function*() {
      const host = yield* open({ sessions, server: Effect.die(new Error("no server today")) }, "None")
      const response = yield* clientOf(host.url).call("echo", { text: "hi" })
      assert.strictEqual(response.status, 500)
      assert.include((yield* said(response)).error?.message, "could not be started")
      yield* isEmpty(host)
    }))

  it.live("what takes long is a stream that lives, and a drain lets it finish and refuses what is new", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const host = yield* Scope.provide(
        open({ sessions, drainTimeout: "1 minute", heartbeatInterval: "10 millis" }),
        scope
      )
      const client = clientOf(host.url)
      const events = eventsOf(yield* client.call("wait"))
      yield* eventually("it is kept alive", () => events.comments() > 2)
      const draining = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      yield* eventually("it drains", host.registry.isDraining)
      const late = yield* client.call("echo", { text: "late" })
      assert.deepStrictEqual([late.status, late.headers.get("retry-after")], [503, "5"])
      host.steer.waiting[0]?.("at last")
      yield* Fiber.join(draining)
      yield* eventually("it ended", events.isOver)
      assert.strictEqual(events.messages()[0]?.result?.content?.[0]?.text, "at last")
    }))

  it.live("tools that are Effects are interrupted with the server only, and know no other session", () =>
    Effect.gen(function*() {
      const held = yield* Deferred.make<void>()
      const server = Effect.gen(function*() {
        const mcp = new McpServer({ name: "effects", version: "1" })
        yield* EffectTool.register(
          mcp,
          "double",
          { input: { n: Schema.Finite } },
          ({ n }, call) => Effect.as(call.progress({ progress: 1 }), String(2 * n))
        )
        yield* EffectTool.register(
          mcp,
          "hold",
          {},
          () => Effect.onInterrupt(Effect.never, () => Deferred.succeed(held, undefined))
        )
        return mcp
      })
      const scope = yield* Scope.make()
      const host = yield* Scope.provide(open({ sessions, server }), scope)
      const client = clientOf(host.url)
      assert.strictEqual((yield* said(yield* client.call("double", { n: 4 }))).result?.content?.[0]?.text, "8")
      const call = yield* Effect.forkChild(Effect.flatMap(client.call("hold"), said))
      yield* host.registry.snapshot.pipe(Effect.repeat({ until: ({ inFlight }) => inFlight === 1 }))
      yield* Scope.close(scope, Exit.void)
      yield* Deferred.await(held)
      assert.include((yield* Fiber.join(call)).error?.message, "drain")
    }))
})
