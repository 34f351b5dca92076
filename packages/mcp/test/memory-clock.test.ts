/** Tests on a clock that stands still: how they drive it, and that they end however they end. */
import { assert, describe, it } from "@effect/vitest"
import { McpConfig } from "@holdfast/mcp/McpConfig"
import { McpConnections } from "@holdfast/mcp/McpConnections"
import * as Messages from "@holdfast/mcp/Messages"
import { MemoryServer } from "@holdfast/mcp/testing"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { TestClock } from "effect/testing"

const now = { startImmediately: true } as const

const clientInfo = { name: "test", version: "0.0.0" }

const sleepy = MemoryServer.make({
  tools: { sleep: { run: () => Effect.as(Effect.sleep("1 minute"), "slept") } }
})

const layerOf = (server: MemoryServer) =>
  Layer.effect(
    McpConnections,
    Effect.flatMap(McpConfig.make({ it: server.endpoint }), (config) => McpConnections.make(config, { clientInfo }))
  )

const call = McpConnections.use((mcp) => mcp.callTool("it", { name: "sleep", arguments: {} }))

describe("a call in flight on a clock that stands still", () => {
  it.effect("is driven: awaitCall, then the clock, then the answer", () =>
    Effect.gen(function*() {
      const server = yield* sleepy
      yield* Effect.gen(function*() {
        const first = yield* Effect.forkChild(call)
        const { params } = yield* server.awaitCall("sleep")
        assert.deepInclude(params, { name: "sleep" })
        yield* TestClock.adjust("1 minute")
        assert.strictEqual(Messages.textOf(yield* Fiber.join(first)), "slept")
        const second = yield* Effect.forkChild(call)
        yield* server.awaitCall("sleep", 2)
        yield* TestClock.adjust("1 minute")
        yield* Fiber.join(second)
        assert.strictEqual((yield* server.awaitCall("sleep")).id, server.calls("sleep")[0]?.id)
      }).pipe(Effect.provide(layerOf(server)))
    }))

  it.effect("that is late names its tool, whichever deadline has passed", () =>
    Effect.gen(function*() {
      const server = yield* MemoryServer.make({ tools: { silent: { run: () => Effect.never } } })
      yield* Effect.gen(function*() {
        const mcp = yield* McpConnections
        for (const [options, kind] of [[{}, "idle"], [{ deadline: "1 second" }, "caller"]] as const) {
          const calling = yield* Effect.forkChild(Effect.flip(mcp.callTool("it", { name: "silent" }, options)))
          yield* server.awaitCall("silent", server.calls("silent").length + 1)
          yield* TestClock.adjust("6 minutes")
          const { message, reason } = yield* Fiber.join(calling)
          assert.deepInclude(reason, { _tag: "DeadlineExceeded", kind, tool: "silent", method: "tools/call" })
          assert.include(message, "it: tools/call of silent got no answer in ")
        }
      }).pipe(Effect.provide(layerOf(server)))
    }))

  it.effect("does not hide an assertion that fails: the runtime closes, and the test ends with it", () =>
    Effect.gen(function*() {
      const server = yield* sleepy
      const exit = yield* Effect.exit(
        Effect.gen(function*() {
          yield* Effect.forkChild(call)
          yield* server.awaitCall("sleep")
          assert.fail("the assertion")
        }).pipe(Effect.provide(layerOf(server)))
      )
      assert.isTrue(Exit.isFailure(exit))
      assert.include(Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "", "the assertion")
      assert.lengthOf(server.connections(), 0)
    }))

  it.effect("is settled, typed, when the runtime closes after a test that has not waited for it", () =>
    Effect.gen(function*() {
      const server = yield* sleepy
      const calling = yield* Effect.gen(function*() {
        const fiber = yield* Effect.forkDetach(Effect.flip(call), now)
        yield* server.awaitCall("sleep")
        return fiber
      }).pipe(Effect.provide(layerOf(server)))
      assert.strictEqual((yield* Fiber.join(calling)).reason._tag, "OutcomeUnknown")
      assert.lengthOf(server.connections(), 0)
    }))

  it.effect("finishes in a drain that is asked for, as with any other server", () =>
    Effect.gen(function*() {
      const server = yield* sleepy
      yield* Effect.gen(function*() {
        const calling = yield* Effect.forkChild(call)
        yield* server.awaitCall("sleep")
        const draining = yield* Effect.forkChild(
          McpConnections.use((mcp) => mcp.drain("2 minutes")),
          now
        )
        yield* TestClock.adjust("1 minute")
        assert.strictEqual(Messages.textOf(yield* Fiber.join(calling)), "slept")
        yield* Fiber.join(draining)
      }).pipe(Effect.provide(layerOf(server)))
    }))
})
