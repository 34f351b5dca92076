/** What becomes of answers that nobody was there to read. */
import { assert, describe, it } from "@effect/vitest"
import * as JsonRpc from "@holdfast/protocol/JsonRpc"
import * as Principal from "@holdfast/protocol/Principal"
import * as SessionRegistry from "@holdfast/server/SessionRegistry"
import { Server } from "@modelcontextprotocol/sdk/server/index.js"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { EventSink } from "../src/internal/http/EventSink.ts"
import { Conversation } from "../src/internal/session/Conversation.ts"
import type { OutStream } from "../src/internal/session/OutStream.ts"
import { ReplayLog } from "../src/internal/session/ReplayLog.ts"
import type { SessionPolicyInput } from "../src/SessionPolicy.ts"
import { eventually } from "./support/eventually.ts"
import { open } from "./support/hosted.ts"
import { eventsOf, RawClient } from "./support/rawClient.ts"

/** A session whose server is the test: each `call` becomes a stream by a word of progress. */
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
    conversation.revision = revision
    const notification = { _tag: "Notification", method: "notifications/message", params: {} } as const
    const say = (id: number | undefined, text: string) => conversation.send(notification, text, id)
    return {
      conversation,
      say,
      question: (id: number, text: string) =>
        conversation.send({ _tag: "Request", id: text, method: "elicitation/create", params: {} }, text, id),
      call: (id: number) =>
        Effect.gen(function*() {
          const exchange = conversation.receive([{ _tag: "Request", id, method: "tools/call", params: undefined }], {
            isBatch: false,
            acceptsStream: true
          })
          say(id, `begun ${id}`)
          const decision = yield* exchange?.decision ?? Effect.die(new Error("there is a request"))
          return decision._tag === "Stream" ? decision.stream : yield* Effect.die(new Error("it is no stream"))
        }),
      answer: (id: number, text: string) => conversation.send({ _tag: "Success", id, result: {} }, text, undefined)
    }
  })

/** A response that is read to its end. */
const reader = Effect.gen(function*() {
  const sink = yield* EventSink.make(1 << 24, () => {})
  const text = yield* Effect.forkChild(Stream.mkString(Stream.decodeText(sink.body)), { startImmediately: true })
  return {
    sink,
    said: Effect.map(Fiber.join(text), (all) => all.match(/(?<=data: ).+/g) ?? []),
    // As when its connection breaks.
    leave: Fiber.interrupt(text)
  }
})

/** Reads the beginning of a stream, and goes away. */
const leaveEarly = (stream: OutStream) =>
  Effect.gen(function*() {
    const { leave, sink } = yield* reader
    stream.prime(sink, 1)
    stream.attach(sink, undefined)
    yield* leave
  })

/** Comes back for what came after that place. Undefined: it is refused. */
const comeBack = (stream: OutStream, after: number) =>
  Effect.gen(function*() {
    const { said, sink } = yield* reader
    if (!stream.attach(sink, after)) return undefined
    sink.end("ended")
    return yield* said
  })

const big = "x".repeat(300_000)

describe("an answer that nobody was there for", () => {
  it.effect("is there when the client comes back, however large what else is kept may be", () =>
    Effect.gen(function*() {
      const { answer, call } = yield* talk({ maxReplayBytes: 1000 })
      const stream = yield* call(1)
      yield* leaveEarly(stream)
      answer(1, big)
      assert.deepStrictEqual(yield* comeBack(stream, 1), [big])
    }))

  it.effect("stands back for nothing that was said after it, and goes out of reach for no newer stream", () =>
    Effect.gen(function*() {
      const { answer, call, conversation, say } = yield* talk({ maxReplayBytes: 1000 })
      const stream = yield* call(1)
      yield* leaveEarly(stream)
      answer(1, "the answer")
      for (let id = 2; id <= 60; id++) {
        const other = yield* call(id)
        const { said, sink } = yield* reader
        other.attach(sink, undefined)
        answer(id, "x".repeat(500))
        yield* said
      }
      for (let count = 0; count < 50; count++) say(undefined, "x".repeat(100))
      assert.strictEqual(conversation.streamOf(1), stream)
      assert.deepStrictEqual(yield* comeBack(stream, 1), ["the answer"])
    }))

  it.effect("comes though words before it are gone, which no client waits for", () =>
    Effect.gen(function*() {
      const { answer, call, say } = yield* talk({ maxReplayBytes: 100 })
      const stream = yield* call(1)
      yield* leaveEarly(stream)
      for (let count = 1; count <= 10; count++) say(1, `progress ${count} ${"x".repeat(30)}`)
      answer(1, "the answer")
      const said = yield* comeBack(stream, 1)
      assert.strictEqual(said?.length, 3)
      assert.strictEqual(said?.at(-1), "the answer")
    }))

  it.effect("is asked for in vain when a question before it is gone: the call waits for it, too", () =>
    Effect.gen(function*() {
      const { call, question, say } = yield* talk({ maxReplayBytes: 100 })
      const stream = yield* call(1)
      yield* leaveEarly(stream)
      question(1, "who?")
      say(1, "x".repeat(100))
      assert.isUndefined(yield* comeBack(stream, 1))
      // Who had the question hears what came after it.
      assert.deepStrictEqual(yield* comeBack(stream, 2), ["x".repeat(100)])
    }))

  it.effect("is kept until a response has carried it to its end", () =>
    Effect.gen(function*() {
      const { answer, call } = yield* talk({ maxReplayBytes: 1000 })
      const stream = yield* call(1)
      const { leave, sink } = yield* reader
      stream.prime(sink, 1)
      stream.attach(sink, undefined)
      answer(1, big)
      yield* leave
      const again = yield* reader
      stream.attach(again.sink, 1)
      yield* again.leave
      assert.deepStrictEqual(yield* comeBack(stream, 1), [big])
      // From here on it is kept as everything else is: no more than that.
      assert.isUndefined(yield* comeBack(stream, 1))
    }))

  it.effect("and is larger than all that may wait is told of as an error", () =>
    Effect.gen(function*() {
      const { answer, call } = yield* talk({ maxBufferedBytes: 2000 })
      const stream = yield* call(7)
      yield* leaveEarly(stream)
      answer(7, big)
      const [said = ""] = (yield* comeBack(stream, 1)) ?? []
      const frame = JsonRpc.decode(said)
      if (frame._tag !== "Failure") return assert.fail(said.slice(0, 100))
      assert.strictEqual(frame.id, 7)
      assert.match(frame.error.message, /300000 .*maxBufferedBytes/)
    }))

  it.effect("reaches who is there, however large", () =>
    Effect.gen(function*() {
      const { answer, call } = yield* talk({ maxBufferedBytes: 2000 })
      const stream = yield* call(7)
      const { said, sink } = yield* reader
      stream.attach(sink, undefined)
      answer(7, big)
      assert.deepStrictEqual(yield* said, ["begun 7", big])
    }))

  it.effect("is the first to go when there are more than may wait, and its client is told so", () =>
    Effect.gen(function*() {
      const { answer, call, conversation } = yield* talk({ maxBufferedBytes: 10_000, maxReplayBytes: 100_000 })
      const streams: Array<OutStream> = []
      for (let id = 1; id <= 40; id++) {
        const stream = yield* call(id)
        yield* leaveEarly(stream)
        answer(id, `answer ${id} ${"x".repeat(800)}`)
        streams.push(stream)
      }
      const kept = streams.slice(-9)
      for (const stream of kept) {
        assert.match((yield* comeBack(stream, 1))?.join() ?? "", new RegExp(`^answer ${stream.number} `))
      }
      for (const { number } of streams.slice(0, -9)) {
        const stream = conversation.streamOf(number)
        assert.isUndefined(stream === undefined ? undefined : yield* comeBack(stream, 1))
      }
      // Of those that are lost no more is remembered than of others that have ended.
      assert.isUndefined(conversation.streamOf(1))
    }))

  it.effect("is not kept for who was given no place to come back to", () =>
    Effect.gen(function*() {
      for (const one of [yield* talk({ maxReplayBytes: 0 }), yield* talk({ maxReplayBytes: 1000 }, "2025-06-18")]) {
        const exchange = one.conversation.receive(
          [{ _tag: "Request", id: 1, method: "tools/call", params: undefined }],
          { isBatch: false, acceptsStream: true }
        )
        const stream = exchange?.stream()
        const { leave, sink } = yield* reader
        stream?.attach(sink, undefined)
        yield* leave
        one.answer(1, big)
        assert.isUndefined(stream === undefined ? undefined : yield* comeBack(stream, 0))
      }
    }))
})

describe("what is kept of answers", () => {
  it("makes room for a new one by the oldest, whichever stream they are of", () => {
    const log = new ReplayLog(1000, 3000)
    for (let place = 1; place <= 5; place++) log.owe(1, place, "a".repeat(200))
    log.owe(2, 1, "b".repeat(2000))
    const places = (stream: number) => log.left(stream, 0).map(({ place }) => place)
    assert.deepStrictEqual([places(1), places(2)], [[5], [1]])
    assert.isTrue(log.hasLost(1, 3))
    assert.isFalse(log.hasLost(1, 4))
    log.settle(2, 1)
    assert.isFalse(log.owes(2))
    // What has arrived is kept as everything else is, and this is more than that.
    assert.deepStrictEqual(places(2), [])
    log.forget(1)
    assert.isFalse(log.owes(1))
    for (let place = 1; place <= 6; place++) log.owe(3, place, "c".repeat(200))
    assert.deepStrictEqual(places(3), [1, 2, 3, 4, 5, 6])
  })
})

describe("a call whose client lost its connection", () => {
  it.live("has its answer when the client comes back, though it is larger than all that is kept besides", () =>
    Effect.gen(function*() {
      const waiting: Array<() => void> = []
      const server = () => {
        const made = new Server({ name: "bare", version: "1" }, { capabilities: { tools: {} } })
        made.fallbackRequestHandler = async (_, { _meta, sendNotification }) => {
          const params = { progressToken: _meta?.progressToken ?? 0, progress: 1 }
          await sendNotification({ method: "notifications/progress", params })
          await new Promise<void>((resolve) => void waiting.push(resolve))
          return { content: [{ type: "text", text: big }] }
        }
        return made
      }
      const { registry, url } = yield* open({ server, maxReplayBytes: 1000 })
      const client = new RawClient(url)
      yield* client.initialize()
      const events = eventsOf(yield* client.call("big", {}, { progressToken: 1 }))
      yield* eventually("it has begun", () => events.messages().length === 1)
      events.leave()
      yield* Effect.repeat(Effect.andThen(Effect.yieldNow, registry.snapshot), {
        until: ({ openStreams }) => openStreams === 0
      })
      waiting[0]?.()
      yield* Effect.repeat(Effect.andThen(Effect.yieldNow, registry.snapshot), {
        until: ({ inFlight }) => inFlight === 0
      })
      const resumed = yield* client.stream(events.lastEventId())
      assert.strictEqual(resumed.response.status, 200)
      yield* eventually("the end", resumed.events.isOver)
      assert.strictEqual(resumed.events.messages()[0]?.result?.content?.[0]?.text, big)
    }))
})
