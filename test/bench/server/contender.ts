/** One server of the benchmark, named by its argument: an echo tool over Streamable HTTP with sessions. Prints its port. */
import * as McpHost from "@holdfast/server/McpHost"
import { SessionRegistry } from "@holdfast/server/SessionRegistry"
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js"
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js"
import type { JSONRPCMessage } from "@modelcontextprotocol/sdk/types.js"
import { AjvJsonSchemaValidator } from "@modelcontextprotocol/sdk/validation/ajv"
import { createMcpHandler, McpServer as McpServerV2 } from "@modelcontextprotocol/server"
import * as Effect from "effect/Effect"
import * as HttpServer from "effect/http/HttpServer"
import * as Layer from "effect/Layer"
import * as References from "effect/References"
import { randomUUID } from "node:crypto"
import * as http from "node:http"
import { z } from "zod"

const info = { name: "bench", version: "1" }
const echoing = (mcp: McpServer): McpServer => {
  mcp.registerTool("echo", { inputSchema: { text: z.string() } }, ({ text }) => ({ content: [{ type: "text", text }] }))
  return mcp
}
const server = (): McpServer => echoing(new McpServer(info))

/** The same with one validator for all of them, where each has one of its own otherwise. */
const validator = new AjvJsonSchemaValidator()
const serverWithValidator = (): McpServer => echoing(new McpServer(info, { jsonSchemaValidator: validator }))

const serverV2 = (): McpServerV2 => {
  const mcp = new McpServerV2({ name: "bench", version: "1" })
  mcp.registerTool("echo", { inputSchema: z.object({ text: z.string() }) }, ({ text }) => ({
    content: [{ type: "text", text }]
  }))
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

const answer = (response: http.ServerResponse, session: string, message: object): void => {
  const text = JSON.stringify(message)
  response.writeHead(200, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(text),
    "mcp-session-id": session
  })
  response.end(text)
}

const streams = new Set<http.ServerResponse>()

/** A GET is answered by a stream with a heartbeat, a DELETE by nothing. */
const answeredWithoutBody = (request: http.IncomingMessage, response: http.ServerResponse): boolean => {
  if (request.method === "POST") return false
  if (request.method === "DELETE") response.writeHead(200).end()
  else {
    response.writeHead(200, { "content-type": "text/event-stream" }).write(": open\n\n")
    streams.add(response)
    response.once("close", () => streams.delete(response))
  }
  return true
}

const beat = (): void => {
  setInterval(() => {
    for (const stream of streams) stream.write(": heartbeat\n\n")
  }, 15_000)
}

const listen = (handle: (request: http.IncomingMessage, response: http.ServerResponse) => void): void => {
  const listening = http.createServer(handle)
  listening.listen(0, "127.0.0.1", () => printPort(listening))
}

/** A server of the SDK's on `node:http`, with no transport to speak of. */
const byHand = (): void => {
  const sessions = new Map<string, ByHand>()
  class ByHand implements Transport {
    onmessage?: Transport["onmessage"]
    onclose?: () => void
    onerror?: (error: Error) => void
    readonly waiting = new Map<unknown, http.ServerResponse>()
    readonly id = String(sessions.size + 1)
    start = () => Promise.resolve()
    close = () => Promise.resolve()
    send = (message: JSONRPCMessage) => {
      if (!("id" in message)) return Promise.resolve()
      const response = this.waiting.get(message.id)
      this.waiting.delete(message.id)
      if (response !== undefined) answer(response, this.id, message)
      return Promise.resolve()
    }
  }
  beat()
  listen(async (request, response) => {
    if (answeredWithoutBody(request, response)) return
    const message = JSON.parse(await bodyOf(request))
    let transport = sessions.get(String(request.headers["mcp-session-id"]))
    if (transport === undefined) {
      transport = new ByHand()
      sessions.set(transport.id, transport)
      // As below.
      await server().connect(transport as Parameters<McpServer["connect"]>[0])
    }
    if (message.id === undefined) response.writeHead(202).end()
    else transport.waiting.set(message.id, response)
    transport.onmessage?.(message)
  })
}

const contenders: Readonly<Record<string, () => void>> = {
  "raw node:http": () => {
    beat()
    listen(async (request, response) => {
      if (answeredWithoutBody(request, response)) return
      const { id, method, params } = JSON.parse(await bodyOf(request))
      if (id === undefined) return void response.writeHead(202).end()
      const result = method === "initialize"
        ? { protocolVersion: "2025-11-25", capabilities: { tools: {} }, serverInfo: { name: "raw", version: "1" } }
        : { content: [{ type: "text", text: params.arguments.text }] }
      answer(response, "raw", { jsonrpc: "2.0", id, result })
    })
  },
  "the SDK's McpServer": byHand,
  "McpServer beside a raw stream": byHand,
  SDK: () => {
    const transports = new Map<string, StreamableHTTPServerTransport>()
    const sdk = http.createServer(async (request, response) => {
      const body: unknown = request.method === "POST" ? JSON.parse(await bodyOf(request)) : undefined
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
    const { fetch } = createMcpHandler(serverV2)
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
  // Its transports are other types, and the same in what is used of them.
  "holdfast, server of the SDK's v2": () => host({ server: serverV2 as unknown as () => McpServer }),
  "holdfast, one validator": () => host({ server: serverWithValidator }),
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
/** Nothing is measured that is waste. */
const collect = async (): Promise<void> => {
  for (let i = 0; i < 2; i++) {
    globalThis.gc?.()
    await new Promise((resolve) => setImmediate(resolve))
  }
}

const cpuNow = (): number => {
  const { system, user } = process.cpuUsage()
  return system + user
}

process.on("message", async ({ what }: { readonly what: "time" | "usage" }) => {
  const cpu = cpuNow()
  // What the compiler has made is lost when garbage is collected while no request is there.
  if (what === "time") return void process.send?.({ cpu })
  await collect()
  const { heapUsed, rss } = process.memoryUsage()
  const before = await measureSweep?.()
  const after = await measureSweep?.()
  const sweepMillis = before === undefined || after === undefined ? undefined : after - before
  process.send?.({ cpu, cpuAfter: cpuNow(), rss, heap: heapUsed, sweepMillis })
})
contenders[process.argv[2] ?? ""]?.()
