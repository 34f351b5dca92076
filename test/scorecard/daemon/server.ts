/**
 * A stdio server that notes its start and its calls in the file that is its first argument. Its tools: `echo {text}`, `refuse` (answers -32602), `die`
 * (exits in the call), `slow` (answers after six seconds). With the second argument `stubborn` neither SIGTERM nor the end of its input ends it.
 */
import { appendFileSync } from "node:fs"
import { createInterface } from "node:readline"

const [, , file = "", manner = ""] = process.argv
const note = (line: string): void => appendFileSync(file, `${line}\n`)
const send = (message: object) => process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`)

process.stdout.on("error", () => {})
if (manner === "stubborn") {
  process.on("SIGTERM", () => {})
  setInterval(() => {}, 60_000)
}
note(`start ${process.pid}`)
const inputSchema = { type: "object", properties: { text: { type: "string" } }, required: ["text"] }

createInterface({ input: process.stdin }).on("line", (line) => {
  const { id, method, params } = JSON.parse(line)
  if (id === undefined) return
  const answer = (text: string): void => void send({ id, result: { content: [{ type: "text", text }] } })
  switch (method) {
    case "initialize": {
      const { protocolVersion } = params
      const serverInfo = { name: "server", version: "1" }
      return send({ id, result: { protocolVersion, capabilities: { tools: {} }, serverInfo } })
    }
    case "tools/list":
      return send({ id, result: { tools: ["echo", "refuse", "die", "slow"].map((name) => ({ name, inputSchema })) } })
    case "tools/call": {
      const { arguments: { text }, name } = params
      note(`call ${text}`)
      if (name === "die") process.exit(9)
      if (name === "refuse") return send({ id, error: { code: -32602, message: "these arguments are refused" } })
      return name === "slow" ? setTimeout(answer, 6000, text) : answer(text)
    }
    default:
      return send({ id, error: { code: -32601, message: "method not found" } })
  }
})
