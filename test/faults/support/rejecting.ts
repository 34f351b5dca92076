/** An application on the SDK's client whose progress listener rejects: `node rejecting.ts <url>`. */
import { Client } from "@modelcontextprotocol/sdk/client/index.js"
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js"

const client = new Client({ name: "sdk", version: "1" })
// The SDK's declaration of its own transport does not allow for exact optional properties.
const transport = new StreamableHTTPClientTransport(new URL(process.argv[2] ?? "")) as Parameters<
  typeof client.connect
>[0]
await client.connect(transport)
const onprogress = async () => {
  throw new Error("the listener's own")
}
await client.callTool({ name: "work" }, undefined, { onprogress })
// What is rejected now and heard by nobody ends the program first.
setTimeout(() => process.exit(0), 1000)
