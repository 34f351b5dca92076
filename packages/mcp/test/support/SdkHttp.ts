/** A server made with the official SDK, with sessions and a store of events, on a port of this process. */
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
import { type EventStore, StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js"
import type { JSONRPCMessage } from "@modelcontextprotocol/sdk/types.js"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as http from "node:http"
import type { Socket } from "node:net"

export interface SdkHttp {
  readonly url: string
  readonly mcp: McpServer
  /** The GETs so far: from where they wanted to resume, and whether they have a stream. */
  readonly gets: Array<{ readonly from: string | undefined; readonly isOpen: () => boolean }>
  /** Cuts every connection, as a flaky network does. */
  readonly cut: () => void
  /** Called while the tool `slow` runs: `endStream` closes the stream of its call on purpose. */
  onSlow: (endStream: () => void) => Promise<string>
}

/** Remembers every event by its stream, as the SDK's documentation asks for. */
class Events implements EventStore {
  readonly #events: Array<{ readonly id: string; readonly stream: string; readonly message: JSONRPCMessage }> = []

  async storeEvent(stream: string, message: JSONRPCMessage): Promise<string> {
    const id = `${stream}/${this.#events.length}`
    this.#events.push({ id, stream, message })
    return id
  }

  async getStreamIdForEventId(id: string): Promise<string | undefined> {
    return this.#events.find((event) => event.id === id)?.stream
  }

  async replayEventsAfter(
    lastId: string,
    { send }: { readonly send: (id: string, message: JSONRPCMessage) => Promise<void> }
  ): Promise<string> {
    const index = this.#events.findIndex(({ id }) => id === lastId)
    const stream = this.#events[index]?.stream ?? ""
    for (const event of this.#events.slice(index + 1)) {
      if (event.stream === stream && Object.keys(event.message).length > 0) await send(event.id, event.message)
    }
    return stream
  }
}

export const make: Effect.Effect<SdkHttp, never, Scope.Scope> = Effect.map(
  Effect.acquireRelease(
    Effect.promise(async () => {
      const mcp = new McpServer({ name: "sdk", version: "1.0.0" }, { capabilities: { tools: { listChanged: true } } })
      mcp.registerTool("slow", {}, async (extra) => ({
        content: [{ type: "text", text: await self.onSlow(() => extra.closeSSEStream?.()) }]
      }))
      const transport = new StreamableHTTPServerTransport({
        sessionIdGenerator: () => "one",
        eventStore: new Events(),
        retryInterval: 300
      })
      await mcp.connect(transport)
      const sockets = new Set<Socket>()
      const server = http.createServer((request, response) => {
        if (request.method === "GET") {
          const from = request.headers["last-event-id"]
          self.gets.push({ from: typeof from === "string" ? from : undefined, isOpen: () => response.headersSent })
        }
        void transport.handleRequest(request, response)
      })
      server.on("connection", (socket: Socket) => {
        sockets.add(socket)
        socket.once("close", () => sockets.delete(socket))
      })
      const self: SdkHttp & { url: string } = {
        url: "",
        mcp,
        gets: [],
        cut: () => {
          for (const socket of sockets) socket.destroy()
        },
        onSlow: () => Promise.resolve("done")
      }
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
      const address = server.address()
      self.url = `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}/mcp`
      return { self, server }
    }),
    ({ self, server }) =>
      Effect.promise(async () => {
        await self.mcp.close()
        const closed = new Promise((resolve) => server.close(resolve))
        self.cut()
        await closed
      })
  ),
  ({ self }) => self
)
