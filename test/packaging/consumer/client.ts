// A program as somebody bundles it: one server on stdio, one over HTTP, which lives in the program itself.
import { openMcp } from "@holdfast/mcp/promise"
import process from "node:process"
import { WebServer } from "./WebServer.ts"

const main = async () => {
  const web = await WebServer.listen()
  const mcp = await openMcp({
    mcpServers: { local: { command: process.execPath, args: ["server.mjs"] }, web: { url: web.url } }
  })
  const { tools, unavailable } = await mcp.tools()
  const answers = []
  for (const tool of tools) answers.push([tool.name, (await tool.call({ text: "hello" })).text])
  // What it burns while nothing is asked of it would show here: the program could not end.
  await mcp.close()
  web.close()
  const failures = unavailable.map(({ error }) => error.message)
  console.log(JSON.stringify({ answers, failures, client: web.client }))
}

void main()
