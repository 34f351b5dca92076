/** The server on a port. Loaded when it is asked for: a server over stdio starts without what HTTP takes. */
import { JobAdmin } from "@holdfast/jobs/mcp"
import * as McpHost from "@holdfast/server/McpHost"
import * as Effect from "effect/Effect"
import * as HttpServer from "effect/http/HttpServer"

/** Serves for ever, and says where once it does. */
export const serveHttp = <R>(
  options: Pick<
    McpHost.HttpOptions<R>,
    "server" | "host" | "allowedHosts" | "port" | "auth" | "legacySse" | "stateless"
  >,
  roots: ReadonlyArray<string>,
  adminPort: number | undefined
) =>
  Effect.gen(function*() {
    let bound: number | undefined
    const jobs = yield* JobAdmin.make
    const admin = adminPort === undefined
      ? undefined
      : { port: adminPort, jobs, onListen: (port: number) => void (bound = port) }
    const told = Effect.suspend(() =>
      bound === undefined ? Effect.void : Effect.logInfo(`operators look at http://127.0.0.1:${bound}/dashboard/`)
    )
    // Scans are jobs: a session would hold nothing, and a restart is no event for clients that never begin a new one.
    return yield* Effect.provide(
      Effect.andThen(told, serving(options, roots)),
      McpHost.layerHttp({ ...options, admin, sessions: false })
    )
  })

const serving = <R>(options: Pick<McpHost.HttpOptions<R>, "port" | "host">, roots: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const { address } = yield* HttpServer.HttpServer
    const port = "port" in address ? address.port : options.port
    yield* Effect.logInfo(`scanning ${roots.join(", ")} for http://${options.host}:${port}/mcp`)
    return yield* Effect.never
  })
