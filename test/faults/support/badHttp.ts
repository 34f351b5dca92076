/** HTTP servers that do one thing wrong each: an MCP server as small as can be, with a way to intervene. */
import * as Effect from "effect/Effect"
import * as http from "node:http"
import type { AddressInfo } from "node:net"

export interface Message {
  readonly id?: unknown
  readonly method?: string
  readonly params?: { readonly [name: string]: unknown }
}

export interface BadHttp {
  readonly url: string
  /** Everything that came, as `POST tools/call`, `GET`, `DELETE`. */
  readonly seen: Array<string>
  /** How often that came. */
  readonly count: (what: string) => number
  readonly headers: Array<http.IncomingHttpHeaders>
}

export interface Misbehaviour {
  /** True: it has dealt with the request. */
  readonly onPost?: (message: Message, response: http.ServerResponse, request: http.IncomingMessage) => boolean
  /** Default: 405. */
  readonly onGet?: (response: http.ServerResponse, request: http.IncomingMessage) => void
  readonly onDelete?: (response: http.ServerResponse) => void
}

export const answerTo = ({ id, method }: Message): string =>
  JSON.stringify({
    jsonrpc: "2.0",
    id,
    result: method === "initialize"
      ? { protocolVersion: "2025-11-25", capabilities: { tools: {} }, serverInfo: { name: "bad", version: "1" } }
      : method === "tools/list"
      ? { tools: [{ name: "work", inputSchema: { type: "object" } }] }
      : { content: [{ type: "text", text: "done" }] }
  })

export const make = ({ onDelete, onGet, onPost }: Misbehaviour = {}) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.callback<{ readonly server: http.Server; readonly bad: BadHttp }>((resume) => {
        const seen: Array<string> = []
        const headers: Array<http.IncomingHttpHeaders> = []
        const server = http.createServer((request, response) => {
          headers.push(request.headers)
          let body = ""
          request.on("data", (chunk) => body += String(chunk)).on("end", () => {
            const message: Message = body === "" ? {} : JSON.parse(body)
            seen.push(request.method === "POST" ? `POST ${message.method ?? "answer"}` : String(request.method))
            if (request.method === "GET") {
              return onGet === undefined ? void response.writeHead(405).end() : onGet(response, request)
            }
            if (request.method === "DELETE") {
              return onDelete === undefined ? void response.writeHead(200).end() : onDelete(response)
            }
            if (onPost?.(message, response, request) === true) return
            if (message.id === undefined) return void response.writeHead(202).end()
            const session = message.method === "initialize" ? { "mcp-session-id": `s${seen.length}` } : {}
            response.writeHead(200, { "content-type": "application/json", ...session }).end(answerTo(message))
          })
        })
        server.listen(0, "127.0.0.1", () => {
          // Only a server on a pipe has another kind of address.
          const { port } = server.address() as AddressInfo
          const count = (what: string): number => seen.filter((one) => one === what).length
          resume(Effect.succeed({ server, bad: { url: `http://127.0.0.1:${port}/mcp`, seen, count, headers } }))
        })
      }),
      ({ server }) =>
        Effect.callback<void>((resume) => {
          server.close(() => resume(Effect.void))
          server.closeAllConnections()
        })
    ),
    ({ bad }) => bad
  )
