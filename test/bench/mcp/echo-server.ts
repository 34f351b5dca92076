/**
 * The same server for every contender: newline-delimited JSON, answers batched per turn, nothing else. What is measured is the
 * client.
 */
import { Buffer } from "node:buffer"

let out: Array<string> = []
const flush = (): void => {
  process.stdout.write(out.join(""))
  out = []
}
const answer = (id: unknown, result: object): void => {
  if (out.length === 0) setImmediate(flush)
  out.push(`${JSON.stringify({ jsonrpc: "2.0", id, result })}\n`)
}

const serverInfo = { name: "echo", version: "1" }
const handle = (line: string): void => {
  const { id, method, params } = JSON.parse(line)
  if (id === undefined) return
  switch (method) {
    case "initialize":
      return answer(id, { protocolVersion: "2025-11-25", capabilities: { tools: {} }, serverInfo })
    case "tools/list":
      return answer(id, { tools: [{ name: "echo", inputSchema: { type: "object" } }] })
    case "tools/call":
      return answer(id, {
        content: [{
          type: "text",
          text: params.arguments.bytes === undefined ? params.arguments.text : "x".repeat(params.arguments.bytes)
        }]
      })
    default:
      if (out.length === 0) setImmediate(flush)
      out.push(`${JSON.stringify({ jsonrpc: "2.0", id, error: { code: -32601, message: "no such method" } })}\n`)
  }
}

let rest: Buffer = Buffer.alloc(0)
process.stdin.on("data", (chunk: Buffer) => {
  const all = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
  let from = 0
  for (let at = all.indexOf(10); at >= 0; at = all.indexOf(10, from)) {
    handle(all.toString("utf8", from, at))
    from = at + 1
  }
  rest = all.subarray(from)
})
