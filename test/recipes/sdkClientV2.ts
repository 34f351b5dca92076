/** An application on the SDK's `Client`, version 2: the same transport serves it. */
import { McpConnections } from "@holdfast/mcp"
import * as SdkTransport from "@holdfast/mcp/SdkTransport"
import { Client } from "@modelcontextprotocol/client"
import * as ManagedRuntime from "effect/ManagedRuntime"

export const open = async (configFile: string, server: string) => {
  const runtime = ManagedRuntime.make(McpConnections.layerFile(configFile))
  const transport = await runtime.runPromise(McpConnections.use((mcp) => SdkTransport.make(mcp, server)))
  const client = new Client({ name: "my-app", version: "1.0.0" })
  await client.connect(transport, { timeout: 120_000 })
  return { client, runtime }
}
