/** Heartbeats of many streams: one timer for all, and each stream in its turn. */
import { assert, describe, it } from "@effect/vitest"
import * as Principal from "@holdfast/protocol/Principal"
import * as SessionRegistry from "@holdfast/server/SessionRegistry"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import { EventSink } from "../src/internal/http/EventSink.ts"
import { HeartbeatWheel } from "../src/internal/http/HeartbeatWheel.ts"
import * as HttpSessions from "../src/internal/http/HttpSessions.ts"

const server = Effect.sync(() => ({ connect: () => Promise.resolve(), close: () => Promise.resolve() }))

/** A host, and how often anything of it has begun to sleep. */
const counted = Effect.gen(function*() {
  const registry = yield* SessionRegistry.make({ maxSessions: 20_000, halfOpenTimeout: "1 hour" })
  const clock = yield* Clock.Clock
  let sleeps = 0
  const counting: Clock.Clock = Object.assign(Object.create(clock), {
    sleep: (duration: Parameters<Clock.Clock["sleep"]>[0]) => {
      sleeps++
      return clock.sleep(duration)
    }
  })
  const sessions = yield* Effect.provideService(
    HttpSessions.make({ registry, server, revisions: [] }),
    Clock.Clock,
    counting
  )
  return { sessions, sleeps: () => sleeps }
})

const opened = (sessions: HttpSessions.HttpSessions) =>
  sessions.open(Principal.local, "streamable-http", ({ conversation }) => Effect.succeed(conversation))

describe("heartbeats of ten thousand streams", () => {
  it.effect("take one timer for all, and each has its own once in an interval", () =>
    Effect.gen(function*() {
      const { sessions, sleeps } = yield* counted
      const beats = Array.from({ length: 10_000 }, () => 0)
      beats.forEach((_, stream) => sessions.onHeartbeat(() => void (beats[stream] = (beats[stream] ?? 0) + 1)))
      yield* TestClock.adjust("15 seconds")
      assert.deepStrictEqual(new Set(beats), new Set([1]))
      const before = sleeps()
      yield* TestClock.adjust("45 seconds")
      assert.deepStrictEqual(new Set(beats), new Set([4]))
      // One a second, however many streams there are.
      assert.strictEqual(sleeps() - before, 45)
    }))

  it.effect("are spread over the interval", () =>
    Effect.gen(function*() {
      const { sessions } = yield* counted
      let beats = 0
      for (let second = 0; second < 15; second++) {
        for (let i = 0; i < 10; i++) Object.assign(yield* opened(sessions), { beat: () => void beats++ })
        yield* TestClock.adjust("1 second")
      }
      for (let second = 0; second < 15; second++) {
        const before = beats
        yield* TestClock.adjust("1 second")
        assert.strictEqual(beats - before, 10)
      }
    }))
})

describe("a stream", () => {
  it("that closes during the round has no heartbeat in it, and one that opens has its first an interval later", () => {
    const wheel = new HeartbeatWheel(1)
    const said: Array<string> = []
    const ends: Array<() => void> = []
    wheel.add({
      beat: () => {
        said.push("first")
        ends.splice(0).forEach((end) => end())
        if (said.length === 1) wheel.add({ beat: () => void said.push("new") })
      }
    })
    ends.push(wheel.add({ beat: () => void said.push("closed") }))
    wheel.turn(({ beat }) => beat(0))
    assert.deepStrictEqual(said, ["first"])
    wheel.turn(({ beat }) => beat(0))
    assert.deepStrictEqual(said, ["first", "first", "new"])
  })

  it.effect("of a session that waits for nothing is one write in an interval, and none once it has ended", () =>
    Effect.gen(function*() {
      const { sessions } = yield* counted
      const conversation = yield* opened(sessions)
      const sink = yield* EventSink.make(1000, () => {})
      const written: Array<string> = []
      sink.carryBy({
        write: (bytes) => void written.push(new TextDecoder().decode(bytes)),
        waiting: () => 0,
        end: () => void written.push("the end")
      })
      conversation.push.attach(sink, undefined)
      yield* TestClock.adjust("15 seconds")
      assert.deepStrictEqual(written, [": heartbeat\n\n"])
      sink.end("ended")
      yield* TestClock.adjust("15 seconds")
      assert.deepStrictEqual(written, [": heartbeat\n\n", "the end"])
    }))
})
