/** A server on version 1 of the official SDK, which speaks the legacy era only: it echoes, reports and asks. */
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js"
import { z } from "zod"

const text = (words: string) => ({ content: [{ type: "text" as const, text: words }] })

/** A report is answered once something is echoed: an answer on the heels of progress would hide that from clients of the SDK. */
let goOn = (): void => {}

const server = new McpServer({ name: "v1", version: "1" })
server.registerTool("echo", { inputSchema: { text: z.string() } }, (args) => {
  goOn()
  return text(args.text)
})
server.registerTool("report", {}, async ({ _meta, sendNotification }) => {
  const progressToken = _meta?.progressToken ?? "none"
  const echoed = new Promise<void>((resolve) => goOn = resolve)
  await sendNotification({ method: "notifications/progress", params: { progressToken, progress: 1, total: 3 } })
  await echoed
  return text("reported")
})
server.registerTool("ask", {}, async () => {
  const { content } = await server.server.elicitInput({
    message: "Who are you?",
    requestedSchema: { type: "object", properties: { name: { type: "string" } }, required: ["name"] }
  })
  return text(`you are ${String(content?.["name"])}`)
})
const transport = new StdioServerTransport()
// The SDK's declaration of its own transport does not allow for exact optional properties.
await server.connect(transport as Parameters<typeof server.connect>[0])
