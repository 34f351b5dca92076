/**
 * Failures as users have them, each with a real server that fails so: a process, or a server behind a url. `record-failures.ts` records them;
 * `replay.test.ts` replays the recordings, which are in `fixtures/recordings`.
 */
import { Endpoint } from "@holdfast/mcp/Endpoint"
import type { CallOptions } from "@holdfast/mcp/McpConnections"
import * as http from "node:http"

export interface RecordedFailure {
  /** The file, without its suffix. */
  readonly name: string
  readonly call: { readonly name: string; readonly arguments?: Readonly<Record<string, unknown>> }
  readonly options: CallOptions
  /** Starts the server, and says how to end it. */
  readonly start: () => Promise<{ readonly endpoint: Endpoint; readonly stop: () => void }>
}

interface Message {
  readonly id?: number
  readonly method: string
  readonly params?: { readonly name?: string }
}

/** A process whose `answer` is the source of a function of a request, in the middle of an ordinary server. */
const processOf = (onCall: string) => () => {
  const source = `
    const send = (message) => process.stdout.write(JSON.stringify({ jsonrpc: "2.0", ...message }) + "\\n")
    const onCall = ${onCall}
    require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
      const { id, method } = JSON.parse(line)
      if (id === undefined) return
      if (method === "tools/call") return onCall(id, send)
      if (method === "tools/list") return send({ id, result: { tools: [{ name: "act", inputSchema: { type: "object" } }] } })
      if (method !== "initialize") return send({ id, error: { code: -32601, message: "Method not found" } })
      send({ id, result: { protocolVersion: "2025-06-18", capabilities: { tools: {} }, serverInfo: { name: "small", version: "1" } } })
    })`
  const endpoint = Endpoint.stdio({ command: process.execPath, args: ["-e", source] })
  return Promise.resolve({ endpoint, stop: () => {} })
}

/** A server behind a url; what `special` answers is answered so. */
const urlOf = (special: (message: Message, response: http.ServerResponse) => boolean) => () =>
  new Promise<{ readonly endpoint: Endpoint; readonly stop: () => void }>((resolve) => {
    let sessions = 0
    const server = http.createServer((request, response) => {
      if (request.method !== "POST") return void response.writeHead(405).end()
      let text = ""
      request.on("data", (chunk) => text += chunk).on("end", () => {
        const message: Message = JSON.parse(text)
        const { id, method } = message
        if (special(message, response)) return
        if (id === undefined) return void response.writeHead(202).end()
        const answer = method === "initialize"
          ? {
            result: {
              protocolVersion: "2025-06-18",
              capabilities: { tools: {} },
              serverInfo: { name: "small", version: "1" }
            }
          }
          : method === "tools/list"
          ? { result: { tools: [{ name: "act", inputSchema: { type: "object" } }] } }
          : { error: { code: -32601, message: "Method not found" } }
        response.writeHead(200, {
          "content-type": "application/json",
          ...(method === "initialize" && { "mcp-session-id": `s${++sessions}` })
        }).end(JSON.stringify({ jsonrpc: "2.0", id, ...answer }))
      })
    }).listen(0, "127.0.0.1", () => {
      const address = server.address()
      const port = typeof address === "object" ? address?.port : undefined
      resolve({
        endpoint: Endpoint.http({ url: `http://127.0.0.1:${port}/mcp`, push: false }),
        stop: () => {
          server.closeAllConnections()
          server.close()
        }
      })
    })
  })

const json = (
  response: http.ServerResponse,
  status: number,
  body: object,
  headers: Record<string, string> = {}
): true => {
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body))
  return true
}

const call = { name: "act", arguments: { what: "that" } }
const once: CallOptions = { idempotent: false, deadline: "3 seconds" }

export const recordedFailures: ReadonlyArray<RecordedFailure> = [
  {
    // The error of an answer is a text in the place of an object.
    name: "error-is-a-text",
    call,
    options: once,
    start: processOf(`(id, send) => send({ id, error: "cursor_invalid" })`)
  },
  {
    // The server dies in the middle of its answer, and says why.
    name: "killed-in-half-a-line",
    call,
    options: once,
    start: processOf(
      `(id) => {
        process.stderr.write("out of memory\\n")
        process.stdout.write('{"jsonrpc":"2.0","id":' + id + ',"result":{"content":[', () => process.kill(process.pid, "SIGKILL"))
      }`
    )
  },
  {
    // An answer that never comes, from a server that lives.
    name: "no-answer",
    call,
    options: { idempotent: false, deadline: "1 second" },
    start: processOf(
      `(id, send) => send({ method: "notifications/message", params: { level: "info", data: "at it" } })`
    )
  },
  {
    // HTTP 200, and an error whose id is null: the key is refused.
    name: "refused-in-success",
    call,
    options: once,
    start: urlOf((_, response) =>
      json(response, 200, {
        jsonrpc: "2.0",
        id: null,
        error: { code: -32001, message: "Unauthorized: the access key is missing or wrong" }
      })
    )
  },
  {
    // Sessions are opened, and none of them is known afterwards: a proxy sends each request elsewhere.
    name: "no-session-is-known",
    call,
    options: { idempotent: false, deadline: "30 seconds" },
    start: urlOf((message, response) =>
      message.method === "tools/call" &&
      json(response, 404, { jsonrpc: "2.0", id: null, error: { code: -32001, message: "Session not found" } })
    )
  },
  {
    // Too many requests, for longer than the caller waits.
    name: "too-many-requests",
    call,
    options: { idempotent: false, deadline: "2500 millis" },
    start: urlOf((message, response) =>
      message.method === "tools/call" &&
      json(response, 429, { jsonrpc: "2.0", id: message.id, error: { code: -32004, message: "Too many requests" } }, {
        "retry-after": "1"
      })
    )
  }
]
