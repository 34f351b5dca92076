/** The MCP client of the AI SDK. */
import { createMCPClient } from "@ai-sdk/mcp"
import { StdioMCPTransport } from "@ai-sdk/mcp/mcp-stdio"
import type { Client, Connected, Place } from "./contract.ts"
import { textOf } from "./textOf.ts"

const open = async (place: Place): Promise<Connected> => {
  const { within: timeout } = place
  const client = await createMCPClient({
    maxRetries: 2,
    transport: place._tag === "Stdio"
      ? new StdioMCPTransport(place)
      : { type: place._tag === "Sse" ? "sse" : "http", url: place.url.href }
  })
  return {
    tools: async () =>
      Object.fromEntries((await client.listTools()).tools.map((tool) => [tool.name, tool.inputSchema])),
    call: async (name, args) =>
      textOf(await client.callTool({ name, arguments: args, ...timeout !== undefined && { options: { timeout } } })),
    resources: async () => (await client.listResources()).resources.map(({ uri }) => uri),
    read: (uri) => client.readResource({ uri }),
    prompts: async () => (await client.listPrompts()).prompts.map(({ name }) => name),
    prompt: (name, args) => client.getPrompt({ name, arguments: args }),
    close: () => client.close()
  }
}

export const aiSdk: Client = { name: "@ai-sdk/mcp", transports: { http: open, sse: open, stdio: open } }
