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

const shown = [
  { type: "text", text: "a picture:" },
  { type: "image", data: "AQID", mimeType: "image/png" },
  { type: "audio", data: "BA", mimeType: "audio/wav" },
  { type: "resource", resource: { uri: "file:///a.pdf", mimeType: "application/pdf", blob: "BQY=" } },
  { type: "resource", resource: { uri: "file:///a.md", text: "# Notes" } },
  // No base64: there are no bytes to hand on.
  { type: "image", data: "!!!!", mimeType: "image/png" }
] as const

const withToolkit = <A, E>(
  use: (toolkit: Effect.Success<ReturnType<typeof McpToolkit.make>>) => Effect.Effect<A, E>
) =>
  Effect.gen(function*() {
    const server = yield* MemoryServer.make({
      tools: {
        greet: { run: ({ name }) => Effect.succeed(`Hello, ${String(name)}`) },
        fail: { run: () => Effect.succeed(fails) },
        show: { run: () => Effect.succeed({ content: shown }) }
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
        assert.sameMembers(Object.keys(toolkit.tools), ["memory__greet", "memory__fail", "memory__show"])
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

  // vercel/ai#6073, cline/cline#14421: images that reach the model as text are lost to it, and cost its context.
  it.live("hands images, sounds and the bytes of resources on to the model as files; the text names them", () =>
    withToolkit(({ toolkit }) =>
      Effect.gen(function*() {
        const results = yield* Stream.runCollect(Stream.unwrap(toolkit.handle("memory__show", {})))
        const last = [...results].at(-1)
        assert.deepStrictEqual(
          last?.modelOutput?.map((part) =>
            part.type === "text" ? part.text : [part.mediaType, part.fileName, part.data]
          ),
          [
            "a picture:\n[image/png, 3 bytes]\n[audio/wav, 1 bytes]\n[application/pdf, 2 bytes: file:///a.pdf]\n# Notes\n" +
            "[image/png, 3 bytes]",
            ["image/png", undefined, new Uint8Array([1, 2, 3])],
            ["audio/wav", undefined, new Uint8Array([4])],
            ["application/pdf", "file:///a.pdf", new Uint8Array([5, 6])]
          ]
        )
        // What is kept of it is JSON.
        assert.deepInclude(JSON.parse(JSON.stringify(last?.encodedResult)).files[0], {
          mediaType: "image/png",
          data: "AQID"
        })
      })
    ))

  it.live("says in words to the model that a tool has failed", () =>
    withToolkit(({ toolkit }) =>
      Effect.gen(function*() {
        const results = yield* Stream.runCollect(Stream.unwrap(toolkit.handle("memory__fail", {})))
        const [part] = [...results].at(-1)?.modelOutput ?? []
        assert.strictEqual(part?.type === "text" ? part.text : undefined, "The tool has failed: no such file")
      })
    ))
})
