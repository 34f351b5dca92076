/** From the AI SDK's client: it stays as it is, and gets another transport. */
import { createMCPClient, type MCPTransport } from "@ai-sdk/mcp"
import { McpConnections } from "@holdfast/mcp"
import * as SdkTransport from "@holdfast/mcp/SdkTransport"
import * as ManagedRuntime from "effect/ManagedRuntime"

export const open = async (configFile: string, server: string) => {
  const runtime = ManagedRuntime.make(McpConnections.layerFile(configFile))
  const transport = await runtime.runPromise(McpConnections.use((mcp) => SdkTransport.make(mcp, server)))
  // The types differ in how a handler is written that is not there.
  const client = await createMCPClient({ transport: transport as MCPTransport })
  return { client, runtime }
}
