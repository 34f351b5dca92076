import { assert, describe, it } from "@effect/vitest"
import type { PoolEvent } from "@holdfast/core"
import {
  type CallOptions,
  ConfigInvalid,
  McpConnections,
  McpRuntimeError,
  NotReady,
  type ServerNotification
} from "@holdfast/mcp"
import { type Catalog, ToolCatalog } from "@holdfast/mcp/ToolCatalog"
import type * as Messages from "@holdfast/protocol/Messages"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
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
  /** How long the list is fresh that was asked for last. */
  const fresh = new Map<string, number>()
  const asked: Array<string> = []
  const called: Array<string> = []
  const deadlines: Array<Duration.Duration | undefined> = []
  const warmed: Array<string> = []
  const service: Partial<McpConnections["Service"]> = {
    servers: names,
    unusable: new Map([["unset", new ConfigInvalid({ file: "f", path: "p", expected: "TOKEN to be set" })]]),
    notifications: Stream.fromPubSub(notifications),
    events: Stream.fromPubSub(events),
    reloads: Stream.never,
    explain: (server) =>
      Effect.sync(() => {
        const millis = fresh.get(String(server))
        const lists = millis === undefined
          ? []
          : [{ method: "tools/list", freshForMillis: millis, cacheScope: "private" as const }]
        const nothing = {
          state: "unused" as const,
          connections: [],
          waiting: 0,
          waitingMillis: 0,
          tries: [],
          calls: []
        }
        return { server: String(server), lists, ...nothing }
      }),
    starting: (server) => Effect.succeed(server === "slow" ? "it is downloading" : undefined),
    warm: (server) => Effect.sync(() => void warmed.push(String(server))),
    listTools: (server) =>
      Effect.suspend(() => {
        asked.push(String(server))
        return lists.get(String(server)) ?? Effect.succeed([])
      }),
    callTool: ((server: string, { name }: { readonly name: string }, options?: CallOptions) =>
      Effect.sync(() => {
        deadlines.push(options?.deadline === undefined ? undefined : Duration.fromInputUnsafe(options.deadline))
        called.push(`${server}.${name}`)
        return { content: [] }
      })) as McpConnections["Service"]["callTool"]
  }
  return {
    lists,
    fresh,
    asked,
    called,
    deadlines,
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

const names = ({ tools }: Catalog) => tools.map(({ name }) => name)

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
          const catalog = yield* ToolCatalog
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
          const catalog = yield* ToolCatalog
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
          const catalog = yield* ToolCatalog
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

  it.effect("a change is seen at once; a server that says so after every list is asked ever more rarely, and told of once", () =>
    Effect.gen(function*() {
      const all = yield* servers(["loop", "calm"])
      const times: Array<number> = []
      all.lists.set(
        "loop",
        Effect.gen(function*() {
          times.push(yield* Clock.currentTimeMillis)
          yield* Effect.forkDetach(all.changed("loop"))
          return [tool(`t${times.length}`)]
        })
      )
      const told: Array<unknown> = []
      const logger = Logger.make<unknown, void>(({ logLevel, message }) => {
        if (logLevel === "Warn") told.push(Array.isArray(message) ? message[0] : message)
      })
      yield* Effect.provide(
        Effect.gen(function*() {
          const catalog = yield* ToolCatalog
          yield* catalog.ready()
          for (let second = 0; second < 600; second++) yield* TestClock.adjust("1 second")
          const pauses = times.slice(1).map((time, index) => (time - (times[index] ?? 0)) / 1000)
          assert.deepStrictEqual(pauses, [0, 1, 2, 4, 8, 16, 32, ...Array.from({ length: 8 }, () => 60)])
          assert.deepStrictEqual(told, [
            "loop: it says again and again that its tools have changed; it is asked ever more rarely"
          ])
          assert.strictEqual((yield* catalog.current).tools[0]?.tool.name, `t${times.length}`)
          // After some time of silence a change is seen at once again, as that of a server which says so rarely.
          all.lists.set("loop", Effect.succeed([tool("calm")]))
          yield* TestClock.adjust("2 minutes")
          for (const name of ["one", "two"]) {
            yield* TestClock.adjust("1 minute")
            for (const server of ["loop", "calm"]) {
              all.lists.set(server, Effect.succeed([tool(name)]))
              yield* all.changed(server)
            }
            yield* Stream.runHead(
              Stream.filter(catalog.changes, ({ tools }) => tools.every(({ tool }) => tool.name === name))
            )
          }
        }),
        Layer.provide(ToolCatalog.layer(), Layer.merge(all.layer, Logger.layer([logger])))
      )
    }))

  it.effect("a server that comes back is asked at once, also while it is being asked ever more rarely", () =>
    Effect.gen(function*() {
      const all = yield* servers(["a"])
      yield* Effect.provide(
        Effect.gen(function*() {
          const catalog = yield* ToolCatalog
          yield* catalog.ready()
          for (let i = 0; i < 6; i++) {
            yield* all.changed("a")
            yield* TestClock.adjust("9 seconds")
          }
          all.lists.set("a", Effect.succeed([tool("new")]))
          yield* all.reconnected("a")
          yield* Stream.runHead(Stream.filter(catalog.changes, ({ tools }) => tools.length === 1))
        }),
        Layer.provide(ToolCatalog.layer(), all.layer)
      )
    }))

  it.effect("few servers are started at once, each with its own time, and one that hangs holds the others up for 5 s", () =>
    Effect.gen(function*() {
      const all = yield* servers(["hung", "slow", "c", "d"])
      all.lists.set("hung", Effect.never)
      all.lists.set("slow", Effect.as(Effect.sleep("2 seconds"), [tool("x")]))
      for (const server of ["c", "d"]) all.lists.set(server, Effect.as(Effect.sleep("4 seconds"), [tool("x")]))
      yield* Effect.provide(
        Effect.gen(function*() {
          const catalog = yield* ToolCatalog
          const started = Effect.map(TestClock.adjust(0), () => [all.asked.join(" "), all.warmed.join(" ")])
          assert.deepStrictEqual(yield* started, ["hung slow", "hung slow"])
          const { unavailable } = yield* Effect.map(catalog.ready({ within: 0 }), ({ unavailable }) => ({
            unavailable: unavailable.map(({ error, server }) => [server, error.message])
          }))
          assert.match(
            String(unavailable.find(([server]) => server === "slow")),
            /it is downloading; its tools come as soon as it has answered/
          )
          assert.match(String(unavailable.find(([server]) => server === "d")), /it waits for its turn to be started/)
          yield* TestClock.adjust("2 seconds")
          assert.deepStrictEqual(yield* started, ["hung slow c", "hung slow c"])
          yield* TestClock.adjust("2999 millis")
          assert.deepStrictEqual(yield* started, ["hung slow c", "hung slow c"])
          yield* TestClock.adjust("1 millis")
          assert.deepStrictEqual(yield* started, ["hung slow c d", "hung slow c d"])
          yield* TestClock.adjust("4 seconds")
          assert.deepStrictEqual(names(yield* catalog.current), ["slow__x", "c__x", "d__x"])
          // Who has answered once needs no turn to be asked again.
          yield* all.changed("slow")
          for (let i = 0; i < 100; i++) yield* Effect.yieldNow
          assert.deepStrictEqual(all.asked.filter((server) => server === "slow").length, 2)
        }),
        Layer.provide(ToolCatalog.layer({ concurrency: 2 }), all.layer)
      )
    }))

  it.effect("a server that a caller waits for is started at once, whoever stands before it", () =>
    Effect.gen(function*() {
      const all = yield* servers(["hung", "a", "b"])
      all.lists.set("hung", Effect.never)
      all.lists.set("b", Effect.succeed([tool("x")]))
      yield* Effect.provide(
        Effect.gen(function*() {
          const catalog = yield* ToolCatalog
          yield* TestClock.adjust(0)
          assert.deepStrictEqual(all.asked, ["hung"])
          yield* catalog.call("b__x")
          assert.deepStrictEqual(all.asked, ["hung", "b"])
          yield* TestClock.adjust("5 seconds")
          assert.deepStrictEqual([all.asked, all.called], [["hung", "b", "a"], ["b.x"]])
        }),
        Layer.provide(ToolCatalog.layer({ concurrency: 1 }), all.layer)
      )
    }))

  it.effect("a tool of a server whose list failed is refused with the reason, at the latest at its deadline; others wait for nobody", () =>
    Effect.gen(function*() {
      const all = yield* servers(["a", "dead", "slow", "my server"])
      all.lists.set("a", Effect.succeed([tool("x")]))
      all.lists.set("dead", Effect.fail(down("dead")))
      all.lists.set("my server", Effect.fail(down("my server")))
      all.lists.set("slow", Effect.as(Effect.sleep("1 minute"), [tool("late")]))
      yield* Effect.provide(
        Effect.gen(function*() {
          const catalog = yield* ToolCatalog
          const reasonOf = (name: string, options?: CallOptions) =>
            Effect.map(Effect.flip(catalog.call(name, {}, options)), ({ reason }) => reason)
          assert.deepStrictEqual(yield* reasonOf("dead__x"), down("dead").reason)
          assert.deepStrictEqual(yield* reasonOf(ToolName.make("my server", "x")), down("my server").reason)
          assert.strictEqual((yield* reasonOf("unset__x"))._tag, "ConfigInvalid")
          assert.deepInclude(yield* reasonOf("a__y"), { _tag: "UnknownTool", near: ["a__x"] })
          assert.strictEqual((yield* reasonOf("nobodys"))._tag, "UnknownTool")
          const late = yield* Effect.forkChild(reasonOf("slow__x", { deadline: "20 seconds" }), {
            startImmediately: true
          })
          yield* TestClock.adjust("20 seconds")
          assert.deepInclude(yield* Fiber.join(late), {
            _tag: "DeadlineExceeded",
            server: "slow",
            method: "tools/call",
            afterMillis: 20_000,
            delivery: "NotSent"
          })
          const call = yield* Effect.forkChild(catalog.call("slow__late", {}, { deadline: "1 minute" }), {
            startImmediately: true
          })
          yield* TestClock.adjust("40 seconds")
          yield* Fiber.join(call)
          // What is left of its minute.
          assert.deepStrictEqual(all.deadlines.map((deadline) => deadline && Duration.toMillis(deadline)), [20_000])
        }),
        Layer.provide(ToolCatalog.layer(), all.layer)
      )
    }))

  it.effect("two tools of one name are one, and told of once", () =>
    Effect.gen(function*() {
      const all = yield* servers(["a"])
      all.lists.set("a", Effect.succeed([tool("x"), { ...tool("x"), title: "again" }, tool("y")]))
      const told: Array<unknown> = []
      yield* Effect.provide(
        Effect.gen(function*() {
          const catalog = yield* ToolCatalog
          assert.deepStrictEqual(names(yield* catalog.ready()), ["a__x", "a__y"])
          assert.isUndefined((yield* catalog.current).tools[0]?.tool.title)
          yield* all.changed("a")
          for (let i = 0; i < 100; i++) yield* Effect.yieldNow
          assert.deepStrictEqual([all.asked.length, told.length], [2, 1])
        }),
        Layer.provide(
          ToolCatalog.layer(),
          Layer.merge(all.layer, Logger.layer([Logger.make<unknown, void>(({ message }) => void told.push(message))]))
        )
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
          const catalog = yield* ToolCatalog
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
      "a/b",
      "搜索",
      "查询",
      "1st",
      "-x",
      "__proto__",
      "x".repeat(70),
      `${"x".repeat(70)}y`,
      ""
    ]
    const seen = new Map<string, string>()
    for (const server of words) {
      for (const name of words) {
        const made = ToolName.make(server, name)
        assert.match(made, /^[A-Za-z_][A-Za-z0-9_-]{0,63}$/)
        assert.isTrue(ToolName.mayBeOf(server, made), `${made} of ${server}`)
        assert.strictEqual(ToolName.make(server, name), made)
        assert.isUndefined(seen.get(made), `${server} and ${name} are called ${made}, and so are ${seen.get(made)}`)
        seen.set(made, `${server} and ${name}`)
      }
    }
    assert.strictEqual(ToolName.make("fs", "read_text_file"), "fs__read_text_file")
  })

  it.effect("asks a server again when its list is stale, not before, and never more often than once a second", () =>
    Effect.gen(function*() {
      const all = yield* servers(["a", "b"])
      all.lists.set("a", Effect.succeed([tool("x")]))
      all.fresh.set("a", 60_000)
      yield* Effect.provide(
        Effect.gen(function*() {
          const catalog = yield* ToolCatalog
          yield* catalog.ready()
          const times = (server: string) => all.asked.filter((each) => each === server).length
          yield* TestClock.adjust("59 seconds")
          assert.deepStrictEqual([times("a"), times("b")], [1, 1])
          all.lists.set("a", Effect.succeed([tool("y")]))
          yield* TestClock.adjust("1 second")
          assert.deepStrictEqual(names(yield* catalog.current), ["a__y"])
          all.fresh.set("a", 1)
          yield* TestClock.adjust("60 seconds")
          const before = times("a")
          yield* TestClock.adjust("10 seconds")
          assert.isAtMost(times("a") - before, 10)
          assert.isAtLeast(times("a") - before, 5)
          // It says nothing of it any more.
          all.fresh.delete("a")
          yield* TestClock.adjust("2 seconds")
          const last = times("a")
          yield* TestClock.adjust("1 hour")
          assert.deepStrictEqual([times("a"), times("b")], [last, 1])
        }),
        Layer.provide(ToolCatalog.layer(), all.layer)
      )
    }))
})
