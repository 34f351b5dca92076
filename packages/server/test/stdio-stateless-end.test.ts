/** How requests without a session end with their client, over stdio. */
import { assert, describe, it } from "@effect/vitest"
import * as Principal from "@holdfast/protocol/Principal"
import * as SessionRegistry from "@holdfast/server/SessionRegistry"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { LineReply } from "../src/internal/stateless/LineReply.ts"
import { echoServer, steering } from "./support/echoServer.ts"
import { eventually } from "./support/eventually.ts"
import { initialize } from "./support/lineClient.ts"
import { open } from "./support/lines.ts"

describe("when nobody will ask anything more", () => {
  it.live("what was asked is answered, though its server was made only then", () =>
    Effect.gen(function*() {
      const server = Effect.delay(Effect.sync(echoServer(steering())), "50 millis")
      for (const era of ["legacy", "modern"]) {
        const { client, end, running } = yield* open({ server, drainTimeout: "1 minute" })
        if (era === "modern") client.beginCall("echo", { text: "in time" }, { id: 0 })
        else client.say(initialize)
        end("stdin ended")
        assert.strictEqual(yield* Fiber.join(running), "stdin ended")
        assert.isDefined(client.answersTo(0)[0]?.result, era)
      }
    }))

  it.live("nobody waits for what was answered or taken back", () =>
    Effect.gen(function*() {
      const { client, end, running, steer } = yield* open({ drainTimeout: "1 hour" })
      yield* client.handshake
      yield* client.ask("server/discover")
      client.beginCall("wait", {}, { id: "m1" })
      client.say({ id: "s1", method: "tools/call", params: { name: "wait", arguments: {} } })
      yield* eventually("both handlers run", () => steer.waiting.length === 2)
      client.cancel("m1")
      client.cancel("s1")
      end("stdin ended")
      yield* Fiber.join(running)
      assert.strictEqual(client.said.length, 2)
    }))

  it.live("nobody waits for those who listen, and they are told that it is over", () =>
    Effect.gen(function*() {
      const { client, end, running, servers } = yield* open({ drainTimeout: "1 hour" })
      const id = client.begin("subscriptions/listen", { notifications: { toolsListChanged: true } })
      yield* eventually("the acknowledgement", () => client.said.length === 1)
      end("stdin ended")
      yield* Fiber.join(running)
      assert.deepInclude(client.answersTo(id)[0]?.result, { resultType: "complete" })
      assert.strictEqual(servers.alive, 0)
    }))

  it.live("what takes longer than it may is answered by an error, in both eras, and so is what has no server yet", () =>
    Effect.gen(function*() {
      let stopped = 0
      const slow = yield* open({ server: Effect.onInterrupt(Effect.never, () => Effect.sync(() => void stopped++)) })
      const beginning = slow.client.begin("server/discover")
      slow.client.say(initialize)
      slow.end("stdin ended")
      yield* Fiber.join(slow.running)
      yield* eventually("neither is made any more", () => stopped === 2)
      const { client, end, running, steer } = yield* open()
      yield* client.handshake
      const id = client.beginCall("wait")
      client.say({ id: "s1", method: "tools/call", params: { name: "wait", arguments: {} } })
      yield* eventually("both handlers run", () => steer.waiting.length === 2)
      end("stdin ended")
      yield* Fiber.join(running)
      const answers = [
        ...slow.client.answersTo(beginning),
        ...slow.client.answersTo(0),
        ...client.answersTo(id),
        ...client.answersTo("s1")
      ]
      assert.deepStrictEqual(answers.map(({ error }) => error?.code), [-32000, -32000, -32000, -32000])
      assert.strictEqual(steer.aborted, 2)
    }))

  it.live("who waits is answered, too, when the program is stopped while it finishes", () =>
    Effect.gen(function*() {
      const { client, end, running, steer } = yield* open({ drainTimeout: "1 hour" })
      yield* client.handshake
      client.beginCall("wait", {}, { id: "m1" })
      client.say({ id: "s1", method: "tools/call", params: { name: "wait", arguments: {} } })
      yield* eventually("both handlers run", () => steer.waiting.length === 2)
      end("stdin ended")
      yield* Fiber.interrupt(running)
      assert.deepStrictEqual(["m1", "s1"].map((id) => client.answersTo(id)[0]?.error?.code), [-32000, -32000])
      assert.include(client.answersTo("s1")[0]?.error?.message, "it was stopped")
    }))

  it.live("what is in flight may finish though nobody can read it, for as long as it may take", () =>
    Effect.gen(function*() {
      for (const reason of ["stdout broke", "the parent died"] as const) {
        const { client, end, running, servers, steer } = yield* open({ drainTimeout: "1 hour" })
        client.beginCall("wait")
        yield* eventually("the handler runs", () => steer.waiting.length === 1)
        end(reason)
        yield* Effect.yieldNow
        steer.waiting[0]?.("for nobody")
        assert.strictEqual(yield* Fiber.join(running), reason)
        assert.deepStrictEqual([steer.finished, servers.alive], [1, 0])
        const stuck = yield* open({ drainTimeout: "10 millis" })
        stuck.client.beginCall("wait")
        yield* eventually("the handler runs", () => stuck.steer.waiting.length === 1)
        stuck.end(reason)
        assert.strictEqual(yield* Fiber.join(stuck.running), reason)
        assert.deepStrictEqual([stuck.steer.aborted, stuck.servers.alive], [1, 0])
      }
    }))

  it.live("a session whose server closes itself ends everybody, and says so to who waits", () =>
    Effect.gen(function*() {
      const closing: Array<() => Promise<void>> = []
      const steer = steering()
      const server = () => {
        const made = echoServer(steer)()
        closing.push(() => made.close())
        return made
      }
      const { client, running } = yield* open({ server, drainTimeout: "1 hour" })
      yield* client.handshake
      const id = client.beginCall("wait")
      yield* eventually("the handler runs", () => steer.waiting.length === 1)
      // The server of one request is nobody else's.
      yield* Effect.promise(() => closing[1]?.() ?? Promise.resolve())
      assert.strictEqual((yield* client.answer(id)).error?.code, -32000)
      yield* client.ask("server/discover")
      const other = client.beginCall("wait")
      yield* eventually("the handler runs", () => steer.waiting.length === 2)
      yield* Effect.promise(() => closing[0]?.() ?? Promise.resolve())
      assert.strictEqual(yield* Fiber.join(running), "the server closed")
      assert.strictEqual(client.answersTo(other)[0]?.error?.code, -32000)
    }))

  it.effect("what cannot be told to stop is not waited for, in neither era", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const server = Effect.uninterruptible(Effect.andThen(Deferred.await(gate), Effect.die("too late")))
      const { client, end, running } = yield* open({ server })
      client.begin("server/discover", {}, { id: 7 })
      client.say(initialize)
      end("stdin ended")
      // Longer than a drain waits, and then everything that closes.
      yield* Effect.repeat(TestClock.adjust("1 second"), { times: 30 })
      assert.strictEqual(running.pollUnsafe()?._tag, "Success")
      assert.deepStrictEqual([7, 0].map((id) => client.answersTo(id)[0]?.error?.code), [-32000, -32000])
      yield* Deferred.succeed(gate, undefined)
      assert.strictEqual(client.said.length, 2)
    }))
})

describe("an answer in lines", () => {
  it.effect("says nothing when it is over, and begins nothing", () =>
    Effect.gen(function*() {
      const registry = yield* SessionRegistry.make()
      const said: Array<string> = []
      let ends = 0
      const reply = new LineReply({
        write: (text) => void said.push(text),
        onEnd: () => void ends++,
        isListening: true
      })
      reply.say("first")
      reply.finish(200, "last")
      reply.say("more")
      reply.finish(200, "again")
      yield* reply.abandon()
      assert.deepStrictEqual([said, ends], [["first", "last"], 1])
      const { session } = yield* registry.open({ principal: Principal.local, transport: "stateless" })
      yield* reply.converse(session, () => assert.fail("nobody wants it"))
      assert.strictEqual(session.state(), "closed")
    }))
})
