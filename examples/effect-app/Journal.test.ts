import { assert, it } from "@effect/vitest"
import { McpConfig, McpConnections } from "@holdfast/mcp"
import { MemoryServer } from "@holdfast/mcp/testing"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Journal } from "./Journal.ts"

// The pause before a server that has crashed is started again is real here: a quarter of a second.
it.live("writes a line once when the server dies over it", () =>
  Effect.gen(function*() {
    const files = new Map<string, string>()
    const server = yield* MemoryServer.make({
      tools: {
        read_text_file: {
          annotations: { readOnlyHint: true },
          run: ({ path }) =>
            Effect.succeed(
              files.has(String(path))
                ? { structuredContent: { content: files.get(String(path)) }, content: [] }
                : { isError: true, content: [{ type: "text", text: "no such file" }] }
            )
        },
        write_file: {
          annotations: { idempotentHint: true },
          run: ({ content, path }, { connection }) =>
            Effect.sync(() => {
              files.set(String(path), String(content))
              // The first time it has written, and dies before it has said so.
              if (server.calls("write_file").length === 1) connection.exit({ code: 137 })
              return { structuredContent: { content: "written" }, content: [] }
            })
        }
      }
    })
    const layer = Journal.layer.pipe(
      Layer.provide(McpConnections.layer(yield* McpConfig.make({ fs: server.endpoint }))),
      Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({ JOURNAL_FILE: "diary.txt" })))
    )
    const lines = yield* Effect.provide(Effect.flatMap(Journal, (journal) => journal.add("rain")), layer)

    assert.strictEqual(lines, 1)
    assert.lengthOf(server.calls("write_file"), 2)
    assert.deepStrictEqual([...files], [["diary.txt", "rain\n"]])
  }))
