/** A server over HTTP as its README has it, on the port of its argument: `slow` answers after half a second, `never` does not. */
import * as EffectTool from "@holdfast/server/EffectTool"
import * as McpHost from "@holdfast/server/McpHost"
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

const server = Effect.gen(function*() {
  const mcp = new McpServer({ name: "main", version: "1.0.0" })
  yield* EffectTool.register(mcp, "slow", {}, () => Effect.as(Effect.sleep("500 millis"), "at last"))
  yield* EffectTool.register(mcp, "never", {}, () => Effect.never)
  return mcp
})

McpHost.layerHttp({ server, port: Number(process.argv[2]) }).pipe(
  Layer.launch,
  Effect.provide(McpHost.layerJsonLogger),
  McpHost.runMain
)
