/** Handshakes that never end, and clients that leave in the midst of them. */
import { assert, describe, it } from "@effect/vitest"
import * as McpHost from "@holdfast/server/McpHost"
import { Session } from "@holdfast/server/Session"
import * as SessionRegistry from "@holdfast/server/SessionRegistry"
import { Server } from "@modelcontextprotocol/sdk/server/index.js"
import { InitializeRequestSchema, LATEST_PROTOCOL_VERSION } from "@modelcontextprotocol/sdk/types.js"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as http from "node:http"
import { echoServer, steering } from "./support/echoServer.ts"
import { eventually } from "./support/eventually.ts"
import { isEmpty, open } from "./support/hosted.ts"
import { eventsOf, RawClient } from "./support/rawClient.ts"
import { StatelessClient } from "./support/statelessClient.ts"
import { visit } from "./support/visit.ts"

const soon = { halfOpenTimeout: "50 millis", sweepInterval: "10 millis" } as const

const hello = {
  protocolVersion: "2025-11-25",
  capabilities: {},
  clientInfo: { name: "raw", version: "1" }
}

/** A server whose `initialize` is answered when the test says so, and never otherwise. */
const reserved = () => {
  const waiting: Array<() => void> = []
  const server = () => {
    const made = new Server({ name: "reserved", version: "1" }, { capabilities: { tools: {} } })
    made.setRequestHandler(InitializeRequestSchema, async () => {
      await new Promise<void>((resolve) => void waiting.push(resolve))
      return {
        protocolVersion: LATEST_PROTOCOL_VERSION,
        capabilities: { tools: {} },
        serverInfo: { name: "reserved", version: "1" }
      }
    })
    return made
  }
  return { server, waiting }
}

const initialize = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "initialize", params: hello })

describe("an initialize that is never answered", () => {
  it.live("is answered with an error when its time is over, and nothing of it is left", () =>
    Effect.gen(function*() {
      let released = 0
      const server = Effect.as(Effect.addFinalizer(() => Effect.sync(() => void released++)), reserved().server())
      const host = yield* open({ server, ...soon })
      const client = new RawClient(host.url)
      const response = yield* client.request("initialize", hello)
      const { error } = yield* client.json(response)
      assert.match(error?.message ?? "", /half-open/)
      assert.isNull(response.headers.get("mcp-session-id"))
      yield* isEmpty(host)
      assert.deepInclude((yield* host.registry.snapshot).closed, { "half-open": 1, client: 0, error: 0 })
      assert.strictEqual((yield* host.registry.snapshot).inFlight, 0)
      assert.strictEqual(released, 1)
    }))

  it.live("is answered so over the stream that its response has become, too", () =>
    Effect.gen(function*() {
      const host = yield* open({
        server: reserved().server,
        heartbeatInterval: "10 millis",
        halfOpenTimeout: "500 millis",
        sweepInterval: "10 millis"
      })
      const response = yield* new RawClient(host.url).request("initialize", hello)
      assert.match(response.headers.get("content-type") ?? "", /event-stream/)
      const events = eventsOf(response)
      yield* eventually("the end", events.isOver)
      assert.match(events.messages().at(-1)?.error?.message ?? "", /half-open/)
      yield* isEmpty(host)
      assert.deepInclude((yield* host.registry.snapshot).closed, { "half-open": 1, client: 0, error: 0 })
    }))

  it.live("ends the stream of a client of the old transport, with an answer", () =>
    Effect.gen(function*() {
      const host = yield* open({ server: reserved().server, legacySse: true, ...soon, halfOpenTimeout: "500 millis" })
      const events = eventsOf(yield* new RawClient(`${host.origin}/sse`).send(undefined, {}, "GET"))
      yield* eventually("the endpoint", () => events.seen.length > 0)
      const accepted = yield* new RawClient(new URL(events.seen[0]?.data ?? "", `${host.origin}/sse`).href).request(
        "initialize",
        hello
      )
      assert.strictEqual(accepted.status, 202)
      yield* eventually("the end", events.isOver)
      assert.match(events.messages().at(-1)?.error?.message ?? "", /half-open/)
      yield* isEmpty(host)
      assert.deepInclude((yield* host.registry.snapshot).closed, { "half-open": 1, client: 0, error: 0 })
    }))

  it.live("because its server takes for ever to make, and cannot be stopped, is answered all the same", () =>
    Effect.gen(function*() {
      const release = yield* Deferred.make<void>()
      yield* Effect.addFinalizer(() => Deferred.succeed(release, undefined))
      const server = Effect.as(Effect.uninterruptible(Deferred.await(release)), reserved().server())
      const { registry, url } = yield* open({ server, ...soon })
      const response = yield* new RawClient(url).request("initialize", hello)
      assert.strictEqual(response.status, 500)
      const { error, id } = yield* new RawClient(url).json(response)
      assert.match(error?.message ?? "", /in time/)
      assert.strictEqual(id, 1)
      assert.deepStrictEqual((yield* registry.snapshot).sessions.map(({ state }) => state), ["closing"])
      yield* Deferred.succeed(release, undefined)
      yield* isEmpty({ registry })
      assert.deepInclude((yield* registry.snapshot).closed, { "half-open": 1, error: 0 })
    }))
})

describe("a client that never says that it is initialized", () => {
  it.live("has its session ended as half-open, though a stream of it is open", () =>
    Effect.gen(function*() {
      const host = yield* open({ ...soon, halfOpenTimeout: "500 millis" })
      const client = new RawClient(host.url)
      const response = yield* client.request("initialize", hello)
      client.headers["mcp-session-id"] = response.headers.get("mcp-session-id") ?? ""
      const { events } = yield* client.stream()
      yield* eventually("the end of the stream", events.isOver)
      yield* isEmpty(host)
      assert.deepInclude((yield* host.registry.snapshot).closed, { "half-open": 1 })
    }))

  it.live("but works with its session has finished the handshake: what it has called is not cut off", () =>
    Effect.gen(function*() {
      const { registry, steer, url } = yield* open({ ...soon, halfOpenTimeout: "500 millis" })
      const client = new RawClient(url)
      const response = yield* client.request("initialize", hello)
      client.headers["mcp-session-id"] = response.headers.get("mcp-session-id") ?? ""
      // To say that it is there is no use of it.
      yield* client.request("ping")
      assert.deepStrictEqual((yield* registry.snapshot).sessions.map(({ state }) => state), ["connecting"])
      const call = yield* Effect.forkChild(Effect.flatMap(client.call("wait"), client.json))
      yield* eventually("it waits", () => steer.waiting.length === 1)
      const { sweeps } = yield* registry.snapshot
      // By then a handshake that had not ended would have been given up.
      yield* Effect.repeat(Effect.andThen(Effect.sleep("5 millis"), registry.snapshot), {
        until: (snapshot) => snapshot.sweeps > sweeps + 5 && (snapshot.sessions[0]?.ageMillis ?? 999) > 600
      })
      steer.waiting[0]?.("still here")
      assert.strictEqual((yield* Fiber.join(call)).result?.content?.[0]?.text, "still here")
    }))
})

describe("a client that leaves while its server is being made", () => {
  /** A server that is never made. */
  const endless = Effect.gen(function*() {
    const begun = yield* Deferred.make<void>()
    const order: Array<string> = []
    const held = (name: string) =>
      Effect.acquireRelease(Effect.void, () => Effect.sync(() => void order.push(`${name} released`)))
    const server = Effect.gen(function*() {
      yield* held("outer")
      yield* held("inner")
      yield* Deferred.succeed(begun, undefined)
      return yield* Effect.onInterrupt(Effect.never, () => Effect.sync(() => void order.push("interrupted")))
    })
    return { server, begun, order }
  })

  for (const [name, method, path] of [["Streamable HTTP", "POST", "/mcp"], ["HTTP+SSE", "GET", "/sse"]] as const) {
    it.live(`has it stopped, and what it held released, at once: ${name}`, () =>
      Effect.gen(function*() {
        const { begun, order, server } = yield* endless
        const host = yield* open({ server, legacySse: true, halfOpenTimeout: "1 hour" })
        const visitor = yield* visit(`${host.origin}${path}`, method, method === "POST" ? initialize : "")
        yield* Deferred.await(begun)
        visitor.reset()
        yield* isEmpty(host)
        assert.deepInclude((yield* host.registry.snapshot).closed, { client: 1, "half-open": 0, error: 0 })
        assert.deepStrictEqual(order, ["interrupted", "inner released", "outer released"])
      }))
  }

  for (const mount of ["nodeHandler", "webHandler"] as const) {
    it.live(`has it stopped wherever it is mounted: ${mount}`, () =>
      Effect.gen(function*() {
        const { begun, order, server } = yield* endless
        const context = yield* Layer.build(SessionRegistry.layer({ halfOpenTimeout: "1 hour" }))
        const registry = Context.get(context, SessionRegistry.SessionRegistry)
        const listening = yield* Effect.acquireRelease(
          Effect.callback<http.Server>((resume) => {
            const made = http.createServer()
            made.listen(0, "127.0.0.1", () => resume(Effect.succeed(made)))
          }),
          (made) => Effect.sync(() => void made.close())
        )
        const address = listening.address()
        const port = typeof address === "object" && address !== null ? address.port : 0
        const url = `http://127.0.0.1:${port}/mcp`
        if (mount === "nodeHandler") {
          listening.on("request", yield* Effect.provideContext(McpHost.nodeHandler({ server, port }), context))
          const visitor = yield* visit(url, "POST", initialize)
          yield* Deferred.await(begun)
          visitor.reset()
        } else {
          const handler = yield* Effect.provideContext(McpHost.webHandler({ server, port }), context)
          const headers = { "content-type": "application/json", host: `127.0.0.1:${port}` }
          const asking = yield* Effect.forkChild(
            Effect.promise((signal) => handler(new Request(url, { method: "POST", body: initialize, headers, signal })))
          )
          yield* Deferred.await(begun)
          yield* Fiber.interrupt(asking)
        }
        yield* isEmpty({ registry })
        assert.deepInclude((yield* registry.snapshot).closed, { client: 1, error: 0 })
        assert.deepStrictEqual(order, ["interrupted", "inner released", "outer released"])
      }))
  }

  it.live("has its place given to the next", () =>
    Effect.gen(function*() {
      const { begun, server } = yield* endless
      let isFirst = true
      const host = yield* open({
        server: Effect.suspend(() => {
          if (!isFirst) return Effect.sync(echoServer(steering()))
          isFirst = false
          return server
        }),
        maxSessions: 1
      })
      const visitor = yield* visit(host.url, "POST", initialize)
      yield* Deferred.await(begun)
      assert.strictEqual((yield* new RawClient(host.url).request("initialize", hello)).status, 503)
      visitor.reset()
      yield* isEmpty(host)
      assert.strictEqual((yield* new RawClient(host.url).initialize()).response.status, 200)
    }))
})

describe("a client that leaves while its initialize is being answered", () => {
  it.live("cannot come back, and its session ends at once", () =>
    Effect.gen(function*() {
      const { server, waiting } = reserved()
      const host = yield* open({ server, halfOpenTimeout: "1 hour" })
      const visitor = yield* visit(host.url, "POST", initialize)
      yield* eventually("it is asked", () => waiting.length === 1)
      visitor.reset()
      yield* isEmpty(host)
      assert.deepInclude((yield* host.registry.snapshot).closed, { client: 1, "half-open": 0, error: 0 })
      // What the handler says now is a no-op.
      waiting[0]?.()
    }))

  it.live("may come back when it was told its session's id: the handler goes on", () =>
    Effect.gen(function*() {
      const { server, waiting } = reserved()
      const { registry, url } = yield* open({ server, heartbeatInterval: "10 millis" })
      const visitor = yield* visit(url, "POST", initialize)
      yield* eventually("the head of a stream", visitor.hasHead)
      const streams = registry.events.pipe(Stream.take(1), Stream.runDrain)
      const ended = yield* Effect.forkChild(streams, { startImmediately: true })
      visitor.reset()
      yield* Effect.repeat(Effect.andThen(Effect.yieldNow, registry.snapshot), {
        until: ({ openStreams }) => openStreams === 0
      })
      assert.isUndefined(ended.pollUnsafe())
      waiting[0]?.()
      const client = new RawClient(url, { "mcp-session-id": visitor.sessionId() ?? "" })
      const resumed = yield* client.stream("1-0")
      assert.strictEqual(resumed.response.status, 200)
      yield* eventually("the end", resumed.events.isOver)
      const [answer] = resumed.events.messages()
      assert.strictEqual(answer?.result?.["protocolVersion"], LATEST_PROTOCOL_VERSION)
    }))
})

describe("a drain while a server is being made", () => {
  it.live("tells the client to come back later, and is why the session ended", () =>
    Effect.gen(function*() {
      const begun = yield* Deferred.make<void>()
      const server = Effect.andThen(Deferred.succeed(begun, undefined), Effect.never)
      const host = yield* open({ server })
      const answer = yield* Effect.forkChild(new RawClient(host.url).request("initialize", hello))
      yield* Deferred.await(begun)
      assert.deepStrictEqual(yield* host.registry.drain(), { cutOff: 0, closed: 1 })
      const response = yield* Fiber.join(answer)
      assert.strictEqual(response.status, 503)
      assert.isNotNull(response.headers.get("retry-after"))
      assert.deepInclude((yield* host.registry.snapshot).closed, { drain: 1, error: 0 })
    }))

  it.live("that waits for others lets it be made, and refuses its initialize", () =>
    Effect.gen(function*() {
      const made = yield* Deferred.make<void>()
      const begun = yield* Deferred.make<void>()
      const steer = steering()
      let isFirst = true
      const host = yield* open({
        server: Effect.gen(function*() {
          if (isFirst) isFirst = false
          else {
            yield* Deferred.succeed(begun, undefined)
            yield* Deferred.await(made)
          }
          return echoServer(steer)()
        })
      })
      const client = new RawClient(host.url)
      yield* client.initialize()
      const call = yield* Effect.forkChild(client.call("wait"))
      yield* eventually("it waits", () => steer.waiting.length === 1)
      const late = yield* Effect.forkChild(new RawClient(host.url).request("initialize", hello))
      yield* Deferred.await(begun)
      const drain = yield* Effect.forkChild(host.registry.drain("1 minute"))
      yield* eventually("it drains", host.registry.isDraining)
      yield* Deferred.succeed(made, undefined)
      assert.strictEqual((yield* Fiber.join(late)).status, 503)
      steer.waiting[0]?.("now")
      assert.strictEqual((yield* Fiber.join(call)).status, 200)
      yield* Fiber.join(drain)
      assert.deepInclude((yield* host.registry.snapshot).closed, { drain: 2, error: 0 })
    }))
})

describe("a server", () => {
  for (const how of ["a session", "a request without one"] as const) {
    it.live(`keeps nothing of the request that began ${how}`, () =>
      Effect.gen(function*() {
        const seen: Array<Context.Context<never>> = []
        const host = yield* open({
          server: Effect.map(Effect.context(), (context) => {
            seen.push(context)
            return echoServer(steering())()
          })
        })
        if (how === "a session") yield* new RawClient(host.url).initialize()
        else yield* new StatelessClient(host.url).ask("tools/list")
        const [context = Context.empty()] = seen
        assert.isTrue(Option.isNone(Context.getOption(context, HttpServerRequest.HttpServerRequest)))
        assert.isTrue(Option.isSome(Context.getOption(context, Session)))
      }))
  }
})
