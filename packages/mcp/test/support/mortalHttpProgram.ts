/**
 * An MCP server over HTTP that ends when it is killed: `node mortalHttpProgram.ts <port> [<idle>]`. Says on stdout when it listens, and
 * where. With `idle` it closes sockets that were idle for so many milliseconds, although it promises to keep them for three seconds.
 */
import * as http from "node:http"
import * as spyBehaviour from "./spyBehaviour.ts"

const [, , port = "0", idle] = process.argv
const promise = idle === undefined ? {} : { connection: "keep-alive", "keep-alive": "timeout=3" }
const spy = spyBehaviour.make()

const server = http.createServer((request, response) => {
  if (request.method !== "POST") return void response.writeHead(405).end()
  const chunks: Array<string> = []
  request.setEncoding("utf8")
  request.on("data", (chunk: string) => chunks.push(chunk))
  request.on("end", () => {
    const frame: spyBehaviour.SpyFrame = JSON.parse(chunks.join(""))
    if (frame.id === undefined) return void response.writeHead(202).end()
    let answer: object | undefined
    spy.handle(frame, {
      send: (message) => {
        answer = message
      },
      done: () =>
        void response.writeHead(200, { "content-type": "application/json", ...promise }).end(JSON.stringify(answer))
    })
  })
})

if (idle !== undefined) Object.assign(server, { keepAliveTimeout: Number(idle), keepAliveTimeoutBuffer: 0 })

server.listen(Number(port), "127.0.0.1", () => {
  const address = server.address()
  console.log(typeof address === "object" && address !== null ? address.port : "")
})
