/** A server with tools that echo, ask, report and change, whatever serves it. */
import * as EffectTool from "@holdfast/server/EffectTool"
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
import { ElicitResultSchema } from "@modelcontextprotocol/sdk/types.js"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { z } from "zod"

export const server = Effect.gen(function*() {
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
