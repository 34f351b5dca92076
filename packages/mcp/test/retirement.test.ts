/** When a doubt about a connection costs it its place, on the test's clock. */
import { assert, describe, it } from "@effect/vitest"
import type { Connector } from "@holdfast/core"
import type { Doubt } from "@holdfast/mcp/Link"
import type { CallFailure, McpConnection } from "@holdfast/mcp/McpConnection"
import {
  ConnectionLost,
  DeadlineExceeded,
  HttpRejected,
  OutcomeUnknown,
  ServerError
} from "@holdfast/mcp/McpRuntimeError"
import * as JsonRpc from "@holdfast/protocol/JsonRpc"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"
import { HttpDoubt } from "../src/internal/http/HttpDoubt.ts"
import * as Retirement from "../src/internal/pool/retirement.ts"
import { ServerMemory } from "../src/internal/pool/ServerMemory.ts"

const server = "docs"
const rejected = (status: number, retryAfterMillis?: number) =>
  new HttpRejected({
    server,
    url: "u",
    status,
    description: "no",
    ...(retryAfterMillis !== undefined && { retryAfterMillis })
  })

const minUptime = 10_000

const about = "tools/call it"

/** A connection whose pings end as the test says. */
const open = (notes = new ServerMemory().of("it")) =>
  Effect.gen(function*() {
    const doubts = new HttpDoubt()
    const clock = yield* Clock.Clock
    const now = () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
    const peer = { pings: 0, answer: Effect.succeed({}) as Effect.Effect<unknown, CallFailure> }
    const request = () =>
      Effect.suspend(() => {
        peer.pings++
        return peer.answer
      })
    // Of a connection nothing else is asked.
    const connection = { server, era: "legacy", doubts, request } as unknown as McpConnection
    const make = Retirement.make(connection, { notes, deadlines: { now }, minUptime, patience: 5000 })
    assert.isDefined(make)
    /** The connections that were opened beside it. What they are asked first is answered, unless the test says otherwise. */
    const successors: Array<HttpDoubt> = []
    const trial = { isOpened: true, first: (theirs: HttpDoubt) => theirs.answered(about), retired: 0 }
    const succeed = Effect.sync((): Connector.Successor<McpConnection> | undefined => {
      if (!trial.isOpened) return undefined
      const theirs = new HttpDoubt()
      successors.push(theirs)
      const value = { ...connection, doubts: theirs }
      return { value, retire: Effect.sync(() => void trial.retired++) }
    })
    const asks = Effect.forever(Effect.andThen(
      doubts.passed,
      Effect.suspend(() => {
        const theirs = successors.at(-1)
        if (theirs !== undefined) trial.first(theirs)
        return Effect.sleep("1 millis")
      })
    ))
    yield* Effect.forkChild(asks, { startImmediately: true })
    const fiber = yield* Effect.forkChild(make(succeed), { startImmediately: true })
    return { doubts, notes, peer, successors, trial, isRetired: () => fiber.pollUnsafe() !== undefined }
  })

describe("a connection that the server may not know any more", () => {
  it.effect("is retired at once when the server speaks of the session, without a ping", () =>
    Effect.gen(function*() {
      const { doubts, isRetired, peer } = yield* open()
      yield* TestClock.adjust("1 minute")
      assert.isFalse(isRetired())
      doubts.raise({ _tag: "Named", description: "session expired" })
      yield* TestClock.adjust(0)
      assert.isTrue(isRetired())
      assert.strictEqual(peer.pings, 0)
    }))

  it.effect("is asked a ping after three refusals in a row, and stays when that is answered", () =>
    Effect.gen(function*() {
      const { doubts, isRetired, peer } = yield* open()
      for (
        const answer of [
          Effect.succeed({}),
          Effect.fail(new ServerError({ server, method: "ping", code: -32601, description: "no" }))
        ]
      ) {
        peer.answer = answer
        for (let calls = 0; calls < 30; calls++) {
          doubts.refused(422, about)
          yield* TestClock.adjust("1 millis")
        }
      }
      assert.strictEqual(peer.pings, 20)
      assert.isFalse(isRetired())
    }))

  it.effect("is not asked when an answer came in between, nor for credentials and load", () =>
    Effect.gen(function*() {
      const { doubts, isRetired, peer } = yield* open()
      for (let calls = 0; calls < 10; calls++) {
        doubts.refused(422, about)
        doubts.refused(500, about)
        doubts.answered(about)
        for (const status of [401, 403, 407, 408, 425, 429]) doubts.refused(status, about)
      }
      yield* TestClock.adjust("1 second")
      assert.strictEqual(peer.pings, 0)
      assert.isFalse(isRetired())
    }))

  for (
    const [how, answer, isKept] of [
      ["refused", rejected(422), false],
      [
        "refused as one of a lost session",
        new ConnectionLost({ server, delivery: "Refused", description: "no" }),
        false
      ],
      ["lost by a gateway", new OutcomeUnknown({ server, method: "ping", description: "502", attempts: 1 }), false],
      ["refused for now", rejected(429, 1000), true],
      [
        "answered with words of a lost session",
        new ServerError({ server, method: "ping", code: -32000, description: "Session not found" }),
        false
      ],
      ["refused for its credentials", rejected(401), true],
      [
        "late",
        new DeadlineExceeded({ server, method: "ping", afterMillis: 1, kind: "hard", delivery: "Unknown" }),
        true
      ]
    ] as const
  ) {
    it.effect(`is ${isKept ? "kept" : "retired"} when the ping is ${how}`, () =>
      Effect.gen(function*() {
        const { doubts, isRetired, peer } = yield* open()
        peer.answer = Effect.fail(answer)
        for (let calls = 0; calls < 3; calls++) doubts.refused(422, about)
        yield* TestClock.adjust(0)
        assert.strictEqual(peer.pings, 1)
        assert.strictEqual(isRetired(), !isKept)
      }))
  }

  for (
    const [code, isKept] of [[-32_602, false], [-32_603, true], [JsonRpc.errorCode.methodNotFound, true]] as const
  ) {
    it.effect(`is ${isKept ? "kept" : "retired"} when every call fails with -32602 and a ping with ${code}`, () =>
      Effect.gen(function*() {
        const { doubts, isRetired, peer } = yield* open()
        peer.answer = Effect.fail(new ServerError({ server, method: "ping", code, description: "invalid" }))
        for (let calls = 0; calls < 3; calls++) doubts.failed(about, -32_602, "again and again")
        yield* TestClock.adjust(0)
        assert.strictEqual(peer.pings, 1)
        assert.strictEqual(isRetired(), !isKept)
      }))
  }

  it.effect("is asked at once when an answer speaks of the session, however short ago it was connected anew", () =>
    Effect.gen(function*() {
      const { doubts, isRetired, notes, peer } = yield* open()
      const told: Array<string> = []
      notes.renewedAt = 1
      yield* TestClock.adjust(2)
      const held = { deliver: () => void told.push("answer"), refuse: () => void told.push("refusal") }
      assert.isTrue(doubts.hold(1, held))
      doubts.raise({ _tag: "Refused", description: "session expired", about })
      yield* TestClock.adjust(0)
      assert.deepStrictEqual([peer.pings, told, isRetired()], [1, ["answer"], false])
    }))

  it.effect("is kept when the ping gets no answer in time: a busy server may know us well", () =>
    Effect.gen(function*() {
      const { doubts, isRetired, peer } = yield* open()
      peer.answer = Effect.never
      for (let calls = 0; calls < 3; calls++) doubts.refused(422, about)
      yield* TestClock.adjust("5 seconds")
      assert.isFalse(isRetired())
      peer.answer = Effect.fail(rejected(422))
      for (let calls = 0; calls < 3; calls++) doubts.refused(422, about)
      yield* TestClock.adjust(0)
      assert.isTrue(isRetired())
    }))

  it.effect("is retired once per minUptime, and after that time only if a ping is refused", () =>
    Effect.gen(function*() {
      const first = yield* open()
      first.doubts.raise({ _tag: "Named", description: "session expired" })
      yield* TestClock.adjust(0)
      assert.isTrue(first.isRetired())
      const second = yield* open(first.notes)
      second.doubts.raise({ _tag: "Named", description: "session expired" })
      yield* TestClock.adjust(minUptime - 1)
      assert.isFalse(second.isRetired())
      // It knows us by now.
      yield* TestClock.adjust(1)
      assert.isFalse(second.isRetired())
      assert.strictEqual(second.peer.pings, 1)
      second.peer.answer = Effect.fail(rejected(400))
      second.doubts.raise({ _tag: "Named", description: "session expired" })
      yield* TestClock.adjust(0)
      assert.isTrue(second.isRetired())
    }))

  it.effect("shares that once with all connections of its server", () =>
    Effect.gen(function*() {
      const first = yield* open()
      const second = yield* open(first.notes)
      second.peer.answer = Effect.fail(rejected(400))
      for (const { doubts } of [first, second]) doubts.raise({ _tag: "Named", description: "session expired" })
      yield* TestClock.adjust(minUptime - 1)
      assert.deepStrictEqual([first.isRetired(), second.isRetired()], [true, false])
      yield* TestClock.adjust(1)
      assert.isTrue(second.isRetired())
    }))
})

describe("the connection that is opened for a doubt", () => {
  const named: Doubt = { _tag: "Named", description: "session expired", about }

  for (
    const [how, first] of [
      ["answers the same request", (theirs) => theirs.answered(about)],
      ["answers the same request with an error", (theirs) => theirs.failed(about, -32_000, "no")],
      ["refuses the same request for itself", (theirs) => theirs.refused(422, about)]
    ] as ReadonlyArray<readonly [string, (theirs: HttpDoubt) => void]>
  ) {
    it.effect(`takes the place of the old one when it ${how}, and not before`, () =>
      Effect.gen(function*() {
        const { doubts, isRetired, successors, trial } = yield* open()
        trial.first = () => {}
        doubts.raise(named)
        yield* TestClock.adjust("1 second")
        assert.strictEqual(successors.length, 1)
        successors[0]?.answered("tools/list")
        successors[0]?.refused(422, "tools/call another")
        yield* TestClock.adjust("1 second")
        assert.isFalse(isRetired())
        trial.first = first
        yield* TestClock.adjust("1 second")
        assert.isTrue(isRetired())
        assert.strictEqual(trial.retired, 0)
      }))
  }

  it.effect("goes when it refuses the same request in the same way, and the old one stays", () =>
    Effect.gen(function*() {
      const { doubts, isRetired, notes, successors, trial } = yield* open()
      trial.first = (theirs) => theirs.raise(named)
      doubts.raise(named)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual([isRetired(), trial.retired, successors.length], [false, 1, 1])
      // No other is opened within `minUptime`.
      doubts.raise(named)
      yield* TestClock.adjust(minUptime - 1001)
      assert.deepStrictEqual([isRetired(), successors.length], [false, 1])
      assert.isFalse(doubts.isRaised() && notes.renewedAt > 0)
    }))

  it.effect("is not waited for when it cannot be opened: the old one stays", () =>
    Effect.gen(function*() {
      const { doubts, isRetired, trial } = yield* open()
      trial.isOpened = false
      doubts.raise(named)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual([isRetired(), doubts.isRaised(), trial.retired], [false, false, 0])
    }))

  for (const isKnown of [true, false]) {
    it.effect(`${isKnown ? "goes" : "stays"} where nobody asks the same again and the old one ${isKnown ? "answers" : "refuses"} a ping`, () =>
      Effect.gen(function*() {
        const { doubts, isRetired, peer, trial } = yield* open()
        trial.first = () => {}
        if (!isKnown) peer.answer = Effect.fail(rejected(400))
        doubts.raise(named)
        yield* TestClock.adjust("4999 millis")
        assert.strictEqual(peer.pings, 0)
        yield* TestClock.adjust("1 millis")
        assert.strictEqual(peer.pings, 1)
        assert.deepStrictEqual([isRetired(), trial.retired], isKnown ? [false, 1] : [true, 0])
      }))
  }

  it.effect("decides by its first request where the old one refused everything", () =>
    Effect.gen(function*() {
      for (const isBetter of [true, false]) {
        const { doubts, isRetired, peer, trial } = yield* open()
        peer.answer = Effect.fail(rejected(422))
        trial.first = (theirs) => isBetter ? theirs.answered("tools/list") : theirs.refused(422, "tools/list")
        for (let calls = 0; calls < 3; calls++) doubts.refused(422, about)
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual([isRetired(), trial.retired], [isBetter, isBetter ? 0 : 1])
      }
    }))
})
