// A server over HTTP as somebody bundles it. It asks itself once, and ends.
import * as McpHost from "@holdfast/server/McpHost"
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as HttpServer from "effect/http/HttpServer"

const server = () => new McpServer({ name: "bundled", version: "1.0.0" })

const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "itself", version: "1.0.0" } }

const program = Effect.gen(function*() {
  const { address } = yield* HttpServer.HttpServer
  const port = "port" in address ? address.port : 0
  const { status } = yield* Effect.promise(() =>
    fetch(`http://127.0.0.1:${port}/mcp`, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json, text/event-stream" },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "initialize", params })
    })
  )
  yield* Console.log(status)
})

program.pipe(Effect.provide(McpHost.layerHttp({ server, port: 0, drainTimeout: 0 })), McpHost.runMain)
