/** What is said in a session, and where, as only somebody who looks closely would miss it. */
import { assert, describe, it } from "@effect/vitest"
import type * as JsonRpc from "@holdfast/protocol/JsonRpc"
import * as Principal from "@holdfast/protocol/Principal"
import * as SessionRegistry from "@holdfast/server/SessionRegistry"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { EventSink } from "../src/internal/http/EventSink.ts"
import { Conversation } from "../src/internal/session/Conversation.ts"
import type { Exchange } from "../src/internal/session/Exchange.ts"
import { ReplayLog } from "../src/internal/session/ReplayLog.ts"
import type { SessionPolicyInput } from "../src/SessionPolicy.ts"

/** A session whose server is the test. */
const talk = (policy: SessionPolicyInput = {}, revision = "2025-11-25") =>
  Effect.gen(function*() {
    const registry = yield* SessionRegistry.make(policy)
    const { session } = yield* registry.open({ principal: Principal.local, transport: "streamable-http" })
    const clock = yield* Clock.Clock
    const conversation = new Conversation(
      session,
      registry.policy,
      () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
    )
    session.onClosing((reason) => conversation.close(reason))
    conversation.revision = revision
    return {
      conversation,
      registry,
      session,
      ask: (ids: ReadonlyArray<JsonRpc.RequestId>, acceptsStream = true): Exchange => {
        const messages = ids.map((id) => ({ _tag: "Request", id, method: "tools/call", params: undefined } as const))
        const exchange = conversation.receive(messages, { isBatch: ids.length > 1, acceptsStream })
        if (exchange === undefined) throw new Error("there is a request, and so an exchange")
        return exchange
      },
      answer: (id: JsonRpc.RequestId) =>
        conversation.send({ _tag: "Success", id, result: {} }, `answer ${id}`, undefined),
      say: (text: string, related?: JsonRpc.RequestId) =>
        conversation.send({ _tag: "Notification", method: "notifications/message", params: {} }, text, related),
      question: (text: string, related?: JsonRpc.RequestId) =>
        conversation.send({ _tag: "Request", id: text, method: "elicitation/create", params: {} }, text, related)
    }
  })

/** A response, and all that it carried once it has ended. */
const response = Effect.gen(function*() {
  const ends: Array<string> = []
  const sink = yield* EventSink.make(100_000, (end) => void ends.push(end))
  const text = Effect.map(Stream.mkString(Stream.decodeText(sink.body)), (all) => all.match(/(?<=data: ).+/g) ?? [])
  return { sink, ends, text }
})

/** The stream that an exchange has become. */
const streamOf = (exchange: Exchange) =>
  Effect.flatMap(
    exchange.decision,
    (decision) =>
      decision._tag === "Stream" ? Effect.succeed(decision.stream) : Effect.die(new Error("it is no stream"))
  )

describe("what a server says", () => {
  it.effect("in the course of a request goes with its answer, and nowhere else", () =>
    Effect.gen(function*() {
      const { answer, ask, conversation, question, say } = yield* talk()
      const own = yield* response
      conversation.push.attach(own.sink, undefined)
      const carrier = yield* response
      const exchange = ask([1])
      say("with it", 1)
      question("who?", 1)
      const stream = yield* streamOf(exchange)
      stream.attach(carrier.sink, undefined)
      say("of its own")
      answer(1)
      own.sink.end("ended")
      assert.deepStrictEqual(yield* carrier.text, ["with it", "who?", "answer 1"])
      assert.deepStrictEqual(yield* own.text, ["of its own"])
    }))

  it.effect("to a client whose response cannot carry it: questions go over its own stream, nothing else does", () =>
    Effect.gen(function*() {
      const { answer, ask, conversation, question, say } = yield* talk()
      const own = yield* response
      conversation.push.attach(own.sink, undefined)
      const exchange = ask([1], false)
      say("progress", 1)
      question("who?", 1)
      answer(1)
      assert.deepStrictEqual(yield* exchange.decision, { _tag: "Json", answers: ["answer 1"], isBatch: false })
      own.sink.end("ended")
      assert.deepStrictEqual(yield* own.text, ["who?"])
    }))

  it.effect("after the client has gone before the first byte is kept for nobody", () =>
    Effect.gen(function*() {
      const { answer, ask, conversation, say } = yield* talk()
      const exchange = ask([1])
      exchange.abandon()
      say("progress", 1)
      conversation.pause(1)
      answer(1)
      assert.strictEqual((yield* exchange.decision)._tag, "Json")
      assert.isUndefined(conversation.streamOf(1))
    }))

  it.effect("is in order when a batch becomes a stream after its first answer", () =>
    Effect.gen(function*() {
      const { answer, ask, say, session } = yield* talk({}, "2025-03-26")
      const exchange = ask([1, "1"])
      answer(1)
      say("between", "1")
      const carrier = yield* response
      const stream = yield* streamOf(exchange)
      stream.attach(carrier.sink, undefined)
      assert.isAbove(session.inFlight(), 0)
      answer("1")
      assert.deepStrictEqual(yield* carrier.text, ["answer 1", "between", "answer 1"])
      assert.strictEqual(session.inFlight(), 0)
    }))

  it.effect("twice in answer to one request is said once", () =>
    Effect.gen(function*() {
      const { answer, ask, registry } = yield* talk()
      const exchange = ask([1])
      answer(1)
      answer(1)
      assert.deepStrictEqual(yield* exchange.decision, { _tag: "Json", answers: ["answer 1"], isBatch: false })
      assert.strictEqual((yield* registry.snapshot).inFlight, 0)
    }))
})

describe("a session that is closed", () => {
  it.effect("answers what is pending, over the one stream of the old transport too, and says nothing after it", () =>
    Effect.gen(function*() {
      const { answer, ask, conversation, say, session } = yield* talk()
      const only = yield* response
      conversation.speakOver(only.sink)
      const exchange = ask([7])
      yield* session.close("operator")
      const decision = yield* exchange.decision
      assert.strictEqual(session.inFlight(), 0)
      answer(7)
      say("late")
      const said = yield* only.text
      assert.match(said.join(), /^\{"jsonrpc":"2.0","id":7,"error":.*operator/)
      assert.strictEqual(said.length, 1)
      assert.deepStrictEqual(decision, { _tag: "Json", answers: said, isBatch: false })
    }))
})

describe("a response that is sent away", () => {
  it.effect("stays where the client could not come back: in older revisions, and where nothing is kept", () =>
    Effect.gen(function*() {
      for (const one of [yield* talk({}, "2025-06-18"), yield* talk({ maxReplayBytes: 0 })]) {
        const exchange = one.ask([1])
        one.conversation.pause(1)
        assert.isTrue(exchange.isUndecided)
        const own = yield* response
        one.conversation.push.attach(own.sink, undefined)
        one.conversation.pause(undefined)
        assert.isTrue(own.sink.isOpen)
      }
    }))

  it.effect("ends once: the next one stays, and has what was said between", () =>
    Effect.gen(function*() {
      const { conversation, say } = yield* talk()
      conversation.pause(undefined)
      const first = yield* response
      conversation.push.attach(first.sink, undefined)
      assert.isFalse(first.sink.isOpen)
      say("between")
      const second = yield* response
      conversation.push.attach(second.sink, 0)
      assert.isTrue(second.sink.isOpen)
      say("now")
      second.sink.end("ended")
      assert.deepStrictEqual(yield* second.text, ["between", "now"])
    }))
})

describe("a stream", () => {
  it.effect("has one reader: the newer takes the place of the older, which is told nothing more", () =>
    Effect.gen(function*() {
      const { conversation, say } = yield* talk()
      const older = yield* response
      const newer = yield* response
      say("first")
      conversation.push.attach(older.sink, undefined)
      conversation.push.attach(newer.sink, undefined)
      say("second")
      assert.isTrue(newer.sink.isOpen)
      const newest = yield* response
      conversation.push.attach(newest.sink, undefined)
      newest.sink.end("ended")
      assert.deepStrictEqual(yield* newest.text, [])
      assert.deepStrictEqual(older.ends, ["replaced"])
      assert.deepStrictEqual(yield* older.text, ["first"])
      assert.deepStrictEqual(yield* newer.text, ["second"])
    }))

  it.effect("that has ended is remembered for a while, and one that has not as long as it takes", () =>
    Effect.gen(function*() {
      const { answer, ask, conversation, say } = yield* talk()
      ask(["open"])
      say("it goes on", "open")
      for (let id = 2; id <= 40; id++) {
        const exchange = ask([id])
        say("progress", id)
        const read = yield* response
        const stream = yield* streamOf(exchange)
        stream.attach(read.sink, undefined)
        answer(id)
        yield* read.text
      }
      assert.isDefined(conversation.streamOf(1))
      assert.isUndefined(conversation.streamOf(2))
      assert.isDefined(conversation.streamOf(40))
      const late = yield* response
      assert.isTrue(conversation.streamOf(40)?.attach(late.sink, 1))
      assert.deepStrictEqual(yield* late.text, ["answer 40"])
    }))

  it.effect("becomes one at a heartbeat only if the request is older than that, and its client reads streams", () =>
    Effect.gen(function*() {
      const { ask, conversation } = yield* talk({ heartbeatInterval: "1 second" })
      const slow = ask([1])
      const deaf = ask([2], false)
      yield* TestClock.adjust("999 millis")
      const young = ask([3])
      conversation.beat()
      assert.isTrue(slow.isUndecided)
      yield* TestClock.adjust("1 millis")
      conversation.beat()
      assert.deepStrictEqual([slow, deaf, young].map(({ isUndecided }) => isUndecided), [false, true, true])
    }))
})

describe("what is kept for later", () => {
  it("is bounded, and of one stream only, however much was said", () => {
    const log = new ReplayLog(1000, 1000)
    for (let place = 1; place <= 500; place++) {
      log.append(1, place, "x".repeat(50))
      log.append(2, place, "y".repeat(50))
    }
    const places = (stream: number, after: number) => log.left(stream, after).map(({ place }) => place)
    assert.deepStrictEqual(places(1, 0), [491, 492, 493, 494, 495, 496, 497, 498, 499, 500])
    assert.deepStrictEqual(places(1, 498), [499, 500])
    assert.isTrue(log.left(2, 490).every(({ text }) => text.startsWith("y")))
    log.forget(2)
    // There is room again for as much as was forgotten.
    for (let place = 501; place <= 510; place++) log.append(1, place, "x".repeat(50))
    assert.strictEqual(log.left(1, 490).length, 20)
    assert.deepStrictEqual(log.left(2, 0), [])
  })
})

describe("a client without pings", () => {
  it.effect("is asked only when it is there, and cut off only when it has not answered twice", () =>
    Effect.gen(function*() {
      const { conversation, session } = yield* talk({ pingInterval: "1 second" })
      const own = yield* response
      conversation.push.attach(own.sink, undefined)
      const beat = Effect.andThen(TestClock.adjust("1 second"), Effect.sync(() => conversation.beat()))
      yield* beat
      session.activate()
      for (let round = 0; round < 5; round++) {
        yield* beat
        yield* beat
        conversation.receive([{ _tag: "Notification", method: "notifications/any", params: undefined }], {
          isBatch: false,
          acceptsStream: true
        })
      }
      assert.deepStrictEqual(own.ends, [])
      yield* beat
      yield* beat
      yield* beat
      assert.deepStrictEqual(own.ends, ["vanished"])
      assert.strictEqual((yield* own.text).filter((text) => text.includes("ping")).length, 12)
    }))
})

describe("a response of events", () => {
  it.effect("is cut off by what waits, not by all that was ever said", () =>
    Effect.gen(function*() {
      const ends: Array<string> = []
      const sink = yield* EventSink.make(4000, (end) => void ends.push(end))
      let read = 0
      const reader = yield* Effect.forkChild(Stream.runForEach(sink.body, () => Effect.sync(() => void read++)))
      for (let count = 1; count <= 50; count++) {
        sink.event(undefined, "x".repeat(1000))
        yield* Effect.repeat(Effect.yieldNow, { until: () => read >= count })
      }
      assert.deepStrictEqual(ends, [])
      yield* Fiber.interrupt(reader)
      assert.deepStrictEqual(ends, ["client left"])
    }))

  it.effect("that nobody reads ends with the request it is for", () =>
    Effect.gen(function*() {
      const ends: Array<string> = []
      const scope = yield* Scope.make()
      const made = EventSink.make(4000, (end) => void ends.push(end))
      const sink = yield* Effect.provideService(made, Scope.Scope, scope)
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(ends, ["client left"])
      sink.event(undefined, "late")
      sink.end("ended")
      assert.deepStrictEqual(ends, ["client left"])
    }))
})
