/** Mastra's client, in both eras: tools of a server as Mastra's own. */
import { MCPClient } from "@mastra/mcp"
import type { Client, Connected, Place } from "./contract.ts"
import { textOf } from "./textOf.ts"

let last = 0

const open = (protocolVersion: "legacy" | "2026-07-28") => async (place: Place): Promise<Connected> => {
  const client = new MCPClient({
    // Two of one configuration would be taken for one that was forgotten.
    id: `contract-${++last}`,
    ...place.within !== undefined && { timeout: place.within },
    servers: {
      host: {
        protocolVersion,
        ...place._tag === "Stdio" ? { command: place.command, args: place.args } : { url: place.url }
      }
    }
  })
  const toolOf = async (name: string) => {
    const tool = (await client.listTools())[`host_${name}`]
    const execute = tool?.execute
    if (execute === undefined) throw new Error(`there is no tool ${name}`)
    // Outside of an agent there is nothing around a call.
    return async (args: Record<string, unknown>) =>
      textOf(await execute.call(tool, args, {} as Parameters<typeof execute>[1]))
  }
  return {
    tools: async () => {
      const { host = {} } = await client.listToolDefinitions()
      return Object.fromEntries(Object.entries(host).map(([name, tool]) => [name, tool.inputSchema]))
    },
    call: async (name, args) => (await toolOf(name))(args),
    tool: toolOf,
    resources: async () => (await client.resources.list())["host"]?.map(({ uri }) => uri) ?? [],
    read: (uri) => client.resources.read("host", uri),
    prompts: async () => (await client.prompts.list())["host"]?.map(({ name }) => name) ?? [],
    prompt: (name, args) => client.prompts.get({ serverName: "host", name, args }),
    close: () => client.disconnect()
  }
}

export const mastra: Client = {
  name: "@mastra/mcp",
  transports: {
    http: open("legacy"),
    stateless: open("2026-07-28"),
    stdio: open("legacy"),
    "stateless stdio": open("2026-07-28")
  }
}
