// A program that has no version 1 of the SDK: it calls servers over stdio and HTTP, the first ones without any SDK, the others on version 2 of it, and
// says what it is told where a server asks for OAuth.
import * as OAuth from "@holdfast/mcp/OAuth"
import { openMcp } from "@holdfast/mcp/promise"
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { createServer } from "node:http"
import { createInterface } from "node:readline"

const answers = {
  initialize: ({ protocolVersion }) => ({
    protocolVersion,
    capabilities: { tools: {} },
    serverInfo: { name: "web", version: "1" }
  })
}
answers["tools/list"] = () => ({ tools: [{ name: "shout", inputSchema: { type: "object" } }] })
answers["tools/call"] = ({ arguments: { text } }) => ({ content: [{ type: "text", text: text.toUpperCase() }] })
const web = createServer(async (request, response) => {
  if (request.method !== "POST") return response.writeHead(405).end()
  let text = ""
  for await (const chunk of request) text += chunk
  const { id, method, params } = JSON.parse(text)
  if (id === undefined) return response.writeHead(202).end()
  const answer = answers[method]
  const body = answer ? { result: answer(params) } : { error: { code: -32601, message: "unknown" } }
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ jsonrpc: "2.0", id, ...body }))
})
await once(web.listen(0, "127.0.0.1"), "listening")

const host = spawn(process.execPath, ["http2.mjs"], { stdio: ["ignore", "pipe", "inherit"] })
// However this program ends.
process.on("exit", () => host.kill())
let address = ""
for await (const line of createInterface({ input: host.stdout })) {
  // Its log is on stdout as well.
  if (!line.startsWith("http://")) continue
  address = line
  break
}
const node = (file) => ({ command: process.execPath, args: [file] })
const mcp = await openMcp({
  mcpServers: {
    local: node("server.mjs"),
    web: { url: `http://127.0.0.1:${web.address().port}/mcp` },
    local2: node("server2.mjs"),
    web2: { url: address }
  }
})
const said = []
for (const tool of ["local__echo", "web__shout", "local2__echo", "web2__shout"]) {
  said.push((await mcp.call(tool, { text: "hello" })).text)
}
await mcp.close()
host.kill()
web.close()

const provider = { clientMetadata: { redirect_uris: [] }, tokens: () => undefined, clientInformation: () => undefined }
const oauth = await Effect.runPromise(Effect.scoped(Effect.gen(function*() {
  const authorizer = yield* OAuth.make({ serverUrl: "http://127.0.0.1:1/mcp", provider })
  const challenge = { status: 401, wwwAuthenticate: undefined, sent: {} }
  return (yield* Effect.flip(authorizer.onChallenge(challenge))).message
})))
console.log(JSON.stringify({ said, oauth }))
