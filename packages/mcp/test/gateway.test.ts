/** Servers behind a gateway that restart, on the test's clock. */
import { assert, describe, it } from "@effect/vitest"
import { McpConfig } from "@holdfast/mcp/McpConfig"
import { type CallOptions, McpConnections } from "@holdfast/mcp/McpConnections"
import { MemoryServer } from "@holdfast/mcp/testing"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"

/** A server whose gateway says this status of every call until the test's time has come to `back`. */
const behindGateway = (status: number, back: number) =>
  Effect.gen(function*() {
    const times: Array<number> = []
    const server = yield* MemoryServer.make({
      transport: "http",
      era: "legacy",
      handlers: {
        "tools/call": (_, { connection, id }) =>
          Effect.gen(function*() {
            const now = yield* Clock.currentTimeMillis
            times.push(now)
            if (now >= back) return { content: [] }
            connection.fail(id, { _tag: "Lost", delivery: "Unknown", status, description: "bad gateway" })
            return yield* Effect.never
          })
      }
    })
    const mcp = yield* McpConnections.make(yield* McpConfig.make({ it: server.endpoint }))
    const call = (options: CallOptions, passes: string) =>
      Effect.gen(function*() {
        const fiber = yield* Effect.forkChild(Effect.result(mcp.callTool("it", { name: "x" }, options)), {
          startImmediately: true
        })
        for (let step = 0; step < 600 && fiber.pollUnsafe() === undefined; step++) yield* TestClock.adjust("100 millis")
        assert.isDefined(fiber.pollUnsafe(), passes)
        return yield* Fiber.join(fiber)
      })
    return { times, call }
  })

describe("a call that a gateway has lost", () => {
  for (const status of [502, 503, 504]) {
    it.effect(`by ${status} is tried until the server is back, if it may be repeated, ever more rarely`, () =>
      Effect.gen(function*() {
        const { call, times } = yield* behindGateway(status, 20_000)
        const result = yield* call({ idempotent: true, deadline: "40 seconds" }, "within the deadline")
        assert.strictEqual(result._tag, "Success")
        const pauses = times.slice(1).map((time, index) => time - (times[index] ?? 0))
        assert.isAtMost(pauses.length, 12)
        // 250 ms × 2, at most 5 s, a fifth more or less, and what the clock's steps add.
        assert.isAtLeast(Math.min(...pauses), 200)
        assert.isAtMost(Math.max(...pauses), 6100)
        assert.isAtMost((times.at(-1) ?? 0) - 20_000, 6100)
      }))
  }

  it.effect("ends at its caller's deadline, with how often it was sent, and without a word of cancelling", () =>
    Effect.gen(function*() {
      const { call, times } = yield* behindGateway(502, Number.POSITIVE_INFINITY)
      const result = yield* call({ idempotent: true, deadline: "10 seconds" }, "at the deadline")
      assert.strictEqual(result._tag, "Failure")
      if (result._tag !== "Failure") return
      const { reason } = result.failure
      assert.deepInclude(reason, {
        _tag: "DeadlineExceeded",
        kind: "caller",
        delivery: "Unknown",
        attempts: times.length
      })
      assert.match(reason.message, new RegExp(`it was sent ${times.length} times before, and may have run`))
      assert.match(reason.message, /\(HTTP 502 \(bad gateway\)\)$/)
      assert.notMatch(reason.message, /told to cancel|mark the call idempotent/)
    }))

  it.effect("is given up after acquireTimeout where it has no deadline, and not told to be marked as what it is", () =>
    Effect.gen(function*() {
      const { call, times } = yield* behindGateway(502, Number.POSITIVE_INFINITY)
      const result = yield* call({ idempotent: true }, "after acquireTimeout")
      assert.strictEqual(result._tag, "Failure")
      if (result._tag !== "Failure") return
      const { reason } = result.failure
      assert.deepInclude(reason, { _tag: "OutcomeUnknown", status: 502, mayRepeat: true, attempts: times.length })
      assert.match(
        reason.message,
        new RegExp(`HTTP 502 \\(bad gateway\\) after it was sent, and it was tried ${times.length} times`)
      )
      assert.notMatch(reason.message, /mark the call idempotent/)
      assert.isAtLeast((times.at(-1) ?? 0) - (times[0] ?? 0), 24_000)
    }))

  it.effect("fails at once if it may not be repeated, and runs once", () =>
    Effect.gen(function*() {
      const { call, times } = yield* behindGateway(502, 1000)
      const result = yield* call({ idempotent: false, deadline: "40 seconds" }, "at once")
      assert.strictEqual(result._tag, "Failure")
      if (result._tag !== "Failure") return
      assert.deepInclude(result.failure.reason, { _tag: "OutcomeUnknown", attempts: 1 })
      assert.match(result.failure.reason.message, /mark the call idempotent/)
      assert.strictEqual(times.length, 1)
    }))

  it.effect("by 500, after which nobody is known to come back, is repeated three times", () =>
    Effect.gen(function*() {
      const { call, times } = yield* behindGateway(500, Number.POSITIVE_INFINITY)
      const result = yield* call({ idempotent: true, deadline: "40 seconds" }, "after three")
      assert.strictEqual(result._tag, "Failure")
      assert.strictEqual(times.length, 4)
    }))
})
