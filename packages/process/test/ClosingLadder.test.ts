import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import * as ClosingLadder from "../src/internal/ClosingLadder.ts"

/** A process on paper: what it is sent is in `log`, and it dies when the test says so. So do its escapees. */
const make = Effect.sync(() => {
  const log: Array<string> = []
  const exited = Deferred.makeUnsafe<void>()
  const escapees = new Set<number>()
  let isGone = false
  const close = ClosingLadder.make({
    command: "server",
    group: {
      id: 4242,
      signal: (signal) => {
        if (isGone) return "gone"
        log.push(signal)
        return "sent"
      },
      isGone: () => isGone,
      start: "1"
    },
    endInput: Effect.sync(() => {
      log.push("EOF")
    }),
    exited: Deferred.await(exited),
    gracePeriod: Duration.seconds(2),
    terminateTimeout: Duration.seconds(3),
    killTimeout: Duration.seconds(4),
    escapees: Effect.sync(() =>
      [...escapees].map((pid) => ({
        pid,
        signal: (signal: string) => void log.push(`${signal} ${pid}`),
        isGone: () => !escapees.has(pid)
      }))
    ),
    afterwards: (is) =>
      Effect.sync(() => {
        log.push(is ? "gone" : "given up")
      })
  })
  const leaderExits = Deferred.succeed(exited, undefined)
  const groupDies = Effect.sync(() => {
    isGone = true
  })
  return { log, close, escapees, leaderExits, groupDies, die: Effect.andThen(groupDies, leaderExits) }
})

const start = <A, E>(effect: Effect.Effect<A, E>) => Effect.forkChild(effect, { startImmediately: true })

describe("the closing ladder", () => {
  it.effect("waits the whole grace period before TERM, and the whole terminate timeout before KILL", () =>
    Effect.gen(function*() {
      const { close, die, log } = yield* make
      const closing = yield* start(close)
      yield* TestClock.adjust("1999 millis")
      assert.deepStrictEqual(log, ["EOF"])
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(log, ["EOF", "SIGTERM"])
      yield* TestClock.adjust("2999 millis")
      assert.deepStrictEqual(log, ["EOF", "SIGTERM"])
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(log, ["EOF", "SIGTERM", "SIGKILL"])
      yield* die
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(closing)
      assert.deepStrictEqual(log, ["EOF", "SIGTERM", "SIGKILL", "gone"])
    }))

  it.effect("ends without a signal when leader and group go at the end of the input", () =>
    Effect.gen(function*() {
      const { close, die, log } = yield* make
      const closing = yield* start(close)
      yield* die
      yield* Fiber.join(closing)
      assert.deepStrictEqual(log, ["EOF", "gone"])
    }))

  it.effect("sends TERM at once when the leader has gone and left a group behind", () =>
    Effect.gen(function*() {
      const { close, groupDies, leaderExits, log } = yield* make
      yield* leaderExits
      const closing = yield* start(close)
      yield* TestClock.adjust("0 millis")
      assert.deepStrictEqual(log, ["EOF", "SIGTERM"])
      yield* groupDies
      yield* TestClock.adjust("50 millis")
      yield* Fiber.join(closing)
      assert.deepStrictEqual(log, ["EOF", "SIGTERM", "gone"])
    }))

  it.effect("a second call is an immediate KILL on every rung", () =>
    Effect.gen(function*() {
      for (const [waited, before] of [["1 second", ["EOF"]], ["3 seconds", ["EOF", "SIGTERM"]]] as const) {
        const { close, die, log } = yield* make
        const first = yield* start(close)
        yield* TestClock.adjust(waited)
        assert.deepStrictEqual(log, [...before])
        const second = yield* start(close)
        yield* TestClock.adjust("0 millis")
        assert.deepStrictEqual(log, [...before, "SIGKILL"])
        yield* die
        yield* TestClock.adjust("1 second")
        yield* Fiber.join(first)
        yield* Fiber.join(second)
        assert.deepStrictEqual(log, [...before, "SIGKILL", "gone"])
      }
    }))

  it.effect("a call after the end does nothing", () =>
    Effect.gen(function*() {
      const { close, die, log } = yield* make
      yield* die
      yield* close
      const after = [...log]
      yield* close
      assert.deepStrictEqual(log, after)
    }))

  it.effect("interrupting the caller does not stop the climb", () =>
    Effect.gen(function*() {
      const { close, die, log } = yield* make
      const closing = yield* start(close)
      const interrupting = yield* start(Fiber.interrupt(closing))
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(log, ["EOF", "SIGTERM", "SIGKILL"])
      yield* die
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(interrupting)
      assert.deepStrictEqual(log, ["EOF", "SIGTERM", "SIGKILL", "gone"])
    }))

  it.effect("gives up what survives KILL, so that a shutdown ends", () =>
    Effect.gen(function*() {
      const { close, log } = yield* make
      const closing = yield* start(close)
      yield* TestClock.adjust("5 seconds")
      yield* TestClock.adjust("3999 millis")
      assert.deepStrictEqual(log, ["EOF", "SIGTERM", "SIGKILL"])
      yield* TestClock.adjust("1 millis")
      yield* Fiber.join(closing)
      assert.deepStrictEqual(log.slice(0, 3), ["EOF", "SIGTERM", "SIGKILL"])
      assert.strictEqual(log.at(-1), "given up")
    }))

  it.effect("who left the group gets TERM when the leader has gone, KILL when the time is up, each once", () =>
    Effect.gen(function*() {
      const { close, die, escapees, log } = yield* make
      escapees.add(7)
      yield* die
      const closing = yield* start(close)
      yield* TestClock.adjust("2999 millis")
      assert.deepStrictEqual(log, ["EOF", "SIGTERM 7"])
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(log, ["EOF", "SIGTERM 7", "SIGKILL 7"])
      escapees.clear()
      yield* TestClock.adjust("50 millis")
      yield* Fiber.join(closing)
      assert.deepStrictEqual(log, ["EOF", "SIGTERM 7", "SIGKILL 7", "gone"])
    }))

  it.effect("who left a group that lives on gets the group's signals together with it", () =>
    Effect.gen(function*() {
      const { close, die, escapees, log } = yield* make
      escapees.add(7)
      const closing = yield* start(close)
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(log, ["EOF", "SIGTERM", "SIGTERM 7"])
      yield* TestClock.adjust("3 seconds")
      assert.deepStrictEqual(log.slice(3), ["SIGKILL", "SIGKILL 7"])
      escapees.clear()
      yield* die
      yield* TestClock.adjust("50 millis")
      yield* Fiber.join(closing)
      assert.strictEqual(log.at(-1), "gone")
    }))

  it.effect("who is forked by one that dies is found by the next look and gets the signal too", () =>
    Effect.gen(function*() {
      const { close, die, escapees, log } = yield* make
      escapees.add(7)
      yield* die
      const closing = yield* start(close)
      yield* TestClock.adjust("0 millis")
      escapees.delete(7)
      escapees.add(8)
      yield* TestClock.adjust("50 millis")
      escapees.clear()
      yield* TestClock.adjust("50 millis")
      yield* Fiber.join(closing)
      assert.deepStrictEqual(log, ["EOF", "SIGTERM 7", "SIGTERM 8", "gone"])
    }))
})
