/** A legacy Streamable HTTP server with one tool, on bare `node:http`: as little of a server as calls need. Prints its port. */
import * as http from "node:http"

const server = http.createServer((request, response) => {
  if (request.method !== "POST") return void response.writeHead(405).end()
  const chunks: Array<Buffer> = []
  request.on("data", (chunk: Buffer) => void chunks.push(chunk)).on("end", () => {
    const { id, method, params } = JSON.parse(Buffer.concat(chunks).toString())
    if (id === undefined) return void response.writeHead(202).end()
    const result = method === "initialize"
      ? {
        protocolVersion: "2025-11-25",
        capabilities: { tools: {} },
        serverInfo: { name: "http-echo", version: "1" }
      }
      : { content: [{ type: "text", text: params?.arguments?.text ?? "" }] }
    response.writeHead(200, { "content-type": "application/json", "mcp-session-id": "one" })
    response.end(JSON.stringify({ jsonrpc: "2.0", id, result }))
  })
})
// What ends the benchmark ends the server.
process.stdin.resume().on("end", () => process.exit())
server.listen(0, "127.0.0.1", () => {
  const address = server.address()
  process.stdout.write(`${typeof address === "object" ? address?.port : ""}\n`)
})
