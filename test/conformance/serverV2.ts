/** A server on version 2 of the SDK, with those of the suite's fixtures that a host has to do with, on our host. Prints its port. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as McpHost from "@holdfast/server/McpHost"
import { McpServer } from "@modelcontextprotocol/server"
import * as Effect from "effect/Effect"
import * as HttpServer from "effect/http/HttpServer"
import * as Layer from "effect/Layer"
import * as References from "effect/References"

const text = (words: string) => ({ content: [{ type: "text" as const, text: words }] })

const server = (): McpServer => {
  const mcp = new McpServer({ name: "fixture-v2", version: "2" }, { capabilities: { logging: {} } })
  mcp.registerTool(
    "test_simple_text",
    { description: "Text" },
    () => text("This is a simple text response for testing.")
  )
  mcp.registerTool("test_error_handling", { description: "An error" }, () => {
    throw new Error("This tool intentionally returns an error for testing")
  })
  mcp.registerTool("test_tool_with_logging", { description: "Logs" }, async ({ mcpReq }) => {
    for (const data of ["Tool execution started", "Tool processing data", "Tool execution completed"]) {
      await mcpReq.notify({ method: "notifications/message", params: { level: "info", data } })
    }
    return text("logged")
  })
  mcp.registerTool("test_tool_with_progress", { description: "Progress" }, async ({ mcpReq }) => {
    for (const progress of [0, 50, 100]) {
      const progressToken = mcpReq._meta?.progressToken ?? 0
      await mcpReq.notify({ method: "notifications/progress", params: { progressToken, progress, total: 100 } })
    }
    return text("done")
  })
  return mcp
}

NodeRuntime.runMain(Effect.provide(
  Effect.flatMap(HttpServer.HttpServer, ({ address }) => {
    console.log("port" in address ? address.port : "")
    return Effect.never
  }),
  McpHost.layerHttp({ server, port: 0, drainTimeout: "1 second" }).pipe(
    Layer.orDie,
    // What it prints first is its port.
    Layer.provide(Layer.succeed(References.MinimumLogLevel, "Warn"))
  )
))
