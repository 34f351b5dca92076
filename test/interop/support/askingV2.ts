/** A server on version 2 of the official SDK that speaks revision 2026-07-28 only: it echoes, reports and asks. */
import { acceptedContent, inputRequired, McpServer } from "@modelcontextprotocol/server"
import { serveStdio } from "@modelcontextprotocol/server/stdio"
import { z } from "zod"

const text = (words: string) => ({ content: [{ type: "text" as const, text: words }] })

/** A report is answered once something is echoed: an answer on the heels of progress would hide that from clients of the SDK. */
let goOn = (): void => {}

serveStdio(() => {
  const server = new McpServer({ name: "v2", version: "2" })
  server.registerTool("echo", { inputSchema: z.object({ text: z.string() }) }, (args) => {
    goOn()
    return text(args.text)
  })
  server.registerTool("report", { inputSchema: z.object({}) }, async (_, { mcpReq }) => {
    const progressToken = mcpReq._meta?.progressToken ?? "none"
    const echoed = new Promise<void>((resolve) => goOn = resolve)
    await mcpReq.notify({ method: "notifications/progress", params: { progressToken, progress: 1, total: 3 } })
    await echoed
    return text("reported")
  })
  server.registerTool("ask", { inputSchema: z.object({}) }, (_, { mcpReq }) => {
    const requestedSchema = z.object({ name: z.string() })
    const said = acceptedContent(mcpReq.inputResponses, "who", requestedSchema)
    return said === undefined
      ? inputRequired({ inputRequests: { who: inputRequired.elicit({ message: "Who are you?", requestedSchema }) } })
      : text(`you are ${said.name}`)
  })
  return server
}, { legacy: "reject" })
