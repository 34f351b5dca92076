/**
 * A stdio server that misbehaves as its argument says. Its tools: `echo {text}`, `fail` (answers isError), `die` (exits in the
 * call), `never` (answers nothing), `either {id} or {name}`. One that is `gated` notes its SPY_NAME in SPY_LOG and answers when there is a file SPY_GATE.
 * One that is `recorded` notes its start, its calls and what is cancelled in SPY_LOG.
 */
import { appendFileSync, existsSync } from "node:fs"
import { createInterface } from "node:readline"

const [, , mode = "polite"] = process.argv

if (mode === "crash") {
  process.stderr.write("cannot open the database\n")
  process.exit(3)
}
const { SPY_GATE = "", SPY_LOG = "", SPY_NAME = "" } = process.env
const note = (line: string): void => {
  if (mode === "recorded") appendFileSync(SPY_LOG, `${line}\n`)
}
note(`start ${process.pid}`)
if (mode === "gated") {
  appendFileSync(SPY_LOG, `${SPY_NAME}\n`)
  while (!existsSync(SPY_GATE)) await new Promise((resolve) => setTimeout(resolve, 5))
}
if (mode === "noise") process.stdout.write("Starting up, please wait...\n")

const send = (message: object) => process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`)
const schema = (properties: object, required: ReadonlyArray<string> = []) => ({ type: "object", properties, required })

const tools = [
  { name: "echo", inputSchema: schema({ text: { type: "string" }, times: { type: "integer" } }, ["text"]) },
  { name: "fail", inputSchema: schema({}) },
  { name: "die", inputSchema: schema({}) },
  { name: "never", inputSchema: schema({}) },
  {
    name: "either",
    inputSchema: {
      anyOf: [schema({ id: { type: "integer" } }, ["id"]), schema({ name: { type: "string" } }, ["name"])]
    }
  }
]

createInterface({ input: process.stdin }).on("line", (line) => {
  const { id, method, params } = JSON.parse(line)
  if (method === "notifications/cancelled") note("cancelled")
  if (mode === "silent" || id === undefined) return
  switch (method) {
    case "initialize":
      return send({
        id,
        result: {
          protocolVersion: params.protocolVersion,
          capabilities: { tools: {} },
          serverInfo: { name: "spy", version: "1" }
        }
      })
    case "tools/list":
      return send({ id, result: { tools } })
    case "tools/call": {
      note(`call ${params.name} ${params.arguments.text}`)
      const text = (value: string, isError = false) =>
        send({ id, result: { content: [{ type: "text", text: value }], isError } })
      if (params.name === "echo") return text(params.arguments.text.repeat(params.arguments.times ?? 1))
      if (params.name === "either") return text(JSON.stringify(params.arguments))
      if (params.name === "fail") return text("it went wrong", true)
      if (params.name === "die") return process.exit(9)
      if (params.name === "never") return undefined
      return send({ id, error: { code: -32602, message: `unknown tool ${params.name}` } })
    }
    default:
      return send({ id, error: { code: -32601, message: "method not found" } })
  }
})
