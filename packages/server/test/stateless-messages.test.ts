/** Requests without sessions, word for word: what they must say, and what they are told. */
import { assert, describe, it } from "@effect/vitest"
import { McpError } from "@modelcontextprotocol/sdk/types.js"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { answering, ask, type Handle, infoOf, text } from "./support/answering.ts"
import { eventually } from "./support/eventually.ts"
import { isEmpty, open } from "./support/hosted.ts"
import { eventsOf, RawClient } from "./support/rawClient.ts"
import { StatelessClient } from "./support/statelessClient.ts"

const everything = { elicitation: {}, sampling: {}, roots: {} }
const tools = { tools: {} }

describe("the answer to a stateless request", () => {
  it.live("bears its id, whatever it is", () =>
    Effect.gen(function*() {
      const handle: Handle = ({ method, params }, extra) => {
        if (method !== "tools/call") throw new McpError(-32601, "unknown")
        if (params?.["name"] === "ask") return ask(extra, "elicitation/create")
        if (params?.["name"] === "fail") throw new Error("failed")
        return Promise.resolve(text("done"))
      }
      const { url } = yield* open({ server: answering(tools, handle) })
      const client = new StatelessClient(url)
      const outcomes = [
        yield* client.call("do"),
        yield* client.call("fail"),
        yield* client.call("ask", {}, { capabilities: everything }),
        yield* client.call("ask"),
        yield* client.outcome("server/discover"),
        yield* client.outcome("none/such"),
        yield* client.outcome("ping"),
        yield* client.outcome("tasks/get", { taskId: "t" }),
        yield* client.outcome("subscriptions/listen", {}),
        yield* client.outcome("subscriptions/listen", { notifications: {} }),
        yield* client.call("do", {}, { headers: { "mcp-method": "tools/list" } }),
        yield* client.call("do", {}, { meta: { "io.modelcontextprotocol/protocolVersion": "2025-01-01" } })
      ]
      assert.deepStrictEqual(outcomes.map(({ message }) => message.id), outcomes.map((_, index) => index + 1))
      assert.deepStrictEqual(outcomes.map(({ status }) => status), [
        ...[200, 200, 200, 400, 200, 404, 404, 400, 200, 200],
        ...[400, 400]
      ])
    }))

  it.live("is 404 for what older revisions had, though the server still knows it", () =>
    Effect.gen(function*() {
      const host = yield* open({ server: answering({ ...tools, logging: {} }, () => Promise.resolve({})) })
      const client = new StatelessClient(host.url)
      for (
        const method of ["initialize", "ping", "logging/setLevel", "resources/subscribe", "tasks/list", "tasks/result"]
      ) {
        const { message, status } = yield* client.outcome(method)
        assert.deepStrictEqual([status, message.error?.code], [404, -32601], method)
      }
      assert.strictEqual((yield* host.registry.snapshot).opened, 0)
      const notified = yield* new RawClient(host.url, { "mcp-protocol-version": "2026-07-28" }).notify(
        "notifications/x"
      )
      assert.strictEqual(notified.status, 202)
    }))

  it.live("may be kept by nobody, unless the server says so, and keeps what the server adds", () =>
    Effect.gen(function*() {
      const handle: Handle = ({ method }) =>
        Promise.resolve(
          method === "tools/list"
            ? { tools: [] }
            : { ttlMs: 7, cacheScope: "public", task: { taskId: "own" }, _meta: { own: 1 } }
        )
      const { url } = yield* open({ server: answering({ ...tools, resources: {} }, handle) })
      const client = new StatelessClient(url)
      const info = infoOf("bare")
      const list = yield* client.outcome("tools/list")
      const complete = { resultType: "complete", ttlMs: 0, cacheScope: "private" }
      assert.deepStrictEqual(list.message.result, { ...complete, tools: [], _meta: info })
      const read = yield* client.outcome("resources/read", { uri: "test://a" })
      assert.deepStrictEqual(read.message.result, {
        resultType: "complete",
        ttlMs: 7,
        cacheScope: "public",
        task: { taskId: "own" },
        _meta: { own: 1, ...info }
      })
      const { url: other } = yield* open()
      const call = yield* new StatelessClient(other).call("echo", { text: "x" })
      assert.deepStrictEqual(call.message.result, { resultType: "complete", ...text("x"), _meta: infoOf("echo") })
    }))

  it.live("of discovery names the instructions, and tasks as the extension that they are now", () =>
    Effect.gen(function*() {
      const capabilities = { ...tools, tasks: { cancel: {} }, extensions: { "test/own": {} } }
      const server = answering(capabilities, () => Promise.resolve({}), { instructions: "be kind" })
      const host = yield* open({ server })
      const { message } = yield* new StatelessClient(host.url).outcome("server/discover")
      assert.strictEqual(message.result?.["instructions"], "be kind")
      assert.deepStrictEqual(message.result?.["capabilities"], {
        tools: {},
        extensions: { "test/own": {}, "io.modelcontextprotocol/tasks": {} }
      })
      yield* isEmpty(host)
      assert.strictEqual((yield* host.registry.snapshot).inFlight, 0)
    }))

  it.live("tells of a resource that is not there as this revision does, and of a lacking capability with 400", () =>
    Effect.gen(function*() {
      const handle: Handle = ({ method }) => {
        if (method === "resources/read") throw new McpError(-32002, "not there")
        throw new McpError(-32021, "cannot")
      }
      const { url } = yield* open({ server: answering({ resources: {}, prompts: {} }, handle) })
      const client = new StatelessClient(url)
      const { message, status } = yield* client.outcome("resources/read", { uri: "test://a" })
      assert.deepStrictEqual([status, message.error?.code, message.error?.data], [200, -32602, { uri: "test://a" }])
      assert.strictEqual((yield* client.outcome("prompts/list")).status, 400)
    }))

  it.live("is one body for a client that reads no streams, however long it takes and whatever is said before", () =>
    Effect.gen(function*() {
      const waiting: Array<() => void> = []
      const handle: Handle = async ({ method }, { _meta, sendNotification }) => {
        if (method === "tools/list") return { tools: [] }
        const params = { progressToken: _meta?.progressToken ?? "none", progress: 1 }
        await sendNotification({ method: "notifications/progress", params })
        await new Promise<void>((resolve) => void waiting.push(resolve))
        return text("done")
      }
      const { url } = yield* open({ server: answering(tools, handle), heartbeatInterval: "5 millis" })
      const plain = new StatelessClient(url, { accept: "application/json" })
      const meta = { progressToken: 1 }
      const fiber = yield* Effect.forkChild(plain.begin("slow", {}, { meta }), { startImmediately: true })
      yield* eventually("it arrived", () => waiting.length === 1)
      const other = yield* new StatelessClient(url).begin("slow")
      assert.strictEqual(other.headers.get("cache-control"), "no-cache, no-store, no-transform")
      const events = eventsOf(other)
      yield* eventually("some heartbeats", () => events.comments() > 3)
      for (const go of waiting) go()
      const response = yield* Fiber.join(fiber)
      assert.strictEqual(response.headers.get("content-type"), "application/json")
      const refused = yield* plain.ask("subscriptions/listen", { notifications: { toolsListChanged: true } })
      assert.strictEqual(refused.status, 406)
    }))
})

describe("what a request must say of itself", () => {
  const prefix = "io.modelcontextprotocol/"

  it.live("is in its headers as in its body, or no server is made for it", () =>
    Effect.gen(function*() {
      const host = yield* open()
      const raw = new RawClient(host.url)
      const send = (method: string, params: object, headers: Record<string, string>, meta: object = {}) =>
        Effect.gen(function*() {
          const _meta = { [`${prefix}protocolVersion`]: "2026-07-28", [`${prefix}clientCapabilities`]: {}, ...meta }
          const response = yield* raw.send({ jsonrpc: "2.0", id: 1, method, params: { ...params, _meta } }, headers)
          const { error } = yield* raw.json(response)
          return [response.status, error?.code, error?.data]
        })
      const version = { "mcp-protocol-version": "2026-07-28" }
      const headers = { ...version, "mcp-method": "tools/call", "mcp-name": "echo" }
      const call = { name: "echo", arguments: { text: "x" } }
      const mismatch = [400, -32020, undefined]
      for (
        const wrong of [
          { "mcp-method": "tools/call", "mcp-name": "echo" },
          { ...headers, "mcp-protocol-version": "2025-11-25" },
          { ...version, "mcp-name": "echo" },
          { ...headers, "mcp-method": "tools/list" },
          { ...version, "mcp-method": "tools/call" },
          { ...headers, "mcp-name": "other" }
        ]
      ) assert.deepStrictEqual(yield* send("tools/call", call, wrong), mismatch, JSON.stringify(wrong))
      for (
        const [method, params, name] of [
          ["prompts/get", { name: "a" }, "b"],
          ["resources/read", { uri: "test://a" }, "test://b"],
          ["tasks/get", { taskId: "a" }, "b"],
          ["tasks/update", { taskId: "a" }, "b"],
          ["tasks/cancel", { taskId: "a" }, "b"]
        ] as const
      ) {
        assert.deepStrictEqual(yield* send(method, params, { ...version, "mcp-method": method }), mismatch, method)
        const other = { ...version, "mcp-method": method, "mcp-name": name }
        assert.deepStrictEqual(yield* send(method, params, other), mismatch, method)
      }
      const invalid = [400, -32602, undefined]
      const revision = (version: unknown) => ({ [`${prefix}protocolVersion`]: version })
      assert.deepStrictEqual(yield* send("tools/call", call, headers, revision(undefined)), invalid)
      const without = { [`${prefix}clientCapabilities`]: undefined }
      assert.deepStrictEqual(yield* send("tools/call", call, headers, without), invalid)
      assert.deepStrictEqual(yield* send("tools/call", call, headers, { [`${prefix}logLevel`]: "loud" }), invalid)
      assert.deepStrictEqual(yield* send("tools/call", { ...call, requestState: 7 }, headers), invalid)
      const long = "9".repeat(100)
      const unsupported = yield* send("tools/call", call, { ...headers, "mcp-protocol-version": long }, revision(long))
      assert.deepStrictEqual(unsupported, [400, -32022, {
        supported: ["2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"],
        requested: long.slice(0, 40)
      }])
      assert.strictEqual((yield* host.registry.snapshot).opened, 0)
    }))

  it.live("reaches the server without what was not meant for it, and with where it came from", () =>
    Effect.gen(function*() {
      const seen: Array<unknown> = []
      const handle: Handle = ({ params }, { requestInfo }) => {
        seen.push(params, requestInfo?.headers["x-own"])
        return Promise.resolve({ prompts: [] })
      }
      const { url } = yield* open({ server: answering({ prompts: {} }, handle) })
      const client = new StatelessClient(url)
      const meta = { own: 1, [`${prefix}logLevel`]: "error" }
      yield* client.outcome("prompts/list", { inputResponses: {}, cursor: "c" }, { meta, headers: { "x-own": "yes" } })
      assert.deepStrictEqual(seen, [{ cursor: "c", _meta: { own: 1 } }, "yes"])
    }))
})
