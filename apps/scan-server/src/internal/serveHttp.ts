/** The server on a port. Loaded when it is asked for: a server over stdio starts without what HTTP takes. */
import * as McpHost from "@holdfast/server/McpHost"
import * as Effect from "effect/Effect"
import * as HttpServer from "effect/http/HttpServer"

/** Serves for ever, and says where once it does. */
export const serveHttp = <R>(
  options: Pick<McpHost.HttpOptions<R>, "server" | "port" | "legacySse" | "stateless">,
  roots: ReadonlyArray<string>
) =>
  Effect.gen(function*() {
    const { address } = yield* HttpServer.HttpServer
    const port = "port" in address ? address.port : options.port
    yield* Effect.logInfo(`scanning ${roots.join(", ")} for http://127.0.0.1:${port}/mcp`)
    return yield* Effect.never
    // Scans are jobs: a session would hold nothing, and a restart is no event for clients that never begin a new one.
  }).pipe(Effect.provide(McpHost.layerHttp({ ...options, sessions: false })))
