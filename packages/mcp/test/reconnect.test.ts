/** The pauses between dials, as a schedule of the application's. */
import { assert, describe, it } from "@effect/vitest"
import { McpConfig } from "@holdfast/mcp/McpConfig"
import { type LayerOptions, McpConnections } from "@holdfast/mcp/McpConnections"
import { Unreachable } from "@holdfast/mcp/McpRuntimeError"
import { MemoryServer } from "@holdfast/mcp/testing"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { inTime } from "./support/memoryTime.ts"

/** A server that cannot be reached at first; it notes when it was dialled. */
const away = Effect.fnUntraced(function*(failures: number) {
  const times: Array<number> = []
  const server = yield* MemoryServer.make({
    onDial: (name) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => {
        times.push(now)
        return times.length > failures
          ? Effect.void
          : Effect.fail(new Unreachable({ server: name, url: "memory", description: "connection refused" }))
      }),
    tools: { greet: { run: () => Effect.succeed("hello") } }
  })
  const gaps = () => times.slice(1).map((time, at) => time - (times[at] ?? 0))
  const call = Effect.fnUntraced(function*(options: LayerOptions, own?: Schedule.Schedule<unknown>) {
    const policy = { ...(own && { reconnect: own }), maxConnectRetries: 10 }
    const config = yield* McpConfig.make({ it: { endpoint: server.endpoint, policy } })
    const mcp = yield* McpConnections.make(config, options)
    return yield* inTime(Effect.result(mcp.callTool("it", { name: "greet" })))
  })
  return { call, gaps }
})

describe("reconnect of the layer", () => {
  it.effect("says how long the pause before each dial is", () =>
    Effect.gen(function*() {
      const { call, gaps } = yield* away(3)
      const result = yield* call({ reconnect: Schedule.exponential("200 millis") })
      assert.strictEqual(result._tag, "Success")
      assert.deepStrictEqual(gaps(), [200, 400, 800])
    }))

  it.effect("ends the dials when it ends: the caller is told the cause", () =>
    Effect.gen(function*() {
      const { call, gaps } = yield* away(10)
      const result = yield* call({ reconnect: Schedule.upTo(Schedule.spaced("100 millis"), { times: 2 }) })
      assert.isTrue(result._tag === "Failure" && result.failure.reason._tag === "Unreachable")
      assert.deepStrictEqual(gaps(), [100, 100])
    }))

  it.effect("yields to the policy of a server", () =>
    Effect.gen(function*() {
      const { call, gaps } = yield* away(2)
      const result = yield* call({ reconnect: Schedule.spaced("1 hour") }, Schedule.spaced("300 millis"))
      assert.strictEqual(result._tag, "Success")
      assert.deepStrictEqual(gaps(), [300, 300])
    }))
})
