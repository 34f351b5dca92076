/** Our host with one tool, in a process of its own. Prints its port. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as EffectTool from "@holdfast/server/EffectTool"
import * as McpHost from "@holdfast/server/McpHost"
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
import * as Effect from "effect/Effect"
import * as HttpServer from "effect/http/HttpServer"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"

const server = Effect.gen(function*() {
  const mcp = new McpServer({ name: "host", version: "1" })
  yield* EffectTool.register(
    mcp,
    "echo",
    { description: "Says it again", input: { text: Schema.String } },
    ({ text }) => Effect.succeed(text)
  )
  return mcp
})

NodeRuntime.runMain(Effect.provide(
  Effect.flatMap(HttpServer.HttpServer, ({ address }) => {
    console.log("port" in address ? address.port : "")
    return Effect.never
  }),
  McpHost.layerHttp({ server, port: 0, legacySse: true, drainTimeout: "1 second" }).pipe(Layer.orDie)
))
