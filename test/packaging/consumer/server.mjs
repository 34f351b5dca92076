// The smallest MCP server on stdio: one tool, no dependency.
import { createInterface } from "node:readline"

const answers = {
  initialize: ({ protocolVersion }) => ({
    protocolVersion,
    capabilities: { tools: {} },
    serverInfo: { name: "echo", version: "1.0.0" }
  }),
  ping: () => ({}),
  "tools/list": () => ({
    tools: [{
      name: "echo",
      description: "Says what it is told",
      inputSchema: { type: "object", properties: { text: { type: "string" } }, required: ["text"] }
    }]
  }),
  "tools/call": ({ arguments: { text } }) => ({ content: [{ type: "text", text }] })
}

for await (const line of createInterface({ input: process.stdin })) {
  const { id, method, params } = JSON.parse(line)
  if (id === undefined) continue
  const answer = answers[method]
  const body = answer === undefined
    ? { error: { code: -32601, message: `unknown method ${method}` } }
    : { result: answer(params) }
  process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", id, ...body })}\n`)
}
