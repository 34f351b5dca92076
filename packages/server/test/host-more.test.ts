/** Promises of a host with sessions that only somebody who looks closely would miss. */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, describe, it } from "@effect/vitest"
import * as Principal from "@holdfast/protocol/Principal"
import * as Drain from "@holdfast/server/Drain"
import * as EffectTool from "@holdfast/server/EffectTool"
import * as McpHost from "@holdfast/server/McpHost"
import * as SessionRegistry from "@holdfast/server/SessionRegistry"
import { Server } from "@modelcontextprotocol/sdk/server/index.js"
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServer from "effect/http/HttpServer"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import * as http from "node:http"
import { echoServer, steering } from "./support/echoServer.ts"
import { eventually } from "./support/eventually.ts"
import { open } from "./support/hosted.ts"
import { eventsOf, RawClient } from "./support/rawClient.ts"

describe("a factory that hands out one server twice", () => {
  it.live("fails for the second session, and the first goes on", () =>
    Effect.gen(function*() {
      const one = echoServer(steering())()
      const { registry, url } = yield* open({ server: () => one })
      const client = new RawClient(url)
      yield* client.initialize()
      assert.strictEqual((yield* new RawClient(url).request("initialize")).status, 500)
      const { result } = yield* client.json(yield* client.call("echo", { text: "still here" }))
      assert.strictEqual(result?.content?.[0]?.text, "still here")
      assert.strictEqual((yield* registry.snapshot).sessions.length, 1)
    }))
})

describe("a server that closes itself", () => {
  it.live("ends its session, and whoever waits for an answer is told so", () =>
    Effect.gen(function*() {
      const server = () => {
        const made = new Server({ name: "bare", version: "1" }, { capabilities: { tools: {} } })
        made.fallbackRequestHandler = () => made.close().then(() => ({}))
        return made
      }
      const { registry, url } = yield* open({ server })
      const client = new RawClient(url)
      yield* client.initialize()
      const { events } = yield* client.stream()
      const { error } = yield* client.json(yield* client.call("any"))
      assert.match(error?.message ?? "", /closed/)
      yield* eventually("its stream has ended", events.isOver)
      assert.strictEqual((yield* client.call("any")).status, 404)
      const { closed, inFlight, sessions } = yield* registry.snapshot
      assert.deepStrictEqual([closed.error, inFlight, sessions.length], [1, 0, 0])
    }))
})

describe("requests of one POST", () => {
  it.live("have ids of their own, and are a hundred at most", () =>
    Effect.gen(function*() {
      const { registry, url } = yield* open()
      const client = new RawClient(url)
      yield* client.initialize("2025-03-26")
      const pings = (ids: ReadonlyArray<unknown>) =>
        client.send(ids.map((id) => ({ jsonrpc: "2.0", id, method: "ping" })))
      assert.strictEqual((yield* pings(["a", "a"])).status, 400)
      assert.strictEqual((yield* pings(Array.from({ length: 101 }, (_, index) => index))).status, 400)
      const response = yield* pings([1, "1"])
      assert.strictEqual(response.status, 200)
      const answers: unknown = yield* Effect.promise(() => response.json())
      assert.sameDeepMembers(Array.isArray(answers) ? answers : [], [
        { jsonrpc: "2.0", id: 1, result: {} },
        { jsonrpc: "2.0", id: "1", result: {} }
      ])
      assert.strictEqual((yield* registry.snapshot).inFlight, 0)
    }))
})

describe("a drain", () => {
  it.live("opens no stream for a client that comes back, and takes the answers that running requests wait for", () =>
    Effect.gen(function*() {
      const { registry, url } = yield* open({ drainTimeout: "1 minute" })
      const client = new RawClient(url)
      yield* client.initialize()
      const events = eventsOf(yield* client.call("ask"))
      yield* eventually("it asks", () => events.messages().length === 1)
      const drain = yield* Effect.forkChild(registry.drain("1 minute"))
      yield* eventually("it drains", registry.isDraining)
      assert.strictEqual((yield* client.stream()).response.status, 503)
      const id = events.messages()[0]?.id
      const accepted = yield* client.send({ jsonrpc: "2.0", id, result: { action: "decline" } })
      assert.strictEqual(accepted.status, 202)
      assert.deepStrictEqual(yield* Fiber.join(drain), { cutOff: 0, closed: 1 })
      yield* eventually("the end", events.isOver)
      assert.strictEqual(events.messages().at(-1)?.result?.content?.[0]?.text, "decline")
    }))
})

describe("the limit for each principal", () => {
  it.effect("counts what is open, and never what has ended", () =>
    Effect.gen(function*() {
      const registry = yield* SessionRegistry.make({ maxSessionsPerPrincipal: 2 })
      const begin = registry.open({ principal: Principal.local, transport: "streamable-http" })
      yield* begin
      for (let round = 0; round < 3; round++) {
        const { session } = yield* begin
        assert.isTrue(Exit.isFailure(yield* Effect.exit(begin)))
        yield* session.close("client")
      }
      assert.strictEqual((yield* registry.snapshot).refused, 3)
    }))
})

/** Says how far it is and has answered before anybody could read a word. */
const atOnce = (bytes: number) => () => {
  const server = new Server({ name: "bare", version: "1" }, { capabilities: { tools: {} } })
  server.fallbackRequestHandler = async (_, { _meta, sendNotification }) => {
    const params = { progressToken: _meta?.progressToken ?? 0, progress: 1 }
    await sendNotification({ method: "notifications/progress", params })
    return { content: [{ type: "text", text: "x".repeat(bytes) }] }
  }
  return server
}

describe("what is said at once", () => {
  for (const policy of [{ maxReplayBytes: 1000 }, { maxReplayBytes: 0 }]) {
    it.live(`reaches the client though no more than ${policy.maxReplayBytes} bytes are kept`, () =>
      Effect.gen(function*() {
        const { url } = yield* open({ server: atOnce(300_000), ...policy })
        const client = new RawClient(url)
        yield* client.initialize()
        const events = eventsOf(yield* client.call("big", {}, { progressToken: 1 }))
        yield* eventually("the end", events.isOver)
        assert.deepStrictEqual(events.messages().map(({ method }) => method), ["notifications/progress", undefined])
        assert.strictEqual(events.messages().at(-1)?.result?.content?.[0]?.text.length, 300_000)
      }))
  }
})

describe("routes in an application of one's own", () => {
  it.live("let what is in flight finish when a layer above them drains", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const steer = steering()
      const quiet = { disableLogger: true, disableListenLog: true }
      const context = yield* Drain.layer().pipe(
        Layer.provideMerge(HttpRouter.serve(McpHost.layerRoutes({ server: echoServer(steer) }), quiet)),
        Layer.provideMerge(
          Layer.mergeAll(SessionRegistry.layer(), NodeHttpServer.layer(() => http.createServer(), { port: 0 }))
        ),
        Layer.build,
        Scope.provide(scope)
      )
      const { address } = Context.get(context, HttpServer.HttpServer)
      const client = new RawClient(`http://127.0.0.1:${"port" in address ? address.port : 0}/mcp`)
      yield* client.initialize()
      const { events } = yield* client.stream()
      const call = yield* Effect.forkChild(Effect.flatMap(client.call("wait"), client.json))
      yield* eventually("it waits", () => steer.waiting.length === 1)
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      const registry = Context.get(context, SessionRegistry.SessionRegistry)
      yield* eventually("it drains", registry.isDraining)
      steer.waiting[0]?.("in time")
      assert.strictEqual((yield* Fiber.join(call)).result?.content?.[0]?.text, "in time")
      yield* Fiber.join(closing)
      yield* eventually("the stream has ended", events.isOver)
    }))
})

describe("a client that leaves before the first byte", () => {
  it.live("leaves no stream behind that nobody could come back to, and its request counts until it has ended", () =>
    Effect.gen(function*() {
      const { registry, steer, url } = yield* open({ heartbeatInterval: "250 millis" })
      const client = new RawClient(url)
      yield* client.initialize()
      const { events } = yield* client.stream()
      const call = yield* Effect.forkChild(client.call("wait"))
      yield* eventually("it waits", () => steer.waiting.length === 1)
      yield* Fiber.interrupt(call)
      const seen = events.comments()
      // A request of this age would have become a stream by then.
      yield* eventually("it is older than a heartbeat", () => events.comments() >= seen + 2)
      const { events: refused, response } = yield* client.stream("1-0")
      assert.strictEqual(response.status, 400)
      yield* eventually("the end of the refusal", refused.isOver)
      assert.strictEqual((yield* registry.snapshot).inFlight, 1)
      steer.waiting[0]?.("late")
      yield* eventually("it has finished", () => steer.finished === 1)
      yield* Effect.repeat(registry.snapshot, { until: ({ inFlight }) => inFlight === 0 })
      assert.strictEqual((yield* registry.snapshot).openStreams, 1)
    }))
})

describe("a registry", () => {
  it.effect("whose Scope is closed opens nothing that nobody would close", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const registry = yield* Effect.provideService(SessionRegistry.make(), Scope.Scope, scope)
      yield* Scope.close(scope, Exit.void)
      const late = yield* Effect.exit(registry.open({ principal: Principal.local, transport: "streamable-http" }))
      assert.isTrue(Exit.isFailure(late))
      assert.strictEqual((yield* registry.snapshot).sessions.length, 0)
    }))

  it.effect("gives a handshake its time and no more, though a request of it is still running", () =>
    Effect.gen(function*() {
      const registry = yield* SessionRegistry.make({ halfOpenTimeout: "1 minute" })
      const { session } = yield* registry.open({ principal: Principal.local, transport: "streamable-http" })
      session.holdRequest()
      session.holdStream()
      yield* TestClock.adjust("59 seconds")
      assert.strictEqual(session.state(), "connecting")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* session.closed, "half-open")
      assert.deepInclude((yield* registry.snapshot).closed, { "half-open": 1 })
    }))

  it.effect("counts the time without use from the end of a stream, not from its beginning", () =>
    Effect.gen(function*() {
      const registry = yield* SessionRegistry.make({ idleTimeout: "5 minutes" })
      const { session } = yield* registry.open({ principal: Principal.local, transport: "streamable-http" })
      session.activate()
      const release = session.holdStream()
      yield* TestClock.adjust("20 minutes")
      release()
      release()
      assert.strictEqual(session.openStreams(), 0)
      yield* TestClock.adjust("4 minutes")
      assert.strictEqual(session.state(), "active")
      yield* TestClock.adjust("2 minutes")
      assert.strictEqual(yield* session.closed, "stale")
    }))
})

describe("a handler", () => {
  it.live("ends the client's own stream without ending its own answer", () =>
    Effect.gen(function*() {
      const server = () => {
        const made = new Server({ name: "bare", version: "1" }, { capabilities: { tools: {} } })
        made.fallbackRequestHandler = (_, { closeStandaloneSSEStream }) => {
          closeStandaloneSSEStream?.()
          return Promise.resolve({ content: [] })
        }
        return made
      }
      const { url } = yield* open({ server })
      const client = new RawClient(url)
      yield* client.initialize()
      const { events } = yield* client.stream()
      const answer = yield* client.call("any")
      assert.strictEqual(answer.headers.get("content-type"), "application/json")
      yield* eventually("its own stream has ended", events.isOver)
      assert.deepStrictEqual((yield* client.json(answer)).result, { content: [] })
    }))
})

describe("a client of the old transport", () => {
  it.live("that answers no pings has vanished, and is counted as such", () =>
    Effect.gen(function*() {
      const { origin, registry } = yield* open({
        legacySse: true,
        heartbeatInterval: "10 millis",
        pingInterval: "10 millis"
      })
      const events = eventsOf(yield* new RawClient(`${origin}/sse`).send(undefined, {}, "GET"))
      yield* eventually("the endpoint", () => events.seen.length > 0)
      const client = new RawClient(new URL(events.seen[0]?.data ?? "", `${origin}/sse`).href)
      yield* client.notify("notifications/initialized")
      yield* eventually("its stream was cut", events.isOver)
      yield* Effect.repeat(registry.snapshot, { until: ({ sessions }) => sessions.length === 0 })
      assert.strictEqual((yield* registry.snapshot).closed.vanished, 1)
    }))
})

describe("who asks too often", () => {
  it.live("is never told to come back at once", () =>
    Effect.gen(function*() {
      const { url } = yield* open({ rateLimit: { limit: 1, window: "900 millis" } })
      const client = new RawClient(url)
      const answers = yield* Effect.forEach([1, 2], () => client.request("ping"))
      assert.deepStrictEqual(answers.map(({ status }) => status), [400, 429])
      assert.strictEqual(answers[1]?.headers.get("retry-after"), "1")
    }))
})

describe("what a tool's handler acquires", () => {
  it.live("is released with its call, and not with the session", () =>
    Effect.gen(function*() {
      let inUse = 0
      const held = Effect.acquireRelease(Effect.sync(() => ++inUse), () => Effect.sync(() => void inUse--))
      const server = Effect.gen(function*() {
        const mcp = new McpServer({ name: "holder", version: "1" })
        yield* EffectTool.register(mcp, "hold", {}, () => Effect.map(held, (count) => `${count} held`))
        return mcp
      })
      const { url } = yield* open({ server })
      const client = new RawClient(url)
      yield* client.initialize()
      for (let round = 0; round < 2; round++) {
        const { result } = yield* Effect.flatMap(client.call("hold"), client.json)
        assert.strictEqual(result?.content?.[0]?.text, "1 held")
        assert.strictEqual(inUse, 0)
      }
    }))
})
