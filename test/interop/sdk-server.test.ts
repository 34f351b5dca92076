import { assert, describe, it } from "@effect/vitest"
import { Endpoint, McpConfig, McpConnections } from "@holdfast/mcp"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as path from "node:path"

const server = Endpoint.stdio({
  command: process.execPath,
  args: [path.join(import.meta.dirname, "support/sdkServer.ts")]
})

const withServer = <A, E>(effect: Effect.Effect<A, E, McpConnections>) =>
  Effect.flatMap(McpConfig.make({ sdk: server }), (config) => Effect.provide(effect, McpConnections.layer(config)))

const textOf = (result: { readonly content: ReadonlyArray<object> }): string =>
  result.content.map((block) => "text" in block ? String(block.text) : "").join("")

describe("a server on the official SDK", () => {
  it.live("an interrupted call aborts the server's handler, and the connection goes on", () =>
    withServer(Effect.gen(function*() {
      const mcp = yield* McpConnections
      const begun = yield* Deferred.make<void>()
      const call = yield* Effect.forkChild(mcp.callTool("sdk", { name: "wait" }, {
        onProgress: () => Deferred.doneUnsafe(begun, Effect.void)
      }))
      yield* Deferred.await(begun)
      yield* Fiber.interrupt(call)
      // The cancellation was sent before this call, and the server reads in order.
      const answer = yield* mcp.callTool("sdk", { name: "aborted" })
      assert.strictEqual(textOf(answer), "1")
      assert.strictEqual((yield* mcp.snapshot).connections, 1)
    })))

  it.live("every progress report arrives, in order, before the result", () =>
    withServer(Effect.gen(function*() {
      const mcp = yield* McpConnections
      const seen: Array<number> = []
      const answer = yield* mcp.callTool("sdk", { name: "progress" }, {
        onProgress: ({ progress }) => seen.push(progress)
      })
      assert.strictEqual(textOf(answer), "done")
      assert.deepStrictEqual(seen, [1, 2, 3, 4, 5])
    })))
})
