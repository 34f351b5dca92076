/** The MCP servers of OpenAI's agents. They speak the newest revision where it is spoken. */
import { MCPServerSSE, MCPServerStdio, MCPServerStreamableHttp, setTracingDisabled } from "@openai/agents"
import type { Client, Connected, Place } from "./contract.ts"
import { textOf } from "./textOf.ts"

setTracingDisabled(true)

const open = async (place: Place): Promise<Connected> => {
  // A start may take its time where a whole test run goes on: five seconds are the default.
  const { within: timeout } = place
  const options = { name: "host", clientSessionTimeoutSeconds: 60, ...timeout !== undefined && { timeout } }
  const server = place._tag === "Stdio"
    ? new MCPServerStdio({ ...options, command: place.command, args: place.args })
    : place._tag === "Sse"
    ? new MCPServerSSE({ ...options, url: place.url.href })
    : new MCPServerStreamableHttp({ ...options, url: place.url.href })
  await server.connect()
  return {
    tools: async () => Object.fromEntries((await server.listTools()).map((tool) => [tool.name, tool.inputSchema])),
    call: async (name, args) => textOf(await server.callTool(name, args)),
    resources: async () => (await server.listResources()).resources.map(({ uri }) => uri),
    read: (uri) => server.readResource(uri),
    close: () => server.close()
  }
}

export const openAiAgents: Client = {
  name: "@openai/agents",
  transports: { stateless: open, sse: open, "stateless stdio": open }
}
