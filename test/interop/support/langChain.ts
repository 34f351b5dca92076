/** LangChain's adapters: tools of a server as LangChain's own. What they can start again or connect again, they do. */
import { MultiServerMCPClient } from "@langchain/mcp-adapters"
import type { Client, Connected, Place } from "./contract.ts"
import { textOf } from "./textOf.ts"

const again = { enabled: true, maxAttempts: 5, delayMs: 250 }

const open = async (place: Place): Promise<Connected> => {
  const client = new MultiServerMCPClient({
    mcpServers: {
      host: place._tag === "Stdio"
        ? { transport: "stdio", command: place.command, args: place.args, restart: again }
        : { transport: place._tag === "Sse" ? "sse" : "http", url: place.url.href, reconnect: again }
    }
  })
  const listed = await client.getClient("host")
  if (listed === undefined) throw new Error("it did not connect")
  const toolOf = async (name: string) => {
    const tool = (await client.getTools()).find((tool) => tool.name === name)
    if (tool === undefined) throw new Error(`there is no tool ${name}`)
    return async (args: Record<string, unknown>) =>
      textOf(await tool.invoke(args, place.within === undefined ? {} : { timeout: place.within }))
  }
  return {
    tools: async () =>
      Object.fromEntries((await listed.listTools()).tools.map((tool) => [tool.name, tool.inputSchema])),
    call: async (name, args) => (await toolOf(name))(args),
    tool: toolOf,
    ping: () => listed.ping(),
    resources: async () => (await client.listResources("host"))["host"]?.map(({ uri }) => uri) ?? [],
    read: (uri) => client.readResource("host", uri),
    close: () => client.close()
  }
}

export const langChain: Client = { name: "@langchain/mcp-adapters", transports: { http: open, sse: open, stdio: open } }
