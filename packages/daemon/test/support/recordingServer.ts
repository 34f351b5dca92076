/**
 * A stdio server that writes down in a file what it was asked: `start <pid>`, `initialize <capabilities>`, `call <name> <nonce>`.
 *
 * Its list has `echo`, and the tools that the variable `LISTED` names.
 *
 * It cannot be started while there is a file of that name with `.dead` behind.
 *
 * Arguments: the file, and `legacy`, `modern`, `late` (legacy, and silent on `server/discover` until `initialize` comes) or `changing` (legacy; each process has another list
 * of tools, and resources can be subscribed to). Its tools: `echo` (answers with its parameters as they came), `count` (how many calls this
 * process has had), `die`, `never`, `held` (answers when there is a file of that name with `.go` behind), `ask` and `elicit` (answer with what the client says to `roots/list` and `elicitation/create`), `environment` (the variables it has).
 */
import { appendFileSync, existsSync, readFileSync } from "node:fs"
import { createInterface } from "node:readline"

const [, , file = "", era = "legacy"] = process.argv
const listed = process.env["LISTED"]?.split(",") ?? []
const note = (line: string): void => appendFileSync(file, `${line}\n`)
const say = (text: string): void => void process.stdout.write(`${text}\n`)

if (existsSync(`${file}.dead`)) {
  process.stderr.write("no database\n")
  process.exit(7)
}
note(`start ${process.pid}`)
const generation = readFileSync(file, "utf8").split("start ").length - 1
const schema =
  `{"type":"object","properties":{"name":{"type":"string"},"size":{"type":"string","enum":["s","m"]}},"required":["name"]}`
const elicitation = `"method":"elicitation/create","params":{"message":"Whose?","requestedSchema":${schema}}`
let calls = 0
let isGreeted = false
const waiting = new Map<string, (answer: string) => void>()

createInterface({ input: process.stdin }).on("line", (line) => {
  const { error, id, method, params, result } = JSON.parse(line)
  if (method === undefined) return waiting.get(id)?.(JSON.stringify(result ?? error))
  if (id === undefined) return method === "notifications/cancelled" ? note("cancelled") : undefined
  const answer = (text: string) => say(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${text}}`)
  const refuse = (code: number) =>
    say(
      `{"jsonrpc":"2.0", "id":${
        JSON.stringify(id)
      },"error":{"code":${code},"message":"no","data":{"n":9007199254740993}}}`
    )
  switch (method) {
    case "initialize":
      // The answer to the question before comes when nobody waits for it any more.
      for (const late of waiting.values()) late("")
      isGreeted = true
      if (era === "modern") return refuse(-32022)
      note(`initialize ${JSON.stringify(params.capabilities)}`)
      return answer(
        `{"protocolVersion":"2025-11-25", "capabilities":${
          era === "changing"
            ? `{"tools":{"listChanged":true},"resources":{"subscribe":true},"logging":{}}`
            : `{"tools":{}}`
        },"serverInfo":{"name":"r","version":"1"},"n":9007199254740993}`
      )
    case "server/discover":
      note("discover")
      if (era === "late" && !isGreeted) return void waiting.set("discover", () => refuse(-32601))
      if (era !== "modern") return refuse(-32601)
      return answer(
        `{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},"ttlMs":0,"cacheScope":"private"}`
      )
    case "tools/list":
      note("list")
      if (params?.die === true && calls++ === 0) return process.exit(9)
      return answer(
        `{"tools":[{"name":"echo${era === "changing" ? generation : ""}","inputSchema":{"type":"object"}}${
          listed.map((name) => `,{"name":"${name}","inputSchema":{"type":"object"}}`).join("")
        }], "resultType":"complete"}`
      )
    case "resources/subscribe":
    case "resources/unsubscribe":
    case "logging/setLevel":
      note(`${method} ${params.uri ?? params.level}`)
      return answer("{}")
    case "tools/call": {
      calls++
      note(`call ${params.name} ${params.arguments?.nonce ?? ""}`.trim())
      const token = params._meta?.progressToken
      if (token !== undefined) {
        say(
          `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":${
            JSON.stringify(token)
          },"progress":1.0}}`
        )
      }
      const text = (value: string) =>
        answer(`{"content":[{"type":"text","text":${JSON.stringify(value)}}],"n":1.50,"n":9007199254740993}`)
      if (params.name === "echo") return text(line.slice(line.indexOf(`"params":`) + 9, -1))
      if (params.name === "count") return text(String(calls))
      if (params.name === "environment") return text(Object.keys(process.env).toSorted().join(" "))
      if (params.name === "die") return process.exit(9)
      if (params.name === "never") return undefined
      if (params.name === "held") {
        const look = setInterval(() => {
          if (!existsSync(`${file}.go`)) return
          clearInterval(look)
          text("gone on")
        }, 10)
        return undefined
      }
      const asked = params.name === "elicit" ? elicitation : params.name === "ask" ? `"method":"roots/list"` : undefined
      if (asked !== undefined && era === "modern") {
        if (params.inputResponses !== undefined) return text(JSON.stringify(params.inputResponses))
        return answer(`{"resultType":"input_required","inputRequests":{"r":{${asked}}},"requestState":"s"}`)
      }
      if (asked !== undefined) {
        const question = `q-${calls}`
        waiting.set(question, text)
        return say(`{"jsonrpc":"2.0","id":"${question}",${asked}}`)
      }
      return refuse(-32602)
    }
    default:
      return refuse(-32601)
  }
})
process.stdin.once("end", () => process.exit(0))
