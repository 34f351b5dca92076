/** A host that says lines and reads lines: over a socket of the daemon, or over the stdio of a shim. */
import { type ChildProcess, spawn } from "node:child_process"
import * as path from "node:path"
import type { Readable, Writable } from "node:stream"
import * as DaemonClient from "../../src/DaemonClient.ts"
import type { Home } from "./Home.ts"

export interface Host {
  readonly say: (text: string) => void
  /** The next line. */
  readonly next: () => Promise<string>
  /** Says a request and waits for the next line. */
  readonly ask: (text: string) => Promise<string>
  /** `initialize`, `notifications/initialized`. Returns the answer. */
  readonly greet: (capabilities?: object) => Promise<string>
  /** Calls a tool. Returns the text of its answer, or its error. */
  readonly call: (name: string, nonce?: string, meta?: object) => Promise<string>
  readonly leave: () => void
}

let lastId = 100

export const over = (input: Readable, output: Writable, leave: () => void): Host => {
  const lines: Array<string> = []
  const readers: Array<(line: string) => void> = []
  let rest = ""
  input.setEncoding("utf8").on("data", (text: string) => {
    const parts = (rest + text).split("\n")
    rest = parts.pop() ?? ""
    for (const line of parts) {
      const reader = readers.shift()
      if (reader === undefined) lines.push(line)
      else reader(line)
    }
  })
  const say = (text: string): void => void output.write(`${text}\n`)
  const next = (): Promise<string> => {
    const line = lines.shift()
    return line === undefined ? new Promise((resolve) => readers.push(resolve)) : Promise.resolve(line)
  }
  const ask = (text: string): Promise<string> => {
    say(text)
    return next()
  }
  return {
    say,
    next,
    ask,
    leave,
    greet: async (capabilities = {}) => {
      const params = { protocolVersion: "2025-11-25", capabilities, clientInfo: { name: "test", version: "1" } }
      const answer = await ask(JSON.stringify({ jsonrpc: "2.0", id: 0, method: "initialize", params }))
      say(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
      return answer
    },
    call: async (name, nonce = "", meta) => {
      const id = lastId++
      const params = { name, arguments: { nonce }, ...(meta !== undefined && { _meta: meta }) }
      const { error, id: answered, result } = JSON.parse(
        await ask(JSON.stringify({ jsonrpc: "2.0", id, method: "tools/call", params }))
      )
      if (answered !== id) throw new Error(`an answer to ${answered} instead of ${id}`)
      return error === undefined ? result.content[0].text : JSON.stringify(error.data)
    }
  }
}

/** Modern requests say what a handshake would have said. */
export const modern = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientInfo": { name: "test", version: "1" },
  "io.modelcontextprotocol/clientCapabilities": {}
}

/** A call of a tool in the modern era. */
export const modernCall = (name: string, id: string | number, nonce = ""): string =>
  JSON.stringify({
    jsonrpc: "2.0",
    id,
    method: "tools/call",
    params: { name, arguments: { nonce }, _meta: modern }
  })

type Wishes = Pick<DaemonClient.ConnectOptions, "wants" | "use" | "shared" | "handOn" | "environment" | "directory">

/** A session of this process. */
export const connect = async (home: Home, wishes: Wishes): Promise<Host> => {
  const { socket } = await DaemonClient.connect({
    program: "test",
    place: home.place(),
    environment: home.environment,
    ...wishes
  })
  socket.resume()
  return over(socket, socket, () => socket.end())
}

const shim = path.resolve(import.meta.dirname, "shim.ts")

/** A shim in front of the server. */
export const wrap = (
  home: Home,
  wishes: Omit<Wishes, "environment" | "use">
): Host & { readonly process: ChildProcess } => {
  const child = spawn(process.execPath, [shim, JSON.stringify(wishes)], {
    env: home.environment,
    stdio: ["pipe", "pipe", "inherit"]
  })
  return { ...over(child.stdout, child.stdin, () => child.stdin.end()), process: child }
}
