/** Repetition and deadlines together, on the test's clock, against servers that do one thing wrong. */
import { assert, describe, it } from "@effect/vitest"
import type { Endpoint } from "@holdfast/mcp/Endpoint"
import { McpConfig } from "@holdfast/mcp/McpConfig"
import { McpConnections } from "@holdfast/mcp/McpConnections"
import { type Handler, MemoryServer } from "@holdfast/mcp/testing"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { inTime } from "./support/memoryTime.ts"

const clientInfo = { name: "test", version: "0.0.0" }

const connect = (server: { readonly endpoint: Endpoint }) =>
  Effect.flatMap(McpConfig.make({ it: server.endpoint }), (config) => McpConnections.make(config, { clientInfo }))

const millisOf = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const began = yield* Clock.currentTimeMillis
    const error = yield* inTime(Effect.flip(effect))
    return { error, took: (yield* Clock.currentTimeMillis) - began }
  })

describe("a call that may have run", () => {
  it.effect("does not wait beyond its deadline for the word whether it may be repeated", () =>
    Effect.gen(function*() {
      const silent: Handler = () => Effect.never
      const server = yield* MemoryServer.make({
        era: "legacy",
        handlers: { "tools/list": silent },
        tools: { die: { run: (_, { connection }) => Effect.sync(() => (connection.exit(), "")) } }
      })
      const mcp = yield* connect(server)
      const { error, took } = yield* millisOf(mcp.callTool("it", { name: "die" }, { deadline: "1 second" }))
      assert.strictEqual(error.reason._tag, "OutcomeUnknown")
      assert.isAtMost(took, 1025)
      assert.strictEqual(server.calls("die").length, 1)
    }))
})

describe("a call that may have run and may be repeated", () => {
  it.effect("is never said not to have run, because its server cannot be had again", () =>
    Effect.gen(function*() {
      const server = yield* MemoryServer.make({
        era: "legacy",
        tools: { die: { run: (_, { connection }) => Effect.sync(() => (connection.exit(), "")) } }
      })
      const mcp = yield* connect(server)
      const call = mcp.callTool("it", { name: "die" }, { idempotent: true, waitForReady: false, deadline: "1 minute" })
      const { error } = yield* millisOf(call)
      assert.isAtLeast(server.calls("die").length, 1)
      assert.strictEqual(error.reason._tag, "OutcomeUnknown")
    }))
})

describe("a repeated call that may have run the first time", () => {
  /** Dies of the first call, and does something else with the next. */
  const dyingThen = (next: Handler) => {
    let calls = 0
    return MemoryServer.make({
      transport: "http",
      era: "legacy",
      handlers: {
        "tools/call": (params, call) => {
          if (++calls > 1) return next(params, call)
          call.connection.exit()
          return Effect.never
        }
      }
    })
  }

  it.effect("is not said to have been refused", () =>
    Effect.gen(function*() {
      const server = yield* dyingThen((_, { connection, id }) => {
        connection.fail(id, { _tag: "Rejected", status: 403, description: "not today" })
        return Effect.never
      })
      const { error } = yield* millisOf((yield* connect(server)).callTool("it", { name: "x" }, { idempotent: true }))
      assert.deepInclude(error.reason, { _tag: "OutcomeUnknown", attempts: 1 })
      assert.match(error.message, /not today/)
    }))

  it.effect("is not said to have been refused when its deadline passes over a question in between", () =>
    Effect.gen(function*() {
      let calls = 0
      const server = yield* MemoryServer.make({
        transport: "http",
        era: "modern",
        handlers: {
          "tools/call": (_, { connection }) => {
            if (++calls > 1) return Effect.fail({ code: -32020, message: "a header is missing" })
            connection.exit()
            return Effect.never
          },
          "tools/list": () => Effect.never
        }
      })
      const call = (yield* connect(server)).callTool("it", { name: "x" }, { idempotent: true, deadline: "5 seconds" })
      const { error } = yield* millisOf(call)
      assert.deepInclude(error.reason, { _tag: "DeadlineExceeded", kind: "caller", delivery: "Unknown" })
      assert.strictEqual(calls, 2)
    }))
})

describe("a call that was refused for a while", () => {
  it.effect("is not held beyond its deadline by the pause after the one it was asked to take", () =>
    Effect.gen(function*() {
      let asked = 0
      const server = yield* MemoryServer.make({
        transport: "http",
        era: "legacy",
        handlers: {
          "tools/call": (_, { connection, id }) =>
            Effect.andThen(
              Effect.sync(() => {
                asked++
                const description = "too many"
                connection.fail(id, { _tag: "Rejected", status: 429, description, retryAfterMillis: 900 })
              }),
              Effect.never
            )
        }
      })
      const mcp = yield* connect(server)
      const call = mcp.callTool("it", { name: "x" }, { deadline: "1 second", idempotent: false })
      const { error, took } = yield* millisOf(call)
      assert.strictEqual(error.reason._tag, "DeadlineExceeded")
      assert.isAtMost(took, 1025)
      assert.strictEqual(asked, 1)
    }))
})
