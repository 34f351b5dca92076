// A server on version 2 of the SDK, hosted over stdio. Version 1 is not needed for it.
import * as StdioHost from "@holdfast/server/StdioHost"
import { McpServer } from "@modelcontextprotocol/server"
import * as z from "zod"

const server = () => {
  const mcp = new McpServer({ name: "second", version: "1.0.0" })
  mcp.registerTool("echo", { inputSchema: z.object({ text: z.string() }) }, ({ text }) => ({
    content: [{ type: "text", text: `${text} on version 2` }]
  }))
  return mcp
}

StdioHost.runMain(StdioHost.run({ server }))
