/**
 * A stdio server of the modern era: no handshake, every request must say its revision. `exit` as its first argument makes it a
 * legacy server that dies of what it does not know, `nod` one that answers anything with an empty success, `both` one that also
 * answers `initialize`. With SPY_LOG it appends every
 * message it receives to that file, with its pid.
 */
import * as fs from "node:fs"
import * as readline from "node:readline"

interface Message {
  readonly id?: number | string
  readonly method?: string
  readonly params?: {
    readonly name?: string
    readonly arguments?: Readonly<Record<string, unknown>>
    readonly inputResponses?: unknown
    readonly requestState?: string
    readonly _meta?: Readonly<Record<string, unknown>>
    readonly notifications?: { readonly resourceSubscriptions?: ReadonlyArray<string> }
  }
}

const [mode = "modern"] = process.argv.slice(2)
const { SPY_LOG } = process.env
const send = (message: object) => process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`)
const serverInfo = { name: "modern", version: "1.0.0" }

const call = (id: number | string, { inputResponses, name, requestState }: NonNullable<Message["params"]>): void => {
  switch (name) {
    /** Wants to know the roots and a name before it answers. */
    case "curious":
      if (requestState === undefined) {
        const inputRequests = {
          where: { method: "roots/list" },
          who: { method: "elicitation/create", params: { ask: "name" } }
        }
        return void send({ id, result: { resultType: "input_required", inputRequests, requestState: "opaque" } })
      }
      return void send({
        id,
        result: {
          resultType: "complete",
          content: [{ type: "text", text: JSON.stringify({ inputResponses, requestState }) }]
        }
      })
    case "insatiable":
      return void send({
        id,
        result: { resultType: "input_required", inputRequests: { again: { method: "roots/list" } } }
      })
    case "die":
      return void process.kill(process.pid, "SIGKILL")
    default:
      return void send({ id, result: { resultType: "complete", content: [{ type: "text", text: "done" }] } })
  }
}

readline.createInterface({ input: process.stdin }).on("line", (line) => {
  const message: Message = JSON.parse(line)
  const { id, method, params = {} } = message
  if (SPY_LOG !== undefined) fs.appendFileSync(SPY_LOG, `${JSON.stringify({ pid: process.pid, ...message })}\n`)
  if (id === undefined) return
  if (method === "initialize" && mode !== "modern") {
    return void send({ id, result: { protocolVersion: "2025-11-25", capabilities: { tools: {} }, serverInfo } })
  }
  if (mode === "nod") return void send({ id, result: method === "tools/call" ? { content: [] } : {} })
  if (mode === "exit") {
    if (method === "server/discover") process.exit(4)
    return void send({ id, result: { content: [] } })
  }
  if (params._meta?.["io.modelcontextprotocol/protocolVersion"] !== "2026-07-28") {
    return void send({
      id,
      error: { code: -32022, message: "unsupported protocol version", data: { supported: ["2026-07-28"] } }
    })
  }
  switch (method) {
    case "server/discover":
      return void send({
        id,
        result: {
          resultType: "complete",
          supportedVersions: ["2026-07-28"],
          capabilities: { tools: { listChanged: true }, resources: { subscribe: true }, logging: {} },
          instructions: "obey",
          _meta: { "io.modelcontextprotocol/serverInfo": serverInfo }
        }
      })
    case "tools/call":
      return call(id, params)
    case "tools/list":
      return void send({ id, result: { resultType: "complete", tools: [] } })
    case "subscriptions/listen": {
      const _meta = { "io.modelcontextprotocol/subscriptionId": id }
      send({
        method: "notifications/subscriptions/acknowledged",
        params: { notifications: params.notifications, _meta }
      })
      for (const uri of params.notifications?.resourceSubscriptions ?? []) {
        send({ method: "notifications/resources/updated", params: { uri, _meta } })
      }
      return
    }
    default:
      return void send({ id, error: { code: -32601, message: `unknown method ${method}` } })
  }
})
