/** A stdio server that notes its start and its calls in the file that is its argument: `echo {text}` answers with the text, `never {text}` not at all. */
import { appendFileSync } from "node:fs"
import { createInterface } from "node:readline"

const note = (line: string): void => appendFileSync(process.argv[2] ?? "", `${line}\n`)
const send = (message: object) => process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`)

note(`start ${process.pid}`)
const inputSchema = { type: "object", properties: { text: { type: "string" } }, required: ["text"] }

createInterface({ input: process.stdin }).on("line", (line) => {
  const { id, method, params } = JSON.parse(line)
  if (id === undefined) return
  switch (method) {
    case "initialize": {
      const { protocolVersion } = params
      const serverInfo = { name: "server", version: "1" }
      return send({ id, result: { protocolVersion, capabilities: { tools: {} }, serverInfo } })
    }
    case "tools/list":
      return send({ id, result: { tools: ["echo", "never"].map((name) => ({ name, inputSchema })) } })
    case "tools/call": {
      const { arguments: { text }, name } = params
      note(`${name} ${text}`)
      return name === "never" ? undefined : send({ id, result: { content: [{ type: "text", text }] } })
    }
    default:
      return send({ id, error: { code: -32601, message: "method not found" } })
  }
})
