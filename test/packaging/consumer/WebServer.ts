// The smallest MCP server over HTTP: one tool, no dependency. It remembers the client's name.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"

interface Question {
  readonly id?: number
  readonly method: string
  readonly params: {
    readonly protocolVersion: string
    readonly clientInfo: object
    readonly arguments: { readonly text: string }
  }
}

export class WebServer {
  client: object = {}
  readonly #server: Server

  private constructor() {
    this.#server = createServer((request, response) => void this.#serve(request, response))
  }

  static async listen(): Promise<WebServer> {
    const web = new WebServer()
    await new Promise<void>((done) => web.#server.listen(0, "127.0.0.1", done))
    return web
  }

  get url(): string {
    const address = this.#server.address()
    if (typeof address !== "object" || address === null) throw new Error("not listening")
    return `http://127.0.0.1:${address.port}/mcp`
  }

  close(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== "POST") return void response.writeHead(405).end()
    let text = ""
    for await (const chunk of request) text += String(chunk)
    const { id, method, params } = JSON.parse(text) as Question
    if (id === undefined) return void response.writeHead(202).end()
    const result = this.#answer(method, params)
    const body = result === undefined ? { error: { code: -32601, message: `unknown method ${method}` } } : { result }
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ jsonrpc: "2.0", id, ...body }))
  }

  #answer(method: string, params: Question["params"]): object | undefined {
    if (method === "initialize") {
      this.client = params.clientInfo
      const serverInfo = { name: "web", version: "1.0.0" }
      return { protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo }
    }
    if (method === "tools/list") return { tools: [{ name: "shout", inputSchema: { type: "object" } }] }
    if (method === "tools/call") return { content: [{ type: "text", text: params.arguments.text.toUpperCase() }] }
    return undefined
  }
}
