/** The server that the official conformance suite puts to the test: its fixtures, on our host. Prints its port. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as McpHost from "@holdfast/server/McpHost"
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
import { CreateMessageResultSchema, ElicitResultSchema } from "@modelcontextprotocol/sdk/types.js"
import * as Effect from "effect/Effect"
import * as HttpServer from "effect/http/HttpServer"
import * as Layer from "effect/Layer"
import * as References from "effect/References"
import { z } from "zod"
import { addStatelessFixtures, taskOptions } from "./statelessFixtures.ts"

const text = (words: string) => ({ content: [{ type: "text" as const, text: words }] })

const server = (): McpServer => {
  const mcp = new McpServer({ name: "fixture", version: "1" }, taskOptions)
  mcp.registerTool(
    "test_simple_text",
    { description: "Text" },
    () => text("This is a simple text response for testing.")
  )
  mcp.registerTool("test_error_handling", { description: "An error" }, () => {
    throw new Error("This tool intentionally returns an error for testing")
  })
  mcp.registerTool("test_tool_with_logging", { description: "Logs" }, async ({ sendNotification }) => {
    for (const data of ["Tool execution started", "Tool processing data", "Tool execution completed"]) {
      await sendNotification({ method: "notifications/message", params: { level: "info", data } })
    }
    return text("logged")
  })
  mcp.registerTool("test_tool_with_progress", { description: "Progress" }, async ({ _meta, sendNotification }) => {
    for (const progress of [0, 50, 100]) {
      await sendNotification({
        method: "notifications/progress",
        params: { progressToken: _meta?.progressToken ?? 0, progress, total: 100 }
      })
    }
    return text("done")
  })
  mcp.registerTool(
    "test_sampling",
    { description: "Asks a model", inputSchema: { prompt: z.string() } },
    async ({ prompt }, { sendRequest }) => {
      const params = {
        messages: [{ role: "user" as const, content: { type: "text" as const, text: prompt } }],
        maxTokens: 100
      }
      const { content } = await sendRequest({ method: "sampling/createMessage", params }, CreateMessageResultSchema)
      return text(`LLM response: ${JSON.stringify(content)}`)
    }
  )
  mcp.registerTool(
    "test_elicitation",
    { description: "Asks the user", inputSchema: { message: z.string() } },
    async ({ message }, { sendRequest }) => {
      const requestedSchema = {
        type: "object" as const,
        properties: { response: { type: "string" as const, description: "User's response" } },
        required: ["response"]
      }
      const result = await sendRequest(
        { method: "elicitation/create", params: { message, requestedSchema } },
        ElicitResultSchema
      )
      return text(`User response: ${JSON.stringify(result)}`)
    }
  )
  mcp.registerTool("test_reconnection", { description: "Comes back" }, async ({ closeSSEStream }) => {
    closeSSEStream?.()
    await new Promise((resolve) => void setTimeout(resolve, 100))
    return text(
      "Reconnection test completed successfully. If you received this, the client properly reconnected after stream closure."
    )
  })
  addStatelessFixtures(mcp)
  return mcp
}

const program = Effect.gen(function*() {
  const { address } = yield* HttpServer.HttpServer
  console.log("port" in address ? address.port : 0)
  return yield* Effect.never
})

NodeRuntime.runMain(
  Effect.provide(
    program,
    McpHost.layerHttp({ server, port: 0, retryInterval: "500 millis" }).pipe(
      Layer.orDie,
      // What it prints first is its port.
      Layer.provide(Layer.succeed(References.MinimumLogLevel, "Warn"))
    )
  )
)
