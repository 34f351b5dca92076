/**
 * A server on the official SDK, over stdio: what it sees of a client is what any server sees.
 */
import { Server } from "@modelcontextprotocol/sdk/server/index.js"
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js"
import { CallToolRequestSchema, ListToolsRequestSchema } from "@modelcontextprotocol/sdk/types.js"

const server = new Server({ name: "sdk", version: "1.0.0" }, { capabilities: { tools: {} } })
let aborted = 0

server.setRequestHandler(ListToolsRequestSchema, () => ({
  tools: ["wait", "aborted", "progress"].map((name) => ({ name, inputSchema: { type: "object" as const } }))
}))

const text = (value: unknown) => ({ content: [{ type: "text" as const, text: String(value) }] })

server.setRequestHandler(CallToolRequestSchema, async (request, extra) => {
  const progressToken = request.params._meta?.progressToken
  const report = (progress: number) =>
    progressToken === undefined
      ? Promise.resolve()
      : extra.sendNotification({ method: "notifications/progress", params: { progressToken, progress } })
  switch (request.params.name) {
    case "aborted":
      return text(aborted)
    case "progress":
      for (let i = 1; i <= 5; i++) await report(i)
      return text("done")
    default:
      await report(1)
      await new Promise<void>((resolve) => extra.signal.addEventListener("abort", () => resolve(), { once: true }))
      aborted++
      return text("aborted")
  }
})

await server.connect(new StdioServerTransport())
