/** One server of the benchmark, named by its argument: an echo tool over Streamable HTTP with sessions. Prints its port. */
import * as McpHost from "@holdfast/server/McpHost"
import { SessionRegistry } from "@holdfast/server/SessionRegistry"
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js"
import { createMcpHandler, McpServer as McpServerV2 } from "@modelcontextprotocol/server"
import * as Effect from "effect/Effect"
import * as HttpServer from "effect/http/HttpServer"
import * as Layer from "effect/Layer"
import * as References from "effect/References"
import { randomUUID } from "node:crypto"
import * as http from "node:http"
import { z } from "zod"

const server = (): McpServer => {
  const mcp = new McpServer({ name: "bench", version: "1" })
  mcp.registerTool("echo", { inputSchema: { text: z.string() } }, ({ text }) => ({ content: [{ type: "text", text }] }))
  return mcp
}

const printPort = (listening: http.Server): void => {
  const address = listening.address()
  console.log(typeof address === "object" ? address?.port : "")
}

const bodyOf = (request: http.IncomingMessage): Promise<string> =>
  new Promise((resolve) => {
    const chunks: Array<Buffer> = []
    request.on("data", (chunk: Buffer) => void chunks.push(chunk)).on("end", () =>
      resolve(Buffer.concat(chunks).toString()))
  })

const contenders: Readonly<Record<string, () => void>> = {
  "raw node:http": () => {
    const raw = http.createServer(async (request, response) => {
      const { id, method, params } = JSON.parse(await bodyOf(request))
      if (id === undefined) return void response.writeHead(202).end()
      const result = method === "initialize"
        ? { protocolVersion: "2025-11-25", capabilities: { tools: {} }, serverInfo: { name: "raw", version: "1" } }
        : { content: [{ type: "text", text: params.arguments.text }] }
      response.writeHead(200, { "content-type": "application/json", "mcp-session-id": "raw" })
      response.end(JSON.stringify({ jsonrpc: "2.0", id, result }))
    })
    raw.listen(0, "127.0.0.1", () => printPort(raw))
  },
  SDK: () => {
    const transports = new Map<string, StreamableHTTPServerTransport>()
    const sdk = http.createServer(async (request, response) => {
      const body: unknown = JSON.parse(await bodyOf(request))
      const known = transports.get(String(request.headers["mcp-session-id"]))
      if (known !== undefined) return known.handleRequest(request, response, body)
      const transport = new StreamableHTTPServerTransport({
        sessionIdGenerator: () => randomUUID(),
        enableJsonResponse: true,
        onsessioninitialized: (id) => void transports.set(id, transport)
      })
      // The SDK's declaration of its own transport does not allow for exact optional properties.
      await server().connect(transport as Parameters<McpServer["connect"]>[0])
      return transport.handleRequest(request, response, body)
    })
    sdk.listen(0, "127.0.0.1", () => printPort(sdk))
  },
  // Which has a server for each request, too. What its own adapter for Node does is done here in the shortest way.
  "SDK v2": () => {
    const { fetch } = createMcpHandler(() => {
      const mcp = new McpServerV2({ name: "bench", version: "1" })
      mcp.registerTool("echo", { inputSchema: z.object({ text: z.string() }) }, ({ text }) => ({
        content: [{ type: "text", text }]
      }))
      return mcp
    })
    const v2 = http.createServer(async (request, response) => {
      const headers = Object.entries(request.headers).map(([name, value]): [string, string] => [name, String(value)])
      const body = await bodyOf(request)
      const answer = await fetch(new Request("http://127.0.0.1/mcp", { method: "POST", headers, body }))
      response.writeHead(answer.status, Object.fromEntries(answer.headers))
      response.end(await answer.text())
    })
    v2.listen(0, "127.0.0.1", () => printPort(v2))
  },
  holdfast: () => host({}),
  "holdfast, kept": () => host({ stateless: { keep: 64 } })
}

let measureSweep: (() => Promise<number>) | undefined

const host = (options: Partial<McpHost.HttpOptions>): void => {
  const program = Effect.gen(function*() {
    const { address } = yield* HttpServer.HttpServer
    const { snapshot, sweep } = yield* SessionRegistry
    const run = Effect.runPromiseWith(yield* Effect.context())
    measureSweep = () =>
      // Nothing is due: what it takes is to look at all of them.
      run(Effect.andThen(sweep, snapshot)).then(({ sweepMillis }) => sweepMillis)
    console.log("port" in address ? address.port : "")
    return yield* Effect.never
  })
  Effect.runFork(
    Effect.provide(
      program,
      McpHost.layerHttp({ server, port: 0, maxSessions: 20_000, ...options }).pipe(
        Layer.orDie,
        // What it prints first is its port.
        Layer.provide(Layer.succeed(References.MinimumLogLevel, "Warn"))
      )
    )
  )
}

process.stdin.resume().once("end", () => process.exit())
process.on("message", async () => {
  const { rss } = process.memoryUsage()
  const cpu = process.cpuUsage()
  const before = await measureSweep?.()
  const after = await measureSweep?.()
  const sweepMillis = before === undefined || after === undefined ? undefined : after - before
  process.send?.({ cpu, rss, sweepMillis })
})
contenders[process.argv[2] ?? ""]?.()
