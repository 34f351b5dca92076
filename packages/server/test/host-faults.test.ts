/** What a host with sessions once did wrong: each was found by attack, and each would hang a client, or lose what it was told. */
import { assert, describe, it } from "@effect/vitest"
import * as Principal from "@holdfast/protocol/Principal"
import * as SessionRegistry from "@holdfast/server/SessionRegistry"
import { Server } from "@modelcontextprotocol/sdk/server/index.js"
import { InitializeRequestSchema, LATEST_PROTOCOL_VERSION } from "@modelcontextprotocol/sdk/types.js"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as http from "node:http"
import { EventSink } from "../src/internal/http/EventSink.ts"
import * as HttpSessions from "../src/internal/http/HttpSessions.ts"
import { refuseStateless } from "../src/internal/http/refuseStateless.ts"
import * as StreamableHttp from "../src/internal/http/StreamableHttp.ts"
import { Conversation } from "../src/internal/session/Conversation.ts"
import { OutStream } from "../src/internal/session/OutStream.ts"
import { ReplayLog } from "../src/internal/session/ReplayLog.ts"
import { echoServer, steering } from "./support/echoServer.ts"
import { eventually } from "./support/eventually.ts"
import { open } from "./support/hosted.ts"
import { eventsOf, RawClient } from "./support/rawClient.ts"

/** Fails instead of waiting for what never comes. */
const within = <A>(what: string, effect: Effect.Effect<A>) =>
  Effect.timeoutOrElse(effect, {
    duration: "2 minutes",
    orElse: () => Effect.die(new Error(`never happened: ${what}`))
  })

const openSse = (options: Parameters<typeof open>[0] = {}) =>
  Effect.gen(function*() {
    const host = yield* open({ ...options, legacySse: true })
    const client = new RawClient(`${host.origin}/sse`)
    const events = eventsOf(yield* client.send(undefined, {}, "GET"))
    yield* eventually("the endpoint", () => events.seen.length > 0)
    const endpoint = events.seen[0]?.data ?? ""
    return { ...host, endpoint, events, poster: new RawClient(new URL(endpoint, `${host.origin}/sse`).href) }
  })

describe("a stream that a client opens", () => {
  for (const revision of ["2025-03-26", "2025-06-18", "2025-11-25"]) {
    it.live(`is there before anything is said, also in ${revision} and when it is resumed`, () =>
      Effect.gen(function*() {
        const { url } = yield* open()
        const client = new RawClient(url)
        yield* client.initialize(revision)
        const { response } = yield* within("its head", client.stream())
        assert.strictEqual(response.status, 200)
        const resumed = yield* within("its head", client.stream("0-0"))
        assert.strictEqual(resumed.response.status, 200)
      }))
  }
})

describe("a client that comes back", () => {
  it.live("is told that what it has missed is gone, though nothing of it is left", () =>
    Effect.gen(function*() {
      const { url } = yield* open({ maxReplayBytes: 1000 })
      const client = new RawClient(url)
      yield* client.initialize()
      const events = eventsOf(yield* client.call("steps", { count: 2 }, { progressToken: 1 }))
      yield* eventually("the end", events.isOver)
      // Another stream takes all the room there is.
      const more = eventsOf(yield* client.call("steps", { count: 50 }, { progressToken: 2 }))
      yield* eventually("the end", more.isOver)
      const { response } = yield* client.stream("1-1")
      assert.strictEqual(response.status, 400)
    }))

  it.live("is given no places where nothing is kept, and is not refused for what it has missed", () =>
    Effect.gen(function*() {
      const { url } = yield* open({ maxReplayBytes: 0 })
      const client = new RawClient(url)
      yield* client.initialize()
      const { events } = yield* client.stream()
      yield* client.call("announce")
      yield* eventually("it is announced", () => events.messages().length === 1)
      events.leave()
      assert.strictEqual(events.lastEventId(), "")
    }))

  it.live("is refused with a place that the stream has not reached", () =>
    Effect.gen(function*() {
      const { url } = yield* open()
      const client = new RawClient(url)
      yield* client.initialize()
      const { events, response } = yield* client.stream("0-7")
      events.leave()
      assert.strictEqual(response.status, 400)
    }))

  it.effect("knows where it was before it is given what was kept", () =>
    Effect.gen(function*() {
      const out = new OutStream(0, new ReplayLog(1000, 1000))
      out.send("{}")
      out.send("{}")
      const sink = yield* EventSink.make(4000, () => {})
      out.prime(sink, 1)
      out.attach(sink, undefined)
      sink.end("ended")
      const said = yield* Stream.mkString(Stream.decodeText(sink.body))
      assert.deepStrictEqual(said.match(/(?<=id: ).*/g), ["0-0", "0-1", "0-2"])
    }))

  it.effect("is sent away, and gets the answer that came meanwhile when it is back", () =>
    Effect.gen(function*() {
      const out = new OutStream(1, new ReplayLog(1000, 1000))
      const first = yield* EventSink.make(4000, () => {})
      out.attach(first, undefined)
      out.pause()
      assert.isFalse(first.isOpen)
      out.answer(7, "the answer")
      out.complete()
      const second = yield* EventSink.make(4000, () => {})
      out.attach(second, 0)
      assert.include(yield* Stream.mkString(Stream.decodeText(second.body)), "data: the answer")
    }))

  it.effect("gets all that was kept, though it is more than may wait", () =>
    Effect.gen(function*() {
      const out = new OutStream(0, new ReplayLog(100_000, 1000))
      for (let index = 0; index < 50; index++) out.send("x".repeat(1000))
      const ends: Array<string> = []
      const sink = yield* EventSink.make(4000, (end) => void ends.push(end))
      assert.isTrue(out.attach(sink, 0))
      out.send("one more")
      assert.deepStrictEqual(ends, [])
    }))
})

describe("a request that the SDK does not take for one", () => {
  for (
    const [name, request] of Object.entries({
      "an id that is no whole number": { id: 1.5, method: "tools/list" },
      "an id beyond what is exact": { id: 2 ** 53, method: "tools/list" },
      "params that are no object": { id: 2, method: "tools/list", params: [1] },
      "a progress token that is none": { id: 3, method: "tools/list", params: { _meta: { progressToken: 1.5 } } },
      "members that are no object": { id: 4, method: "tools/list", params: { _meta: null } }
    })
  ) {
    it.live(`is answered: ${name}`, () =>
      Effect.gen(function*() {
        const { registry, url } = yield* open()
        const client = new RawClient(url)
        yield* client.initialize()
        const response = yield* within("an answer", client.send({ jsonrpc: "2.0", ...request }))
        const { error } = yield* client.json(response)
        assert.include([-32600, -32602], error?.code)
        assert.strictEqual((yield* registry.snapshot).inFlight, 0)
      }))
  }
})

describe("initialize", () => {
  const waiting = (answers: Deferred.Deferred<void>) => () => {
    const server = new Server({ name: "slow", version: "1" }, { capabilities: { tools: {} } })
    server.setRequestHandler(InitializeRequestSchema, async () => {
      await Effect.runPromise(Deferred.await(answers))
      return {
        protocolVersion: LATEST_PROTOCOL_VERSION,
        capabilities: { tools: {} },
        serverInfo: { name: "slow", version: "1" }
      }
    })
    return server
  }

  it.live("may take longer than a heartbeat", () =>
    Effect.gen(function*() {
      const answers = yield* Deferred.make<void>()
      const { registry, url } = yield* open({ server: waiting(answers), heartbeatInterval: "20 millis" })
      const client = new RawClient(url)
      const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "raw", version: "1" } }
      // A heartbeat begins the answer.
      const response = yield* client.request("initialize", params)
      assert.isNotNull(response.headers.get("mcp-session-id"))
      yield* Deferred.succeed(answers, undefined)
      const events = eventsOf(response)
      yield* eventually("the end", events.isOver)
      assert.strictEqual(events.messages().at(-1)?.result?.["protocolVersion"], LATEST_PROTOCOL_VERSION)
      const { closed, sessions } = yield* registry.snapshot
      assert.strictEqual(closed.error, 0)
      assert.strictEqual(sessions.length, 1)
    }))
})

describe("a server that cannot be made", () => {
  it.live("ends the stream of a client of the old transport at once", () =>
    Effect.gen(function*() {
      const { origin, registry } = yield* open({ server: Effect.fail("no"), legacySse: true })
      const response = yield* new RawClient(`${origin}/sse`).send(undefined, {}, "GET")
      yield* within("the end", Effect.promise(() => response.text()))
      assert.strictEqual(response.status, 500)
      assert.strictEqual((yield* registry.snapshot).sessions.length, 0)
    }))

  it.live("because it never connects, is told to the client", () =>
    Effect.gen(function*() {
      const close = () => Promise.resolve()
      const server = () => ({ connect: () => new Promise<void>(() => {}), close })
      const { url } = yield* open({ server, halfOpenTimeout: "20 millis", sweepInterval: "5 millis" })
      const { status } = yield* within("an answer", new RawClient(url).request("initialize", {}))
      assert.strictEqual(status, 500)
    }))
})

describe("a session whose end goes wrong", () => {
  it.live("is closed though what it had to release fails", () =>
    Effect.gen(function*() {
      const steer = steering()
      const server = Effect.as(Effect.addFinalizer(() => Effect.die("broken")), echoServer(steer)())
      const { registry, url } = yield* open({ server })
      const client = new RawClient(url)
      yield* client.initialize()
      const response = yield* within("an answer", client.send(undefined, {}, "DELETE"))
      assert.strictEqual(response.status, 200)
      assert.strictEqual((yield* registry.snapshot).sessions.length, 0)
    }))

  it.effect("keeps no drain waiting for what is never released", () =>
    Effect.gen(function*() {
      const registry = yield* SessionRegistry.make()
      const { session } = yield* registry.open({ principal: Principal.local, transport: "streamable-http" })
      const release = yield* Deferred.make<void>()
      yield* Scope.addFinalizer(session.scope, Deferred.await(release))
      const drain = yield* Effect.forkChild(registry.drain("1 second"))
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(drain.pollUnsafe(), Exit.succeed({ cutOff: 0, closed: 1 }))
      assert.strictEqual(session.state(), "closing")
      yield* Deferred.succeed(release, undefined)
      yield* session.closed
    }))
})

describe("HTTP+SSE", () => {
  it.live("holds nothing for a message that comes when its session is over", () =>
    Effect.gen(function*() {
      const { endpoint, events, origin, port, registry } = yield* openSse()
      let open = 1
      yield* Effect.forkScoped(Stream.runForEach(registry.events, ({ state }) =>
        Effect.sync(() => {
          if (state === "closed") open--
        })))
      const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list" })
      const headers = { "content-type": "application/json", "content-length": body.length }
      const status = yield* Effect.acquireRelease(
        Effect.sync(() => {
          const request = http.request(new URL(endpoint, `${origin}/sse`), { method: "POST", port, headers })
          let code = 0
          request.on("response", (response) => {
            code = response.statusCode ?? 0
            response.resume()
          })
          request.on("error", () => {})
          request.write(body.slice(0, 10))
          return { request, code: () => code }
        }),
        ({ request }) => Effect.sync(() => request.destroy())
      )
      // It is found when the first half of its body is there.
      yield* Effect.sleep("50 millis")
      events.leave()
      yield* eventually("the session is gone", () => open === 0)
      status.request.end(body.slice(10))
      yield* eventually("an answer", () => status.code() !== 0)
      assert.strictEqual(status.code(), 404)
      assert.strictEqual((yield* registry.snapshot).inFlight, 0)
    }))

  it.live("has as many requests at once as the policy says", () =>
    Effect.gen(function*() {
      const { poster, steer } = yield* openSse({ maxInFlight: 2 })
      const params = { protocolVersion: "2024-11-05", capabilities: {}, clientInfo: { name: "raw", version: "1" } }
      yield* poster.request("initialize", params)
      yield* poster.call("wait")
      yield* poster.call("wait")
      yield* eventually("both wait", () => steer.waiting.length === 2)
      assert.strictEqual((yield* poster.call("wait")).status, 429)
    }))
})

describe("a session", () => {
  it.live("of the old transport is none of the new one", () =>
    Effect.gen(function*() {
      const { endpoint, url } = yield* openSse()
      const id = new URLSearchParams(endpoint.split("?")[1]).get("sessionId") ?? ""
      const response = yield* new RawClient(url, { "mcp-session-id": id }).request("ping")
      assert.strictEqual(response.status, 404)
    }))

  it.effect("is not used by a client that only says that it is there", () =>
    Effect.gen(function*() {
      const registry = yield* SessionRegistry.make({ idleTimeout: "1 minute" })
      const { session } = yield* registry.open({ principal: Principal.local, transport: "streamable-http" })
      session.activate()
      const clock = yield* Clock.Clock
      const now = () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
      const conversation = new Conversation(session, registry.policy, now)
      conversation.onMessage = (message) => {
        if (message._tag === "Request") {
          conversation.send({ _tag: "Success", id: message.id, result: {} }, "{}", undefined)
        }
      }
      const ask = (id: number, method: string) =>
        conversation.receive([{ _tag: "Request", id, method, params: undefined }], {
          isBatch: false,
          acceptsStream: true
        })
      ask(1, "tools/list")
      yield* TestClock.adjust("40 seconds")
      ask(2, "ping")
      assert.strictEqual(session.inFlight(), 0)
      yield* TestClock.adjust("40 seconds")
      assert.strictEqual(yield* session.closed, "stale")
    }))
})

describe("a session that ends between being found and being used", () => {
  it.effect("is not there any more, whatever is asked of it", () =>
    Effect.gen(function*() {
      const registry = yield* SessionRegistry.make()
      const hosted = yield* HttpSessions.make({ registry, server: Effect.sync(echoServer(steering())), revisions: [] })
      const ending: HttpSessions.HttpSessions = {
        ...hosted,
        find: (id, principal) => Effect.tap(hosted.find(id, principal), ({ session }) => session.close("operator"))
      }
      for (const [method, message] of [["POST", { id: 1, method: "tools/list" }], ["GET", undefined]] as const) {
        const { id, session } = yield* hosted.open(Principal.local, "streamable-http", ({ conversation, id }) =>
          Effect.succeed({ id: Redacted.value(id), session: conversation.session }))
        session.activate()
        const empty = HttpClientRequest.make(method)("http://127.0.0.1/mcp", {
          headers: { accept: "application/json, text/event-stream", "mcp-session-id": id }
        })
        const request = HttpServerRequest.fromClientRequest(
          message === undefined
            ? empty
            : HttpClientRequest.bodyText(empty, JSON.stringify({ jsonrpc: "2.0", ...message }))
        )
        const { status } = yield* StreamableHttp.handle(ending, refuseStateless, request, Principal.local)
        assert.strictEqual(status, 404, method)
        assert.strictEqual(session.openStreams(), 0)
        assert.strictEqual(session.inFlight(), 0)
      }
    }))
})

describe("a batch", () => {
  it.live("counts as many requests as it holds", () =>
    Effect.gen(function*() {
      const { registry, steer, url } = yield* open({ maxInFlight: 3 })
      const client = new RawClient(url)
      yield* client.initialize("2025-03-26")
      const waits = [11, 12].map((id) => ({ jsonrpc: "2.0", id, method: "tools/call", params: { name: "wait" } }))
      const running = yield* Effect.forkChild(client.send(waits))
      yield* eventually("both wait", () => steer.waiting.length === 2)
      assert.strictEqual((yield* registry.snapshot).inFlight, 2)
      const more = [13, 14].map((id) => ({ jsonrpc: "2.0", id, method: "tools/call", params: { name: "wait" } }))
      assert.strictEqual((yield* client.send(more)).status, 429)
      for (const answer of steer.waiting) answer("now")
      assert.strictEqual((yield* Fiber.join(running)).status, 200)
      assert.strictEqual((yield* registry.snapshot).inFlight, 0)
    }))
})
