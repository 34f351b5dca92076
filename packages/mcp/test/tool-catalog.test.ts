import { assert, describe, it } from "@effect/vitest"
import type { PoolEvent } from "@holdfast/core"
import { ConfigInvalid, McpConnections, McpRuntimeError, NotReady, type ServerNotification } from "@holdfast/mcp"
import * as ToolCatalog from "@holdfast/mcp/ToolCatalog"
import type * as Messages from "@holdfast/protocol/Messages"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as PubSub from "effect/PubSub"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as ToolName from "../src/internal/ToolName.ts"

const tool = (name: string): Messages.Tool => ({ name, inputSchema: { type: "object" } })

const down = (server: string) =>
  new McpRuntimeError({ reason: new NotReady({ server, retryInMillis: 100, description: "it is being restarted" }) })

/** Servers that answer as they are told, over a service whose other methods nobody may touch. */
const servers = Effect.fnUntraced(function*(names: ReadonlyArray<string>) {
  const notifications = yield* PubSub.unbounded<ServerNotification>()
  const events = yield* PubSub.unbounded<PoolEvent.PoolEvent>()
  const lists = new Map<string, Effect.Effect<ReadonlyArray<Messages.Tool>, McpRuntimeError>>()
  const asked: Array<string> = []
  const called: Array<string> = []
  const warmed: Array<string> = []
  const service: Partial<McpConnections["Service"]> = {
    servers: names,
    unusable: new Map([["unset", new ConfigInvalid({ file: "f", path: "p", expected: "TOKEN to be set" })]]),
    notifications: Stream.fromPubSub(notifications),
    events: Stream.fromPubSub(events),
    reloads: Stream.never,
    warm: (server) => Effect.sync(() => void warmed.push(String(server))),
    listTools: (server) =>
      Effect.suspend(() => {
        asked.push(String(server))
        return lists.get(String(server)) ?? Effect.succeed([])
      }),
    callTool: (server, { name }) =>
      Effect.sync(() => {
        called.push(`${String(server)}.${name}`)
        return { content: [] }
      })
  }
  return {
    lists,
    asked,
    called,
    warmed,
    changed: (server: string) =>
      PubSub.publish(notifications, { server, method: "notifications/tools/list_changed", params: undefined }),
    reconnected: (server: string) =>
      PubSub.publish(events, {
        _tag: "SlotMoved",
        key: server,
        fingerprint: server,
        slot: 1,
        from: "Connecting",
        to: "Ready",
        attempt: 1,
        durationMillis: 1,
        retryInMillis: undefined,
        cause: undefined
      }),
    // Whatever else is called is not there, and the test fails.
    layer: Layer.succeed(McpConnections, service as McpConnections["Service"])
  }
})

const names = ({ tools }: ToolCatalog.Catalog) => tools.map(({ name }) => name)

describe("ToolCatalog", () => {
  it.effect("one slow and one dead server keep nobody else's tools waiting, and are named with their reasons", () =>
    Effect.gen(function*() {
      const all = yield* servers(["a", "slow", "dead", "b"])
      all.lists.set("a", Effect.succeed([tool("x"), tool("y")]))
      all.lists.set("b", Effect.succeed([tool("x")]))
      all.lists.set("slow", Effect.as(Effect.sleep("1 minute"), [tool("late")]))
      all.lists.set("dead", Effect.fail(down("dead")))
      yield* Effect.provide(
        Effect.gen(function*() {
          const catalog = yield* ToolCatalog.ToolCatalog
          const asking = yield* Effect.forkChild(catalog.ready({ within: "10 seconds" }), { startImmediately: true })
          yield* TestClock.adjust("10 seconds")
          const ready = yield* Fiber.join(asking)
          assert.deepStrictEqual(names(ready), ["a__x", "a__y", "b__x"])
          const reasons = ready.unavailable.map(({ error, server }) => `${server} ${error.reason._tag}`)
          assert.deepStrictEqual(reasons.toSorted(), ["dead NotReady", "slow DeadlineExceeded", "unset ConfigInvalid"])
          yield* TestClock.adjust("50 seconds")
          assert.deepStrictEqual(names(yield* catalog.ready()), ["a__x", "a__y", "slow__late", "b__x"])
          assert.deepStrictEqual((yield* catalog.current).unavailable.map(({ server }) => server), ["dead", "unset"])
          assert.deepStrictEqual(all.warmed, ["a", "slow", "dead", "b"])
        }),
        Layer.provide(ToolCatalog.layer(), all.layer)
      )
    }))

  it.effect("a tool obtained before its server went down is in the list meanwhile, and works afterwards", () =>
    Effect.gen(function*() {
      const all = yield* servers(["a"])
      all.lists.set("a", Effect.succeed([tool("x")]))
      yield* Effect.provide(
        Effect.gen(function*() {
          const catalog = yield* ToolCatalog.ToolCatalog
          const [before] = (yield* catalog.ready()).tools
          all.lists.set("a", Effect.fail(down("a")))
          yield* all.changed("a")
          yield* Stream.runHead(Stream.filter(catalog.changes, ({ unavailable }) => unavailable.length === 2))
          assert.deepStrictEqual(names(yield* catalog.current), ["a__x"])
          all.lists.set("a", Effect.succeed([tool("x"), tool("new")]))
          yield* all.reconnected("a")
          yield* Stream.runHead(Stream.filter(catalog.changes, ({ tools }) => tools.length === 2))
          assert.strictEqual((yield* catalog.current).unavailable.length, 1)
          yield* before?.call() ?? Effect.die("no tool")
          yield* catalog.call("a__new")
          assert.deepStrictEqual(all.called, ["a.x", "a.new"])
        }),
        Layer.provide(ToolCatalog.layer(), all.layer)
      )
    }))

  it.effect("however often a server says that its list has changed, it is asked one question at a time", () =>
    Effect.gen(function*() {
      const all = yield* servers(["a"])
      const gate = yield* Deferred.make<void>()
      all.lists.set("a", Effect.as(Deferred.await(gate), [tool("x")]))
      yield* Effect.provide(
        Effect.gen(function*() {
          const catalog = yield* ToolCatalog.ToolCatalog
          for (let i = 0; i < 100; i++) yield* all.changed("a")
          for (let i = 0; i < 200; i++) yield* Effect.yieldNow
          assert.strictEqual(all.asked.length, 1)
          all.lists.set("a", Effect.succeed([tool("y")]))
          yield* Deferred.succeed(gate, undefined)
          yield* Stream.runHead(Stream.filter(catalog.changes, ({ tools }) => tools[0]?.tool.name === "y"))
          for (let i = 0; i < 200; i++) yield* Effect.yieldNow
          assert.strictEqual(all.asked.length, 2)
        }),
        Layer.provide(ToolCatalog.layer(), all.layer)
      )
    }))

  it.effect("an unknown tool is told with the names that look alike; what is filtered or excluded is not offered", () =>
    Effect.gen(function*() {
      const all = yield* servers(["a", "hidden"])
      all.lists.set("a", Effect.succeed([tool("read_file"), tool("delete_all")]))
      all.lists.set("hidden", Effect.succeed([tool("z")]))
      const options = { exclude: ["hidden"], filter: (_: string, { name }: Messages.Tool) => name !== "delete_all" }
      yield* Effect.provide(
        Effect.gen(function*() {
          const catalog = yield* ToolCatalog.ToolCatalog
          assert.deepStrictEqual(names(yield* catalog.ready()), ["a__read_file"])
          assert.deepStrictEqual(all.asked, ["a"])
          const { reason } = yield* Effect.flip(catalog.call("a__read_fil"))
          assert.deepInclude(reason, { _tag: "UnknownTool", near: ["a__read_file"] })
        }),
        Layer.provide(ToolCatalog.layer(options), all.layer)
      )
    }))
})

describe("a tool's name in the catalog", () => {
  it("is legal for the interfaces of language models, stable, and no two tools share one", () => {
    const words = [
      "a",
      "a_",
      "_b",
      "b",
      "a__b",
      "b__c",
      "c",
      "ä",
      "a.b",
      "a b",
      "x".repeat(70),
      `${"x".repeat(70)}y`,
      ""
    ]
    const seen = new Map<string, string>()
    for (const server of words) {
      for (const name of words) {
        const made = ToolName.make(server, name)
        assert.match(made, /^[A-Za-z0-9_-]{1,64}$/)
        assert.strictEqual(ToolName.make(server, name), made)
        assert.isUndefined(seen.get(made), `${server} and ${name} are called ${made}, and so are ${seen.get(made)}`)
        seen.set(made, `${server} and ${name}`)
      }
    }
    assert.strictEqual(ToolName.make("fs", "read_text_file"), "fs__read_text_file")
  })
})
