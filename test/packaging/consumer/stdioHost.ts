// A server on stdio as somebody bundles it.
import * as EffectTool from "@holdfast/server/EffectTool"
import * as StdioHost from "@holdfast/server/StdioHost"
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
import * as Effect from "effect/Effect"

const server = Effect.gen(function*() {
  const mcp = new McpServer({ name: "bundled", version: "1.0.0" })
  yield* EffectTool.register(mcp, "greet", {}, () => Effect.succeed("hello"))
  return mcp
})

StdioHost.runMain(StdioHost.run({ server }))
