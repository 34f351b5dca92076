/** What a call does to its link, seen from the link's side. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { Multiplexer } from "../src/internal/connection/Multiplexer.ts"
import { noteTaker } from "./support/noteTaker.ts"

const start = (calls: Multiplexer, method: string) =>
  Effect.forkChild(calls.request(method, {}, {}), { startImmediately: true })

describe("an interrupted call", () => {
  it.effect("is taken back while the link still has it, and the server hears nothing", () =>
    Effect.gen(function*() {
      const { calls, forgotten, posted, withdrawn } = noteTaker()
      yield* Fiber.interrupt(yield* start(calls, "tools/call"))
      assert.deepStrictEqual(posted.map(({ method }) => method), ["tools/call"])
      assert.deepStrictEqual(withdrawn, posted)
      assert.isEmpty(forgotten)
      assert.strictEqual(calls.inFlight, 0)
    }))

  it.effect("is cancelled and forgotten once the server may have it", () =>
    Effect.gen(function*() {
      const { calls, forgotten, handOff, posted } = noteTaker()
      const fiber = yield* start(calls, "tools/call")
      handOff()
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(posted.map(({ text }) => JSON.parse(text)).slice(1), [{
        jsonrpc: "2.0",
        method: "notifications/cancelled",
        params: { requestId: 1, reason: "the caller no longer waits" }
      }])
      assert.deepStrictEqual(forgotten, [1])
      assert.strictEqual(calls.inFlight, 0)
    }))

  it.effect("is never cancelled when it is initialize, which the protocol forbids", () =>
    Effect.gen(function*() {
      const { calls, forgotten, handOff, posted } = noteTaker()
      const fiber = yield* start(calls, "initialize")
      handOff()
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(posted.map(({ method }) => method), ["initialize"])
      assert.deepStrictEqual(forgotten, [1])
    }))

  it.effect("is not revived by an answer that comes too late", () =>
    Effect.gen(function*() {
      const { calls, handOff } = noteTaker()
      const fiber = yield* start(calls, "tools/call")
      handOff()
      yield* Fiber.interrupt(fiber)
      calls.onMessage({ _tag: "Success", id: 1, result: {} })
      calls.onMessage({ _tag: "Failure", id: 1, error: { code: 1, message: "late" } })
      calls.onMalformed({ _tag: "Malformed", reason: "late", excerpt: "", answerTo: 1 })
      assert.deepStrictEqual(calls.diagnostics, { noise: 1, unmatched: 2, invalid: 0 })
    }))
})

describe("a deadline", () => {
  it.effect("that passes after the call has waited for its turn says how long there was in all", () =>
    Effect.gen(function*() {
      const { armed, calls, clock, handOff } = noteTaker()
      // As a caller has it: a moment, of which less and less is left.
      const options = { hardDeadline: (now = clock.now) => 200 - now }
      const fiber = yield* Effect.forkChild(Effect.flip(calls.request("tools/call", {}, options)), {
        startImmediately: true
      })
      clock.now = 60
      handOff()
      assert.deepStrictEqual(armed.map(({ millis }) => millis), [200], "it begins once")
      armed.at(-1)?.expire()
      assert.include(yield* Fiber.join(fiber), { _tag: "DeadlineExceeded", kind: "hard", afterMillis: 200 })
    }))
})
