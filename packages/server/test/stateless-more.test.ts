/** Revision 2026-07-28 over real sockets: what is said word for word, and what is left of a request that goes wrong. */
import { assert, describe, it } from "@effect/vitest"
import * as McpHost from "@holdfast/server/McpHost"
import { InMemoryTaskStore } from "@modelcontextprotocol/sdk/experimental/tasks/stores/in-memory.js"
import { Server, type ServerOptions } from "@modelcontextprotocol/sdk/server/index.js"
import { McpError, type ServerCapabilities } from "@modelcontextprotocol/sdk/types.js"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import { z } from "zod"
import { Listeners } from "../src/internal/stateless/Listeners.ts"
import { eventually } from "./support/eventually.ts"
import { open } from "./support/hosted.ts"
import { eventsOf, RawClient } from "./support/rawClient.ts"
import { type Outcome, StatelessClient, textOf } from "./support/statelessClient.ts"

const text = (words: string) => ({ content: [{ type: "text" as const, text: words }] })

const isEmpty = (
  { registry }: { readonly registry: { readonly snapshot: Effect.Effect<{ sessions: ReadonlyArray<object> }> } }
) =>
  Effect.gen(function*() {
    for (;;) {
      if ((yield* registry.snapshot).sessions.length === 0) return
      yield* Effect.sleep("5 millis")
    }
  }).pipe(Effect.timeoutOrElse({ duration: "5 seconds", orElse: () => Effect.die(new Error("sessions are left")) }))

type Handle = NonNullable<Server["fallbackRequestHandler"]>
type Extra = Parameters<Handle>[1]

/** A server that answers as it is told, and checks nothing. */
const answering = (capabilities: ServerCapabilities, handle: Handle, options: ServerOptions = {}) => (): Server => {
  const server = new Server({ name: "bare", version: "1" }, { capabilities, ...options })
  server.fallbackRequestHandler = handle
  return server
}

/** Asks the client, whatever is asked. */
const ask = ({ sendRequest }: Extra, method: string, params: object = {}, signal?: AbortSignal) =>
  // No schema of the SDK's knows every question.
  sendRequest({ method, params } as never, z.looseObject({}), signal === undefined ? {} : { signal })

const roundOf = ({ message: { result = {} } }: Outcome) => {
  // A test that gets something else fails at what it looks for.
  const { inputRequests = {}, requestState } = result as {
    readonly inputRequests?: Readonly<Record<string, unknown>>
    readonly requestState?: string
  }
  return { keys: Object.keys(inputRequests), inputRequests, requestState }
}

const infoOf = (name: string) => ({ "io.modelcontextprotocol/serverInfo": { name, version: "1" } })

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
      assert.strictEqual(other.headers.get("cache-control"), "no-cache, no-transform")
      const events = eventsOf(other)
      yield* eventually("some heartbeats", () => events.comments() > 3)
      for (const go of waiting) go()
      const response = yield* Fiber.join(fiber)
      assert.strictEqual(response.headers.get("content-type"), "application/json")
      const refused = yield* plain.ask("subscriptions/listen", { notifications: { toolsListChanged: true } })
      assert.strictEqual(refused.status, 406)
    }))
})

describe("a server made for a request", () => {
  it.live("is greeted in full, also for a client without a name, and its pings are answered", () =>
    Effect.gen(function*() {
      const seen: Array<unknown> = []
      const server = (): Server => {
        const made = new Server({ name: "bare", version: "1" }, { capabilities: tools })
        made.oninitialized = () => void seen.push(made.getClientVersion(), made.getClientCapabilities())
        made.fallbackRequestHandler = async () => {
          await made.ping()
          return text("pinged")
        }
        return made
      }
      const { url } = yield* open({ server })
      const client = new StatelessClient(url)
      const meta = { "io.modelcontextprotocol/clientInfo": undefined }
      const asked = { capabilities: { sampling: {} } }
      assert.strictEqual(textOf(yield* client.call("x", {}, { ...asked, meta })), "pinged")
      assert.strictEqual(textOf(yield* client.call("x", {}, asked)), "pinged")
      assert.deepStrictEqual(seen, [
        { name: "unnamed", version: "0" },
        { sampling: {} },
        { name: "raw", version: "1" },
        { sampling: {} }
      ])
    }))

  it.live("leaves nothing when it refuses to be greeted", () =>
    Effect.gen(function*() {
      const server = (): Server => {
        const made = answering(tools, () => Promise.resolve({}))()
        made["_requestHandlers"].set("initialize", () => Promise.reject(new Error("not today")))
        return made
      }
      const host = yield* open({ server })
      assert.strictEqual((yield* new StatelessClient(host.url).ask("tools/list")).status, 500)
      yield* isEmpty(host)
      assert.strictEqual((yield* host.registry.snapshot).closed.error, 1)
    }))

  it.live("leaves nothing when its client goes away while it is made, greeted or asked for its tools", () =>
    Effect.gen(function*() {
      const reached = { made: 0, greeted: 0, listed: 0 }
      const never = () => new Promise<never>(() => {})
      const greeting = (): Server => {
        const made = answering(tools, never)()
        made["_requestHandlers"].set("initialize", () => {
          reached.greeted++
          return never()
        })
        return made
      }
      const listing = answering(tools, () => {
        reached.listed++
        return never()
      })
      const making = Effect.andThen(Effect.sync(() => void reached.made++), Effect.never)
      for (const [server, stage] of [[making, "made"], [greeting, "greeted"], [listing, "listed"]] as const) {
        const host = yield* open({ server })
        const fiber = yield* Effect.forkChild(new StatelessClient(host.url).call("x"), { startImmediately: true })
        yield* eventually(`it was ${stage}`, () => reached[stage] === 1)
        yield* Fiber.interrupt(fiber)
        yield* isEmpty(host)
        assert.strictEqual((yield* host.registry.snapshot).closed.client, 1, stage)
      }
    }))

  it.live("is asked for every page of its tools, and for no more of them than it can have", () =>
    Effect.gen(function*() {
      const pages: Array<unknown> = []
      let last = "end"
      const handle: Handle = ({ method, params }) => {
        if (method === "tools/call") return Promise.resolve(text("called"))
        pages.push(params?.["cursor"])
        const inputSchema = { type: "object", properties: { region: { type: "string", "x-mcp-header": "Region" } } }
        const cursor = params?.["cursor"]
        if (cursor === "end") return Promise.resolve({ tools: [{ name: "second", inputSchema }] })
        return Promise.resolve({ tools: [{ name: "first", inputSchema: { type: "object" } }], nextCursor: last })
      }
      const { url } = yield* open({ server: answering(tools, handle) })
      const client = new StatelessClient(url)
      const { message, status } = yield* client.call("second", { region: "eu" })
      assert.deepStrictEqual([status, message.error?.code], [400, -32020])
      assert.deepStrictEqual(pages, [undefined, "end"])
      last = "more"
      assert.strictEqual(textOf(yield* client.call("unknown")), "called")
      assert.strictEqual(pages.length, 102)
    }))

  it.live("is asked for its tools again when it says that they have changed, and by everybody who asks", () =>
    Effect.gen(function*() {
      let header = "Region"
      let listed = 0
      const server = (): Server => {
        const made = answering({ tools: { listChanged: true } }, async ({ method, params }, { authInfo }) => {
          if (method !== "tools/list") {
            if (params?.["name"] === "change") await made.sendToolListChanged()
            return text("gone")
          }
          listed++
          const name = authInfo?.clientId === "bob" ? "Place" : header
          const inputSchema = { type: "object", properties: { region: { type: "string", "x-mcp-header": name } } }
          return { tools: [{ name: "go", inputSchema }, { name: "change", inputSchema: { type: "object" } }] }
        })()
        return made
      }
      const tokens = { ann: Redacted.make("token-of-ann-0123456789"), bob: Redacted.make("token-of-bob-0123456789") }
      const host = yield* open({ server, auth: McpHost.bearerTokens(tokens) })
      const go = (name: keyof typeof tokens, headers: Record<string, string>, tool = "go") =>
        new StatelessClient(host.url, { authorization: `Bearer ${Redacted.value(tokens[name])}` }).call(
          tool,
          { region: "eu" },
          { headers }
        )
      assert.strictEqual((yield* go("ann", {})).status, 400)
      assert.strictEqual(textOf(yield* go("ann", { "mcp-param-region": "eu" })), "gone")
      assert.strictEqual((yield* go("bob", { "mcp-param-region": "eu" })).status, 400)
      assert.strictEqual(textOf(yield* go("bob", { "mcp-param-place": "eu" })), "gone")
      assert.strictEqual(textOf(yield* go("ann", { "mcp-param-region": "eu" })), "gone")
      assert.strictEqual(listed, 2)
      // A declaration that breaks the rules declares nothing.
      header = "no name"
      assert.strictEqual((yield* go("ann", {})).status, 400)
      yield* go("ann", {}, "change")
      assert.strictEqual(textOf(yield* go("ann", {})), "gone")
      assert.strictEqual(listed, 3)
      yield* isEmpty(host)
    }))
})

describe("what a handler may ask", () => {
  it.live("is asked in the course of calls, prompts and resources, and is refused elsewhere, as is what nobody knows", () =>
    Effect.gen(function*() {
      const early: Array<unknown> = []
      const handle: Handle = async ({ method, params }, extra) => {
        if (method === "tools/list") {
          await ask(extra, "elicitation/create").catch(({ message }) => early.push(message))
          return { tools: [] }
        }
        const words = await ask(extra, String(params?.["ask"])).then(JSON.stringify, ({ message }) => message)
        return { ...text(words), contents: [], messages: [], words }
      }
      const host = yield* open({ server: answering({ ...tools, prompts: {}, resources: {} }, handle) })
      const client = new StatelessClient(host.url)
      const kinds = [["elicitation/create", "elicitation"], ["sampling/createMessage", "sampling"], [
        "roots/list",
        "roots"
      ]]
      const places = [["tools/call", { name: "x" }], ["prompts/get", { name: "x" }], ["resources/read", {
        uri: "x:y"
      }]] as const
      for (const [question = "", key = ""] of kinds) {
        for (const [method, params] of places) {
          const sent = { ...params, ask: question }
          const first = yield* client.outcome(method, sent, { capabilities: { [key]: {} } })
          const { inputRequests, requestState } = roundOf(first)
          assert.deepStrictEqual(inputRequests, { [`${key}-1`]: { method: question, params: {} } })
          const answers = { inputResponses: { [`${key}-1`]: { said: key } }, requestState }
          const { message } = yield* client.outcome(method, { ...sent, ...answers }, { capabilities: { [key]: {} } })
          assert.strictEqual(message.result?.["words"], JSON.stringify({ said: key }))
          const capable = Object.keys(everything).filter((name) => name !== key)
          const capabilities = Object.fromEntries(capable.map((name) => [name, {}]))
          assert.strictEqual((yield* client.outcome(method, sent, { capabilities })).status, 400)
        }
      }
      const asked = { capabilities: everything }
      const elsewhere = yield* client.outcome("prompts/list", { ask: "elicitation/create" }, asked)
      assert.match(String(elsewhere.message.result?.["words"]), /in the course of a call only/)
      const unknown = yield* client.call("x", {}, { ...asked, more: { ask: "test/unknown" } })
      assert.match(String(unknown.message.result?.["words"]), /in the course of a call only/)
      assert.match(String(early[0]), /in the course of a call only/)
      yield* isEmpty(host)
    }))

  it.live("goes by the name that the handler gives it, and is not asked where the answer came with the request", () =>
    Effect.gen(function*() {
      const handle: Handle = async ({ method }, extra) => {
        if (method === "tools/list") return { tools: [] }
        const one = await ask(extra, "elicitation/create", { message: "?", _meta: { "holdfast/inputKey": "user" } })
        const other = await ask(extra, "elicitation/create", { _meta: { "holdfast/inputKey": "__proto__", more: 1 } })
        return text(JSON.stringify([one, other]))
      }
      const { url } = yield* open({ server: answering(tools, handle) })
      const client = new StatelessClient(url)
      const capabilities = everything
      const { inputRequests } = roundOf(yield* client.call("x", {}, { capabilities }))
      assert.deepStrictEqual(inputRequests, { user: { method: "elicitation/create", params: { message: "?" } } })
      const inputResponses = { user: { action: "accept" } }
      const second = yield* client.call("x", {}, { capabilities, more: { inputResponses } })
      const { inputRequests: rest, requestState } = roundOf(second)
      assert.deepStrictEqual(Object.entries(rest), [
        ["__proto__", { method: "elicitation/create", params: { _meta: { more: 1 } } }]
      ])
      const answers = JSON.parse(`{"__proto__":{"action":"decline"}}`)
      const done = yield* client.call("x", {}, { capabilities, more: { inputResponses: answers, requestState } })
      assert.strictEqual(textOf(done), `[{"action":"accept"},{"action":"decline"}]`)
    }))

  it.live("is not asked, or not again, when the handler does not want to know any more", () =>
    Effect.gen(function*() {
      const withdrawals: Array<AbortController> = []
      const working: Array<() => void> = []
      const handle: Handle = async ({ method, params }, extra) => {
        if (method === "tools/list") return { tools: [] }
        const withdrawal = new AbortController()
        const given = ask(extra, "elicitation/create", {}, withdrawal.signal).catch(() => "withdrawn")
        if (params?.["name"] === "at once") {
          withdrawal.abort()
          await new Promise<void>((resolve) => void working.push(resolve))
          return text(String(await given))
        }
        withdrawals.push(withdrawal)
        const kept = await ask(extra, "sampling/createMessage")
        return text(JSON.stringify([await given, kept]))
      }
      const { url } = yield* open({ server: answering(tools, handle) })
      const client = new StatelessClient(url)
      const capabilities = everything
      const fiber = yield* Effect.forkChild(client.call("at once", {}, { capabilities }), { startImmediately: true })
      yield* eventually("it was withdrawn", () => working.length === 1)
      // Long enough for a question to reach the client.
      yield* client.outcome("server/discover")
      working[0]?.()
      assert.strictEqual(textOf(yield* Fiber.join(fiber)), "withdrawn")
      const first = roundOf(yield* client.call("later", {}, { capabilities }))
      assert.deepStrictEqual(first.keys, ["elicitation-1", "sampling-1"])
      withdrawals[0]?.abort()
      const second = roundOf(
        yield* client.call("later", {}, { capabilities, more: { requestState: first.requestState } })
      )
      assert.deepStrictEqual(second.keys, ["sampling-1"])
      const more = { inputResponses: { "sampling-1": { a: 1 } }, requestState: second.requestState }
      assert.strictEqual(textOf(yield* client.call("later", {}, { capabilities, more })), `["withdrawn",{"a":1}]`)
    }))

  it.live("is answered by a request that is in use until the handler ends, and that cancels it by going away", () =>
    Effect.gen(function*() {
      const working: Array<() => void> = []
      let aborted = 0
      const handle: Handle = async ({ method }, extra) => {
        if (method === "tools/list") return { tools: [] }
        extra.signal.addEventListener("abort", () => void aborted++)
        await ask(extra, "elicitation/create")
        await new Promise<void>((resolve) => void working.push(resolve))
        return text("worked")
      }
      const idle = { idleTimeout: "40 millis", sweepInterval: "5 millis" } as const
      const host = yield* open({ server: answering(tools, handle), ...idle })
      const client = new StatelessClient(host.url)
      const asked = Effect.fnUntraced(function*() {
        const { requestState } = roundOf(yield* client.call("x", {}, { capabilities: everything }))
        return { capabilities: everything, more: { inputResponses: { "elicitation-1": {} }, requestState } }
      })
      const again = yield* asked()
      const kept = yield* Effect.forkChild(client.call("x", {}, again), { startImmediately: true })
      yield* eventually("it works", () => working.length === 1)
      assert.strictEqual((yield* client.call("x", {}, again)).message.error?.code, -32602)
      const { sweeps } = yield* host.registry.snapshot
      while ((yield* host.registry.snapshot).sweeps < sweeps + 20) yield* Effect.sleep("5 millis")
      working[0]?.()
      assert.strictEqual(textOf(yield* Fiber.join(kept)), "worked")
      const once = yield* asked()
      const left = yield* Effect.forkChild(client.call("x", {}, once), { startImmediately: true })
      yield* eventually("it works again", () => working.length === 2)
      yield* Fiber.interrupt(left)
      yield* eventually("it was told", () => aborted > 0)
      yield* isEmpty(host)
      assert.strictEqual((yield* host.registry.snapshot).closed.client, 1)
    }))

  it.live("is given up when nobody answers, though the question came in a stream", () =>
    Effect.gen(function*() {
      const handle: Handle = async ({ method }, extra) => {
        if (method === "tools/list") return { tools: [] }
        await extra.sendNotification({ method: "notifications/progress", params: { progressToken: 1, progress: 1 } })
        await ask(extra, "elicitation/create")
        return text("never")
      }
      const idle = { idleTimeout: "20 millis", sweepInterval: "5 millis" } as const
      const host = yield* open({ server: answering(tools, handle), ...idle })
      const meta = { progressToken: 1 }
      const said = yield* new StatelessClient(host.url).call("x", {}, { capabilities: everything, meta })
      assert.deepStrictEqual([said.before.length, roundOf(said).keys], [1, ["elicitation-1"]])
      yield* isEmpty(host)
      assert.strictEqual((yield* host.registry.snapshot).closed.stale, 1)
    }))

  it.live("is answered once, though two come back with the same state at once", () =>
    Effect.gen(function*() {
      const handle: Handle = async ({ method }, extra) =>
        method === "tools/list" ? { tools: [] } : text(JSON.stringify(await ask(extra, "elicitation/create")))
      const host = yield* open({ server: answering(tools, handle) })
      const client = new StatelessClient(host.url)
      const { requestState } = roundOf(yield* client.call("x", {}, { capabilities: everything }))
      const more = { inputResponses: { "elicitation-1": { a: 1 } }, requestState }
      const other = yield* client.outcome("prompts/get", { name: "x", ...more }, { capabilities: everything })
      assert.deepStrictEqual([other.status, other.message.error?.code], [200, -32602])
      const resume = client.call("x", {}, { capabilities: everything, more })
      const outcomes = yield* Effect.all([resume, resume, resume], { concurrency: "unbounded" })
      assert.strictEqual(outcomes.filter((outcome) => textOf(outcome) === `{"a":1}`).length, 1)
      assert.strictEqual(outcomes.filter(({ message }) => message.error?.code === -32602).length, 2)
      const huge = { ...more, requestState: "x".repeat(1 << 20) }
      const unknown = yield* client.call("x", {}, { capabilities: everything, more: huge })
      assert.strictEqual(unknown.message.error?.code, -32602)
      assert.isBelow(JSON.stringify(unknown.message).length, 500)
      yield* isEmpty(host)
    }))
})

describe("what a client listens for", () => {
  const changing = {
    tools: { listChanged: true },
    prompts: { listChanged: true },
    resources: { listChanged: true, subscribe: true }
  }

  it.live("is what it has named, of what the server can tell, and nothing else that servers say", () =>
    Effect.gen(function*() {
      const kinds = ["tools/list_changed", "prompts/list_changed", "resources/list_changed", "resources/updated"]
      const subscribed: Array<unknown> = []
      const handle: Handle = async ({ method, params }, { sendNotification }) => {
        if (method === "tools/list") return { tools: [] }
        if (method === "resources/subscribe") subscribed.push(params?.["uri"])
        if (method !== "tools/call") return {}
        for (const kind of ["test/own", "message", ...kinds]) {
          const told = { uri: "test://a", level: "error", data: "x", _meta: { own: 1 } }
          // One of each kind, with what any of them has.
          await sendNotification({ method: `notifications/${kind}`, params: told } as never)
        }
        return text("said")
      }
      const { url } = yield* open({ server: answering({ ...changing, logging: {} }, handle) })
      const client = new StatelessClient(url)
      const filters = [
        { toolsListChanged: true },
        { promptsListChanged: true, toolsListChanged: false, resourceSubscriptions: [] },
        { resourcesListChanged: true },
        { resourceSubscriptions: ["test://a", "test://b"] }
      ]
      const listeners = yield* Effect.forEach(filters, (filter) => client.listen(filter))
      assert.deepStrictEqual(subscribed, ["test://a", "test://b"])
      yield* client.call("x")
      for (const [index, events] of listeners.entries()) {
        yield* eventually("its own word", () => events.messages().length > 1)
        const [, ...told] = events.messages()
        assert.deepStrictEqual(told.map(({ method }) => method), [`notifications/${kinds[index]}`])
        assert.deepStrictEqual(told[0]?.params?.["_meta"], {
          own: 1,
          "io.modelcontextprotocol/subscriptionId": index + 1
        })
      }
      const acknowledged = listeners.map((events) => events.messages()[0]?.params?.["notifications"])
      assert.deepStrictEqual(acknowledged, [filters[0], { promptsListChanged: true }, filters[2], filters[3]])
    }))

  it.live("is acknowledged as nothing by a server that tells nothing, and is refused when it is no list", () =>
    Effect.gen(function*() {
      const able = { tools: {}, prompts: {}, resources: {} }
      const host = yield* open({ server: answering(able, () => Promise.resolve({})) })
      const client = new StatelessClient(host.url)
      const all = { toolsListChanged: true, promptsListChanged: true, resourcesListChanged: true }
      const events = yield* client.listen({ ...all, resourceSubscriptions: ["test://a"] })
      yield* eventually("the end", events.isOver)
      assert.deepStrictEqual(events.messages()[0]?.params?.["notifications"], {})
      for (const resourceSubscriptions of [7, "test://a", {}, [7], null]) {
        const notifications = { resourceSubscriptions }
        const { message } = yield* client.outcome("subscriptions/listen", { notifications })
        assert.strictEqual(message.error?.code, -32602, JSON.stringify(resourceSubscriptions))
      }
      yield* isEmpty(host)
    }))

  it.live("includes what the server says that it listens to, which can ask nothing; and is forgotten when it leaves", () =>
    Effect.gen(function*() {
      const add = Listeners.prototype.add
      const listening = new Set<object>()
      Listeners.prototype.add = function(listener) {
        const remove = add.call(this, listener)
        listening.add(listener)
        return () => {
          listening.delete(listener)
          remove()
        }
      }
      yield* Effect.addFinalizer(() => Effect.sync(() => void (Listeners.prototype.add = add)))
      const refusals: Array<unknown> = []
      const handle: Handle = async (_, extra) => {
        await extra.sendNotification({ method: "notifications/resources/updated", params: { uri: "test://a" } })
        await ask(extra, "elicitation/create").catch(({ message }) => refusals.push(message))
        return {}
      }
      const host = yield* open({ server: answering(changing, handle) })
      const events = yield* new StatelessClient(host.url).listen({ resourceSubscriptions: ["test://a"] })
      yield* eventually("its own server's word", () => events.messages().length === 2)
      yield* eventually("its server was refused", () => refusals.length === 1)
      assert.strictEqual(listening.size, 1)
      events.leave()
      yield* isEmpty(host)
      assert.strictEqual(listening.size, 0)
      const told: Array<string> = []
      const listeners = new Listeners()
      const filter = { toolsListChanged: true }
      const remove = listeners.add({ id: 1, principal: "ann", filter, tell: (text) => void told.push(text) })
      const changed = { _tag: "Notification", method: "notifications/tools/list_changed", params: undefined } as const
      listeners.publish("ann", changed)
      remove()
      listeners.publish("ann", changed)
      assert.strictEqual(told.length, 1)
    }))
})

describe("tasks of a server with sessions", () => {
  const extension = { extensions: { "io.modelcontextprotocol/tasks": {} } }
  const makeTasks = () => {
    // Of all requests: a task outlives the one that began it.
    const store = new InMemoryTaskStore()
    const begun: Array<unknown> = []
    const asked: Array<string> = []
    const handle: Handle = async ({ method, params }, { requestId }) => {
      if (method === "tools/list") {
        const tool = (name: string, taskSupport?: string) => ({
          name,
          inputSchema: { type: "object" },
          ...(taskSupport !== undefined && { execution: { taskSupport } })
        })
        return { tools: [tool("job", "optional"), tool("must", "required"), tool("plain"), tool("odd", "maybe")] }
      }
      const taskId = String(params?.["taskId"])
      if (method.startsWith("tasks/")) asked.push(method)
      if (method === "tasks/get") {
        const task = await store.getTask(taskId)
        if (task === null) throw new McpError(-32602, "no such task")
        return { ...task }
      }
      if (method === "tasks/cancel") {
        await store.updateTaskStatus(taskId, "cancelled")
        return {}
      }
      if (method === "tasks/result") {
        const result = await store.getTaskResult(taskId)
        if ("broken" in result) throw new McpError(-32603, "it broke")
        return { ...result, _meta: { own: 1, "io.modelcontextprotocol/related-task": { taskId } } }
      }
      begun.push(params?.["task"])
      if (params?.["task"] === undefined) return text("at once")
      const task = await store.createTask({ ttl: 60_000, pollInterval: 7 }, requestId, { method, params: {} })
      return { task }
    }
    return {
      store,
      begun,
      asked,
      server: answering({ tools: {}, tasks: { cancel: {}, requests: { tools: { call: {} } } } }, handle)
    }
  }

  it.live("are begun by a client that knows them, of tools that can be one, whatever the client says of the call", () =>
    Effect.gen(function*() {
      const { begun, server, store } = makeTasks()
      yield* Effect.addFinalizer(() => Effect.sync(() => store.cleanup()))
      const host = yield* open({ server })
      const client = new StatelessClient(host.url)
      const more = { task: { ttl: 1 } }
      const task = (yield* client.call("job", {}, { capabilities: extension, more })).message.result ?? {}
      assert.deepInclude(task, { resultType: "task", status: "working", ttlMs: 60_000, pollIntervalMs: 7 })
      assert.notProperty(task, "task")
      assert.notProperty(task, "ttl")
      assert.strictEqual(
        (yield* client.call("must", {}, { capabilities: extension })).message.result?.["resultType"],
        "task"
      )
      for (const name of ["plain", "odd"]) {
        assert.strictEqual(textOf(yield* client.call(name, {}, { capabilities: extension, more })), "at once")
      }
      const others = { extensions: { "test/other": {} } }
      assert.strictEqual(textOf(yield* client.call("job", {}, { capabilities: others, more })), "at once")
      const { message, status } = yield* client.call("must", {}, { capabilities: others })
      assert.deepStrictEqual([status, message.error?.code], [400, -32021])
      assert.deepStrictEqual(message.error?.data, { requiredCapabilities: extension })
      assert.deepStrictEqual(begun, [{}, {}, undefined, undefined, undefined])
      yield* isEmpty(host)
    }))

  it.live("are told with their results, cancelled once, and unknown to who has not declared them", () =>
    Effect.gen(function*() {
      const { asked, server, store } = makeTasks()
      yield* Effect.addFinalizer(() => Effect.sync(() => store.cleanup()))
      const host = yield* open({ server })
      const client = new StatelessClient(host.url)
      const begin = Effect.map(
        client.call("job", {}, { capabilities: extension }),
        ({ message }) => String(message.result?.["taskId"])
      )
      const request = (method: string, taskId: string) =>
        Effect.map(
          client.outcome(method, { taskId }, { capabilities: extension }),
          ({ message }) => message.result ?? message.error
        )
      const [done, failed, broken, cancelled] = [yield* begin, yield* begin, yield* begin, yield* begin]
      assert.deepInclude(yield* request("tasks/get", done), {
        resultType: "complete",
        status: "working",
        ttlMs: 60_000
      })
      yield* Effect.promise(() => store.storeTaskResult(done, "completed", text("done")))
      yield* Effect.promise(() => store.storeTaskResult(failed, "failed", { ...text("failed"), isError: true }))
      yield* Effect.promise(() => store.storeTaskResult(broken, "completed", { broken: true }))
      const own = { _meta: { own: 1 } }
      assert.deepInclude(yield* request("tasks/get", done), {
        status: "completed",
        result: { ...text("done"), ...own }
      })
      // A tool that says that it has failed has an answer all the same.
      const answered = { status: "completed", result: { ...text("failed"), isError: true, ...own } }
      assert.deepInclude(yield* request("tasks/get", failed), answered)
      const failure = yield* request("tasks/get", broken)
      assert.deepInclude(failure, { status: "failed" })
      assert.nestedPropertyVal(failure, "error.code", -32603)
      assert.deepStrictEqual(asked, [
        "tasks/get",
        ...[done, failed, broken].flatMap(() => ["tasks/get", "tasks/result"])
      ])
      asked.length = 0
      for (const taskId of [cancelled, cancelled, done]) {
        assert.deepStrictEqual(yield* request("tasks/cancel", taskId), {
          resultType: "complete",
          _meta: infoOf("bare")
        })
      }
      assert.deepInclude(yield* request("tasks/get", cancelled), { status: "cancelled" })
      assert.deepStrictEqual(asked, ["tasks/get", "tasks/cancel", "tasks/get", "tasks/get", "tasks/get"])
      assert.deepStrictEqual(yield* request("tasks/update", done), { resultType: "complete", _meta: infoOf("bare") })
      assert.deepInclude(yield* request("tasks/get", "none"), { code: -32602 })
      for (const method of ["tasks/get", "tasks/cancel", "tasks/update"]) {
        const { message, status } = yield* client.outcome(method, { taskId: done })
        assert.deepStrictEqual([status, message.error?.code], [400, -32021], method)
      }
      yield* isEmpty(host)
      assert.strictEqual((yield* host.registry.snapshot).inFlight, 0)
    }))
})

describe("a request that takes long", () => {
  it.live("is in use, and never swept, also without a handler of the server's for it", () =>
    Effect.gen(function*() {
      const waiting: Array<() => void> = []
      const handle: Handle = async () => {
        await new Promise<void>((resolve) => void waiting.push(resolve))
        return { taskId: "t", status: "working", ttl: null }
      }
      const idle = { idleTimeout: "20 millis", sweepInterval: "5 millis" } as const
      const host = yield* open({ server: answering({ tasks: {} }, handle), ...idle })
      const capabilities = { extensions: { "io.modelcontextprotocol/tasks": {} } }
      const get = new StatelessClient(host.url).outcome("tasks/get", { taskId: "t" }, { capabilities })
      const fiber = yield* Effect.forkChild(get, { startImmediately: true })
      yield* eventually("it arrived", () => waiting.length === 1)
      const { sweeps } = yield* host.registry.snapshot
      while ((yield* host.registry.snapshot).sweeps < sweeps + 15) yield* Effect.sleep("5 millis")
      waiting[0]?.()
      assert.strictEqual((yield* Fiber.join(fiber)).message.result?.["status"], "working")
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
