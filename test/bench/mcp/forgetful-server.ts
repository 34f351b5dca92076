/** A legacy Streamable HTTP server with one tool and with sessions, on bare `node:http`. `POST /forget` ends all of them. Prints its port. */
import { randomUUID } from "node:crypto"
import * as http from "node:http"

const sessions = new Set<string>()

const server = http.createServer((request, response) => {
  if (request.method === "DELETE") return void response.writeHead(204).end()
  if (request.method !== "POST") return void response.writeHead(405).end()
  if (request.url === "/forget") {
    sessions.clear()
    return void response.writeHead(204).end()
  }
  const chunks: Array<Buffer> = []
  request.on("data", (chunk: Buffer) => void chunks.push(chunk)).on("end", () => {
    const { id, method, params } = JSON.parse(Buffer.concat(chunks).toString())
    const isOpening = method === "initialize"
    const session = isOpening ? randomUUID() : String(request.headers["mcp-session-id"])
    if (isOpening) sessions.add(session)
    if (!sessions.has(session)) return void response.writeHead(404).end()
    if (id === undefined) return void response.writeHead(202).end()
    const result = isOpening
      ? { protocolVersion: "2025-11-25", capabilities: { tools: {} }, serverInfo: { name: "forgetful", version: "1" } }
      : { content: [{ type: "text", text: params?.arguments?.text ?? "" }] }
    response.writeHead(200, { "content-type": "application/json", "mcp-session-id": session })
    response.end(JSON.stringify({ jsonrpc: "2.0", id, result }))
  })
})
// What ends the benchmark ends the server.
process.stdin.resume().on("end", () => process.exit())
server.listen(0, "127.0.0.1", () => {
  const address = server.address()
  process.stdout.write(`${typeof address === "object" ? address?.port : ""}\n`)
})
