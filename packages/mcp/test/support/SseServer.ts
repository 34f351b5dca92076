/**
 * A legacy HTTP+SSE server whose every move the test makes: it names its address when told, and answers over the stream.
 */
import * as Effect from "effect/Effect"
import * as http from "node:http"
import type { AddressInfo } from "node:net"

export interface SseServer {
  readonly url: string
  /** Requests so far, as `METHOD path`. */
  readonly requests: Array<string>
  readonly messages: Array<{ readonly id?: unknown; readonly method?: string }>
  readonly headers: Array<http.IncomingHttpHeaders>
  /** The open event stream. */
  stream: http.ServerResponse | undefined
  /** What the stream begins with. Default: the address of the messages. */
  greeting: string
  /** Refuses the stream with this status. */
  refusal: number | undefined
  /** Sends requests to this path elsewhere. */
  readonly redirections: Map<string, { readonly status: number; readonly location: string }>
  /** Answers a POST. Default: 202, and the answer over the stream if it is a request. */
  onPost: (message: { readonly id?: unknown; readonly method?: string }, response: http.ServerResponse) => void
  /** Answers a POST to another address than that of the messages, as of a client that expects Streamable HTTP. Default: 405. */
  onStreamPost: (response: http.ServerResponse) => void
  readonly send: (message: object) => void
}

export const make = Effect.acquireRelease(
  Effect.callback<{ readonly server: http.Server; readonly subject: SseServer }>((resume) => {
    const requests: Array<string> = []
    const messages: SseServer["messages"] = []
    const headers: Array<http.IncomingHttpHeaders> = []
    const server = http.createServer((request, response) => {
      requests.push(`${request.method} ${request.url}`)
      headers.push(request.headers)
      const { location, status } = subject.redirections.get(`${request.method} ${request.url}`) ?? {}
      if (status !== undefined) return void response.writeHead(status, { location }).end("elsewhere")
      if (request.method === "GET") {
        if (subject.refusal !== undefined) return void response.writeHead(subject.refusal).end()
        response.writeHead(200, { "content-type": "text/event-stream" }).write(subject.greeting)
        subject.stream = response
        return
      }
      let body = ""
      request.on("data", (chunk) => body += String(chunk))
      request.on("end", () => {
        if (request.url?.includes("messages") !== true) return subject.onStreamPost(response)
        const message = JSON.parse(body)
        messages.push(message)
        subject.onPost(message, response)
      })
    })
    const send = (message: object): void =>
      void subject.stream?.write(`event: message\ndata: ${JSON.stringify({ jsonrpc: "2.0", ...message })}\n\n`)
    const subject: SseServer = {
      url: "",
      requests,
      messages,
      headers,
      stream: undefined,
      greeting: "event: endpoint\ndata: /messages?session=1\n\n",
      refusal: undefined,
      redirections: new Map(),
      send,
      onStreamPost: (response) => void response.writeHead(405).end("Method Not Allowed"),
      onPost: ({ id, method }, response) => {
        response.writeHead(202).end("Accepted")
        if (id === undefined) return
        send({
          id,
          result: method === "initialize"
            ? { protocolVersion: "2024-11-05", capabilities: {}, serverInfo: { name: "sse", version: "1" } }
            : { method }
        })
      }
    }
    server.listen(0, "127.0.0.1", () => {
      // A server that listens on a port has an address of this form.
      const { port } = server.address() as AddressInfo
      resume(Effect.succeed({ server, subject: Object.assign(subject, { url: `http://127.0.0.1:${port}/sse` }) }))
    })
  }),
  ({ server }) =>
    Effect.callback<void>((resume) => {
      server.close(() => resume(Effect.void))
      server.closeAllConnections()
    })
).pipe(Effect.map(({ subject }) => subject))
