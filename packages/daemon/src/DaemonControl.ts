/**
 * Wraps the platform: what a program asks of the daemon itself, as any MCP client could: by a call of one of its tools.
 */
import { setTimeout } from "node:timers/promises"
import type { DaemonStatus } from "./Daemon.ts"
import * as DaemonClient from "./DaemonClient.ts"
import * as DaemonLock from "./DaemonLock.ts"
import * as DaemonPlace from "./DaemonPlace.ts"
import { DaemonRefusal } from "./DaemonRefusal.ts"

/** What the daemon holds. Rejects with `DaemonRefusal`, code `NotRunning`, when there is none: none is started for this. */
export const status = async (place = DaemonPlace.open()): Promise<DaemonStatus> => {
  const answer: unknown = JSON.parse(await call(place, "status"))
  // The daemon wrote it with this very type; a newer one only adds to it.
  return answer as DaemonStatus
}

/** How long the servers of a daemon may take to end. */
const patienceMillis = 60_000

/** Ends the daemon, and resolves when it has ended and all that it held. Rejects as `status` does. */
export const stop = async (place = DaemonPlace.open()): Promise<void> => {
  await call(place, "stop")
  const until = performance.now() + patienceMillis
  while (performance.now() < until) {
    using lock = DaemonLock.tryTake(place.lock)
    if (lock !== undefined) return
    await setTimeout(20)
  }
  throw new DaemonRefusal("NotStarted", `the daemon has not ended yet; its log is ${place.log}`)
}

const call = async (place: DaemonPlace.DaemonPlace, name: string): Promise<string> => {
  const { socket } = await DaemonClient.connect({ place, wants: { daemon: true }, program: "holdfast", start: false })
  const meta = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": { name: "holdfast", version: "0" },
    "io.modelcontextprotocol/clientCapabilities": {}
  }
  const params = { name, arguments: {}, _meta: meta }
  socket.write(`${JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params })}\n`)
  let said = ""
  socket.setEncoding("utf8")
  for await (const text of socket) {
    said += String(text)
    if (said.includes("\n")) break
  }
  socket.destroy()
  const text = textIn(said)
  if (text === undefined) {
    throw new DaemonRefusal("NotAdmitted", `the daemon's answer is not understood: ${said.slice(0, 200)}`)
  }
  return text
}

const textIn = (line: string): string | undefined => {
  try {
    const answer: { readonly result?: { readonly content?: ReadonlyArray<{ readonly text?: unknown }> } } = JSON.parse(
      line
    )
    const text = answer.result?.content?.[0]?.text
    return typeof text === "string" ? text : undefined
  } catch {
    // Cut off: the daemon has ended in the middle of it.
    return undefined
  }
}
