/** The tools of all servers, offered to a language model. */
import { assert, describe, it } from "@effect/vitest"
import { McpConfig, McpConnections } from "@holdfast/mcp"
import * as McpToolkit from "@holdfast/mcp/McpToolkit"
import { MemoryServer } from "@holdfast/mcp/testing"
import { ToolCatalog } from "@holdfast/mcp/ToolCatalog"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"

const fails = { content: [{ type: "text", text: "no such file" }], isError: true } as const

const withToolkit = <A, E>(
  use: (toolkit: Effect.Success<ReturnType<typeof McpToolkit.make>>) => Effect.Effect<A, E>
) =>
  Effect.gen(function*() {
    const server = yield* MemoryServer.make({
      tools: {
        greet: { run: ({ name }) => Effect.succeed(`Hello, ${String(name)}`) },
        fail: { run: () => Effect.succeed(fails) }
      }
    })
    const config = yield* McpConfig.make({ memory: server.endpoint })
    const context = yield* Layer.build(ToolCatalog.layer().pipe(Layer.provideMerge(McpConnections.layer(config))))
    return yield* Effect.flatMap(Effect.provide(McpToolkit.make({ within: "5 seconds" }), context), use)
  })

describe("a toolkit of all servers' tools", () => {
  it.live("offers them under their names in the catalog, and calls them over the pool", () =>
    withToolkit(({ toolkit, unavailable }) =>
      Effect.gen(function*() {
        assert.deepStrictEqual(unavailable, [])
        assert.sameMembers(Object.keys(toolkit.tools), ["memory__greet", "memory__fail"])
        const results = yield* Stream.runCollect(Stream.unwrap(toolkit.handle("memory__greet", { name: "model" })))
        assert.deepStrictEqual([...results].at(-1)?.result, { text: "Hello, model", isError: false })
      })
    ))

  it.live("gives the model what a tool says of its failure, and ends nothing", () =>
    withToolkit(({ toolkit }) =>
      Effect.gen(function*() {
        const results = yield* Stream.runCollect(Stream.unwrap(toolkit.handle("memory__fail", {})))
        assert.deepStrictEqual([...results].at(-1)?.result, { text: "no such file", isError: true })
      })
    ))
})
