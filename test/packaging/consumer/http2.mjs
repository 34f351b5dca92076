// A server on version 2 of the SDK, hosted over HTTP. It writes its address as the first line.
import * as McpHost from "@holdfast/server/McpHost"
import { McpServer } from "@modelcontextprotocol/server"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as HttpServer from "effect/http/HttpServer"
import * as z from "zod"

const server = () => {
  const mcp = new McpServer({ name: "second", version: "1.0.0" })
  mcp.registerTool("shout", { inputSchema: z.object({ text: z.string() }) }, ({ text }) => ({
    content: [{ type: "text", text: text.toUpperCase() }]
  }))
  return mcp
}

const program = Effect.gen(function*() {
  const { address } = yield* HttpServer.HttpServer
  yield* Console.log(`http://127.0.0.1:${"port" in address ? address.port : 0}/mcp`)
  return yield* Effect.never
})

program.pipe(Effect.provide(McpHost.layerHttp({ server, port: 0, drainTimeout: 0 })), McpHost.runMain)
