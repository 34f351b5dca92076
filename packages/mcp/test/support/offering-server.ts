/**
 * A stdio MCP server that offers everything but much: resources, prompts, completions, log messages; and asks its client. With
 * SPY_LOG it appends every message it receives to that file, with its pid.
 */
import * as fs from "node:fs"
import * as readline from "node:readline"

interface Message {
  readonly id?: number | string
  readonly method?: string
  readonly params?: Readonly<Record<string, unknown>>
  readonly result?: unknown
  readonly error?: unknown
}

interface ToolParams {
  readonly name?: unknown
  readonly arguments?: Readonly<Record<string, unknown>>
  readonly _meta?: { readonly progressToken?: number | string }
}

const { SPY_LOG } = process.env
const send = (message: object) => process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`)

/** Calls of `ask` by the id of the request they sent to the client. */
const asking = new Map<unknown, number | string>()
let asked = 0

const tool = (id: number | string, { _meta, arguments: args = {}, name }: ToolParams): void => {
  switch (name) {
    case "steps": {
      for (const progress of [1, 2]) {
        send({ method: "notifications/progress", params: { progressToken: _meta?.progressToken, progress } })
      }
      return void send({ id, result: { content: [] } })
    }
    /** Asks the client and answers with what the client said. */
    case "ask":
    case "ask_and_take_back": {
      const question = `q${++asked}`
      asking.set(question, id)
      send({ id: question, method: args["method"], params: args["params"] ?? {} })
      if (name === "ask") return
      send({ method: "notifications/cancelled", params: { requestId: question } })
      return void send({ id, result: { content: [] } })
    }
    case "die":
      return void process.kill(process.pid, "SIGKILL")
    default:
      return void send({ id, result: { content: [{ type: "text", text: String(process.pid) }] } })
  }
}

const answers: Record<string, (params: Readonly<Record<string, unknown>>) => object> = {
  initialize: () => ({
    protocolVersion: "2025-11-25",
    capabilities: { tools: {}, resources: { subscribe: true }, prompts: {}, completions: {}, logging: {} },
    serverInfo: { name: "offering", version: "1.0.0" }
  }),
  ping: () => ({}),
  "tools/list": () => ({ tools: [{ name: "ask", inputSchema: { type: "object" } }] }),
  "resources/list": ({ cursor }) =>
    cursor === undefined
      ? { resources: [{ uri: "memo://1", name: "one" }], nextCursor: "2" }
      : { resources: [{ uri: "memo://2", name: "two" }] },
  "resources/templates/list": () => ({ resourceTemplates: [{ uriTemplate: "memo://{n}", name: "memo" }] }),
  "resources/read": ({ uri }) => ({ contents: [{ uri, text: `read ${String(uri)}` }] }),
  "resources/subscribe": () => ({}),
  "resources/unsubscribe": () => ({}),
  "prompts/list": () => ({ prompts: [{ name: "greet", arguments: [{ name: "who", required: true }] }] }),
  "prompts/get": ({ arguments: args }) => ({
    messages: [{ role: "user", content: { type: "text", text: `greet ${JSON.stringify(args)}` } }]
  }),
  "completion/complete": ({ argument }) => ({ completion: { values: [JSON.stringify(argument)], total: 1 } }),
  "logging/setLevel": () => ({})
}

readline.createInterface({ input: process.stdin }).on("line", (line) => {
  const message: Message = JSON.parse(line)
  const { id, method, params = {} } = message
  if (SPY_LOG !== undefined) fs.appendFileSync(SPY_LOG, `${JSON.stringify({ pid: process.pid, ...message })}\n`)
  if (id === undefined) return
  if (method === undefined) {
    const call = asking.get(id)
    if (call !== undefined) send({ id: call, result: { content: [{ type: "text", text: JSON.stringify(message) }] } })
    return
  }
  if (method === "tools/call") return tool(id, params)
  const answer = Object.hasOwn(answers, method) ? answers[method] : undefined
  if (answer === undefined) return void send({ id, error: { code: -32601, message: `unknown method ${method}` } })
  send({ id, result: answer(params) })
  if (method === "resources/subscribe") {
    send({ method: "notifications/resources/updated", params: { uri: params["uri"] } })
  }
  if (method === "logging/setLevel") {
    send({ method: "notifications/message", params: { level: params["level"], data: "from now on" } })
  }
})
