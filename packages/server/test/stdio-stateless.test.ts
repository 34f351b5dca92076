/** Revision 2026-07-28 over stdio, beside a session. */
import { assert, describe, it } from "@effect/vitest"
import { Session as SessionOf } from "@holdfast/server/Session"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { echoServer, steering } from "./support/echoServer.ts"
import { eventually } from "./support/eventually.ts"
import { isEmpty } from "./support/hosted.ts"
import { initialize, wordsOf } from "./support/lineClient.ts"
import { open } from "./support/lines.ts"
import { roundOf } from "./support/statelessClient.ts"

const listTools = { id: "s1", method: "tools/list", params: {} }

describe("a client over stdio", () => {
  it.live("is answered without a handshake, each request by a server of its own", () =>
    Effect.gen(function*() {
      const { client, registry, servers } = yield* open()
      const { result } = yield* client.ask("server/discover")
      assert.deepStrictEqual(result?.["supportedVersions"], [
        "2026-07-28",
        "2025-11-25",
        "2025-06-18",
        "2025-03-26",
        "2024-11-05"
      ])
      assert.strictEqual(wordsOf(yield* client.call("echo", { text: "hi" })), "hi")
      yield* isEmpty({ registry })
      const { closed } = yield* registry.snapshot
      assert.deepStrictEqual([servers.made, servers.alive, closed.done], [2, 0, 2])
    }))

  it.live("may ask what is spoken and begin a session, and speak without one again, at any time", () =>
    Effect.gen(function*() {
      const { client, registry } = yield* open()
      yield* client.ask("server/discover")
      yield* isEmpty({ registry })
      client.say(initialize)
      assert.strictEqual((yield* client.answer(0)).result?.["protocolVersion"], "2025-11-25")
      // Without a session there is nothing that could be told.
      const _meta = { "io.modelcontextprotocol/protocolVersion": "2026-07-28" }
      client.say({ method: "notifications/initialized", params: { _meta } })
      assert.deepStrictEqual((yield* registry.snapshot).sessions.map(({ state }) => state), ["connecting"])
      client.say({ method: "notifications/initialized" })
      assert.deepStrictEqual((yield* registry.snapshot).sessions.map(({ state }) => state), ["active"])
      client.say({ id: "s1", method: "tools/call", params: { name: "echo", arguments: { text: "in a session" } } })
      client.beginCall("echo", { text: "without" }, { id: "m1" })
      client.say({ id: "s2", method: "ping" })
      assert.strictEqual(wordsOf(yield* client.answer("s1")), "in a session")
      assert.strictEqual(wordsOf(yield* client.answer("m1")), "without")
      assert.deepStrictEqual((yield* client.answer("s2")).result, {})
      assert.strictEqual((yield* client.ask("ping")).error?.code, -32601)
    }))

  it.live("has no server made for a session before it asks something in one, and what it says then waits for it", () =>
    Effect.gen(function*() {
      const made = { sessions: 0 }
      const lines = yield* open({
        server: Effect.gen(function*() {
          const { transport } = yield* SessionOf
          if (transport === "stdio") {
            made.sessions++
            yield* Effect.sleep("50 millis")
          }
          return echoServer(steering())()
        })
      })
      const { client } = lines
      yield* client.ask("server/discover")
      yield* client.call("echo", { text: "hi" })
      client.say({ method: "notifications/initialized" })
      client.say({ id: "x", result: {} })
      client.cancel(1)
      yield* client.ask("server/discover")
      assert.strictEqual(made.sessions, 0)
      client.say(initialize)
      client.say({ method: "notifications/initialized" })
      client.say(listTools)
      client.say({ id: "s2", method: "ping" })
      client.cancel("s2")
      yield* client.answer("s1")
      assert.strictEqual(made.sessions, 1)
      assert.strictEqual(client.answersTo(0).length, 1)
    }))

  it.live("is told by the same codes as over HTTP what is wrong with a request", () =>
    Effect.gen(function*() {
      const { client, servers } = yield* open()
      const version = "io.modelcontextprotocol/protocolVersion"
      const old = (yield* client.ask("tools/list", {}, { meta: { [version]: "1999-01-01" } })).error
      assert.strictEqual(old?.code, -32022)
      assert.deepInclude(old?.data, { requested: "1999-01-01" })
      assert.include(JSON.stringify(old?.data), `"supported":["2026-07-28"`)
      client.say({ id: "bare", method: "server/discover" })
      assert.strictEqual((yield* client.answer("bare")).error?.code, -32602)
      assert.strictEqual((yield* client.ask("tools/list", {}, { meta: { [version]: 7 } })).error?.code, -32602)
      const noCapabilities = { meta: { "io.modelcontextprotocol/clientCapabilities": undefined } }
      assert.strictEqual((yield* client.ask("tools/list", {}, noCapabilities)).error?.code, -32602)
      for (const method of ["initialize", "ping", "logging/setLevel", "resources/subscribe", "tasks/list"]) {
        assert.strictEqual((yield* client.ask(method)).error?.code, -32601, method)
      }
      assert.strictEqual(servers.made, 0)
      assert.strictEqual((yield* client.ask("no/such")).error?.code, -32601)
      assert.strictEqual((yield* client.ask("tasks/get", { taskId: "x" })).error?.code, -32021)
      assert.strictEqual((yield* client.call("ask")).error?.code, -32021)
      assert.strictEqual((yield* client.ask("subscriptions/listen")).error?.code, -32602)
    }))

  it.live("is told of progress by its own token, and of what is logged from the level it names, before the answer", () =>
    Effect.gen(function*() {
      const { client } = yield* open()
      const steps = client.beginCall("steps", { count: 2 }, { meta: { progressToken: "mine" } })
      yield* client.answer(steps)
      assert.deepStrictEqual(client.told("progress").map(({ params }) => params), [
        { progressToken: "mine", progress: 1, total: 2 },
        { progressToken: "mine", progress: 2, total: 2 }
      ])
      assert.strictEqual(client.said.at(-1)?.id, steps)
      yield* client.call("steps", { count: 2 })
      assert.strictEqual(client.told("progress").length, 2)
      const level = "io.modelcontextprotocol/logLevel"
      yield* client.call("shout", { bytes: 1 })
      yield* client.call("shout", { bytes: 1 }, { meta: { [level]: "warning" } })
      assert.strictEqual(client.told("message").length, 0)
      yield* client.call("shout", { bytes: 1 }, { meta: { [level]: "info" } })
      assert.strictEqual(client.told("message").length, 1)
    }))

  it.live("cancels what it wants no answer to: the handler is told, nothing more is said, and the server is gone", () =>
    Effect.gen(function*() {
      for (const stateless of [true, { keep: 8 }]) {
        const { client, registry, steer } = yield* open({ stateless })
        const id = client.beginCall("wait")
        yield* eventually("the handler runs", () => steer.waiting.length === 1)
        client.cancel(id)
        yield* eventually("the handler was told", () => steer.aborted === 1)
        yield* isEmpty({ registry })
        steer.waiting[0]?.("too late")
        yield* eventually("the handler has ended", () => steer.finished === 1)
        yield* client.ask("server/discover")
        assert.deepStrictEqual(client.answersTo(id), [])
        // What nobody waits for is nobody's: that is no error.
        client.cancel(id)
        client.cancel("never asked")
        assert.strictEqual(wordsOf(yield* client.call("echo", { text: "on" })), "on")
        assert.strictEqual((yield* registry.snapshot).closed.client, 1)
      }
    }))

  it.live("cancels what has no server yet", () =>
    Effect.gen(function*() {
      const { client, registry, servers } = yield* open({ server: Effect.never })
      const id = client.beginCall("echo", { text: "hi" })
      yield* eventually("its server is being made", () => servers.alive === 1)
      client.cancel(id)
      yield* isEmpty({ registry })
      assert.deepStrictEqual([servers.alive, client.said.length], [0, 0])
    }))

  it.live("listens until it cancels, on the same lines as everything else", () =>
    Effect.gen(function*() {
      const { client, registry } = yield* open()
      const notifications = { toolsListChanged: true }
      const first = client.begin("subscriptions/listen", { notifications })
      const second = client.begin("subscriptions/listen", { notifications })
      yield* eventually("both are acknowledged", () => client.told("subscriptions/acknowledged").length === 2)
      yield* client.call("announce")
      const heard = () => client.told("tools/list_changed").map(({ params }) => params?.["_meta"])
      const of = (id: number | string) => ({ "io.modelcontextprotocol/subscriptionId": id })
      yield* eventually("both are told", () => heard().length === 2)
      assert.deepStrictEqual(heard(), [of(first), of(second)])
      client.cancel(first)
      yield* client.call("announce")
      yield* eventually("the other is told", () => heard().length === 3)
      assert.deepStrictEqual(heard().slice(2), [of(second)])
      assert.deepStrictEqual([...client.answersTo(first), ...client.answersTo(second)], [])
      client.cancel(second)
      yield* isEmpty({ registry })
    }))

  it.live("is asked back, and answers with a request of another id, while others are asked as well", () =>
    Effect.gen(function*() {
      const { client, registry } = yield* open()
      const capabilities = { elicitation: {} }
      const rounds = yield* Effect.forEach([1, 2, 3], () => client.call("ask", {}, { capabilities }), {
        concurrency: "unbounded"
      })
      assert.strictEqual((yield* registry.snapshot).inFlight, 0)
      for (const [index, message] of rounds.entries()) {
        const { keys, requestState, resultType } = roundOf({ status: 200, message, before: [] })
        assert.strictEqual(resultType, "input_required")
        const action = ["accept", "decline", "cancel"][index]
        const more = { requestState, inputResponses: { [keys[0] ?? ""]: { action } } }
        assert.strictEqual(wordsOf(yield* client.call("ask", {}, { capabilities, more })), action)
        assert.strictEqual((yield* client.call("ask", {}, { capabilities, more })).error?.code, -32602)
      }
      yield* isEmpty({ registry })
    }))

  it.live("cannot have two requests of one id, and loses neither the first nor the session by trying", () =>
    Effect.gen(function*() {
      const { client, steer } = yield* open()
      const id = client.beginCall("wait", {}, { id: "twice" })
      yield* eventually("the handler runs", () => steer.waiting.length === 1)
      client.beginCall("echo", { text: "hi" }, { id: "twice" })
      assert.strictEqual((yield* client.answer(id)).error?.code, -32600)
      steer.waiting[0]?.("first")
      yield* eventually("the first is answered", () => client.answersTo(id).length === 2)
      assert.strictEqual(wordsOf(client.answersTo(id)[1] ?? {}), "first")
      client.beginCall("echo", { text: "hi" }, { id: "twice" })
      yield* eventually("the id is free again", () => wordsOf(client.answersTo(id)[2] ?? {}) === "hi")
      yield* client.handshake
      client.say({ id: "both", method: "tools/call", params: { name: "wait", arguments: {} } })
      yield* eventually("the session's handler runs", () => steer.waiting.length === 2)
      client.begin("server/discover", {}, { id: "both" })
      assert.strictEqual((yield* client.answer("both")).error?.code, -32600)
      steer.waiting[1]?.("second")
      yield* eventually("the session's request is answered", () => client.answersTo("both").length === 2)
      assert.strictEqual(wordsOf(client.answersTo("both")[1] ?? {}), "second")
      client.begin("server/discover", {}, { id: "both" })
      yield* eventually("the id is free for either", () => client.answersTo("both")[2]?.result !== undefined)
    }))

  it.live("may give up to discover a slow server, and begin a session by the same id", () =>
    Effect.gen(function*() {
      const { client, registry } = yield* open({
        server: Effect.gen(function*() {
          const { transport } = yield* SessionOf
          return transport === "stateless" ? yield* Effect.never : echoServer(steering())()
        })
      })
      client.begin("server/discover", {}, { id: 0 })
      const { result } = yield* client.handshake
      assert.isDefined(result?.["protocolVersion"])
      assert.deepStrictEqual((yield* registry.snapshot).sessions.map(({ transport }) => transport), ["stdio"])
    }))

  it.live("is served a thousand requests at once", () =>
    Effect.gen(function*() {
      const { client, registry, steer } = yield* open()
      const ids = Array.from({ length: 1000 }, () => client.beginCall("wait"))
      yield* eventually("all handlers run", () => steer.waiting.length === 1000)
      assert.strictEqual((yield* registry.snapshot).inFlight, 1000)
      for (const [index, answer] of steer.waiting.entries()) answer(String(index))
      yield* eventually("all are answered", () => client.said.length === 1000)
      assert.strictEqual(new Set(client.said.map(({ id }) => id)).size, ids.length)
      yield* isEmpty({ registry })
    }))

  it.live("is refused what is more than the registry allows, and is served again when there is room", () =>
    Effect.gen(function*() {
      const { client, steer } = yield* open({ policy: { maxSessions: 2 } })
      const ids = [client.beginCall("wait"), client.beginCall("wait")]
      yield* eventually("both handlers run", () => steer.waiting.length === 2)
      assert.strictEqual((yield* client.ask("server/discover")).error?.code, -32000)
      client.say(initialize)
      assert.strictEqual((yield* client.answer(0)).error?.code, -32000)
      for (const answer of steer.waiting) answer("now")
      yield* Effect.forEach(ids, client.answer)
      yield* client.ask("server/discover")
      client.say({ ...initialize, id: "again" })
      assert.isDefined((yield* client.answer("again")).result)
    }))

  it.live("keeps its session and what it listens to however idle it is, and is not waited for once it was asked", () =>
    Effect.gen(function*() {
      const policy = { idleTimeout: "20 millis", sweepInterval: "5 millis" } as const
      const { client, registry, steer } = yield* open({ policy })
      yield* client.handshake
      client.begin("subscriptions/listen", { notifications: { toolsListChanged: true } })
      const message = yield* client.call("ask", {}, { capabilities: { elicitation: {} } })
      const { requestState } = roundOf({ status: 200, message, before: [] })
      yield* eventually("the handler was told", () => steer.aborted === 1)
      const { error } = yield* client.call("ask", {}, { more: { requestState, inputResponses: {} } })
      assert.strictEqual(error?.code, -32602)
      const { sweeps } = yield* registry.snapshot
      // Five times as long as anything idle is kept.
      yield* registry.snapshot.pipe(Effect.repeat({ until: (later) => later.sweeps > sweeps + 20 }))
      const { sessions } = yield* registry.snapshot
      assert.deepStrictEqual(sessions.map(({ state, transport }) => `${state} ${transport}`), [
        "active stdio",
        "active stateless"
      ])
    }))

  it.live("finds servers kept for it if they remember nothing", () =>
    Effect.gen(function*() {
      const { client, registry, servers } = yield* open({ stateless: { keep: 2 } })
      // A server is kept a moment after it has answered.
      const isMade = Effect.gen(function*() {
        const { made } = servers
        assert.strictEqual(wordsOf(yield* client.call("echo", { text: String(made) })), String(made))
        return servers.made > made
      })
      assert.isFalse(yield* Effect.repeat(isMade, { while: (isMade) => isMade, times: 100 }))
      // What was listened to for nothing is no stream that would keep its server for ever.
      yield* client.ask("subscriptions/listen", { notifications: {} })
      const { openStreams, sessions } = yield* registry.snapshot
      assert.isAtLeast(sessions.length, 1)
      assert.deepStrictEqual([openStreams, servers.alive], [0, sessions.length])
    }))

  it.live("has a session and nothing else if that is what was wanted", () =>
    Effect.gen(function*() {
      const { client, servers } = yield* open({ stateless: false })
      yield* eventually("its server was made at once", () => servers.made === 1)
      assert.strictEqual((yield* client.ask("server/discover")).error?.code, -32601)
      yield* client.handshake
      client.say(listTools)
      assert.isDefined((yield* client.answer("s1")).result)
      assert.strictEqual(servers.made, 1)
    }))

  it.live("is told that no server could be made, and the program of a session ends by it", () =>
    Effect.gen(function*() {
      const { client, running } = yield* open({ server: Effect.die("no database") })
      const { error } = yield* client.ask("server/discover")
      assert.strictEqual(error?.code, -32000)
      assert.notInclude(error?.message, "database")
      client.say(initialize)
      const exit = yield* Fiber.await(running)
      assert.isTrue(Exit.isFailure(exit))
      assert.include(Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "", "no database")
    }))

  it.live("has an answer whatever fails", () =>
    Effect.gen(function*() {
      const { client } = yield* open({ having: { open: () => Effect.die("a defect of ours") } })
      assert.strictEqual((yield* client.ask("server/discover")).error?.code, -32603)
      assert.notInclude(JSON.stringify(client.said), "a defect of ours")
    }))
})
