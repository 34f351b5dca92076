/** The SDK's clients, both versions. */
import {
  Client as ClientV2,
  SSEClientTransport as SseV2,
  StreamableHTTPClientTransport as HttpV2
} from "@modelcontextprotocol/client"
import { StdioClientTransport as StdioV2 } from "@modelcontextprotocol/client/stdio"
import { Client as ClientV1 } from "@modelcontextprotocol/sdk/client/index.js"
import { SSEClientTransport as SseV1 } from "@modelcontextprotocol/sdk/client/sse.js"
import { StdioClientTransport as StdioV1 } from "@modelcontextprotocol/sdk/client/stdio.js"
import { StreamableHTTPClientTransport as HttpV1 } from "@modelcontextprotocol/sdk/client/streamableHttp.js"
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js"
import { type Client, type Connected, type Place } from "./contract.ts"
import { textOf } from "./textOf.ts"

/** What both versions have in common. */
type SdkClient = Pick<ClientV1, "close" | "ping"> & {
  readonly listTools: () => Promise<
    { readonly tools: ReadonlyArray<{ readonly name: string; readonly inputSchema: unknown }> }
  >
  readonly callTool: (params: { name: string; arguments: Record<string, unknown> }) => Promise<object>
  readonly listResources: () => Promise<{ readonly resources: ReadonlyArray<{ readonly uri: string }> }>
  readonly readResource: (params: { uri: string }) => Promise<object>
  readonly listPrompts: () => Promise<{ readonly prompts: ReadonlyArray<{ readonly name: string }> }>
  readonly getPrompt: (params: { name: string; arguments: Record<string, string> }) => Promise<object>
}

const connected = (client: SdkClient, hasPing: boolean): Connected => ({
  tools: async () => Object.fromEntries((await client.listTools()).tools.map((tool) => [tool.name, tool.inputSchema])),
  call: async (name, args) => textOf(await client.callTool({ name, arguments: args })),
  ...hasPing && { ping: () => client.ping() },
  resources: async () => (await client.listResources()).resources.map(({ uri }) => uri),
  read: (uri) => client.readResource({ uri }),
  prompts: async () => (await client.listPrompts()).prompts.map(({ name }) => name),
  prompt: (name, args) => client.getPrompt({ name, arguments: args }),
  close: () => client.close()
})

const timeoutOf = ({ within }: Place) => within === undefined ? {} : { timeout: within }

const v1 = async (place: Place): Promise<Connected> => {
  const client = new ClientV1({ name: "v1", version: "1" })
  const transport = place._tag === "Stdio"
    ? new StdioV1(place)
    : place._tag === "Sse"
    ? new SseV1(place.url)
    : new HttpV1(place.url)
  // The SDK's own type of its transports is not exact about what is optional.
  await client.connect(transport as Transport)
  return connected({
    ...client,
    listTools: () => client.listTools(),
    callTool: (params) => client.callTool(params, undefined, timeoutOf(place)),
    listResources: () => client.listResources(),
    readResource: (params) => client.readResource(params),
    listPrompts: () => client.listPrompts(),
    getPrompt: (params) => client.getPrompt(params),
    ping: () => client.ping(),
    close: () => client.close()
  }, true)
}

const v2 = (mode: "legacy" | "2026-07-28") => async (place: Place): Promise<Connected> => {
  const versionNegotiation = { mode: mode === "legacy" ? mode : { pin: mode } }
  const client = new ClientV2({ name: "v2", version: "1" }, { versionNegotiation })
  await client.connect(
    place._tag === "Stdio" ? new StdioV2(place) : place._tag === "Sse" ? new SseV2(place.url) : new HttpV2(place.url)
  )
  return connected({
    ...client,
    listTools: () => client.listTools(undefined, { cacheMode: "bypass" }),
    callTool: (params) => client.callTool(params, timeoutOf(place)),
    listResources: () => client.listResources(undefined, { cacheMode: "bypass" }),
    readResource: (params) => client.readResource(params, { cacheMode: "bypass" }),
    listPrompts: () => client.listPrompts(undefined, { cacheMode: "bypass" }),
    getPrompt: (params) => client.getPrompt(params),
    ping: () => client.ping(),
    close: () => client.close()
    // The newest revision has no ping.
  }, mode === "legacy")
}

export const sdkV1: Client = {
  name: "the client of version 1 of the SDK",
  transports: { http: v1, sse: v1, stdio: v1 }
}

export const sdkV2: Client = {
  name: "the client of version 2 of the SDK",
  transports: {
    http: v2("legacy"),
    stateless: v2("2026-07-28"),
    sse: v2("legacy"),
    stdio: v2("legacy"),
    "stateless stdio": v2("2026-07-28")
  }
}
