/** Programs that subscribe or ask for log messages, and then only listen: in both eras, whatever becomes of the connection. */
import { assert, describe, it } from "@effect/vitest"
import { type Endpoint, McpConfig, type ServerOptions } from "@holdfast/mcp"
import { McpConnections, readAgain, type ServerNotification } from "@holdfast/mcp/McpConnections"
import { Unreachable } from "@holdfast/mcp/McpRuntimeError"
import { type Handler, MemoryServer, type MemoryServerOptions } from "@holdfast/mcp/testing"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { inTime, passing } from "./support/memoryTime.ts"

type Era = "legacy" | "modern"
type Transport = "stdio" | "http"

const ok: Handler = () => Effect.succeed({})

const telling = (era: Era, options: MemoryServerOptions = {}) =>
  MemoryServer.make({
    era,
    tools: {},
    ...options,
    handlers: {
      "resources/subscribe": ok,
      "resources/unsubscribe": ok,
      "logging/setLevel": ok,
      ...options.handlers
    }
  })

const updated = (server: MemoryServer, uri: string) => server.notify("notifications/resources/updated", { uri })

/** Hears everything; `news` are the uris, those of the runtime's own with a question mark. */
const hearing = (mcp: McpConnections["Service"]) =>
  Effect.gen(function*() {
    const heard: Array<ServerNotification> = []
    yield* Effect.forkScoped(
      Stream.runForEach(mcp.notifications, (notification) => Effect.sync(() => void heard.push(notification))),
      { startImmediately: true }
    )
    const news = () =>
      heard.filter(({ method }) => method === "notifications/resources/updated").map(({ params, server }) => {
        // The servers are ours, and the runtime.
        const { _meta, uri } = params as { readonly uri: string; readonly _meta?: Readonly<Record<string, unknown>> }
        return `${server} ${uri}${_meta?.[readAgain] === true ? "?" : ""}`
      })
    return { heard, news }
  })

/** What the server was told about resources and levels, in order; cancellations of requests that listen, too. */
const told = (server: MemoryServer): ReadonlyArray<string> =>
  server.received().flatMap((frame) => {
    if (frame._tag !== "Request" && frame._tag !== "Notification") return []
    // The client is ours.
    const params = (frame.params ?? {}) as {
      readonly uri?: string
      readonly level?: string
      readonly requestId?: number
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
        return [`listen ${params.notifications?.resourceSubscriptions?.join() ?? ""}`.trim()]
      case "notifications/cancelled":
        return ["cancel"]
      default:
        return []
    }
  })

const connected = (it: Endpoint | ServerOptions) =>
  Effect.flatMap(McpConfig.make({ it }), (config) => McpConnections.make(config))

const worlds: ReadonlyArray<readonly [Era, Transport]> = [
  ["legacy", "stdio"],
  ["legacy", "http"],
  ["modern", "stdio"],
  ["modern", "http"]
]

describe("a subscriber that only listens", () => {
  for (const [era, transport] of worlds) {
    it.effect(`keeps an idle connection open as long as it listens, and no longer, ${era} over ${transport}`, () =>
      Effect.gen(function*() {
        const server = yield* telling(era, { transport })
        const mcp = yield* McpConnections.make(yield* McpConfig.make({}))
        const { news } = yield* hearing(mcp)
        const first = yield* Scope.make()
        const second = yield* Scope.make()
        yield* Scope.provide(mcp.subscribe(server.endpoint, "memo://1"), first)
        yield* Scope.provide(mcp.subscribe(server.endpoint, "memo://1"), second)
        yield* TestClock.adjust("1 hour")
        assert.strictEqual(server.opened(), 1)
        yield* Scope.close(first, Exit.void)
        yield* TestClock.adjust("1 hour")
        yield* updated(server, "memo://1")
        yield* passing("the other one still hears", () => news().length === 1)
        yield* Scope.close(second, Exit.void)
        assert.deepStrictEqual((yield* mcp.snapshot).keys.map(({ isWarm }) => isWarm), [false])
        // An endpoint that the caller brings along is closed after five idle minutes.
        yield* TestClock.adjust("6 minutes")
        assert.deepStrictEqual(server.connections(), [])
        assert.strictEqual(server.opened(), 1)
      }))

    it.effect(`hears the next change after its server was killed, without any call, ${era} over ${transport}`, () =>
      Effect.gen(function*() {
        const server = yield* telling(era, { transport })
        const mcp = yield* connected(server.endpoint)
        const { news } = yield* hearing(mcp)
        yield* mcp.subscribe("it", "memo://1")
        yield* updated(server, "memo://1")
        yield* passing("it is heard", () => news().length === 1)
        yield* server.kill
        yield* passing("the new connection is told", () => news().length === 2)
        yield* updated(server, "memo://1")
        yield* passing("it is heard again", () => news().length === 3)
        // In between it is told once that it may have missed something.
        assert.deepStrictEqual(news(), ["it memo://1", "it memo://1?", "it memo://1"])
        assert.strictEqual(server.opened(), 2)
      }))
  }

  it.effect("is probed, and a connection that is dead without saying so is replaced", () =>
    Effect.gen(function*() {
      let isDead = false
      const server = yield* telling("legacy", {
        transport: "http",
        handlers: { ping: () => Effect.suspend(() => isDead ? Effect.never : Effect.succeed({})) }
      })
      const mcp = yield* connected(server.endpoint)
      yield* mcp.subscribe("it", "memo://1")
      yield* TestClock.adjust("10 minutes")
      const pings = server.received().filter((frame) => frame._tag === "Request" && frame.method === "ping")
      assert.isAtLeast(pings.length, 10)
      assert.strictEqual(server.opened(), 1)
      isDead = true
      yield* TestClock.adjust("5 minutes")
      assert.isAtLeast(server.opened(), 2)
    }))

  it.effect("outlasts a server that is away for an hour", () =>
    Effect.gen(function*() {
      let isAway = false
      const server = yield* telling("legacy", {
        transport: "http",
        onDial: (name) =>
          isAway ? new Unreachable({ server: name, url: "x", description: "nobody listens" }) : Effect.void
      })
      const mcp = yield* connected(server.endpoint)
      const { news } = yield* hearing(mcp)
      yield* mcp.subscribe("it", "memo://1")
      isAway = true
      yield* server.kill
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(server.connections(), [])
      isAway = false
      yield* TestClock.adjust("10 seconds")
      yield* updated(server, "memo://1")
      yield* passing("it is heard again", () => news().length === 2)
      assert.deepStrictEqual(news(), ["it memo://1?", "it memo://1"])
    }))

  it.effect("is told to read again when another config puts another server under the name", () =>
    Effect.gen(function*() {
      const [one, other] = [yield* telling("legacy"), yield* telling("modern")]
      const mcp = yield* connected(one.endpoint)
      const { news } = yield* hearing(mcp)
      yield* mcp.subscribe("it", "memo://1")
      yield* mcp.reload(yield* McpConfig.make({ it: other.endpoint }))
      yield* passing("the other one is told, without a call", () => news().length === 1)
      yield* updated(other, "memo://1")
      yield* passing("and heard", () => news().length === 2)
      assert.deepStrictEqual(news(), ["it memo://1?", "it memo://1"])
    }))

  it.effect("is told nothing of the kind when one of several connections is replaced", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const server = yield* telling("legacy", { tools: { wait: { run: () => Effect.as(Deferred.await(gate), "") } } })
      const options: ServerOptions = {
        endpoint: server.endpoint,
        policy: { sharing: "exclusive", maxConnectionsPerKey: 2 }
      }
      const mcp = yield* connected(options)
      const { news } = yield* hearing(mcp)
      yield* mcp.subscribe("it", "memo://1")
      const calls = yield* Effect.forkChild(
        Effect.all([mcp.callTool("it", { name: "wait" }), mcp.callTool("it", { name: "wait" })], { concurrency: 2 }),
        { startImmediately: true }
      )
      yield* passing("there are two", () => server.calls("wait").length === 2)
      assert.deepStrictEqual(told(server), ["+memo://1", "+memo://1"])
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(calls)
      server.connections()[0]?.exit()
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(news(), [])
    }))

  it.effect("hears under its own name what two names share, and is told to read again under that name alone", () =>
    Effect.gen(function*() {
      const server = yield* telling("legacy")
      const mcp = yield* McpConnections.make(yield* McpConfig.make({ a: server.endpoint, b: server.endpoint }))
      const { news } = yield* hearing(mcp)
      yield* mcp.subscribe("b", "memo://1")
      yield* server.kill
      yield* passing("told", () => news().length === 1)
      yield* updated(server, "memo://1")
      yield* passing("heard", () => news().length === 2)
      assert.deepStrictEqual(news(), ["b memo://1?", "b memo://1"])
    }))
})

describe("a log level that is asked for", () => {
  for (const [era, transport] of worlds) {
    it.effect(`keeps the connection, and is asked for again of the next one, ${era} over ${transport}`, () =>
      Effect.gen(function*() {
        const server = yield* telling(era, { transport })
        const mcp = yield* McpConnections.make(yield* McpConfig.make({}))
        const { heard } = yield* hearing(mcp)
        const scope = yield* Scope.make()
        yield* Scope.provide(mcp.logLevel(server.endpoint, "warning"), scope)
        yield* TestClock.adjust("1 hour")
        yield* server.kill
        yield* TestClock.adjust("1 minute")
        assert.strictEqual(server.opened(), 2)
        assert.strictEqual(server.connections().length, 1)
        if (era === "legacy") assert.deepStrictEqual(told(server), ["=warning", "=warning"])
        yield* server.notify("notifications/message", { level: "warning", data: "x" })
        yield* passing("heard", () => heard.length === 1)
        yield* Scope.close(scope, Exit.void)
        yield* TestClock.adjust("6 minutes")
        assert.deepStrictEqual(server.connections(), [])
      }))
  }

  it.effect("is refused by a server that has none to offer, in both eras", () =>
    Effect.gen(function*() {
      for (const era of ["legacy", "modern"] as const) {
        const server = yield* MemoryServer.make({ era, tools: {} })
        const mcp = yield* connected(server.endpoint)
        const { reason } = yield* Effect.flip(mcp.logLevel("it", "debug"))
        assert.deepInclude(reason, { _tag: "ServerError", code: -32601, method: "logging/setLevel" })
        assert.deepStrictEqual((yield* mcp.snapshot).keys.map(({ isWarm }) => isWarm), [false])
      }
    }))
})

describe("a server that refuses a subscription", () => {
  const no = { code: -32002, message: "no such resource" }

  /** Refuses `bad`, and everything it is asked for together with that. */
  const choosy = (era: Era) =>
    telling(era, {
      handlers: {
        "resources/subscribe": ({ uri }) => uri === "bad" ? Effect.fail(no) : Effect.succeed({}),
        "subscriptions/listen": ({ notifications }) =>
          JSON.stringify(notifications).includes("bad") ? Effect.fail(no) : Effect.never
      }
    })

  for (const era of ["legacy", "modern"] as const) {
    it.effect(`fails the subscriber with its own words, and keeps nothing, ${era}`, () =>
      Effect.gen(function*() {
        const server = yield* choosy(era)
        const mcp = yield* connected(server.endpoint)
        const { reason } = yield* Effect.flip(mcp.subscribe("it", "bad"))
        assert.deepInclude(reason, { _tag: "ServerError", code: -32002, method: "resources/subscribe" })
        assert.include(reason.message, "no such resource")
        assert.deepStrictEqual((yield* mcp.snapshot).keys.map(({ isWarm }) => isWarm), [false])
        yield* server.kill
        yield* TestClock.adjust("1 hour")
        assert.strictEqual(server.opened(), 1)
      }))

    it.effect(`harms nobody else's, and is asked again by whoever wants it next, ${era}`, () =>
      Effect.gen(function*() {
        const server = yield* choosy(era)
        const mcp = yield* connected(server.endpoint)
        const { news } = yield* hearing(mcp)
        yield* mcp.subscribe("it", "memo://1")
        const refused = yield* Effect.all([
          Effect.flip(mcp.subscribe("it", "bad")),
          Effect.flip(mcp.subscribe("it", "bad"))
        ], { concurrency: 2 })
        for (const { reason } of refused) assert.strictEqual(reason._tag, "ServerError")
        yield* mcp.subscribe("it", "memo://2")
        yield* updated(server, "memo://1")
        yield* updated(server, "memo://2")
        yield* passing("both are heard", () => news().filter((word) => !word.endsWith("?")).length === 2)
        assert.strictEqual((yield* Effect.flip(mcp.subscribe("it", "bad"))).reason._tag, "ServerError")
      }))

    it.effect(`after a restart loses that one, says so once, and the others are heard, ${era}`, () =>
      Effect.gen(function*() {
        const lines: Array<string> = []
        const logger = Logger.layer([Logger.make(({ message }) => void lines.push(String(message)))])
        const server = yield* choosy(era)
        yield* Effect.gen(function*() {
          const [before, after] = [yield* telling(era), server]
          const mcp = yield* connected(before.endpoint)
          const { news } = yield* hearing(mcp)
          for (const uri of ["memo://1", "bad", "memo://2"]) yield* mcp.subscribe("it", uri)
          yield* mcp.reload(yield* McpConfig.make({ it: after.endpoint }))
          yield* passing("the others are told", () => news().length === 2)
          yield* TestClock.adjust("1 hour")
          assert.sameMembers([...news()], ["it memo://1?", "it memo://2?"])
          yield* updated(after, "memo://2")
          yield* passing("heard", () => news().length === 3)
        }).pipe(Effect.provide(logger))
        assert.strictEqual(
          lines.filter((line) => line.includes("the subscription to bad could not be renewed")).length,
          1
        )
        assert.isAtMost(told(server).filter((word) => word.includes("bad")).length, era === "legacy" ? 1 : 3)
      }))
  }

  it.effect("in memory does so by its handler of resources/subscribe, in both eras", () =>
    Effect.gen(function*() {
      for (const era of ["legacy", "modern"] as const) {
        const server = yield* telling(era, {
          handlers: { "resources/subscribe": ({ uri }) => uri === "bad" ? Effect.fail(no) : Effect.succeed({}) }
        })
        const mcp = yield* connected(server.endpoint)
        yield* mcp.subscribe("it", "good")
        assert.deepInclude((yield* Effect.flip(mcp.subscribe("it", "bad"))).reason, {
          _tag: "ServerError",
          code: no.code
        })
      }
    }))

  it.effect("is one that acknowledges a request without the resource, or offers no subscriptions", () =>
    Effect.gen(function*() {
      const without: Handler = (_, { connection, id }) =>
        Effect.andThen(
          Effect.sync(() => {
            const _meta = { "io.modelcontextprotocol/subscriptionId": id }
            const params = { notifications: {}, _meta }
            connection.send({ jsonrpc: "2.0", method: "notifications/subscriptions/acknowledged", params })
          }),
          Effect.never
        )
      const silent = yield* telling("modern", { handlers: { "subscriptions/listen": without } })
      const none = yield* MemoryServer.make({ era: "modern", tools: {} })
      for (const server of [silent, none]) {
        const mcp = yield* connected(server.endpoint)
        const { reason } = yield* Effect.flip(mcp.subscribe("it", "memo://1"))
        assert.deepInclude(reason, { _tag: "ServerError", code: -32601 })
      }
      assert.deepStrictEqual(told(none), [])
    }))
})

describe("a subscriber whose server is not there", () => {
  it.effect("fails by its deadline, typed, and leaves nothing behind", () =>
    Effect.gen(function*() {
      let dials = 0
      const server = yield* telling("legacy", {
        onDial: () => Effect.andThen(Effect.sync(() => dials++), Effect.never)
      })
      const mcp = yield* connected(server.endpoint)
      const { reason } = yield* inTime(Effect.flip(mcp.subscribe("it", "memo://1", { deadline: "1 second" })))
      assert.deepInclude(reason, { _tag: "DeadlineExceeded", kind: "caller", delivery: "NotSent" })
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(dials, 1)
    }))

  it.effect("fails by its deadline when the server does not answer, and the server is told that it is over", () =>
    Effect.gen(function*() {
      const server = yield* telling("legacy", { handlers: { "resources/subscribe": () => Effect.never } })
      const mcp = yield* connected(server.endpoint)
      const { reason } = yield* inTime(Effect.flip(mcp.subscribe("it", "memo://1", { deadline: "1 second" })))
      assert.deepInclude(reason, { _tag: "DeadlineExceeded", kind: "caller" })
      yield* passing("it is told", () => told(server).includes("-memo://1"))
      assert.deepStrictEqual(told(server), ["+memo://1", "cancel", "-memo://1"])
    }))
})

describe("a new connection", () => {
  it.effect("whose server does not answer at first is used meanwhile, and told again until it knows", () =>
    Effect.gen(function*() {
      let isSlow = false
      const lines: Array<string> = []
      const logger = Logger.layer([Logger.make(({ message }) => void lines.push(String(message)))])
      const server = yield* telling("legacy", {
        tools: { work: { run: () => Effect.succeed("done") } },
        handlers: { "resources/subscribe": () => Effect.suspend(() => isSlow ? Effect.never : Effect.succeed({})) }
      })
      yield* Effect.gen(function*() {
        const mcp = yield* connected({ endpoint: server.endpoint, deadlines: { read: 10_000 } })
        const { news } = yield* hearing(mcp)
        yield* mcp.subscribe("it", "memo://1")
        isSlow = true
        yield* server.kill
        // Five seconds it is waited for, not the whole dial.
        const work = yield* Effect.forkChild(mcp.callTool("it", { name: "work" }, { deadline: "8 seconds" }))
        yield* TestClock.adjust("7 seconds")
        assert.isUndefined((yield* Fiber.join(work)).isError)
        assert.deepStrictEqual(news(), [])
        yield* TestClock.adjust("1 minute")
        isSlow = false
        yield* TestClock.adjust("1 minute")
        assert.deepStrictEqual(news(), ["it memo://1?"])
        assert.strictEqual(server.opened(), 2)
      }).pipe(Effect.provide(logger))
      assert.strictEqual(lines.filter((line) => line.includes("could not be renewed, and is tried again")).length, 1)
    }))
})

describe("wishes that come and go at once", () => {
  it.effect("leave a legacy server with what is desired in the end, by one request at a time for each resource", () =>
    Effect.gen(function*() {
      let running = 0
      let most = 0
      const state = new Set<unknown>()
      // What is asked first is answered last.
      let turn = 0
      const slowly = (change: (uri: unknown) => void): Handler => ({ uri }) =>
        Effect.ensuring(
          Effect.suspend(() => {
            most = Math.max(most, ++running)
            return Effect.as(
              Effect.andThen(Effect.sleep(`${100 - (turn++ % 10) * 10} millis`), Effect.sync(() => change(uri))),
              {}
            )
          }),
          Effect.sync(() => running--)
        )
      const server = yield* telling("legacy", {
        transport: "http",
        handlers: {
          "resources/subscribe": slowly((uri) => void state.add(uri)),
          "resources/unsubscribe": slowly((uri) => void state.delete(uri))
        }
      })
      const mcp = yield* connected(server.endpoint)
      for (let round = 0; round < 10; round++) {
        const scopes = yield* Effect.all(Array.from({ length: 5 }, () => Scope.make()))
        yield* Effect.forEach(scopes, (scope, i) =>
          Effect.forkChild(Effect.andThen(
            Effect.exit(Scope.provide(mcp.subscribe("it", "memo://1"), scope)),
            Effect.andThen(Effect.sleep(`${i * 17} millis`), Scope.close(scope, Exit.void))
          )))
        yield* TestClock.adjust(`${round * 13} millis`)
      }
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(most, 1)
      assert.deepStrictEqual([...state], [])
      const scope = yield* Scope.make()
      yield* inTime(Scope.provide(mcp.subscribe("it", "memo://1"), scope))
      assert.deepStrictEqual([...state], ["memo://1"])
      assert.deepStrictEqual((yield* mcp.snapshot).leases, 0)
    }))

  it.effect("leave a server with the level that is desired in the end", () =>
    Effect.gen(function*() {
      let level: unknown
      const server = yield* telling("legacy", {
        transport: "http",
        handlers: {
          "logging/setLevel": (params) =>
            Effect.as(
              Effect.andThen(
                Effect.sleep(params["level"] === "debug" ? "300 millis" : "10 millis"),
                Effect.sync(() => void (level = params["level"]))
              ),
              {}
            )
        }
      })
      const mcp = yield* connected(server.endpoint)
      const verbose = yield* Scope.make()
      yield* inTime(mcp.logLevel("it", "error"))
      const asking = yield* Effect.forkChild(Scope.provide(mcp.logLevel("it", "debug"), verbose), {
        startImmediately: true
      })
      yield* TestClock.adjust("50 millis")
      // The answer to the one is still on its way when the other is asked for again.
      const leaving = yield* Effect.forkChild(Effect.andThen(Fiber.interrupt(asking), Scope.close(verbose, Exit.void)))
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(leaving)
      assert.strictEqual(level, "error")
    }))
})

describe("a modern server", () => {
  it.effect("is asked anew before the old request is let go, so that nothing is missed", () =>
    Effect.gen(function*() {
      const server = yield* telling("modern")
      const mcp = yield* connected(server.endpoint)
      const { news } = yield* hearing(mcp)
      const scope = yield* Scope.make()
      yield* mcp.subscribe("it", "memo://1")
      yield* Scope.provide(mcp.subscribe("it", "memo://2"), scope)
      yield* Scope.close(scope, Exit.void)
      yield* passing("all is told", () => told(server).length === 5)
      assert.deepStrictEqual(told(server), [
        "listen memo://1",
        "listen memo://1,memo://2",
        "cancel",
        "listen memo://1",
        "cancel"
      ])
      assert.deepStrictEqual(news(), [])
    }))

  it.effect("that ends the request is asked again, and the subscriber is told to read again", () =>
    Effect.gen(function*() {
      const server = yield* telling("modern", {
        handlers: { "subscriptions/listen": () => Effect.as(Effect.sleep("1 minute"), {}) }
      })
      const mcp = yield* connected(server.endpoint)
      const { news } = yield* hearing(mcp)
      yield* mcp.subscribe("it", "memo://1")
      yield* TestClock.adjust("62 seconds")
      assert.deepStrictEqual(news(), ["it memo://1?"])
      assert.deepStrictEqual(told(server), ["listen memo://1", "listen memo://1"])
      assert.strictEqual(server.opened(), 1)
    }))

  it.effect("that ends every request at once is asked ever more rarely", () =>
    Effect.gen(function*() {
      const server = yield* telling("modern", { handlers: { "subscriptions/listen": ok } })
      const mcp = yield* connected(server.endpoint)
      yield* mcp.subscribe("it", "memo://1")
      yield* TestClock.adjust("1 minute")
      const inOne = told(server).length
      assert.isAtMost(inOne, 14)
      yield* TestClock.adjust("10 minutes")
      assert.isAtMost(told(server).length - inOne, 30)
    }))

  it.effect("that allows one request at a time is asked anew all the same", () =>
    Effect.gen(function*() {
      let open = 0
      const server = yield* telling("modern", {
        handlers: {
          "subscriptions/listen": () =>
            Effect.suspend(() => {
              if (open > 0) return Effect.fail({ code: -32000, message: "one at a time" })
              open++
              return Effect.ensuring(Effect.never, Effect.sync(() => open--))
            })
        }
      })
      const mcp = yield* connected(server.endpoint)
      yield* mcp.subscribe("it", "memo://1")
      yield* mcp.subscribe("it", "memo://2")
      assert.strictEqual(told(server).findLast((word) => word.startsWith("listen")), "listen memo://1,memo://2")
      assert.strictEqual(open, 1)
    }))

  for (const [read, millis] of [[30_000, 2000], [2000, 1000]] as const) {
    it.effect(`that acknowledges nothing is taken to tell of everything in time for a deadline of ${read} ms`, () =>
      Effect.gen(function*() {
        const endless = MemoryServer.script((peer) =>
          Effect.forever(Effect.map(peer.read, (text) => {
            const { id, method } = JSON.parse(text)
            if (method !== "server/discover") return
            const capabilities = { resources: { subscribe: true } }
            peer.send({
              jsonrpc: "2.0",
              id,
              result: { resultType: "complete", supportedVersions: ["2026-07-28"], capabilities }
            })
          }))
        )
        const mcp = yield* connected({ endpoint: (yield* endless).endpoint, era: "modern", deadlines: { read } })
        const subscribing = yield* Effect.forkChild(mcp.subscribe("it", "memo://1"), { startImmediately: true })
        yield* TestClock.adjust(millis - 100)
        assert.isUndefined(subscribing.pollUnsafe())
        yield* TestClock.adjust(200)
        yield* Fiber.join(subscribing)
      }))
  }
})

describe("an effect that was made before another config", () => {
  it.effect("asks the server that bears the name when it is run", () =>
    Effect.gen(function*() {
      const [one, other] = [
        yield* MemoryServer.make({ tools: { t: { run: () => Effect.succeed("one") } } }),
        yield* MemoryServer.make({ tools: { t: { run: () => Effect.succeed("other") } } })
      ]
      const mcp = yield* connected(one.endpoint)
      const call = Effect.map(mcp.callTool("it", { name: "t" }), ({ content }) => content)
      assert.deepStrictEqual(yield* call, [{ type: "text", text: "one" }])
      yield* mcp.reload(yield* McpConfig.make({ it: other.endpoint }))
      assert.deepStrictEqual(yield* call, [{ type: "text", text: "other" }])
      yield* mcp.reload(yield* McpConfig.make({}))
      assert.strictEqual((yield* Effect.flip(call)).reason._tag, "UnknownServer")
    }))
})
