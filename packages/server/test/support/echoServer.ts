/** An SDK server with tools that tests can steer: what it waits for and what it says is the test's business. */
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
import { ElicitResultSchema } from "@modelcontextprotocol/sdk/types.js"
import { z } from "zod"

export interface Steering {
  /** Called by the tool `wait`; its text is the answer. */
  readonly waiting: Array<(text: string) => void>
  /** Set when a handler was told that nobody waits any more. */
  aborted: number
  finished: number
}

export const steering = (): Steering => ({ waiting: [], aborted: 0, finished: 0 })

export const echoServer = (steer: Steering) => (): McpServer => {
  const server = new McpServer({ name: "echo", version: "1" }, { capabilities: { logging: {} } })
  server.registerTool(
    "echo",
    { inputSchema: { text: z.string() } },
    ({ text }) => ({ content: [{ type: "text", text }] })
  )
  server.registerTool("wait", { inputSchema: {} }, async (_, { signal }) => {
    signal.addEventListener("abort", () => void steer.aborted++)
    const text = await new Promise<string>((resolve) => void steer.waiting.push(resolve))
    steer.finished++
    return { content: [{ type: "text", text }] }
  })
  server.registerTool(
    "steps",
    { inputSchema: { count: z.number() } },
    async ({ count }, { sendNotification, _meta }) => {
      for (let step = 1; step <= count; step++) {
        await sendNotification({
          method: "notifications/progress",
          params: { progressToken: _meta?.progressToken ?? "none", progress: step, total: count }
        })
      }
      return { content: [{ type: "text", text: `${count} steps` }] }
    }
  )
  server.registerTool("shout", { inputSchema: { bytes: z.number() } }, async ({ bytes }) => {
    // Not in the course of the request: it goes over the client's own stream.
    await server.server.notification({
      method: "notifications/message",
      params: { level: "info", data: "x".repeat(bytes) }
    })
    return { content: [] }
  })
  server.registerTool("ask", { inputSchema: {} }, async (_, { sendRequest, signal }) => {
    signal.addEventListener("abort", () => void steer.aborted++)
    const params = { message: "Who?", requestedSchema: { type: "object" as const, properties: {} } }
    const { action } = await sendRequest({ method: "elicitation/create", params }, ElicitResultSchema)
    return { content: [{ type: "text", text: action }] }
  })
  server.registerTool("announce", { inputSchema: {} }, () => {
    server.sendToolListChanged()
    return { content: [] }
  })
  return server
}
