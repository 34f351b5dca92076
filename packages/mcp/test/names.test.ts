/** Two names of one config that mean the same server: they share its connection, and each hears of it under its own name. */
import { assert, describe, it } from "@effect/vitest"
import { McpConfig, McpConnections, type ServerOptions } from "@holdfast/mcp"

import { HandshakeFailed, HttpRejected, Unreachable } from "@holdfast/mcp/McpRuntimeError"
import { type Handler, MemoryServer, type MemoryServerOptions } from "@holdfast/mcp/testing"
import { ToolCatalog } from "@holdfast/mcp/ToolCatalog"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import * as Tracer from "effect/Tracer"
import { inTime, passing } from "./support/memoryTime.ts"

type Policy = ServerOptions["policy"]

const twice = (options: MemoryServerOptions, policy: Policy = {}) =>
  Effect.gen(function*() {
    const server = yield* MemoryServer.make(options)
    const said = { endpoint: server.endpoint, policy, deadlines: { hard: 1000, idle: 1000, read: 1000 } }
    return { server, config: yield* McpConfig.make({ staging: said, production: said }) }
  })

const connected = (options: MemoryServerOptions, policy?: Policy) =>
  Effect.gen(function*() {
    const { config, server } = yield* twice(options, policy)
    return { server, mcp: yield* McpConnections.make(config) }
  })

/** Ways to fail, by the reason the caller is told. */
const failing: Readonly<Record<string, { readonly options: MemoryServerOptions; readonly policy?: Policy }>> = {
  ServerError: { options: { tools: { t: { run: () => Effect.fail({ code: -1, message: "no" }) } } } },
  InvalidAnswer: { options: { handlers: { "tools/call": () => Effect.succeed({ content: 5 }) } } },
  OutcomeUnknown: {
    options: { tools: { t: { run: (_, { connection }) => Effect.sync(() => (connection.exit(), "")) } } }
  },
  DeadlineExceeded: { options: { tools: { t: { run: () => Effect.never } } } },
  HttpRejected: {
    options: {
      transport: "http",
      onDial: (server) => new HttpRejected({ server, url: "x", status: 401, description: "unauthorized" })
    }
  },
  HandshakeFailed: { options: { onDial: (server) => new HandshakeFailed({ server, description: "not this one" }) } },
  Unreachable: {
    options: { onDial: (server) => new Unreachable({ server, url: "x", description: "nobody listens" }) },
    policy: { maxConnectRetries: 0 }
  },
  HandshakeTimeout: {
    options: { era: "legacy", handlers: { initialize: () => Effect.never } },
    policy: { connectTimeout: 500 }
  }
}

describe("a failure", () => {
  for (const [tag, { options, policy }] of Object.entries(failing)) {
    it.effect(`of the kind ${tag} bears the name that was asked, and no other`, () =>
      Effect.gen(function*() {
        const { mcp } = yield* connected(options, policy)
        // The connection is opened for the one, and used by the other.
        yield* inTime(Effect.exit(mcp.request("staging", { method: "ping" })))
        for (const name of ["staging", "production", "staging"]) {
          const { message, reason } = yield* inTime(Effect.flip(mcp.callTool(name, { name: "t" })))
          assert.strictEqual(reason._tag, tag)
          assert.deepInclude(reason, { server: name })
          const other = name === "staging" ? "production" : "staging"
          assert.include(message, `${name}: `)
          assert.notInclude(message, other)
        }
      }))
  }

  it.effect("of the one before is told by the other in its own name: not ready, and no connection in time", () =>
    Effect.gen(function*() {
      const dial = (server: string) => Effect.fail(new Unreachable({ server, url: "x", description: "nobody listens" }))
      const { mcp } = yield* connected({ onDial: dial }, {
        maxConnectRetries: 100,
        backoff: { initial: "1 hour", max: "1 hour" }
      })
      const deadline = { deadline: "1 second" } as const
      const first = yield* inTime(Effect.flip(mcp.request("staging", { method: "ping" }, deadline)))
      assert.match(first.message, /^staging: .*: cannot reach/)
      const late = yield* inTime(Effect.flip(mcp.request("production", { method: "ping" }, deadline)))
      assert.match(late.message, /^production: .*: cannot reach/)
      assert.notInclude(late.message, "staging")
      const options = { waitForReady: false }
      const notReady = yield* inTime(Effect.flip(mcp.request("production", { method: "ping" }, options)))
      assert.strictEqual(notReady.reason._tag, "NotReady")
      assert.notInclude(notReady.message, "staging")
    }))

  it.effect("of a borrowed connection bears the borrower's name, and so does the connection", () =>
    Effect.gen(function*() {
      const { mcp } = yield* connected({ tools: { t: { run: () => Effect.fail({ code: -1, message: "no" }) } } })
      yield* mcp.request("staging", { method: "ping" })
      const use = mcp.use(
        "production",
        (connection) =>
          Effect.map(
            Effect.flip(connection.request("tools/call", { name: "t" })),
            (failure) => ({ connection, failure })
          )
      )
      const { connection, failure } = yield* use
      assert.strictEqual(connection.server, "production")
      assert.deepInclude(failure, { _tag: "ServerError", server: "production" })
    }))
})

describe("a question of a call that needs input", () => {
  it.effect("comes with the name that was called", () =>
    Effect.gen(function*() {
      const curious: Handler = ({ inputResponses }) =>
        Effect.succeed(
          inputResponses === undefined
            ? { resultType: "input_required", inputRequests: { who: { method: "elicitation/create", params: {} } } }
            : { content: [] }
        )
      const { config } = yield* twice({ era: "modern", tools: {}, handlers: { "tools/call": curious } })
      const asked: Array<string> = []
      const mcp = yield* McpConnections.make(config, {
        handlers: { elicitation: (_, { server }) => Effect.sync(() => (asked.push(server), { action: "accept" })) }
      })
      yield* mcp.callTool("staging", { name: "t" })
      yield* mcp.callTool("production", { name: "t" })
      assert.deepStrictEqual(asked, ["staging", "production"])
    }))
})

describe("what a server says of its own accord", () => {
  it.effect("is heard under every name that was asked for, and under no other", () =>
    Effect.gen(function*() {
      const { mcp, server } = yield* connected({ tools: {} })
      const heard: Array<string> = []
      yield* Effect.forkScoped(
        Stream.runForEach(mcp.notifications, ({ server }) => Effect.sync(() => void heard.push(server))),
        { startImmediately: true }
      )
      yield* mcp.request("production", { method: "ping" })
      yield* server.notify("notifications/message", {})
      yield* passing("heard", () => heard.length === 1)
      yield* mcp.request("staging", { method: "ping" })
      yield* server.notify("notifications/message", {})
      yield* passing("heard twice", () => heard.length === 3)
      assert.deepStrictEqual(heard, ["production", "production", "staging"])
      assert.strictEqual(server.opened(), 1)
    }))

  it.effect("about its tools reaches the catalog's both", () =>
    Effect.gen(function*() {
      let more = false
      const tool = (name: string) => ({ name, inputSchema: { type: "object" } })
      const { config, server } = yield* twice({
        era: "legacy",
        handlers: { "tools/list": () => Effect.succeed({ tools: [tool("one"), ...(more ? [tool("two")] : [])] }) },
        capabilities: { tools: { listChanged: true } }
      })
      const context = yield* Layer.build(ToolCatalog.layer().pipe(Layer.provideMerge(McpConnections.layer(config))))
      const catalog = Context.get(context, ToolCatalog)
      const names = Effect.map(catalog.current, ({ tools }) => tools.map(({ name }) => name).join(" "))
      yield* catalog.ready()
      assert.strictEqual(yield* names, "staging__one production__one")
      more = true
      yield* server.notify("notifications/tools/list_changed")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* names, "staging__one staging__two production__one production__two")
      // A new connection may be that of a newer server, for both.
      more = false
      yield* server.kill
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* names, "staging__one production__one")
      assert.strictEqual(server.opened(), 2)
    }))
})

describe("what is told of the connection", () => {
  const told = (asks: ReadonlyArray<string>) =>
    Effect.gen(function*() {
      const lines: Array<string> = []
      const servers: Array<unknown> = []
      const spans: Array<unknown> = []
      const logger = Logger.layer([
        Logger.make(({ fiber, message }) => {
          lines.push(String(message))
          servers.push(fiber.getRef(References.CurrentLogAnnotations)["holdfast.server"])
        })
      ])
      const tracer = Tracer.make({
        span: (options) => {
          const span = new Tracer.NativeSpan(options)
          if (options.name === "holdfast.pool.dial") spans.push(span.attributes)
          return span
        }
      })
      const { config, server } = yield* twice({ tools: {} })
      const context = yield* Layer.build(McpConnections.layer(config)).pipe(
        Effect.provide(logger),
        Effect.provideService(Tracer.Tracer, tracer)
      )
      const mcp = Context.get(context, McpConnections)
      const keys: Array<string> = []
      yield* Effect.forkScoped(
        Stream.runForEach(mcp.events, (event) =>
          Effect.sync(() => {
            if (event._tag === "SlotMoved" && event.to === "Backoff") keys.push(event.key)
          })),
        { startImmediately: true }
      )
      for (const name of asks) yield* mcp.request(name, { method: "ping" })
      yield* server.kill
      yield* passing("the loss is told", () => lines.length >= asks.length)
      yield* inTime(mcp.request(asks[0] ?? "", { method: "ping" }))
      const rows = (yield* mcp.snapshot).keys.map(({ fingerprint, key, lastFailure }) => ({
        fingerprint,
        key,
        lastFailure
      }))
      const dialled = spans.map((attributes) => attributes instanceof Map ? attributes.get("key") : undefined)
      return { lines, servers, keys, rows, dialled }
    })

  it.effect("is told under both names where both were asked for: log, events, snapshot, spans", () =>
    Effect.gen(function*() {
      const { dialled, keys, lines, rows, servers } = yield* told(["staging", "production"])
      const losses = lines.filter((line) => line.includes("connection lost"))
      assert.deepStrictEqual(losses.map((line) => line.split(":")[0]), ["staging", "production"])
      for (const line of losses) assert.notMatch(line, /staging.*production|production.*staging/)
      assert.includeMembers(servers, ["staging", "production"])
      assert.deepStrictEqual(keys, ["staging", "production"])
      assert.deepStrictEqual(rows.map(({ key }) => key), ["staging", "production"])
      assert.strictEqual(rows[0]?.fingerprint, rows[1]?.fingerprint)
      assert.match(rows[1]?.lastFailure ?? "", /^production: connection lost/)
      assert.deepStrictEqual(dialled, ["staging", "staging, production"])
    }))

  it.effect("is told under one name where only that was asked for", () =>
    Effect.gen(function*() {
      const { dialled, keys, lines, rows } = yield* told(["production"])
      assert.notInclude(lines.join(), "staging")
      assert.deepStrictEqual(keys, ["production"])
      assert.deepStrictEqual(rows.map(({ key }) => key), ["production"])
      assert.deepStrictEqual(dialled, ["production", "production"])
    }))

  it.effect("is told under the name that is left when another config drops the one that opened it", () =>
    Effect.gen(function*() {
      const { config, server } = yield* twice({ tools: { t: { run: () => Effect.fail({ code: -1, message: "no" }) } } })
      const production = config.servers.get("production")
      assert.isDefined(production)
      const mcp = yield* McpConnections.make(config)
      yield* mcp.request("staging", { method: "ping" })
      yield* mcp.request("production", { method: "ping" })
      yield* mcp.reload({ ...config, servers: new Map([["production", production]]) })
      assert.deepStrictEqual((yield* mcp.snapshot).keys.map(({ key }) => key), ["production"])
      const { reason } = yield* Effect.flip(mcp.callTool("production", { name: "t" }))
      assert.deepInclude(reason, { server: "production" })
      assert.strictEqual(server.opened(), 1)
    }))
})
