/**
 * The clients of the benchmark's servers, in a process of their own. They speak HTTP by hand, so that the servers are what is measured: a client of
 * Node's costs more than a bare server does.
 */
import * as net from "node:net"

/** What is asked of it. `port`: the server's. */
export type Task =
  | { readonly what: "calls"; readonly port: number; readonly era: "session" | "stateless"; readonly calls: number }
  | { readonly what: "open"; readonly port: number; readonly sessions: number }
  | { readonly what: "close"; readonly port: number }

/** What it answers: how many of them a second. */
export interface Rate {
  readonly perSecond: number
}

const clients = 32

interface Answer {
  readonly status: number
  readonly session: string
}

/** One connection, one request at a time. */
class Connection {
  readonly #socket: net.Socket
  #text = ""
  #waiting: { readonly resolve: (answer: Answer) => void; readonly reject: (why: Error) => void } | undefined
  /** Of a stream only the head is waited for. */
  #isStream = false

  constructor(port: number) {
    this.#socket = net.connect(port, "127.0.0.1").setNoDelay(true)
    this.#socket.on("data", (bytes: Buffer) => {
      if (this.#waiting === undefined) return
      this.#text += bytes.toString("latin1")
      this.#read()
    })
    this.#socket.on("error", (why) => this.#waiting?.reject(why)).on(
      "close",
      () => this.#waiting?.reject(new Error("the server has closed the connection"))
    )
  }

  ask(text: string, isStream = false): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
      this.#isStream = isStream
      this.#socket.write(text)
    })
  }

  end(): void {
    this.#socket.destroy()
  }

  #read(): void {
    const end = this.#text.indexOf("\r\n\r\n")
    if (end < 0) return
    const head = this.#text.slice(0, end)
    const status = Number(head.slice(9, 12))
    const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0)
    if (!this.#isStream && /transfer-encoding: chunked/i.test(head) && !this.#text.endsWith("0\r\n\r\n")) return
    if (!this.#isStream && this.#text.length < end + 4 + length) return
    this.#text = ""
    const waiting = this.#waiting
    this.#waiting = undefined
    if (status >= 300) return waiting?.reject(new Error(`HTTP ${status}`))
    waiting?.resolve({ status, session: /mcp-session-id: (.*)/i.exec(head)?.[1] ?? "" })
  }
}

const request = (port: number, method: string, headers: string, body: string): string =>
  `${method} /mcp HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\ncontent-type: application/json\r\n` +
  `accept: application/json, text/event-stream\r\n${headers}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`

const initialize = JSON.stringify({
  jsonrpc: "2.0",
  id: 0,
  method: "initialize",
  params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "bench", version: "1" } }
})
const initialized = JSON.stringify({ jsonrpc: "2.0", method: "notifications/initialized" })
const modern = "mcp-protocol-version: 2026-07-28\r\nmcp-method: tools/call\r\nmcp-name: echo\r\n"
const _meta = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientInfo": { name: "bench", version: "1" },
  "io.modelcontextprotocol/clientCapabilities": {}
}

/** Begins a session. Returns what its requests are known by. */
const begin = async (connection: Connection, port: number): Promise<string> => {
  const { session } = await connection.ask(request(port, "POST", "", initialize))
  const headers = `mcp-session-id: ${session}\r\n`
  await connection.ask(request(port, "POST", headers, initialized))
  return headers
}

const call = async ({ calls, era, port }: Extract<Task, { what: "calls" }>): Promise<number> => {
  const isSession = era === "session"
  const connections = Array.from({ length: clients }, () => new Connection(port))
  const begun = await Promise.all(
    connections.map((connection) => isSession ? begin(connection, port) : Promise.resolve(modern))
  )
  const start = performance.now()
  await Promise.all(connections.map(async (connection, number) => {
    for (let i = 0; i < calls / clients; i++) {
      const params = { name: "echo", arguments: { text: "hi" }, ...(!isSession && { _meta }) }
      const id = number * calls + i + 1
      const body = JSON.stringify({ jsonrpc: "2.0", id, method: "tools/call", params })
      await connection.ask(request(port, "POST", begun[number] ?? "", body))
    }
  }))
  const perSecond = calls / (performance.now() - start) * 1000
  for (const connection of connections) connection.end()
  return perSecond
}

const held: Array<{ readonly connection: Connection; readonly headers: string }> = []

/** Opens sessions, each with its stream, and leaves them open. */
const open = async ({ port, sessions }: Extract<Task, { what: "open" }>): Promise<number> => {
  const start = performance.now()
  let left = sessions
  await Promise.all(Array.from({ length: clients }, async () => {
    while (left-- > 0) {
      const connection = new Connection(port)
      const headers = await begin(connection, port)
      await connection.ask(request(port, "GET", headers, ""), true)
      held.push({ connection, headers })
    }
  }))
  return sessions / (performance.now() - start) * 1000
}

/** Ends them by the client's word. */
const close = async (port: number): Promise<number> => {
  const start = performance.now()
  const all = held.splice(0)
  const ending = all.values()
  await Promise.all(Array.from({ length: clients }, async () => {
    const connection = new Connection(port)
    for (const { headers } of ending) await connection.ask(request(port, "DELETE", headers, ""))
    connection.end()
  }))
  const perSecond = all.length / (performance.now() - start) * 1000
  for (const { connection } of all) connection.end()
  return perSecond
}

const run = (task: Task): Promise<number> => {
  switch (task.what) {
    case "calls":
      return call(task)
    case "open":
      return open(task)
    case "close":
      return close(task.port)
  }
}

process.on("message", (task: Task) => {
  run(task).then(
    (perSecond) => process.send?.({ perSecond }),
    (why: unknown) => process.send?.({ failed: String(why) })
  )
})
process.on("disconnect", () => process.exit())
