/** Servers made for one request: how they begin, what they are asked first, and how they end. */
import { assert, describe, it } from "@effect/vitest"
import * as McpHost from "@holdfast/server/McpHost"
import { Server } from "@modelcontextprotocol/sdk/server/index.js"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import { answering, type Handle, text } from "./support/answering.ts"
import { eventually } from "./support/eventually.ts"
import { isEmpty, open } from "./support/hosted.ts"
import { StatelessClient, textOf } from "./support/statelessClient.ts"

const tools = { tools: {} }

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
