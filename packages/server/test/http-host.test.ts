/** Streamable HTTP, as a client on a real socket sees it. */
import { assert, describe, it } from "@effect/vitest"
import type { RegistrySnapshot, SessionRegistry } from "@holdfast/server/SessionRegistry"
import { Client } from "@modelcontextprotocol/sdk/client/index.js"
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js"
import { Server } from "@modelcontextprotocol/sdk/server/index.js"
import { InitializeRequestSchema } from "@modelcontextprotocol/sdk/types.js"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import { eventually } from "./support/eventually.ts"
import { open } from "./support/hosted.ts"
import { eventsOf, RawClient } from "./support/rawClient.ts"

const ready = (...options: Parameters<typeof open>) =>
  Effect.gen(function*() {
    const host = yield* open(...options)
    const client = new RawClient(host.url)
    yield* client.initialize()
    return { ...host, client }
  })

/** Waits until the registry looks so. */
const until = ({ snapshot }: SessionRegistry["Service"], isSo: (snapshot: RegistrySnapshot) => boolean) =>
  snapshot.pipe(
    Effect.repeat({ schedule: Schedule.spaced("5 millis"), until: isSo }),
    Effect.timeoutOrElse({ duration: "2 minutes", orElse: () => Effect.die(new Error("the registry never was so")) })
  )

describe("a server over Streamable HTTP", () => {
  it.live("serves the SDK's own client", () =>
    Effect.gen(function*() {
      const { registry, url } = yield* open()
      const client = new Client({ name: "sdk", version: "1" })
      // The SDK's declaration of its own transport does not allow for exact optional properties.
      const transport = new StreamableHTTPClientTransport(new URL(url)) as Parameters<typeof client.connect>[0]
      yield* Effect.promise(() => client.connect(transport))
      const progress: Array<number> = []
      const result = yield* Effect.promise(() =>
        client.callTool({ name: "steps", arguments: { count: 3 } }, undefined, {
          onprogress: ({ progress: step }) => void progress.push(step)
        })
      )
      assert.deepInclude(result, { content: [{ type: "text", text: "3 steps" }] })
      assert.deepStrictEqual(progress, [1, 2, 3])
      yield* Effect.promise(() => client.close())
      assert.strictEqual((yield* registry.snapshot).sessions[0]?.state, "active")
    }))

  it.live("answers with JSON when there is only an answer, and with events when there is more to say", () =>
    Effect.gen(function*() {
      const { client } = yield* ready()
      const plain = yield* client.call("echo", { text: "hi" })
      assert.match(plain.headers.get("content-type") ?? "", /^application\/json/)
      assert.strictEqual((yield* client.json(plain)).result?.content?.[0]?.text, "hi")
      const more = yield* client.call("steps", { count: 2 }, { progressToken: "t" })
      assert.strictEqual(more.headers.get("content-type"), "text/event-stream")
      const events = eventsOf(more)
      yield* eventually("the stream ends after the answer", events.isOver)
      assert.deepStrictEqual(events.messages().map(({ method }) => method ?? "answer"), [
        "notifications/progress",
        "notifications/progress",
        "answer"
      ])
      assert.isTrue(events.seen.every(({ id }) => id !== undefined && id !== ""))
    }))

  it.live("an id of a session is asked for, and only a living session of its own principal is found", () =>
    Effect.gen(function*() {
      const { client, registry } = yield* ready()
      const without = new RawClient(client.url)
      assert.strictEqual((yield* without.call("echo", { text: "" })).status, 400)
      const foreign = new RawClient(client.url, { "mcp-session-id": "guessed" })
      const lost = yield* foreign.call("echo", { text: "" })
      assert.strictEqual(lost.status, 404)
      assert.strictEqual((yield* foreign.json(lost)).error?.code, -32001)
      assert.strictEqual((yield* client.send(undefined, {}, "DELETE")).status, 200)
      assert.strictEqual((yield* client.send(undefined, {}, "DELETE")).status, 404)
      assert.strictEqual((yield* client.call("echo", { text: "" })).status, 404)
      assert.deepInclude((yield* registry.snapshot).closed, { client: 1 })
    }))

  it.live("what is no message, no revision or a second request of one id is refused, and harms nobody", () =>
    Effect.gen(function*() {
      const { client, steer } = yield* ready()
      const refusal = (body: unknown, headers?: Record<string, string>) =>
        Effect.gen(function*() {
          const response = yield* client.send(body, headers)
          assert.strictEqual(response.status, 400)
          return (yield* client.json(response)).error
        })
      assert.strictEqual((yield* refusal("{"))?.code, -32_700)
      assert.strictEqual((yield* refusal("[]"))?.code, -32_600)
      assert.strictEqual((yield* refusal({ jsonrpc: "2.0" }))?.code, -32_600)
      const ping = { jsonrpc: "2.0", id: 1, method: "ping" }
      const old = yield* refusal(ping, { "mcp-protocol-version": "1999-01-01" })
      assert.deepInclude(old?.data, { requested: "1999-01-01" })
      assert.include((yield* refusal([ping, { ...ping, id: 2, method: "initialize" }]))?.message, "comes alone")
      const request = { jsonrpc: "2.0", id: "same", method: "tools/call", params: { name: "wait", arguments: {} } }
      const first = yield* Effect.forkChild(client.send(request), { startImmediately: true })
      yield* eventually("the call arrived", () => steer.waiting.length === 1)
      assert.strictEqual((yield* client.send(request)).status, 400)
      steer.waiting[0]?.("done")
      assert.strictEqual((yield* client.json(yield* Fiber.join(first))).result?.content?.[0]?.text, "done")
    }))

  it.live("a client of an older revision is given no place to come back to, and batches before 2025-06-18 only", () =>
    Effect.gen(function*() {
      const { url } = yield* open()
      const ping = { jsonrpc: "2.0", id: "p", method: "ping" }
      for (const [revision, isOld] of [["2025-03-26", true], ["2025-06-18", false], ["2025-11-25", false]] as const) {
        const client = new RawClient(url)
        yield* client.initialize(revision)
        assert.strictEqual((yield* client.send([ping])).status, isOld ? 200 : 400, revision)
        const { events } = yield* client.stream()
        yield* eventually("the stream has begun", () => events.comments() > 0 || events.lastEventId() !== "")
        assert.strictEqual(events.lastEventId() !== "", revision === "2025-11-25", revision)
        events.leave()
      }
    }))

  it.live("what was said after a client has left its stream is told on the next one", () =>
    Effect.gen(function*() {
      const { client, registry } = yield* ready()
      const { events } = yield* client.stream()
      yield* client.call("announce")
      yield* eventually("the first", () => events.messages().length === 1)
      events.leave()
      yield* until(registry, ({ openStreams }) => openStreams === 0)
      yield* client.call("announce")
      const next = yield* client.stream()
      yield* eventually("the second", () => next.events.messages().length === 1)
      next.events.leave()
    }))

  it.live("a server that refuses the handshake costs the client its session, and it is given no id", () =>
    Effect.gen(function*() {
      const server = () => {
        const made = new Server({ name: "proud", version: "1" }, { capabilities: {} })
        made.setRequestHandler(InitializeRequestSchema, () => {
          throw new Error("not you")
        })
        return made
      }
      const { registry, url } = yield* open({ server }, "None")
      const { answer, response } = yield* new RawClient(url).initialize()
      assert.include(answer.error?.message, "not you")
      assert.isNull(response.headers.get("mcp-session-id"))
      const { closed } = yield* until(registry, ({ sessions }) => sessions.length === 0)
      assert.deepInclude(closed, { error: 1 })
    }))

  it.live("an answer of the client's that is none fails the question", () =>
    Effect.gen(function*() {
      const host = yield* open()
      const client = new RawClient(host.url)
      const { response } = yield* Effect.map(
        client.request("initialize", {
          protocolVersion: "2025-11-25",
          capabilities: { elicitation: {} },
          clientInfo: { name: "raw", version: "1" }
        }),
        (response) => ({ response })
      )
      client.headers["mcp-session-id"] = response.headers.get("mcp-session-id") ?? ""
      const events = eventsOf(yield* client.call("ask"))
      yield* eventually("the question", () => events.messages().length === 1)
      const { id } = events.messages()[0] ?? {}
      assert.strictEqual((yield* client.send({ jsonrpc: "2.0", id, error: { code: 1 } })).status, 400)
      yield* eventually("the answer to the call", events.isOver)
      const { result } = events.messages()[1] ?? {}
      assert.strictEqual(result?.["isError"], true)
      assert.include(result?.content?.[0]?.text, "the client's answer is none")
    }))

  it.live("a handler whose client has gone goes on, and its answer can be had from where the stream broke", () =>
    Effect.gen(function*() {
      const { client, registry, steer } = yield* ready({ heartbeatInterval: "30 millis" })
      // It takes longer than a heartbeat: the client gets a stream, and an id to come back with.
      const response = yield* client.call("wait")
      const events = eventsOf(response)
      yield* eventually("the first event says where we are", () => events.lastEventId() !== "")
      events.leave()
      yield* until(registry, ({ openStreams }) => openStreams === 0)
      steer.waiting[0]?.("after all")
      yield* eventually("the handler finished", () => steer.finished === 1)
      assert.strictEqual(steer.aborted, 0)
      const back = yield* client.stream(events.lastEventId())
      yield* eventually("the rest arrived and the stream ended", back.events.isOver)
      assert.strictEqual(back.events.messages()[0]?.result?.content?.[0]?.text, "after all")
    }))

  it.live("a cancelled request stops its handler, and is answered no more", () =>
    Effect.gen(function*() {
      const { client, registry, steer } = yield* ready()
      const call = yield* Effect.forkChild(
        client.send({ jsonrpc: "2.0", id: 77, method: "tools/call", params: { name: "wait", arguments: {} } }),
        { startImmediately: true }
      )
      yield* eventually("the call arrived", () => steer.waiting.length === 1)
      yield* client.notify("notifications/cancelled", { requestId: 77 })
      yield* eventually("the handler was told", () => steer.aborted === 1)
      yield* Fiber.join(call)
      assert.strictEqual((yield* registry.snapshot).inFlight, 0)
    }))

  it.live("what the server says of its own accord waits for the stream, and a second stream takes the place of the first", () =>
    Effect.gen(function*() {
      const { client } = yield* ready()
      yield* client.call("announce")
      const first = yield* client.stream()
      yield* eventually(
        "what was said before arrived",
        () => first.events.messages().some(({ method }) => method === "notifications/tools/list_changed")
      )
      const second = yield* client.stream()
      yield* eventually("the first was ended", first.events.isOver)
      yield* client.call("announce")
      yield* eventually("the second is told", () => second.events.messages().length === 1)
      second.events.leave()
    }))

  it.live("every open stream is shown to live by comments", () =>
    Effect.gen(function*() {
      const { client } = yield* ready({ heartbeatInterval: "20 millis" })
      const { events } = yield* client.stream()
      yield* eventually("two heartbeats", () => events.comments() >= 2)
      events.leave()
    }))

  it.live("a client that answers no pings loses its stream, and one that does keeps it", () =>
    Effect.gen(function*() {
      const { client } = yield* ready({ heartbeatInterval: "20 millis", pingInterval: "20 millis" })
      const silent = yield* client.stream()
      yield* eventually("the stream was cut", silent.events.isOver)
      assert.isAtLeast(silent.events.messages().filter(({ method }) => method === "ping").length, 2)
      const answering = yield* client.stream()
      let answered = 0
      while (answered < 6) {
        yield* eventually("a ping", () => answering.events.messages().length > answered)
        const { id } = answering.events.messages()[answered++] ?? {}
        const response = yield* client.send({ jsonrpc: "2.0", id, result: {} })
        assert.strictEqual(response.status, 202)
      }
      assert.isFalse(answering.events.isOver())
      answering.events.leave()
    }))

  it.live("a client that does not read is cut off, and its session lives on", () =>
    Effect.gen(function*() {
      const { client, registry } = yield* ready({ maxBufferedBytes: 64 * 1024 })
      // Nobody reads the body of this one.
      const stuck = yield* client.send(undefined, {}, "GET")
      for (let i = 0; i < 40; i++) yield* client.call("shout", { bytes: 256 * 1024 })
      yield* until(registry, ({ openStreams }) => openStreams === 0)
      yield* Effect.promise(() => stuck.body?.cancel() ?? Promise.resolve())
      const alive = yield* client.call("echo", { text: "still here" })
      assert.strictEqual((yield* client.json(alive)).result?.content?.[0]?.text, "still here")
    }))

  it.live("sessions have a limit, and who comes too late is told when to come back", () =>
    Effect.gen(function*() {
      const { url } = yield* open({ maxSessions: 1 })
      const first = new RawClient(url)
      yield* first.initialize()
      const late = yield* new RawClient(url).request("initialize", {
        protocolVersion: "2025-11-25",
        capabilities: {},
        clientInfo: { name: "late", version: "1" }
      })
      assert.strictEqual(late.status, 503)
      assert.strictEqual(late.headers.get("retry-after"), "10")
      yield* first.send(undefined, {}, "DELETE")
      yield* new RawClient(url).initialize()
    }))

  it.live("a drain lets what is in flight finish, refuses what is new, and ends every stream", () =>
    Effect.gen(function*() {
      const { client, registry, steer } = yield* ready()
      const { events } = yield* client.stream()
      const call = yield* Effect.forkChild(client.call("wait"), { startImmediately: true })
      yield* eventually("the call arrived", () => steer.waiting.length === 1)
      const drain = yield* Effect.forkChild(registry.drain("1 minute"), { startImmediately: true })
      for (const refused of [yield* client.call("echo", { text: "late" }), (yield* client.stream()).response]) {
        assert.deepStrictEqual([refused.status, refused.headers.get("retry-after")], [503, "5"])
      }
      steer.waiting[0]?.("in time")
      assert.strictEqual((yield* client.json(yield* Fiber.join(call))).result?.content?.[0]?.text, "in time")
      assert.deepStrictEqual(yield* Fiber.join(drain), { cutOff: 0, closed: 1 })
      yield* eventually("the stream ended", events.isOver)
    }))

  it.live("says where it listens and that it drains, and nothing of each request", () =>
    Effect.gen(function*() {
      const lines: Array<string> = []
      const logger = Logger.make(({ message }) => void lines.push([message].flat().join(" ")))
      const url = yield* Effect.gen(function*() {
        const { client, url } = yield* ready({}, "Info")
        yield* client.call("echo", { text: "hi" })
        return url
      }).pipe(Effect.scoped, Effect.provide(Logger.layer([logger])))
      assert.deepStrictEqual(lines.map((line) => line.replace(/\d+\.\d s/, "N s")), [
        `listening on ${url}`,
        "draining: 0 requests in flight, 1 session, at most 100ms",
        "drained in N s: 1 session closed"
      ])
    }))

  it.live("a pending request is answered when the server closes, never left hanging", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const host = yield* Scope.provide(open({ drainTimeout: "50 millis" }), scope)
      const client = new RawClient(host.url)
      yield* client.initialize()
      const call = yield* Effect.forkChild(client.call("wait"), { startImmediately: true })
      yield* eventually("the call arrived", () => host.steer.waiting.length === 1)
      yield* Scope.close(scope, Exit.void)
      const { error } = yield* client.json(yield* Fiber.join(call))
      assert.match(error?.message ?? "", /the session was closed: drain/)
    }))
})
