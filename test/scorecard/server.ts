/**
 * A stdio server that notes its start, its calls and what is cancelled of them in the file that is its first argument. Its tools: `echo {text}`,
 * `refuse` (answers -32602), `fail` (answers -32603), `die` (exits in the call), `slow` (answers after six seconds), `wait` (after one and a half). With the
 * second argument `stubborn` neither SIGTERM nor the end of its input ends it.
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
const tools = ["echo", "refuse", "fail", "die", "slow", "wait"].map((name) => ({ name, inputSchema }))
const called = new Map<unknown, string>()

createInterface({ input: process.stdin }).on("line", (line) => {
  const { id, method, params } = JSON.parse(line)
  if (method === "notifications/cancelled") return note(`cancelled ${called.get(params.requestId)}`)
  if (id === undefined) return
  const answer = (text: string): void => void send({ id, result: { content: [{ type: "text", text }] } })
  const refuse = (code: number, message: string) => send({ id, error: { code, message } })
  switch (method) {
    case "initialize": {
      const { protocolVersion } = params
      const serverInfo = { name: "server", version: "1" }
      return send({ id, result: { protocolVersion, capabilities: { tools: {} }, serverInfo } })
    }
    case "tools/list":
      return send({ id, result: { tools } })
    case "tools/call": {
      const { arguments: { text }, name } = params
      called.set(id, text)
      note(`call ${text}`)
      if (name === "die") process.exit(9)
      if (name === "refuse") return refuse(-32602, "these arguments are refused")
      if (name === "fail") return refuse(-32603, "something has gone wrong within")
      if (name === "slow") return setTimeout(answer, 6000, text)
      return name === "wait" ? setTimeout(answer, 1500, text) : answer(text)
    }
    default:
      return refuse(-32601, "method not found")
  }
})
