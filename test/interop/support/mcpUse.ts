/** mcp-use 1, the last line on npm with a client in it. Its telemetry is not installed: see `pnpm-workspace.yaml`. */
import { MCPClient } from "mcp-use/client"
import type { Client, Connected, Place } from "./contract.ts"
import { textOf } from "./textOf.ts"

const open = async (place: Place): Promise<Connected> => {
  const client = new MCPClient({
    mcpServers: {
      host: place._tag === "Stdio" ? { command: place.command, args: place.args } : { url: place.url.href }
    }
  })
  const session = await client.createSession("host")
  return {
    tools: async () => Object.fromEntries((await session.listTools()).map((tool) => [tool.name, tool.inputSchema])),
    call: async (name, args) =>
      textOf(await session.callTool(name, args, place.within === undefined ? {} : { timeout: place.within })),
    resources: async () => (await session.listAllResources()).resources.map(({ uri }) => uri),
    read: (uri) => session.readResource(uri),
    prompts: async () => (await session.listPrompts()).prompts.map(({ name }) => name),
    prompt: (name, args) => session.getPrompt(name, args),
    close: () => client.closeAllSessions()
  }
}

export const mcpUse: Client = { name: "mcp-use", transports: { http: open, stdio: open } }
