/**
 * A server of MCP over stdio that sends a child away and is deaf to the end of its input. Its tool tells the numbers of both processes.
 */
import { spawn } from "node:child_process"
import process from "node:process"
import * as readline from "node:readline"

const child = spawn("setsid", ["sleep", "60"], { stdio: "ignore", detached: true })
const answers: Readonly<Record<string, unknown>> = {
  initialize: {
    protocolVersion: "2025-11-25",
    capabilities: { tools: {} },
    serverInfo: { name: "deaf", version: "1.0.0" }
  },
  "tools/list": { tools: [{ name: "pids", inputSchema: { type: "object" } }] },
  "tools/call": { content: [{ type: "text", text: `${process.pid} ${child.pid}` }] }
}

setInterval(() => {}, 60_000)
readline.createInterface({ input: process.stdin }).on("line", (line) => {
  const { id, method } = JSON.parse(line) as { readonly id?: unknown; readonly method: string }
  if (id === undefined) return
  process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", id, result: answers[method] ?? {} })}\n`)
})
