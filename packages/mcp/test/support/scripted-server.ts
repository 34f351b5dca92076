/**
 * A stdio MCP server whose faults can be ordered: by the tool that is called, or by SPY_START for its start.
 *
 * With SPY_LOG it appends every message it receives to that file, with its pid: what a test believes about executions and
 * processes it reads there, not in the client. Plain Node, no SDK: a fault is exactly what is written here.
 */
import * as fs from "node:fs"
import * as readline from "node:readline"

interface Message {
  readonly id?: number | string
  readonly method?: string
  readonly params?: {
    readonly name?: string
    readonly cursor?: string
    readonly arguments?: Record<string, unknown>
    readonly _meta?: { readonly progressToken?: number | string }
  }
}

const { SPY_LOG, SPY_ONCE, SPY_PAGES = "1", SPY_START = "" } = process.env
const log = (entry: object) => {
  if (SPY_LOG !== undefined) fs.appendFileSync(SPY_LOG, `${JSON.stringify({ pid: process.pid, ...entry })}\n`)
}
const send = (message: object) => process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`)
const text = (value: string, rest: object = {}) => ({ content: [{ type: "text", text: value }], ...rest })

/** True the first time it is asked, over all processes that share SPY_ONCE. */
const isFirst = (): boolean => {
  if (SPY_ONCE === undefined) return false
  try {
    fs.closeSync(fs.openSync(SPY_ONCE, "wx"))
    return true
  } catch {
    // The file is there: an earlier process has had its turn.
    return false
  }
}

const object = (properties: object = {}, required: Array<string> = [], rest: object = {}) => ({
  type: "object",
  properties,
  required,
  ...rest
})
const tools = [
  { name: "echo", description: "Says it again", inputSchema: object({ message: { type: "string" } }, ["message"]) },
  {
    name: "typed",
    description: "Answers with the arguments it was given",
    inputSchema: object(
      {
        text: { type: "string", description: "Any text" },
        count: { type: "integer", default: 1 },
        ratio: { type: "number" },
        flag: { type: "boolean" },
        tags: { type: "array", items: { type: "string" } },
        sizes: { type: "array", items: { type: "integer" } },
        edits: { type: "array", items: { $ref: "#/$defs/edit" } },
        mode: { enum: ["fast", "slow"] },
        maybe: { anyOf: [{ type: "integer" }, { type: "null" }] },
        options: { type: "object", properties: { deep: { type: "boolean" } } },
        anything: {}
      },
      ["text"],
      { $defs: { edit: object({ from: { type: "string" }, to: { type: "string" } }, ["from", "to"]) } }
    )
  },
  { name: "open", description: "Takes any arguments", inputSchema: { type: "object" } },
  { name: "die", description: "Is killed while it works", inputSchema: object() },
  { name: "read_die", inputSchema: object(), annotations: { readOnlyHint: true } },
  { name: "idempotent_die", inputSchema: object(), annotations: { idempotentHint: true } },
  { name: "silent", description: "Never answers", inputSchema: object() },
  { name: "steps", description: "Reports progress, then answers", inputSchema: object({ steps: { type: "integer" } }) },
  { name: "fails", description: "Answers that it failed", inputSchema: object() },
  { name: "rpc_error", inputSchema: object() },
  { name: "nonsense", inputSchema: object() },
  { name: "noisy", inputSchema: object() },
  { name: "picture", inputSchema: object() },
  { name: "structured", inputSchema: object() },
  { name: "escapes", inputSchema: object() },
  { name: "pid", inputSchema: object() }
]

const call = (id: number | string, { _meta, arguments: args = {}, name }: NonNullable<Message["params"]>): void => {
  const reply = (result: object) => send({ id, result })
  switch (name) {
    case "echo":
      return void reply(text(String(args["message"])))
    case "typed":
    case "open":
      return void reply(text(JSON.stringify(args)))
    case "die":
      return void process.kill(process.pid, "SIGKILL")
    case "read_die":
    case "idempotent_die":
      if (isFirst()) process.kill(process.pid, "SIGKILL")
      return void reply(text("survived"))
    case "silent":
      return
    case "steps": {
      const total = Number(args["steps"] ?? 3)
      for (let progress = 1; progress <= total; progress++) {
        send({ method: "notifications/progress", params: { progressToken: _meta?.progressToken, progress, total } })
      }
      return void reply(text("done"))
    }
    case "fails":
      return void reply(text("the disk is full", { isError: true }))
    case "rpc_error":
      return void send({ id, error: { code: -32603, message: "it went wrong inside" } })
    case "nonsense":
      return void reply({ content: "no list" })
    case "noisy":
      process.stdout.write("DEBUG about to answer\n{\"not\": \"a message\"}\n")
      return void reply(text("answered after noise"))
    case "picture":
      return void reply({ content: [{ type: "image", data: "aGVsbG8=", mimeType: "image/png" }] })
    case "structured":
      return void reply({ structuredContent: { answer: 42 } })
    case "escapes":
      return void reply(text("\u001b]0;owned\u0007plain\u001b[2J"))
    case "pid":
      return void reply(text(String(process.pid)))
    default:
      return void send({ id, error: { code: -32602, message: `unknown tool ${name}` } })
  }
}

const list = (id: number | string, cursor: string | undefined): void => {
  if (SPY_PAGES === "endless") return void send({ id, result: { tools: [], nextCursor: "again" } })
  if (SPY_PAGES === "none") return void send({ id, error: { code: -32601, message: "no such method" } })
  const pages = Number(SPY_PAGES)
  const page = Number(cursor ?? 0)
  const size = Math.ceil(tools.length / pages)
  const next = page + 1 < pages ? { nextCursor: String(page + 1) } : {}
  send({ id, result: { tools: tools.slice(page * size, (page + 1) * size), ...next } })
}

const receive = (message: Message): void => {
  log({ method: message.method, name: message.params?.name, params: message.params })
  const { id, method, params = {} } = message
  if (id === undefined || method === undefined) return
  if (method === "initialize") {
    if (SPY_START === "silent") return
    if (SPY_START === "refuse") return void send({ id, error: { code: -32000, message: "not today" } })
    const capabilities = SPY_PAGES === "none" ? {} : { tools: {} }
    send({
      id,
      result: { protocolVersion: "2025-11-25", capabilities, serverInfo: { name: "scripted", version: "1.0.0" } }
    })
  } else if (method === "tools/list") list(id, params.cursor)
  else if (method === "tools/call") call(id, params)
  else send({ id, error: { code: -32601, message: `unknown method ${method}` } })
}

log({ method: "(start)" })
if (SPY_START === "exit" || SPY_START === "exit once" && isFirst()) {
  process.stderr.write("cannot open the database: locked\n")
  process.exitCode = 3
} else {
  if (SPY_START === "noise") process.stdout.write("Server listening on stdio\n\n\u001b[32mready\u001b[0m\n")
  if (SPY_START === "silent") process.stderr.write("fetching 214 packages\n")
  readline.createInterface({ input: process.stdin }).on("line", (line) => receive(JSON.parse(line)))
}
