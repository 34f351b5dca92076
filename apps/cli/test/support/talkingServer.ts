/**
 * A stdio server with all that a client can be offered and asked. It notes in SPY_LOG, if that is set, its start, its calls, the answers that it was given,
 * the roots, and what was cancelled.
 *
 * Tools: `echo {text}`, `ask {n?}` (a form), `page` (a url), `pages` (refused until a page was visited), `sure` (a question without fields), `sample`
 * (a language model), `roots`, `steps {total?}` (two reports of progress, then it waits for `go`), `go`, `slow` (never), `pictures {count}`, `broken` (no base64).
 */
import { appendFileSync } from "node:fs"
import { createInterface } from "node:readline"

const { SPY_LOG = "" } = process.env
const note = (line: string): void => {
  if (SPY_LOG !== "") appendFileSync(SPY_LOG, `${line}\n`)
}
note(`start ${process.pid}`)

const send = (message: object) => process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`)
const object = (properties: object = {}, required: ReadonlyArray<string> = []) => ({
  type: "object",
  properties,
  required
})
const text = { type: "string" }

/** 1×1 pixels. */
export const pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="

const tools = [
  {
    name: "echo",
    title: "回声 Echo",
    description: "Says it back",
    annotations: { readOnlyHint: true },
    inputSchema: object({ text: { ...text, description: "What to say" }, times: { type: "integer", default: 1 } }, [
      "text"
    ])
  },
  {
    name: "drop",
    annotations: { title: "Drop a table", destructiveHint: true, idempotentHint: true },
    inputSchema: object(
      {
        table: { ...text, enum: ["a b", "c"] },
        where: { type: "object" },
        limit: { type: "integer", minimum: 3 },
        all: { type: "boolean" }
      },
      ["table", "where", "limit", "all"]
    )
  },
  ...["ask", "page", "pages", "sure", "sample", "roots", "slow", "go", "broken"].map((name) => ({
    name,
    inputSchema: object()
  })),
  { name: "steps", inputSchema: object({ total: { type: "integer" } }) },
  { name: "pictures", inputSchema: object({ count: { type: "integer" } }, ["count"]) }
]

const form = {
  message: "Deploy to \u001b[31mproduction?",
  requestedSchema: object({
    name: { ...text, title: "Your name", minLength: 2 },
    mail: { ...text, format: "email" },
    count: { type: "integer", minimum: 1, maximum: 10, default: 4 },
    fast: { type: "boolean" },
    size: { ...text, oneOf: [{ const: "s", title: "Small" }, { const: "l", title: "Large" }] },
    days: { type: "array", minItems: 1, items: { ...text, enum: ["mon", "tue", "wed"] } },
    pet: { ...text, enum: ["p1", "p2"], enumNames: ["Cat", "Dog"], default: "p2" }
  }, ["name", "size"])
}
const page = { mode: "url", url: "https://example.org/consent?id=7", message: "Agree there", elicitationId: "e7" }

const waiting = new Map<string, (answer: unknown) => void>()
let questions = 0
const ask = (method: string, params: object, then: (answer: unknown) => void): void => {
  const id = `q${++questions}`
  waiting.set(id, then)
  send({ id, method, params })
}
let onGo = (): void => {}
let isVisited = false

createInterface({ input: process.stdin }).on("line", (line) => {
  const { error, id, method, params, result } = JSON.parse(line)
  if (method === undefined) {
    note(`answer ${JSON.stringify(result ?? error)}`)
    waiting.get(id)?.(result ?? error)
    return
  }
  if (method === "notifications/cancelled") return note("cancelled")
  if (id === undefined) return
  const answer = (result: object) => send({ id, result })
  const say = (value: unknown) =>
    answer({ content: [{ type: "text", text: typeof value === "string" ? value : JSON.stringify(value) }] })
  const picture = { type: "image", mimeType: "image/png", data: pixel }
  switch (method) {
    case "initialize":
      note(`offers ${JSON.stringify(params.capabilities)}`)
      return answer({
        protocolVersion: params.protocolVersion,
        capabilities: { tools: {}, resources: {}, prompts: {}, completions: {} },
        serverInfo: { name: "talking", version: "1" }
      })
    case "tools/list":
      return answer({ tools })
    case "resources/list":
      return answer({
        resources: [
          { uri: "doc://guide", name: "guide", title: "指南", mimeType: "text/markdown", description: "How to" },
          { uri: "doc://logo", name: "logo", mimeType: "image/png", size: 70 }
        ]
      })
    case "resources/templates/list":
      return answer({ resourceTemplates: [{ uriTemplate: "doc://{page}", name: "page", mimeType: "text/plain" }] })
    case "resources/read":
      note(`read ${params.uri}`)
      if (params.uri === "doc://guide") {
        return answer({ contents: [{ uri: params.uri, mimeType: "text/markdown", text: "# Guide" }] })
      }
      if (params.uri === "doc://logo") {
        return answer({ contents: [{ uri: params.uri, mimeType: "image/png", blob: pixel }] })
      }
      return send({ id, error: { code: -32002, message: `Resource ${params.uri} not found` } })
    case "prompts/list":
      return answer({
        prompts: [
          {
            name: "review",
            description: "Reviews code",
            arguments: [{ name: "language", required: true }, { name: "focus" }]
          },
          { name: "chat" }
        ]
      })
    case "prompts/get":
      return answer({
        messages: params.name === "chat"
          ? [{ role: "user", content: { type: "text", text: "Hello" } }, { role: "assistant", content: picture }]
          : [{ role: "user", content: { type: "text", text: `Review ${JSON.stringify(params.arguments)}` } }]
      })
    case "completion/complete": {
      const { argument, context, ref } = params
      const values = ["type", "typescript", "text"].filter((each) => each.startsWith(argument.value))
      return answer({
        completion: { values: argument.name === "all" ? [JSON.stringify({ context, ref })] : values, total: 5 }
      })
    }
    case "tools/call": {
      const { arguments: args = {}, name } = params
      note(`call ${name} ${args.text ?? ""}`)
      switch (name) {
        case "echo":
          return say(args.text.repeat(args.times ?? 1))
        case "drop":
          return say(args)
        case "ask":
          return ask("elicitation/create", form, say)
        case "sure":
          return ask("elicitation/create", { message: "Sure?", requestedSchema: object() }, say)
        case "page":
          return ask("elicitation/create", page, say)
        case "pages":
          if (isVisited) return say("visited")
          isVisited = true
          return send({
            id,
            error: { code: -32042, message: "URL elicitation required", data: { elicitations: [page] } }
          })
        case "sample":
          return ask("sampling/createMessage", { messages: [], maxTokens: 1 }, say)
        case "roots":
          return ask("roots/list", {}, say)
        case "steps": {
          const { progressToken } = params._meta ?? {}
          for (const progress of [1, 2]) {
            const report = {
              progressToken,
              progress,
              message: `step ${progress}`,
              ...(args.total !== undefined && { total: args.total })
            }
            send({ method: "notifications/progress", params: report })
          }
          onGo = () => say("done")
          return
        }
        case "go":
          onGo()
          return say("gone")
        case "pictures":
          return answer({
            content: [{ type: "text", text: "Here:" }, ...Array.from({ length: args.count }, () => picture)]
          })
        case "broken":
          return answer({ content: [{ ...picture, data: "no base64!" }] })
        case "slow":
          return
      }
      return send({ id, error: { code: -32602, message: `unknown tool ${name}` } })
    }
    default:
      return send({ id, error: { code: -32601, message: "method not found" } })
  }
})
