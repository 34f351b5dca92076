/**
 * Wraps the platform: serves a page on a port of this machine, and for no other, until its Scope closes.
 *
 * **Gotchas**: it listens on 127.0.0.1 only. When the Scope closes every connection is cut, those of open pages too.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FiberSet from "effect/FiberSet"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as http from "node:http"
import * as Dashboard from "./Dashboard.ts"
import type { DashboardAccess } from "./DashboardAccess.ts"
import * as DashboardGuard from "./DashboardGuard.ts"
import type { DashboardSource } from "./DashboardSource.ts"

/** The port cannot be listened on. `code` is the operating system's, such as `EADDRINUSE`. */
export class ListenFailed extends Data.TaggedError("ListenFailed")<{
  readonly port: number
  readonly code: string | undefined
  readonly message: string
}> {}

/** What is served, and where. */
export interface ListenerOptions {
  /** 0: any that is free. */
  readonly port: number
  readonly source: DashboardSource
  readonly access: DashboardAccess
}

/** Listens. Succeeds with the port once it does. */
export const listen = Effect.fnUntraced(function*(
  { access, port, source }: ListenerOptions
): Effect.fn.Return<number, ListenFailed, Scope.Scope> {
  const run = yield* FiberSet.makeRuntime<never, void, never>()
  let dashboard: Dashboard.Dashboard | undefined
  const server = http.createServer({ maxHeaderSize: 16 * 1024 }, (request, response) => {
    if (dashboard === undefined) return void response.writeHead(503).end()
    const fiber = run(answer(dashboard, request, response))
    response.once("close", () => void run(Fiber.interrupt(fiber)))
  })
  server.maxConnections = mostConnections
  const bound = yield* Effect.acquireRelease(
    Effect.callback<number, ListenFailed>((resume) => {
      server.once(
        "error",
        ({ code, message }: NodeJS.ErrnoException) => resume(Effect.fail(new ListenFailed({ port, code, message })))
      )
      server.listen(port, "127.0.0.1", () => {
        const address = server.address()
        resume(Effect.succeed(address !== null && typeof address === "object" ? address.port : port))
      })
    }),
    () =>
      Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  )
  dashboard = yield* Dashboard.make({ source, access, isOurHost: DashboardGuard.loopback(bound) })
  return bound
})

/** A browser has six for a host, and a person a few tabs. */
const mostConnections = 100

const answer = Effect.fnUntraced(function*(
  dashboard: Dashboard.Dashboard,
  request: http.IncomingMessage,
  response: http.ServerResponse
) {
  // As it stands: `//` alone is no address relative to another.
  const { pathname, searchParams } = new URL(`http://localhost${request.url ?? "/"}`)
  const { body, headers, status } = yield* dashboard.answer({
    method: request.method ?? "GET",
    path: pathname.slice(1),
    query: searchParams,
    headers: Object.fromEntries(
      Object.entries(request.headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(", ") : value])
    ),
    body: readBody(request)
  })
  response.writeHead(status, headers)
  if (typeof body === "string") return void response.end(body)
  response.flushHeaders()
  yield* Stream.runForEach(body, (text) => write(response, text))
  response.end()
})

/** Waits for a reader that is slow. */
const write = (response: http.ServerResponse, text: string): Effect.Effect<void> =>
  Effect.callback((resume) => {
    if (response.write(text)) return resume(Effect.void)
    const done = (): void => resume(Effect.void)
    response.once("drain", done)
    return Effect.sync(() => void response.off("drain", done))
  })

/** What is longer than any request of the page is not read on. */
const readBody = (request: http.IncomingMessage): Effect.Effect<string> =>
  Effect.callback((resume) => {
    let text = ""
    request.setEncoding("utf8")
    request.on("data", (chunk: string) => {
      text += chunk
      if (text.length > Dashboard.mostBody) request.destroy()
    })
    request.once("end", () => resume(Effect.succeed(text)))
    // The response is closed with it, and this is interrupted.
    request.once("error", () => resume(Effect.succeed("")))
  })
