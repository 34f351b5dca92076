/** Lists that a server says are fresh for a while (`ttlMs`, `cacheScope` of revision 2026-07-28). */
import { assert, describe, it } from "@effect/vitest"
import { Endpoint } from "@holdfast/mcp/Endpoint"
import { McpConfig } from "@holdfast/mcp/McpConfig"
import { McpConnections } from "@holdfast/mcp/McpConnections"
import { MemoryServer, type MemoryServerOptions } from "@holdfast/mcp/testing"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import { TestClock } from "effect/testing"
import { inTime, settled } from "./support/memoryTime.ts"

const tool = (name: string) => ({ name, inputSchema: { type: "object" } })

/** A server whose lists say this of themselves, and how often it was asked for them. */
const make = Effect.fnUntraced(function*(
  page: () => object,
  options: MemoryServerOptions = {},
  endpoints: (given: Endpoint) => Record<string, Endpoint> = (given) => ({ it: given })
) {
  const list = (member: string, item: object) => () => Effect.sync(() => ({ [member]: [item], ...page() }))
  const server = yield* MemoryServer.make({
    era: "modern",
    handlers: {
      "tools/list": list("tools", tool("x")),
      "resources/list": list("resources", { uri: "a:b", name: "r" }),
      "resources/templates/list": list("resourceTemplates", { uriTemplate: "a:{b}", name: "t" }),
      "prompts/list": list("prompts", { name: "p" })
    },
    capabilities: { tools: { listChanged: true }, resources: { listChanged: true }, prompts: { listChanged: true } },
    ...options
  })
  const mcp = yield* McpConnections.make(yield* McpConfig.make(endpoints(server.endpoint)))
  const asked = (method = "tools/list") =>
    server.received().filter((frame) => frame._tag === "Request" && frame.method === method).length
  const tools = (name = "it") => inTime(mcp.listTools(name))
  return { asked, mcp, server, tools }
})

const fresh = { ttlMs: 60_000, cacheScope: "private" }

describe("a list with a time to live", () => {
  it.effect("is not asked for again before its time is over, and then it is", () =>
    Effect.gen(function*() {
      const { asked, mcp, tools } = yield* make(() => fresh)
      const first = yield* tools()
      yield* TestClock.adjust("59 seconds")
      assert.deepStrictEqual(yield* tools(), first)
      assert.strictEqual(asked(), 1)
      const { lists } = yield* mcp.explain("it")
      assert.deepInclude(lists[0], { method: "tools/list", cacheScope: "private" })
      assert.isAtMost(lists[0]?.freshForMillis ?? Infinity, 1000)
      yield* TestClock.adjust("1 second")
      yield* tools()
      assert.strictEqual(asked(), 2)
    }))

  it.effect("is the same for resources, templates and prompts", () =>
    Effect.gen(function*() {
      const { asked, mcp } = yield* make(() => fresh)
      for (let i = 0; i < 2; i++) {
        yield* inTime(mcp.listResources("it"))
        yield* inTime(mcp.listResourceTemplates("it"))
        yield* inTime(mcp.listPrompts("it"))
      }
      assert.deepStrictEqual(["resources/list", "resources/templates/list", "prompts/list"].map(asked), [1, 1, 1])
    }))

  // anthropics/claude-ai-mcp#45: a list that has changed stays as it was for hours.
  it.effect("is asked for at once when its server says that it has changed", () =>
    Effect.gen(function*() {
      const { asked, mcp, server, tools } = yield* make(() => fresh)
      yield* tools()
      yield* inTime(mcp.listPrompts("it"))
      yield* server.notify("notifications/tools/list_changed")
      yield* settled
      yield* tools()
      yield* inTime(mcp.listPrompts("it"))
      assert.deepStrictEqual([asked("tools/list"), asked("prompts/list")], [2, 1])
    }))

  it.effect("is not kept if its server says that it has changed while it was on its way", () =>
    Effect.gen(function*() {
      const { asked, mcp, server, tools } = yield* make(() => fresh, {
        handlers: { "tools/list": () => Effect.delay(Effect.succeed({ tools: [tool("x")], ...fresh }), 100) }
      })
      const fiber = yield* Effect.forkChild(mcp.listTools("it"), { startImmediately: true })
      yield* inTime(Effect.sleep(50))
      yield* server.notify("notifications/tools/list_changed")
      yield* inTime(Fiber.join(fiber))
      yield* tools()
      assert.strictEqual(asked(), 2)
    }))

  it.effect("is stale at once where it says nothing, nonsense or 0, or is of the legacy era", () =>
    Effect.gen(function*() {
      for (const ttlMs of [undefined, 0, -5, "60000", null]) {
        const { asked, tools } = yield* make(() => ttlMs === undefined ? {} : { ttlMs })
        yield* tools()
        yield* tools()
        assert.strictEqual(asked(), 2, `ttlMs: ${String(ttlMs)}`)
      }
      const { asked, tools } = yield* make(() => fresh, { era: "legacy" })
      yield* tools()
      yield* tools()
      assert.strictEqual(asked(), 2)
    }))

  it.effect("in pages is fresh as long as the first of them to be stale, and private if one of them is", () =>
    Effect.gen(function*() {
      const { asked, mcp, tools } = yield* make(() => ({}), {
        handlers: {
          "tools/list": ({ cursor }) =>
            Effect.succeed(
              cursor === undefined
                ? { tools: [tool("a")], nextCursor: "2", ttlMs: 60_000, cacheScope: "public" }
                : { tools: [tool("b")], ttlMs: 5000, cacheScope: "private" }
            )
        }
      })
      yield* tools()
      assert.deepInclude((yield* mcp.explain("it")).lists[0], { cacheScope: "private" })
      yield* TestClock.adjust("4 seconds")
      yield* tools()
      assert.strictEqual(asked(), 2)
      yield* TestClock.adjust("1 second")
      yield* tools()
      assert.strictEqual(asked(), 4)
    }))

  it.effect("outlives its connection, but not a new version of its server, nor a reset", () =>
    Effect.gen(function*() {
      let version = "1"
      const { asked, mcp, server, tools } = yield* make(() => fresh, {
        handlers: {
          "tools/list": () => Effect.succeed({ tools: [tool("x")], ...fresh }),
          "server/discover": () =>
            Effect.sync(() => ({
              supportedVersions: ["2026-07-28"],
              capabilities: { tools: {} },
              _meta: { "io.modelcontextprotocol/serverInfo": { name: "s", version } }
            }))
        }
      })
      const connect = inTime(mcp.use("it", () => Effect.void))
      yield* tools()
      yield* server.kill
      yield* connect
      yield* tools()
      assert.strictEqual(asked(), 1)
      version = "2"
      yield* server.kill
      yield* settled
      yield* connect
      yield* tools()
      assert.strictEqual(asked(), 2)
      yield* mcp.reset("it")
      yield* tools()
      assert.strictEqual(asked(), 3)
    }))

  it.effect("is never given to other credentials while it is private, and is where it is public", () =>
    Effect.gen(function*() {
      for (const cacheScope of ["private", "public", "other", undefined]) {
        const { asked, tools } = yield* make(() => ({ ttlMs: 60_000, cacheScope }), { transport: "http" }, (given) => {
          if (given._tag !== "Http") throw new Error("no url")
          const { open, url } = given
          const as = (user: string) =>
            Endpoint.http({ url, headers: { authorization: Redacted.make(`Bearer ${user}`) }, ...(open && { open }) })
          return { ada: as("ada-token"), bob: as("bob-token") }
        })
        yield* tools("ada")
        yield* tools("bob")
        assert.strictEqual(asked(), cacheScope === "public" ? 1 : 2, `cacheScope: ${cacheScope}`)
        yield* tools("bob")
        assert.strictEqual(asked(), cacheScope === "public" ? 1 : 2)
      }
    }))
})
