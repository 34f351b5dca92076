/** Our host with tools that echo, ask, report and change, in a process of its own. Prints its port. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as EffectTool from "@holdfast/server/EffectTool"
import * as McpHost from "@holdfast/server/McpHost"
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
import { ElicitResultSchema } from "@modelcontextprotocol/sdk/types.js"
import * as Effect from "effect/Effect"
import * as HttpServer from "effect/http/HttpServer"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { z } from "zod"

const server = Effect.gen(function*() {
  const mcp = new McpServer({ name: "host", version: "1" })
  yield* EffectTool.register(
    mcp,
    "echo",
    { description: "Says it again", input: { text: Schema.String } },
    ({ text }) => Effect.succeed(text)
  )
  yield* EffectTool.register(
    mcp,
    "report",
    {},
    (_, { progress }) =>
      Effect.as(Effect.forEach([1, 2, 3], (done) => progress({ progress: done, total: 3 })), "reported")
  )
  mcp.registerTool("ask", {}, async ({ sendRequest }) => {
    const params = {
      message: "Who are you?",
      requestedSchema: { type: "object" as const, properties: { name: { type: "string" as const } } }
    }
    const { content } = await sendRequest({ method: "elicitation/create", params }, ElicitResultSchema)
    return { content: [{ type: "text", text: `you are ${content?.["name"]}` }] }
  })
  mcp.registerTool("change", {}, () => {
    mcp.sendToolListChanged()
    return { content: [{ type: "text", text: "changed" }] }
  })
  mcp.registerTool(
    "deploy",
    { inputSchema: { region: z.string().meta({ "x-mcp-header": "Region" }) } },
    ({ region }) => ({ content: [{ type: "text", text: region }] })
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
