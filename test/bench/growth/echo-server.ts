/** Echoes, and never answers what says `hold`. Newline-delimited JSON, answers batched per turn. */
import * as readline from "node:readline"

let out: Array<string> = []
const flush = (): void => {
  process.stdout.write(out.join(""))
  out = []
}

const serverInfo = { name: "echo", version: "1" }
const results: Readonly<Record<string, object>> = {
  initialize: { protocolVersion: "2025-11-25", capabilities: { tools: {} }, serverInfo },
  "tools/list": { tools: [{ name: "echo", inputSchema: { type: "object" } }] }
}

readline.createInterface({ input: process.stdin }).on("line", (line) => {
  const { id, method, params } = JSON.parse(line)
  if (id === undefined || params?.arguments?.hold === true) return
  if (out.length === 0) setImmediate(flush)
  const result = results[method] ?? { content: [{ type: "text", text: params?.arguments?.text ?? "" }] }
  out.push(`${JSON.stringify({ jsonrpc: "2.0", id, result })}\n`)
})
