/** An application on the SDK's `Client`, version 1: all that changes is where its transport comes from. */
import { McpConnections } from "@holdfast/mcp"
import * as SdkTransport from "@holdfast/mcp/SdkTransport"
import { Client } from "@modelcontextprotocol/sdk/client/index.js"
import * as ManagedRuntime from "effect/ManagedRuntime"

export const open = async (configFile: string, server: string) => {
  const runtime = ManagedRuntime.make(McpConnections.layerFile(configFile))
  const transport = await runtime.runPromise(McpConnections.use((mcp) => SdkTransport.make(mcp, server)))
  const client = new Client({ name: "my-app", version: "1.0.0" })
  await client.connect(transport, { timeout: 120_000 })
  return { client, runtime }
}
