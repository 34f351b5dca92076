/**
 * A server over Streamable HTTP with sessions, as far as the cases need one. It can forget its sessions, be down for a while at its port, and cut the
 * connection of a call that it has run.
 */
import { randomUUID } from "node:crypto"
import { once } from "node:events"
import * as http from "node:http"
import type { AddressInfo } from "node:net"
import { setTimeout } from "node:timers/promises"

const inputSchema = { type: "object", properties: { text: { type: "string" } }, required: ["text"] }

export class SessionServer implements AsyncDisposable {
  readonly #sessions = new Set<string>()
  readonly #calls: Array<string> = []
  #server = this.#make()
  #port = 0

  static async open(): Promise<SessionServer> {
    const one = new SessionServer()
    await one.#listen()
    return one
  }

  url(): URL {
    return new URL(`http://127.0.0.1:${this.#port}/mcp`)
  }

  /** How often this call has run. */
  runs(text: string): number {
    return this.#calls.filter((call) => call === text).length
  }

  /** As after a restart: what comes with a session of before is answered 404. */
  forget(): void {
    this.#sessions.clear()
  }

  /** Ends, and comes again at the same port after so many milliseconds, without its sessions. */
  async restart(millis: number): Promise<void> {
    await this.#end()
    this.forget()
    await setTimeout(millis)
    this.#server = this.#make()
    await this.#listen()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end()
  }

  async #listen(): Promise<void> {
    this.#server.listen(this.#port, "127.0.0.1")
    await once(this.#server, "listening")
    // The server listens at a port.
    this.#port = (this.#server.address() as AddressInfo).port
  }

  async #end(): Promise<void> {
    const ended = once(this.#server, "close")
    this.#server.close()
    this.#server.closeAllConnections()
    await ended
  }

  #make(): http.Server {
    return http.createServer(async (request, response) => {
      const session = String(request.headers["mcp-session-id"] ?? "")
      if (request.method !== "POST") return response.writeHead(request.method === "DELETE" ? 200 : 405).end()
      let body = ""
      for await (const chunk of request) body += String(chunk)
      const { id, method, params } = JSON.parse(body)
      const say = (headers: object, message: object): void =>
        void response.writeHead(200, { "content-type": "application/json", ...headers }).end(
          JSON.stringify({ jsonrpc: "2.0", id, ...message })
        )
      if (method === "initialize") {
        const made = randomUUID()
        this.#sessions.add(made)
        const serverInfo = { name: "server", version: "1" }
        const { protocolVersion } = params
        return say({ "mcp-session-id": made }, {
          result: { protocolVersion, capabilities: { tools: {} }, serverInfo }
        })
      }
      if (method === "server/discover") return say({}, { error: { code: -32601, message: "method not found" } })
      if (!this.#sessions.has(session)) return response.writeHead(404).end()
      if (id === undefined) return response.writeHead(202).end()
      if (method === "tools/list") {
        return say({}, { result: { tools: ["echo", "cut"].map((name) => ({ name, inputSchema })) } })
      }
      if (method !== "tools/call") return say({}, { error: { code: -32601, message: "method not found" } })
      const { arguments: { text }, name } = params
      this.#calls.push(text)
      if (name === "cut") return response.destroy()
      say({}, { result: { content: [{ type: "text", text }] } })
    })
  }
}
