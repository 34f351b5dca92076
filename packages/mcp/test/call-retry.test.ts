/** A schedule of the caller's for the repetitions of a call: how it paces them, how it ends them, and what it cannot do. */
import { assert, describe, it } from "@effect/vitest"
import { McpConfig } from "@holdfast/mcp/McpConfig"
import { type CallOptions, McpConnections } from "@holdfast/mcp/McpConnections"
import type { Reason } from "@holdfast/mcp/McpRuntimeError"
import { MemoryServer } from "@holdfast/mcp/testing"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { inTime } from "./support/memoryTime.ts"

/** A server whose answers are lost on the way, `losses` times; it notes when it was asked. */
const lossy = Effect.fnUntraced(function*(losses: number, delivery: "Unknown" | "Refused" = "Unknown") {
  const times: Array<number> = []
  const server = yield* MemoryServer.make({
    transport: "http",
    era: "legacy",
    tools: {
      work: {
        run: (_, { connection, id }) =>
          Effect.gen(function*() {
            times.push(yield* Clock.currentTimeMillis)
            if (times.length > losses) return "done"
            connection.fail(id, { _tag: "Lost", delivery, description: "cut" })
            return yield* Effect.never
          })
      }
    }
  })
  const mcp = yield* McpConnections.make(yield* McpConfig.make({ it: server.endpoint }))
  const call = (options: CallOptions) => inTime(Effect.result(mcp.callTool("it", { name: "work" }, options)))
  const gaps = () => times.slice(1).map((time, at) => time - (times[at] ?? 0))
  return { call, gaps }
})

describe("the schedule of a call that may be repeated", () => {
  it.effect("says how long each pause is, though another connection could be had at once", () =>
    Effect.gen(function*() {
      const { call, gaps } = yield* lossy(3)
      const result = yield* call({ idempotent: true, retry: Schedule.exponential("500 millis") })
      assert.strictEqual(result._tag, "Success")
      assert.deepStrictEqual(gaps(), [500, 1000, 2000])
    }))

  it.effect("ends the call with the last reason when it is over", () =>
    Effect.gen(function*() {
      const { call, gaps } = yield* lossy(10)
      const result = yield* call({ idempotent: true, retry: Schedule.upTo(Schedule.spaced("1 second"), { times: 2 }) })
      assert.isTrue(result._tag === "Failure" && result.failure.reason._tag === "OutcomeUnknown")
      if (result._tag === "Failure" && result.failure.reason._tag === "OutcomeUnknown") {
        assert.strictEqual(result.failure.reason.attempts, 3)
        assert.isTrue(result.failure.reason.mayRepeat)
      }
      assert.deepStrictEqual(gaps(), [1000, 1000])
    }))

  it.effect("may be longer than the three repetitions of the default", () =>
    Effect.gen(function*() {
      const { call, gaps } = yield* lossy(6)
      const result = yield* call({ idempotent: true, retry: Schedule.spaced("100 millis") })
      assert.strictEqual(result._tag, "Success")
      assert.lengthOf(gaps(), 6)
    }))

  it.effect("is told the reason of each failure, so that it can go by it", () =>
    Effect.gen(function*() {
      const { call, gaps } = yield* lossy(3)
      const never = Schedule.spaced("1 second").pipe(
        Schedule.setInputType<Reason>(),
        Schedule.while(({ input }) => input._tag !== "OutcomeUnknown")
      )
      const result = yield* call({ idempotent: true, retry: never })
      assert.strictEqual(result._tag, "Failure")
      assert.deepStrictEqual(gaps(), [])
    }))

  it.effect("does not outlast the deadline", () =>
    Effect.gen(function*() {
      const { call } = yield* lossy(3)
      const began = yield* Clock.currentTimeMillis
      const result = yield* call({ idempotent: true, deadline: "5 seconds", retry: Schedule.spaced("1 minute") })
      assert.isTrue(result._tag === "Failure" && result.failure.reason._tag === "DeadlineExceeded")
      assert.strictEqual((yield* Clock.currentTimeMillis) - began, 5000)
    }))
})

describe("the schedule of a call that must not be repeated", () => {
  it.effect("changes nothing: what may have run is not sent again", () =>
    Effect.gen(function*() {
      const { call, gaps } = yield* lossy(3)
      const result = yield* call({ idempotent: false, retry: Schedule.spaced("1 second") })
      assert.isTrue(result._tag === "Failure" && result.failure.reason._tag === "OutcomeUnknown")
      assert.deepStrictEqual(gaps(), [])
    }))

  it.effect("paces what did not run, which is sent again", () =>
    Effect.gen(function*() {
      const { call, gaps } = yield* lossy(2, "Refused")
      const result = yield* call({ idempotent: false, retry: Schedule.spaced("1 second") })
      assert.strictEqual(result._tag, "Success")
      assert.deepStrictEqual(gaps(), [1000, 1000])
    }))
})
