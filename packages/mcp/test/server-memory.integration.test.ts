/** A gateway's life: an endpoint per user, each called and left. */
import { assert, describe, it } from "@effect/vitest"
import { McpConfig, McpConnections } from "@holdfast/mcp"
import { MemoryServer } from "@holdfast/mcp/testing"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"
import { vi } from "vitest"
import { ServerMemory } from "../src/internal/pool/ServerMemory.ts"

const endpoints = 10_000

describe("a program that calls ever more endpoints", () => {
  it.effect(`remembers a thousand of ${endpoints}, and nothing of them but that`, () =>
    Effect.gen(function*() {
      const spy = yield* Effect.acquireRelease(
        Effect.sync(() => vi.spyOn(ServerMemory.prototype, "of")),
        (spy) => Effect.sync(() => spy.mockRestore())
      )
      const tools = { read: { annotations: { readOnlyHint: true }, run: () => Effect.succeed("ok") } }
      yield* Effect.provide(
        Effect.gen(function*() {
          const mcp = yield* McpConnections
          const visit = Effect.gen(function*() {
            const { endpoint } = yield* MemoryServer.make({ tools, transport: "http" })
            yield* mcp.callTool(endpoint, { name: "read" })
          })
          let seen = 0
          for (let round = 0; round < 10; round++) {
            yield* Effect.forEach(Array.from({ length: endpoints / 10 }), () => visit, {
              concurrency: 8,
              discard: true
            })
            yield* TestClock.adjust("1 hour")
            seen += spy.mock.calls.length
            spy.mockClear()
          }
          const { connections, keys } = yield* mcp.snapshot
          assert.deepStrictEqual([connections, keys.length], [0, 0])
          assert.isAtLeast(seen, endpoints)
          yield* visit
          const memory = spy.mock.contexts[0]
          assert.instanceOf(memory, ServerMemory)
          assert.isAtMost(memory?.size ?? endpoints, 1025)
        }),
        McpConnections.layer(yield* McpConfig.make({}))
      )
    }))
})
