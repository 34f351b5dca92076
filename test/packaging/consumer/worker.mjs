// A thread with a server of its own: it calls it, closes what it has opened, and says what it was told.
import { openMcp } from "@holdfast/mcp/promise"
import { isMainThread, parentPort, Worker } from "node:worker_threads"

if (isMainThread) {
  const worker = new Worker(new URL(import.meta.url))
  worker.once("message", (text) => console.log(text))
  worker.once("error", (error) => {
    throw error
  })
} else {
  const mcp = await openMcp({ mcpServers: { local: { command: process.execPath, args: ["server.mjs"] } } })
  const { text } = await mcp.call("local__echo", { text: "from a thread" })
  await mcp.close()
  parentPort.postMessage(text)
}
