/** A server of Streamable HTTP whose sessions can be forgotten, and which writes down what it was asked. */
import { once } from "node:events"
import * as http from "node:http"
import type { AddressInfo } from "node:net"

export interface WebServer extends AsyncDisposable {
  readonly url: string
  /** The bodies of requests that were carried out, as they came. */
  readonly bodies: ReadonlyArray<string>
  /** How often a session was opened. */
  readonly opened: () => number
  /** The `Authorization` of every request. */
  readonly authorizations: ReadonlySet<string | undefined>
  readonly forget: () => void
}

export const start = async (): Promise<WebServer> => {
  const sessions = new Set<string>()
  const bodies: Array<string> = []
  const authorizations = new Set<string | undefined>()
  let opened = 0
  const server = http.createServer((request, response) => {
    let body = ""
    const session = String(request.headers["mcp-session-id"])
    const refuse = (status: number): void => void response.writeHead(status).end()
    request.setEncoding("utf8").on("data", (text: string) => body += text)
    request.once("end", () => {
      if (request.method !== "POST") return refuse(request.method === "DELETE" ? 204 : 405)
      authorizations.add(request.headers.authorization)
      const { id, method } = JSON.parse(body)
      const answer = (result: string, headers: Readonly<Record<string, string>> = {}): void =>
        void response.writeHead(200, { "content-type": "application/json", ...headers })
          .end(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},${result}}`)
      if (method === "server/discover") return answer(`"error":{"code":-32601,"message":"no"}`)
      if (method === "initialize") {
        const session = `s${++opened}`
        sessions.add(session)
        const result =
          `{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"web","version":"1"}}`
        return answer(`"result":${result}`, { "mcp-session-id": session })
      }
      if (!sessions.has(session)) return refuse(404)
      if (id === undefined) return refuse(202)
      bodies.push(body)
      answer(`"result":{"content":[{"type":"text","text":"${session}"}],"structuredContent":{"n":9007199254740993}}`)
    })
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  // A server that listens on an address has one.
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    bodies,
    opened: () => opened,
    authorizations,
    forget: () => sessions.clear(),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    }
  }
}
