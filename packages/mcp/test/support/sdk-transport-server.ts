/**
 * A stdio MCP server for the clients of a transport: it reports, waits, dies and talks as the tool called says, and remembers
 * what it was told. Plain Node, no SDK.
 */
import * as readline from "node:readline"

interface Message {
  readonly id?: number | string
  readonly method?: string
  readonly params?: Readonly<Record<string, unknown>>
}

interface ToolParams {
  readonly name?: unknown
  readonly arguments?: Readonly<Record<string, unknown>>
  readonly _meta?: { readonly progressToken?: number | string }
}

const line = (message: object) => `${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`
const send = (...messages: ReadonlyArray<object>) => process.stdout.write(messages.map(line).join(""))
const text = (value: unknown) => ({ content: [{ type: "text", text: String(value) }] })

const received: Array<Message> = []
const held: Array<number | string> = []

const tool = (id: number | string, { _meta, arguments: args = {}, name }: ToolParams): void => {
  const progress = (count: number) => ({
    method: "notifications/progress",
    params: { progressToken: _meta?.progressToken, progress: count, total: 3, message: `step ${count}` }
  })
  switch (name) {
    /** Progress and the answer in one write. */
    case "burst":
      return void send(progress(1), progress(2), progress(3), { id, result: text("done") })
    case "hold":
      held.push(id)
      return void send(progress(1))
    case "release":
      for (const waiting of held.splice(0)) send({ id: waiting, result: text("released") })
      return void send({ id, result: text("ok") })
    case "die":
      return void process.kill(process.pid, "SIGKILL")
    case "refuse":
      return void send({ id, error: { code: -32042, message: "not like this", data: { field: "name" } } })
    /** Written by hand: JavaScript has no such number. */
    case "count": {
      const structured = `{"id":9007199254740993,"all":[18446744073709551615,7],"deep":{"er":-9007199254740993}}`
      return void process.stdout.write(
        `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":{"content":[],"structuredContent":${structured}}}\n`
      )
    }
    case "fail":
      return void send({ id, result: { ...text("the disk is full"), isError: true } })
    case "say":
      send({ method: String(args["method"]), params: args["params"] })
      return void send({ id, result: text("said") })
    case "received":
      return void send({ id, result: text(JSON.stringify(received)) })
    default:
      return void send({ id, result: text(process.pid) })
  }
}

const names = ["burst", "hold", "release", "die", "refuse", "count", "fail", "say", "received", "pid"]
const answers: Readonly<Record<string, object>> = {
  initialize: {
    protocolVersion: "2025-11-25",
    capabilities: { tools: { listChanged: true }, resources: { subscribe: true }, logging: {} },
    serverInfo: { name: "spoken", version: "3.2.1", title: "Spoken to" },
    instructions: "call pid"
  },
  ping: {},
  "tools/list": { tools: names.map((name) => ({ name, inputSchema: { type: "object" } })) },
  "resources/subscribe": {},
  "resources/unsubscribe": {},
  "logging/setLevel": {}
}

readline.createInterface({ input: process.stdin }).on("line", (text) => {
  const message: Message = JSON.parse(text)
  received.push(message)
  const { id, method = "", params = {} } = message
  if (id === undefined) return
  if (method === "tools/call") return tool(id, params)
  const result = Object.hasOwn(answers, method) ? answers[method] : undefined
  send(result === undefined ? { id, error: { code: -32601, message: `unknown method ${method}` } } : { id, result })
})
