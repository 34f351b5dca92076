/** What is desired of a server (news, log levels) is desired of its name, whatever connections and configs come and go. */
import { assert, describe, it } from "@effect/vitest"
import { McpConfig, type ServerOptions } from "@holdfast/mcp"
import { McpConnections } from "@holdfast/mcp/McpConnections"
import { MemoryServer } from "@holdfast/mcp/testing"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"

const telling = (era: "legacy" | "modern", gate: Effect.Effect<void> = Effect.void) =>
  MemoryServer.make({
    era,
    tools: { work: { annotations: { readOnlyHint: true }, run: () => Effect.as(gate, "done") } },
    handlers: {
      "resources/subscribe": () => Effect.succeed({}),
      "resources/unsubscribe": () => Effect.succeed({}),
      "logging/setLevel": () => Effect.succeed({}),
      "subscriptions/listen": () => Effect.never
    }
  })

/** What the server was asked to tell, and `work`, in order. */
const asked = (server: MemoryServer): ReadonlyArray<string> =>
  server.received().flatMap((frame) => {
    if (frame._tag !== "Request") return []
    // The client is ours: these are the members its requests have.
    const params = frame.params as {
      readonly uri?: string
      readonly level?: string
      readonly notifications?: { readonly resourceSubscriptions?: ReadonlyArray<string> }
    }
    switch (frame.method) {
      case "resources/subscribe":
        return [`+${params.uri}`]
      case "resources/unsubscribe":
        return [`-${params.uri}`]
      case "logging/setLevel":
        return [`=${params.level}`]
      case "subscriptions/listen":
        return [`listen ${params.notifications?.resourceSubscriptions?.join() ?? ""}`]
      case "tools/call":
        return ["work"]
      default:
        return []
    }
  })

const work = (mcp: McpConnections["Service"], name = "s") => mcp.callTool(name, { name: "work" })

/** Lets what was forked run until it waits for something. */
const breathe = Effect.forEach(Array.from({ length: 100 }), () => Effect.yieldNow, { discard: true })

const configOf = (servers: Parameters<typeof McpConfig.make>[0]) => McpConfig.make(servers)

describe("wishes of a name", () => {
  it.effect("are told to the server that bears it after another config, before anybody uses it", () =>
    Effect.gen(function*() {
      const [one, other] = [yield* telling("legacy"), yield* telling("legacy")]
      const mcp = yield* McpConnections.make(yield* configOf({ s: one.endpoint }))
      yield* mcp.subscribe("s", "memo://1")
      yield* mcp.logLevel("s", "warning")
      yield* mcp.reload(yield* configOf({ s: other.endpoint }))
      yield* work(mcp)
      assert.deepStrictEqual(asked(other), ["=warning", "+memo://1", "work"])
      // The same server with another option is another one, too.
      yield* mcp.reload(yield* configOf({ s: { endpoint: other.endpoint, deadlines: { read: 5000 } } }))
      yield* work(mcp)
      assert.deepStrictEqual(asked(other).slice(3), ["=warning", "+memo://1", "work"])
    }))

  it.effect("wait while it is nobody's, and nobody is told what was taken back meanwhile", () =>
    Effect.gen(function*() {
      const [one, other] = [yield* telling("legacy"), yield* telling("legacy")]
      const mcp = yield* McpConnections.make(yield* configOf({ s: one.endpoint }))
      const scope = yield* Scope.make()
      yield* Scope.provide(mcp.subscribe("s", "memo://1"), scope)
      yield* mcp.subscribe("s", "memo://2")
      yield* mcp.reload(yield* configOf({}))
      yield* Scope.close(scope, Exit.void)
      yield* mcp.reload(yield* configOf({ s: other.endpoint }))
      yield* work(mcp)
      assert.deepStrictEqual(asked(other), ["+memo://2", "work"])
    }))

  it.effect("are told at once to a server that is connected already under another name", () =>
    Effect.gen(function*() {
      const [one, shared] = [yield* telling("legacy"), yield* telling("legacy")]
      const mcp = yield* McpConnections.make(yield* configOf({ s: one.endpoint, t: shared.endpoint }))
      yield* mcp.subscribe("s", "memo://1")
      yield* work(mcp, "t")
      yield* mcp.reload(yield* configOf({ s: shared.endpoint, t: shared.endpoint }))
      yield* breathe
      assert.deepStrictEqual(asked(shared), ["work", "+memo://1"])
      assert.strictEqual(shared.opened(), 1)
    }))

  it.effect("are told to every connection there is, and taken back from every one", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const server = yield* telling("legacy", Deferred.await(gate))
      const options: ServerOptions = {
        endpoint: server.endpoint,
        policy: { sharing: "exclusive", maxConnectionsPerKey: 2 }
      }
      const mcp = yield* McpConnections.make(yield* configOf({ s: options }))
      const busy = yield* Effect.forkChild(Effect.all([work(mcp), work(mcp)], { concurrency: 2 }))
      yield* Effect.repeat(breathe, { until: () => server.calls("work").length === 2, times: 100 })
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(busy)
      assert.strictEqual(server.connections().length, 2)
      const scope = yield* Scope.make()
      yield* Scope.provide(mcp.subscribe("s", "memo://1"), scope)
      // One of them may be told twice, which does no harm.
      assert.isAtLeast(asked(server).filter((word) => word === "+memo://1").length, 2)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(asked(server).filter((word) => word === "-memo://1").length, 2)
    }))

  it.effect("are taken back by a caller who gives up before the server has said yes", () =>
    Effect.gen(function*() {
      const server = yield* MemoryServer.make({
        era: "legacy",
        handlers: { "resources/subscribe": () => Effect.never, "resources/unsubscribe": () => Effect.succeed({}) }
      })
      const mcp = yield* McpConnections.make(yield* configOf({ s: server.endpoint }))
      const wishing = yield* Effect.forkChild(Effect.scoped(mcp.subscribe("s", "memo://1")), { startImmediately: true })
      yield* Effect.repeat(breathe, { until: () => asked(server).length === 1, times: 100 })
      yield* Fiber.interrupt(wishing)
      yield* breathe
      assert.deepStrictEqual(asked(server), ["+memo://1", "-memo://1"])
    }))

  it.effect("are listened for by the modern server that bears it, and by no other", () =>
    Effect.gen(function*() {
      const [one, other] = [yield* telling("modern"), yield* telling("modern")]
      const mcp = yield* McpConnections.make(yield* configOf({ s: one.endpoint }))
      yield* mcp.subscribe("s", "memo://1")
      yield* work(mcp)
      yield* breathe
      assert.deepStrictEqual(asked(one).filter((word) => word !== "work"), ["listen memo://1"])
      yield* mcp.reload(yield* configOf({ s: other.endpoint }))
      yield* work(mcp)
      yield* mcp.subscribe("s", "memo://2")
      yield* breathe
      assert.deepStrictEqual(asked(other).filter((word) => word !== "work"), [
        "listen memo://1",
        "listen memo://1,memo://2"
      ])
    }))
})

describe("another config", () => {
  it.effect("leaves no connection of what it replaces, not even one that callers were still waiting for", () =>
    Effect.gen(function*() {
      const dialling = yield* Deferred.make<void>()
      const one = yield* MemoryServer.make({
        tools: { work: { run: () => Effect.succeed("done") } },
        onDial: () => Deferred.await(dialling)
      })
      const mcp = yield* McpConnections.make(yield* configOf({ s: one.endpoint }))
      const waiting = yield* Effect.forkChild(work(mcp), { startImmediately: true })
      yield* mcp.reload(yield* configOf({}))
      yield* Deferred.succeed(dialling, undefined)
      assert.isUndefined((yield* Fiber.join(waiting)).isError)
      yield* Effect.repeat(breathe, { until: () => one.connections().length === 0, times: 100 })
      assert.deepStrictEqual(one.connections(), [])
      // It is as good as new when it comes back.
      yield* mcp.reload(yield* configOf({ s: one.endpoint }))
      yield* work(mcp)
      yield* breathe
      yield* work(mcp)
      assert.strictEqual(one.opened(), 2)
    }))

  it.effect("gives the connections of what stays to nobody with other options who comes first", () =>
    Effect.gen(function*() {
      const server = yield* MemoryServer.make({ tools: { work: { run: () => Effect.succeed("done") } } })
      const mcp = yield* McpConnections.make(yield* configOf({ s: server.endpoint }))
      yield* work(mcp)
      const other = { endpoint: server.endpoint, policy: { sharing: "exclusive" as const } }
      yield* mcp.reload(yield* configOf({ first: other, s: server.endpoint }))
      yield* work(mcp)
      assert.strictEqual(server.opened(), 1)
      yield* work(mcp, "first")
      assert.strictEqual(server.opened(), 2)
    }))
})
