/** What servers, handlers and clients do wrong, and what requests without sessions make of it. */
import { assert, describe, it } from "@effect/vitest"
import { InMemoryTaskStore } from "@modelcontextprotocol/sdk/experimental/tasks/stores/in-memory.js"
import type { Server } from "@modelcontextprotocol/sdk/server/index.js"
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
import { ElicitResultSchema } from "@modelcontextprotocol/sdk/types.js"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as http from "node:http"
import { HttpReply } from "../src/internal/stateless/HttpReply.ts"
import { answering, type Extra, type Handle, text } from "./support/answering.ts"
import { eventually } from "./support/eventually.ts"
import { open } from "./support/hosted.ts"
import { eventsOf, RawClient } from "./support/rawClient.ts"
import { type Outcome, StatelessClient, textOf } from "./support/statelessClient.ts"

/** A server with tools that need not be listed. */
const serving = (handle: Handle) =>
  answering(
    { tools: {} },
    (request, extra) => request.method === "tools/list" ? Promise.resolve({ tools: [] }) : handle(request, extra)
  )

const requestedSchema = { type: "object" as const, properties: {} }
const ask = ({ sendRequest }: Extra, key?: string, timeout?: number) =>
  sendRequest(
    {
      method: "elicitation/create",
      params: { message: "?", requestedSchema, ...(key !== undefined && { _meta: { "holdfast/inputKey": key } }) }
    },
    ElicitResultSchema,
    timeout === undefined ? {} : { timeout }
  )

const capabilities = { elicitation: {} }
const accepted = (content: Record<string, string> = {}) => ({ action: "accept", content })
const stateOf = ({ message }: Outcome): unknown => message.result?.["requestState"]
const keysOf = ({ message }: Outcome): ReadonlyArray<string> => Object.keys(message.result?.["inputRequests"] ?? {})

const soon = <A>(effect: Effect.Effect<A>): Effect.Effect<A> =>
  Effect.timeoutOrElse(effect, { duration: "2 minutes", orElse: () => Effect.die(new Error("no answer")) })

describe("a client", () => {
  it.live("that reads is given a message of any size, though what may wait for it is less, in both eras", () =>
    Effect.gen(function*() {
      const server = serving(async (_, { _meta, sendNotification }) => {
        const progressToken = _meta?.progressToken ?? 0
        await sendNotification({ method: "notifications/progress", params: { progressToken, progress: 1 } })
        return text("x".repeat(4096))
      })
      const { url } = yield* open({ server, maxBufferedBytes: 1024 })
      const meta = { progressToken: 1 }
      assert.strictEqual(textOf(yield* new StatelessClient(url).call("big", {}, { meta }))?.length, 4096)
      const legacy = new RawClient(url)
      yield* legacy.initialize()
      const events = eventsOf(yield* legacy.call("big", {}, meta))
      yield* eventually("the end", events.isOver)
      assert.strictEqual(events.messages().at(-1)?.result?.content?.[0]?.text.length, 4096)
    }))

  it.live("that does not read loses its connection, also after a POST", () =>
    Effect.gen(function*() {
      const sockets: Array<{ readonly destroyed: boolean }> = []
      const { assignSocket } = http.ServerResponse.prototype
      http.ServerResponse.prototype.assignSocket = function(socket) {
        sockets.push(socket)
        return assignSocket.call(this, socket)
      }
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => void (http.ServerResponse.prototype.assignSocket = assignSocket))
      )
      const server = serving(async (_, { sendNotification, signal }) => {
        const params = { progressToken: 1, progress: 1, message: "x".repeat(64 * 1024) }
        while (!signal.aborted) {
          await sendNotification({ method: "notifications/progress", params })
          await new Promise((resolve) => setImmediate(resolve))
        }
        return {}
      })
      const { url } = yield* open({ server, maxBufferedBytes: 256 * 1024 })
      // Nobody reads the body; the connection may be gone before there is a response.
      yield* Effect.exit(new StatelessClient(url).begin("flood", {}, { meta: { progressToken: 1 } }))
      yield* eventually(
        "its connection is gone",
        () => sockets.length > 0 && sockets.every(({ destroyed }) => destroyed)
      )
    }))

  it.live("that says nonsense of itself is told so", () =>
    Effect.gen(function*() {
      const { registry, url } = yield* open()
      const client = new StatelessClient(url)
      const meta = { "io.modelcontextprotocol/clientInfo": { name: 7 } }
      for (const asked of [{ meta }, { capabilities: { elicitation: 7 } }]) {
        const { message, status } = yield* client.outcome("tools/list", {}, asked)
        assert.deepStrictEqual([status, message.error?.code], [400, -32602])
      }
      assert.strictEqual((yield* registry.snapshot).closed.error, 0)
    }))
})

describe("a request without a session", () => {
  it.effect("is answered by JSON, though a heartbeat comes meanwhile, unless it takes as long as one", () =>
    Effect.gen(function*() {
      const make = HttpReply.make({ acceptsStream: true, openedAt: 100, maxBufferedBytes: 1000, onEnd: () => {} })
      const [quick, slow] = [yield* make, yield* make]
      quick.beat(119, 20)
      quick.finish(200, "{}")
      assert.deepStrictEqual(yield* quick.decision, { _tag: "Json", status: 200, text: "{}" })
      slow.beat(120, 20)
      slow.finish(200, "{}")
      assert.deepStrictEqual(yield* slow.decision, { _tag: "Stream" })
    }))
})

describe("a handler", () => {
  it.live("that asks the same again is given another answer", () =>
    Effect.gen(function*() {
      let asks = 0
      const server = serving(async (_, extra) => {
        for (;;) {
          if (++asks > 100) return text("for ever")
          const { content } = await ask(extra, "name")
          if (content?.["name"] === "right") return text("right")
        }
      })
      const client = new StatelessClient((yield* open({ server })).url)
      const first = yield* client.call("x", {}, { capabilities })
      const answer = (name: string, requestState: unknown) =>
        client.call("x", {}, { capabilities, more: { inputResponses: { name: accepted({ name }) }, requestState } })
      const second = yield* answer("wrong", stateOf(first))
      assert.deepStrictEqual(keysOf(second), ["name"])
      assert.strictEqual(textOf(yield* answer("right", stateOf(second))), "right")
      assert.strictEqual(asks, 2)
    }))

  it.live("that asks two questions by one name has both answered", () =>
    Effect.gen(function*() {
      const server = serving(async (_, extra) => {
        const answers = await Promise.all([ask(extra, "name"), ask(extra, "name"), ask(extra)])
        return text(answers.map(({ content }) => content?.["name"]).join(" "))
      })
      const client = new StatelessClient((yield* open({ server })).url)
      const asked = yield* client.call("x", {}, { capabilities })
      assert.deepStrictEqual(keysOf(asked), ["name", "name-2", "elicitation-3"])
      const inputResponses = Object.fromEntries(keysOf(asked).map((name) => [name, accepted({ name })]))
      const more = { inputResponses, requestState: stateOf(asked) }
      assert.strictEqual(textOf(yield* client.call("x", {}, { capabilities, more })), "name name-2 elicitation-3")
    }))

  it.live("that goes on without an answer has its result kept for the client that comes back", () =>
    Effect.gen(function*() {
      let done = 0
      const server = serving(async (_, extra) => {
        await ask(extra, undefined, 20).catch(() => undefined)
        done++
        return text("without an answer")
      })
      const { registry, url } = yield* open({ server, idleTimeout: "300 millis", sweepInterval: "20 millis" })
      const client = new StatelessClient(url)
      const [first, forgotten] = [
        yield* client.call("x", {}, { capabilities }),
        yield* client.call("x", {}, { capabilities })
      ]
      yield* eventually("both went on", () => done === 2)
      const comeBack = (asked: Outcome) =>
        client.call("x", {}, {
          capabilities,
          more: { inputResponses: { "elicitation-1": accepted() }, requestState: stateOf(asked) }
        })
      assert.strictEqual(textOf(yield* comeBack(first)), "without an answer")
      // It is kept no longer than a session may be idle.
      for (;;) {
        if ((yield* registry.snapshot).sessions.length === 0) break
        yield* Effect.sleep("10 millis")
      }
      assert.strictEqual((yield* comeBack(forgotten)).message.error?.code, -32602)
      assert.strictEqual(done, 2)
    }))

  it.live("tells its progress by the token of the request that hears it", () =>
    Effect.gen(function*() {
      const server = serving(async (_, extra) => {
        await ask(extra)
        const progressToken = extra._meta?.progressToken ?? 0
        await extra.sendNotification({ method: "notifications/progress", params: { progressToken, progress: 1 } })
        return text("x")
      })
      const client = new StatelessClient((yield* open({ server })).url)
      const tokens = function*(meta: object) {
        const first = yield* client.call("x", {}, { capabilities, meta: { progressToken: "a" } })
        const more = { inputResponses: { "elicitation-1": accepted() }, requestState: stateOf(first) }
        const { before } = yield* client.call("x", {}, { capabilities, meta, more })
        return before.map(({ params }) => params?.["progressToken"])
      }
      assert.deepStrictEqual(yield* Effect.gen(() => tokens({ progressToken: "b" })), ["b"])
      assert.deepStrictEqual(yield* Effect.gen(() => tokens({})), [])
    }))

  it.live("whose result is no JSON has its caller told, in both eras", () =>
    Effect.gen(function*() {
      const { url } = yield* open({ server: serving(() => Promise.resolve({ content: [], much: 1n })) })
      const { message } = yield* soon(new StatelessClient(url).call("x"))
      assert.strictEqual(message.error?.code, -32603)
      const legacy = new RawClient(url)
      yield* legacy.initialize()
      const { error } = yield* legacy.json(yield* soon(legacy.call("x")))
      assert.strictEqual(error?.code, -32603)
    }))
})

describe("a server", () => {
  it.live("that is not made in time is given up, and whoever waits is told, in both eras", () =>
    Effect.gen(function*() {
      const { url } = yield* open({ server: Effect.never, halfOpenTimeout: "20 millis", sweepInterval: "5 millis" })
      assert.strictEqual((yield* soon(new StatelessClient(url).ask("tools/list"))).status, 500)
      assert.strictEqual((yield* soon(new RawClient(url).request("initialize"))).status, 500)
    }))

  it.live("that closes itself ends its session, and its calls are answered", () =>
    Effect.gen(function*() {
      const server = () => {
        const made = serving(async () => {
          await made.close()
          return text("x")
        })()
        return made
      }
      const { registry, url } = yield* open({ server })
      const outcome = yield* soon(new StatelessClient(url).call("x"))
      assert.strictEqual(outcome.status, 503)
      assert.match(outcome.message.error?.message ?? "", /the server was closed: error/)
      const legacy = new RawClient(url)
      yield* legacy.initialize()
      const { error } = yield* legacy.json(yield* soon(legacy.call("x")))
      assert.match(error?.message ?? "", /the session was closed: error/)
      assert.strictEqual((yield* registry.snapshot).sessions.length, 0)
    }))

  it.live("that keeps tasks by session finds them again by the client's principal", () =>
    Effect.gen(function*() {
      const taskStore = new InMemoryTaskStore()
      yield* Effect.addFinalizer(() => Effect.sync(() => taskStore.cleanup()))
      const server = () => {
        const capabilities = { tasks: { requests: { tools: { call: {} } }, cancel: {} } }
        const mcp = new McpServer({ name: "tasks", version: "1" }, { capabilities, taskStore })
        mcp.experimental.tasks.registerToolTask("job", { inputSchema: {}, execution: { taskSupport: "optional" } }, {
          createTask: async (_, extra) => ({ task: await extra.taskStore.createTask({ ttl: 60_000 }) }),
          getTask: (_, extra) => extra.taskStore.getTask(extra.taskId),
          getTaskResult: () => Promise.resolve(text("done"))
        })
        return mcp
      }
      const client = new StatelessClient((yield* open({ server })).url)
      const declared = { capabilities: { extensions: { "io.modelcontextprotocol/tasks": {} } } }
      const taskId = (yield* client.call("job", {}, declared)).message.result?.["taskId"]
      const { message } = yield* client.outcome("tasks/get", { taskId }, declared)
      assert.deepInclude(message.result, { taskId, status: "working" })
    }))

  it.live("whose tools are being looked up is in use: a drain waits for the call", () =>
    Effect.gen(function*() {
      const waiting: Array<() => void> = []
      const server = answering({ tools: {} }, async ({ method }) => {
        if (method !== "tools/list") return text("ok")
        await new Promise<void>((resolve) => void waiting.push(resolve))
        return { tools: [] }
      })
      const { registry, url } = yield* open({ server, drainTimeout: "1 minute" })
      const call = yield* Effect.forkChild(new StatelessClient(url).call("x"), { startImmediately: true })
      yield* eventually("it looks", () => waiting.length === 1)
      const drain = yield* Effect.forkChild(registry.drain(), { startImmediately: true })
      yield* Effect.yieldNow
      waiting[0]?.()
      assert.strictEqual(textOf(yield* Fiber.join(call)), "ok")
      assert.strictEqual((yield* Fiber.join(drain)).cutOff, 0)
    }))
})

describe("one that listens", () => {
  it.live("hears a change that every server announces no more than twice, however many listen", () =>
    Effect.gen(function*() {
      const all = new Set<Server>()
      const server = () => {
        const made = answering({ tools: { listChanged: true } }, ({ method }) => {
          if (method === "tools/call") {
            for (const one of all) if (one.transport !== undefined) void one.sendToolListChanged()
          }
          return Promise.resolve(method === "tools/list" ? { tools: [] } : text("x"))
        })()
        all.add(made)
        return made
      }
      const client = new StatelessClient((yield* open({ server })).url)
      const listeners = yield* Effect.forEach([1, 2, 3, 4, 5], () => client.listen({ toolsListChanged: true }))
      yield* client.call("x")
      yield* eventually("all heard", () => listeners.every((events) => events.messages().length > 1))
      yield* client.outcome("server/discover")
      // Of its own server, and of the caller's.
      for (const events of listeners) assert.isAtMost(events.messages().length - 1, 2)
    }))

  it.live("is told of a thousand resources at most", () =>
    Effect.gen(function*() {
      const server = answering({ resources: { subscribe: true } }, () => Promise.resolve({}))
      const client = new StatelessClient((yield* open({ server })).url)
      const resourceSubscriptions = Array.from({ length: 1001 }, (_, index) => `test://${index}`)
      const { message } = yield* client.outcome("subscriptions/listen", { notifications: { resourceSubscriptions } })
      assert.strictEqual(message.error?.code, -32602)
    }))
})
