/**
 * A reverse proxy in front of a real MCP server: what passes it is what the server was sent, seen from outside.
 */
import * as Effect from "effect/Effect"
import * as http from "node:http"
import type { AddressInfo } from "node:net"

export interface ObservingProxy {
  readonly url: string
  /** Methods of the messages that the server accepted (HTTP 2xx), in order. */
  readonly accepted: ReadonlyArray<string>
}

/** Listens on a free loopback port until the Scope closes. */
export const make = (target: URL) =>
  Effect.gen(function*() {
    const accepted: Array<string> = []
    const server = http.createServer((request, response) => {
      const body: Array<Buffer> = []
      request.on("data", (chunk: Buffer) => body.push(chunk))
      request.on("end", () => {
        const content = Buffer.concat(body)
        const upstream = http.request(target, {
          method: request.method,
          headers: { ...request.headers, host: target.host }
        }, (answer) => {
          const status = answer.statusCode ?? 502
          if (status < 300) accepted.push(methodOf(content.toString()))
          response.writeHead(status, answer.headers)
          answer.pipe(response)
        })
        upstream.on("error", () => response.destroy())
        response.on("close", () => upstream.destroy())
        upstream.end(content)
      })
    })
    yield* Effect.acquireRelease(
      Effect.callback<void>((resume) => {
        server.listen(0, "127.0.0.1", () => resume(Effect.void))
      }),
      () =>
        Effect.callback<void>((resume) => {
          server.close(() => resume(Effect.void))
          server.closeAllConnections()
        })
    )
    // A server that listens on a port has an address of this shape.
    const { port } = server.address() as AddressInfo
    return { url: `http://127.0.0.1:${port}${target.pathname}`, accepted } satisfies ObservingProxy
  })

const methodOf = (text: string): string => {
  if (text === "") return ""
  const message: unknown = JSON.parse(text)
  return typeof message === "object" && message !== null && "method" in message ? String(message.method) : "answer"
}
