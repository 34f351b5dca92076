/**
 * The spy as a Streamable HTTP server, in this process: a test looks at its state and bends it as it needs.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as http from "node:http"
import type { AddressInfo, Socket } from "node:net"
import * as spyBehaviour from "./spyBehaviour.ts"

export interface SpyHttp {
  readonly url: string
  readonly port: number
  readonly spy: spyBehaviour.Spy
  /** Every HTTP request, in order of arrival. */
  readonly requests: Array<
    { readonly method: string; readonly headers: http.IncomingHttpHeaders; readonly url: string }
  >
  /** The GETs among them. */
  readonly gets: () => SpyHttp["requests"]
  /** Responses that have begun or wait, by the method of their frame. */
  readonly open: Map<string, http.ServerResponse>
  /** Decides over the next requests of a method before the spy does. Return true to have taken it. */
  readonly override: Map<string, (response: http.ServerResponse, frame: spyBehaviour.SpyFrame) => void>
  /** What becomes of a GET. Default: 405, as a server does that has no stream of its own. */
  onGet: (response: http.ServerResponse, request: http.IncomingMessage) => void
  /** What becomes of a DELETE. Default: the session is forgotten. */
  onDelete: (response: http.ServerResponse, sessionId: string) => void
  /** Sessions it knows. A request of another one is answered `lostSession`; "ID" in its body is the id of the request. */
  readonly sessions: Set<string>
  lostSession: { readonly status: number; readonly body: string; readonly contentType?: string }
  /** Stops listening and cuts every connection. */
  readonly stop: Effect.Effect<void>
  /** Stops listening; open connections go on. */
  readonly stopListening: Effect.Effect<void>
}

export interface SpyHttpOptions {
  readonly answers: "json" | "sse"
  /** Hands out a session id. Default: true. */
  readonly hasSessions?: boolean
  readonly initialize?: string
}

export const make = (options: SpyHttpOptions): Effect.Effect<SpyHttp, never, Scope.Scope> =>
  Effect.acquireRelease(listen(options), (server) => server.stop)

const listen = ({ answers, hasSessions = true, initialize }: SpyHttpOptions): Effect.Effect<SpyHttp> =>
  Effect.callback((resume) => {
    const spy = spyBehaviour.make(initialize)
    const sockets = new Set<Socket>()
    let isListening = true
    const server = http.createServer((request, response) => {
      const { headers, method = "", url = "" } = request
      self.requests.push({ method, headers, url })
      const chunks: Array<string> = []
      request.setEncoding("utf8")
      request.on("data", (chunk: string) => chunks.push(chunk))
      request.on("end", () => {
        const sessionId = headers["mcp-session-id"]
        if (method === "GET") return self.onGet(response, request)
        if (method === "DELETE") return self.onDelete(response, String(sessionId))
        const frame: spyBehaviour.SpyFrame = JSON.parse(chunks.join(""))
        const override = self.override.get(frame.method ?? "")
        if (override !== undefined) return override(response, frame)
        if (frame.method !== "initialize" && hasSessions && !self.sessions.has(String(sessionId))) {
          spy.received.push(frame)
          const { body, contentType = "application/json", status } = self.lostSession
          return void response.writeHead(status, { "content-type": contentType })
            .end(body.replace("ID", String(frame.id)))
        }
        serve(frame, response)
      })
    })
    server.on("connection", (socket: Socket) => {
      sockets.add(socket)
      socket.once("close", () => sockets.delete(socket))
    })

    const serve = (frame: spyBehaviour.SpyFrame, response: http.ServerResponse): void => {
      if (frame.id === undefined || frame.method === undefined) {
        response.writeHead(202).end()
        return spy.handle(frame, { send: () => {}, done: () => {} })
      }
      self.open.set(frame.method, response)
      const session = frame.method === "initialize" && hasSessions
        ? { "mcp-session-id": `session-${self.requests.length}` }
        : {}
      if (session["mcp-session-id"] !== undefined) self.sessions.add(session["mcp-session-id"])
      const messages: Array<object> = []
      spy.handle(frame, {
        send: (...frames) => {
          if (answers === "json") return void messages.push(...frames)
          if (!response.headersSent) {
            response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8", ...session })
          }
          response.write(frames.map((message) => `event: message\ndata: ${JSON.stringify(message)}\n\n`).join(""))
        },
        done: () => {
          self.open.delete(frame.method ?? "")
          if (answers === "sse") return void response.end()
          response.writeHead(200, { "content-type": "application/json", ...session })
          // JSON holds one message; several are a batch.
          response.end(JSON.stringify(messages.length === 1 ? messages[0] : messages.flat()))
        }
      })
    }

    const stopListening = Effect.callback<void>((done) => {
      if (!isListening) return done(Effect.void)
      isListening = false
      server.close()
      server.closeIdleConnections()
      done(Effect.void)
    })
    const stop = Effect.andThen(
      stopListening,
      Effect.callback<void>((done) => {
        for (const socket of sockets) socket.destroy()
        if (sockets.size === 0) return done(Effect.void)
        for (const socket of sockets) socket.once("close", () => sockets.size === 0 && done(Effect.void))
      })
    )

    const self: { -readonly [Name in keyof SpyHttp]: SpyHttp[Name] } = {
      url: "",
      port: 0,
      spy,
      requests: [],
      gets: () => self.requests.filter(({ method }) => method === "GET"),
      open: new Map(),
      override: new Map(),
      onGet: (response) => void response.writeHead(405).end(),
      onDelete: (response, sessionId) => {
        self.sessions.delete(sessionId)
        response.writeHead(204).end()
      },
      sessions: new Set(),
      lostSession: {
        status: 404,
        body: `{"jsonrpc":"2.0","id":null,"error":{"code":-32001,"message":"Session not found"}}`
      },
      stop,
      stopListening
    }
    server.listen(0, "127.0.0.1", () => {
      // Only a server on a pipe has another kind of address.
      self.port = (server.address() as AddressInfo).port
      self.url = `http://127.0.0.1:${self.port}/mcp`
      resume(Effect.succeed(self))
    })
  })
