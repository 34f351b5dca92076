/** Functions that an application gives to the runtime, and that fail: each costs its own call at most, and is told of once. */
import { assert, describe, it } from "@effect/vitest"
import { Endpoint, McpConfig, McpConnections } from "@holdfast/mcp"

import * as McpToolkit from "@holdfast/mcp/McpToolkit"
import * as SdkTransport from "@holdfast/mcp/SdkTransport"
import { type Handler, MemoryServer } from "@holdfast/mcp/testing"
import { type Catalog, type CatalogOptions, ToolCatalog } from "@holdfast/mcp/ToolCatalog"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { eventually } from "./support/eventually.ts"
import { inTime, passing } from "./support/memoryTime.ts"
import * as SpyHttp from "./support/SpyHttp.ts"

/** Runs something with a log of its own. */
const logged = <A, E, R>(f: (lines: ReadonlyArray<string>) => Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const lines: Array<string> = []
    const logger = Logger.layer([
      Logger.make(({ message }) =>
        void lines.push(Array.isArray(message) ? message.map(String).join(" ") : String(message))
      )
    ])
    return Effect.provide(f(lines), logger)
  })

const bug = (): never => {
  throw new Error("a bug of the application's")
}

const dies = () => Effect.sync(bug)

const count = (lines: ReadonlyArray<string>, words: string): number =>
  lines.filter((line) => line.includes(words)).length

const catalogOf = (servers: Parameters<typeof McpConfig.make>[0], options: CatalogOptions = {}) =>
  Effect.gen(function*() {
    const config = yield* McpConfig.make(servers)
    const context = yield* Layer.build(
      ToolCatalog.layer(options).pipe(Layer.provideMerge(McpConnections.layer(config)))
    )
    return { context, catalog: Context.get(context, ToolCatalog) }
  })

const named = ({ tools }: Catalog): ReadonlyArray<string> => tools.map(({ name }) => name)

describe("onProgress", () => {
  it.effect("that throws or rejects costs nothing but itself, and is told of once for each call", () =>
    logged((lines) =>
      Effect.gen(function*() {
        const server = yield* MemoryServer.make({
          tools: {
            work: {
              run: (_, { progress }) =>
                Effect.as(Effect.forEach([1, 2, 3], (step) => progress({ progress: step })), "done")
            }
          }
        })
        const mcp = yield* McpConnections.make(yield* McpConfig.make({ a: server.endpoint, b: server.endpoint }))
        yield* mcp.request("a", { method: "ping" })
        const rejecting = () => Promise.reject(new Error("a promise of the application's"))
        for (const onProgress of [bug, rejecting]) {
          const { content } = yield* mcp.callTool("b", { name: "work" }, { onProgress })
          assert.deepStrictEqual(content, [{ type: "text", text: "done" }])
        }
        yield* passing("both are told", () => count(lines, "b: onProgress of tools/call failed") === 2)
        assert.strictEqual(count(lines, "a bug of the application's"), 1)
        assert.strictEqual(count(lines, "a promise of the application's"), 1)
        assert.strictEqual(server.opened(), 1)
      })
    ))
})

describe("a reader of notifications", () => {
  it.effect("that falls 1024 behind is told in the log, once, and hears the newest", () =>
    logged((lines) =>
      Effect.gen(function*() {
        const server = yield* MemoryServer.make({ tools: {} })
        const mcp = yield* McpConnections.make(yield* McpConfig.make({ it: server.endpoint }))
        const heard: Array<unknown> = []
        yield* Effect.forkScoped(
          Stream.runForEach(mcp.notifications, ({ params }) =>
            Effect.andThen(Effect.sync(() => void heard.push(params)), Effect.sleep("1 second"))),
          { startImmediately: true }
        )
        yield* mcp.request("it", { method: "ping" })
        for (let n = 1; n <= 5000; n++) {
          yield* server.notify("notifications/message", { n })
        }
        yield* TestClock.adjust("2 hours")
        assert.deepStrictEqual(heard.at(-1), { n: 5000 })
        assert.isAtMost(heard.length, 2 * 1024)
        assert.strictEqual(count(lines, "more than 1024 behind"), 1)
      })
    ))

  it.effect("that dies takes no other with it", () =>
    Effect.gen(function*() {
      const server = yield* MemoryServer.make({ tools: {} })
      const mcp = yield* McpConnections.make(yield* McpConfig.make({ it: server.endpoint }))
      let heard = 0
      yield* Effect.forkScoped(Effect.exit(Stream.runForEach(mcp.notifications, dies)), { startImmediately: true })
      yield* Effect.forkScoped(Effect.exit(Stream.runForEach(mcp.reloads, dies)), { startImmediately: true })
      yield* Effect.forkScoped(Effect.exit(Stream.runForEach(mcp.events, dies)), { startImmediately: true })
      yield* Effect.forkScoped(Stream.runForEach(mcp.notifications, () => Effect.sync(() => heard++)), {
        startImmediately: true
      })
      yield* mcp.request("it", { method: "ping" })
      yield* mcp.reload(yield* McpConfig.make({ it: server.endpoint }))
      for (let n = 1; n <= 3; n++) yield* server.notify("notifications/message", { n })
      yield* passing("all is heard", () => heard === 3)
    }))
})

describe("the catalog's filter", () => {
  it.effect("that throws at one tool leaves out that tool, says so once, and the list goes on to follow its server", () =>
    logged((lines) =>
      Effect.gen(function*() {
        let tools = ["good", "odd"]
        const list: Handler = () =>
          Effect.sync(() => ({ tools: tools.map((name) => ({ name, inputSchema: { type: "object" } })) }))
        const server = yield* MemoryServer.make({
          era: "legacy",
          handlers: { "tools/list": list },
          capabilities: { tools: { listChanged: true } }
        })
        const { catalog } = yield* catalogOf({ it: server.endpoint }, {
          filter: (_, { name }) => name === "odd" ? bug() : true
        })
        assert.deepStrictEqual(named(yield* catalog.ready()), ["it__good"])
        tools = ["good", "odd", "new"]
        yield* server.notify("notifications/tools/list_changed")
        const next = Stream.filter(catalog.changes, (now) => named(now).includes("it__new"))
        yield* inTime(Stream.runHead(next))
        assert.deepStrictEqual(named(yield* catalog.current), ["it__good", "it__new"])
        assert.strictEqual(count(lines, "it__odd is left out"), 1)
      })
    ))
})

describe("a connector that dies", () => {
  it.effect("keeps no other server's tools waiting, is named with the reason, and told of once", () =>
    logged((lines) =>
      Effect.gen(function*() {
        const good = yield* MemoryServer.make({ tools: { t: { run: () => Effect.succeed("ok") } } })
        const bad = yield* MemoryServer.make({ tools: {}, onDial: () => Effect.sync(bug) })
        const worse = yield* MemoryServer.make({ tools: {}, onDial: bug })
        const { catalog } = yield* catalogOf({ good: good.endpoint, bad: bad.endpoint, worse: worse.endpoint })
        const ready = yield* catalog.ready()
        assert.deepStrictEqual(named(ready), ["good__t"])
        for (const { error } of ready.unavailable) {
          assert.match(error.message, /an error of the program, which is not quoted: Error at bug .*:\d+:\d+/)
        }
        assert.deepStrictEqual(ready.unavailable.map(({ server }) => server), ["bad", "worse"])
        yield* TestClock.adjust("10 minutes")
        assert.strictEqual(count(lines, "bad: handshake failed: an error of the program"), 1)
        assert.strictEqual(count(lines, "bad: connecting broke: Error at bug"), 1)
        assert.strictEqual(count(lines, "a bug of the application's"), 0)
      })
    ))

  it.effect("fails the caller typed", () =>
    Effect.gen(function*() {
      const bad = yield* MemoryServer.make({ tools: {}, onDial: bug })
      const mcp = yield* McpConnections.make(yield* McpConfig.make({ bad: bad.endpoint }))
      const { reason } = yield* Effect.flip(mcp.callTool("bad", { name: "x" }))
      assert.deepInclude(reason, { _tag: "HandshakeFailed", server: "bad" })
    }))
})

describe("a call by a name of the catalog", () => {
  it.effect("waits for its own server, and for no other", () =>
    Effect.gen(function*() {
      const good = yield* MemoryServer.make({ tools: { t: { run: () => Effect.succeed("ok") } } })
      const slow = yield* MemoryServer.make({ tools: {}, onDial: () => Effect.never })
      const { catalog } = yield* catalogOf({ slow: slow.endpoint, good: good.endpoint })
      // Nothing has answered yet; time stands still.
      assert.deepStrictEqual((yield* catalog.call("good__t")).content, [{ type: "text", text: "ok" }])
    }))
})

describe("a model", () => {
  it.effect("that calls a tool with something that is no object is told so, and the tool is not called", () =>
    Effect.gen(function*() {
      const server = yield* MemoryServer.make({ tools: { t: { run: () => Effect.succeed("ok") } } })
      const { context } = yield* catalogOf({ it: server.endpoint })
      const { toolkit } = yield* Effect.provide(McpToolkit.make(), context)
      const answers: Array<unknown> = []
      for (const input of ["{}", [1], 5, null, {}]) {
        const results = yield* Stream.runCollect(Stream.unwrap(toolkit.handle("it__t", input)))
        answers.push([...results].at(-1)?.result)
      }
      const no = { text: "it__t: its arguments must be an object", isError: true }
      const yes = { text: "ok", isError: false }
      assert.deepStrictEqual(answers, [no, no, no, yes, yes])
      assert.strictEqual(server.calls("t").length, 2)
    }))

  it.effect("is told of a call that dies, and the program goes on", () =>
    logged((lines) =>
      Effect.gen(function*() {
        const server = yield* MemoryServer.make({ tools: { t: { run: () => Effect.succeed("ok") } } })
        const { catalog } = yield* catalogOf({ it: server.endpoint })
        const ready = yield* catalog.ready()
        const broken = { ...catalog, ready: () => Effect.succeed(ready), call: () => Effect.sync(bug) }
        const { toolkit } = yield* Effect.provideService(McpToolkit.make(), ToolCatalog, broken)
        const results = yield* Stream.runCollect(Stream.unwrap(toolkit.handle("it__t", {})))
        assert.deepInclude([...results].at(-1)?.result, { isError: true })
        assert.strictEqual(count(lines, "it__t could not be called"), 1)
      })
    ))
})

describe("a handler for what servers ask", () => {
  // What a program in JavaScript may give.
  const promised = (() => Promise.resolve({})) as never
  const nothing = (() => undefined) as never

  it.effect("that throws, or gives no effect, is the server's error in the old way, and the next question is answered", () =>
    logged((lines) =>
      Effect.gen(function*() {
        const answers: Array<unknown> = []
        const server = yield* MemoryServer.make({ era: "legacy", tools: {} })
        for (const handler of [bug, promised, nothing]) {
          const mcp = yield* McpConnections.make(yield* McpConfig.make({ it: server.endpoint }), {
            handlers: { elicitation: handler }
          })
          yield* mcp.request("it", { method: "ping" })
          for (const id of ["one", "two"]) {
            const before = server.received().length
            for (const peer of server.connections()) {
              peer.send({ jsonrpc: "2.0", id, method: "elicitation/create", params: {} })
            }
            yield* passing("answered", () => server.received().length > before)
            const answer = server.received().at(-1)
            answers.push(answer?._tag === "Failure" ? answer.error.code : answer?._tag)
          }
          yield* mcp.drain()
        }
        assert.deepStrictEqual([...new Set(answers)], [-32603])
        // Once for each runtime: what fails once mostly fails every time.
        assert.strictEqual(count(lines, "the handler of elicitation/create failed"), 3)
      })
    ))

  it.effect("that throws, or gives no effect, fails the call that asked, typed, in the modern way", () =>
    logged(() =>
      Effect.gen(function*() {
        const curious: Handler = () =>
          Effect.succeed({
            resultType: "input_required",
            inputRequests: { who: { method: "elicitation/create", params: {} } }
          })
        const server = yield* MemoryServer.make({ era: "modern", tools: {}, handlers: { "tools/call": curious } })
        for (const handler of [bug, promised, nothing]) {
          const mcp = yield* McpConnections.make(yield* McpConfig.make({ it: server.endpoint }), {
            handlers: { elicitation: handler }
          })
          const { reason } = yield* Effect.flip(mcp.callTool("it", { name: "t" }))
          assert.deepInclude(reason, { _tag: "ServerError", code: -32603 })
        }
      })
    ))
})

describe("a classifier of lost sessions", () => {
  it.live("that throws leaves the question to the default, and is told of once", () =>
    logged((lines) =>
      Effect.gen(function*() {
        const server = yield* SpyHttp.make({ answers: "sse", hasSessions: true })
        const mcp = yield* McpConnections.make(
          yield* McpConfig.make({ spy: { endpoint: Endpoint.http({ url: server.url }), era: "legacy" } }),
          {
            isSessionLost: { spy: bug }
          }
        )
        for (let round = 0; round < 3; round++) {
          yield* mcp.request("spy", { method: "ping" })
          server.sessions.clear()
        }
        yield* mcp.request("spy", { method: "ping" })
        assert.isAtLeast(server.spy.received.filter(({ method }) => method === "initialize").length, 4)
        assert.isAtLeast(count(lines, "isSessionLost failed"), 1)
        // Once for each connection.
        assert.isAtMost(count(lines, "isSessionLost failed"), 4)
      })
    ))
})

describe("a client of the SDK", () => {
  it.live("whose listeners throw harms neither the connection nor what it had asked for", () =>
    logged((lines) =>
      Effect.gen(function*() {
        const server = yield* MemoryServer.make({
          era: "legacy",
          tools: {},
          handlers: {
            "resources/subscribe": () => Effect.succeed({}),
            "resources/unsubscribe": () => Effect.succeed({})
          }
        })
        const mcp = yield* McpConnections.make(yield* McpConfig.make({ it: server.endpoint }))
        const transport = yield* SdkTransport.make(mcp, "it")
        Object.assign(transport, { onmessage: bug, onerror: bug, onclose: bug })
        yield* Effect.promise(() => transport.start())
        yield* Effect.promise(() => transport.send({ jsonrpc: "2.0", id: 1, method: "ping" }))
        const params = { uri: "memo://1" }
        yield* Effect.promise(() => transport.send({ jsonrpc: "2.0", id: 2, method: "resources/subscribe", params }))
        const heard = (method: string) =>
          server.received().some((frame) => frame._tag === "Request" && frame.method === method)
        yield* eventually("it is subscribed", () => heard("resources/subscribe"))
        yield* Effect.promise(() => transport.close())
        yield* eventually("it is taken back", () => heard("resources/unsubscribe"))
        assert.strictEqual((yield* mcp.snapshot).leases, 0)
        assert.strictEqual(count(lines, "onclose of the client failed"), 1)
        yield* mcp.request("it", { method: "ping" })
      })
    ))
})

describe("a logger that throws", () => {
  it.effect("ends neither the log of connections nor a call", () =>
    Effect.gen(function*() {
      let attempts = 0
      const logger = Logger.layer([
        Logger.make(() => {
          attempts++
          bug()
        })
      ])
      const server = yield* MemoryServer.make({ tools: {} })
      const config = yield* McpConfig.make({ it: server.endpoint })
      const mcp: McpConnections["Service"] = yield* Effect.provide(McpConnections.make(config), logger)
      for (let round = 0; round < 3; round++) {
        yield* mcp.request("it", { method: "ping" })
        yield* server.kill
        yield* TestClock.adjust("1 minute")
      }
      // Two lines for each outage: it is lost, it is back.
      assert.isAtLeast(attempts, 4)
      assert.strictEqual((yield* mcp.snapshot).leases, 0)
    }))
})
