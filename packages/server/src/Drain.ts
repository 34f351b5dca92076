/**
 * The orderly end of a server: new requests are refused, those in flight may finish, then every session is closed. Each step is logged.
 *
 * The log says when the drain began, what it waits for and how it ended. A drain that had to cut requests off is a warning.
 *
 * @example
 * ```ts
 * import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
 * import * as Drain from "@holdfast/server/Drain"
 * import * as McpHost from "@holdfast/server/McpHost"
 * import * as SessionRegistry from "@holdfast/server/SessionRegistry"
 * import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
 * import * as HttpRouter from "effect/http/HttpRouter"
 * import * as Layer from "effect/Layer"
 * import * as http from "node:http"
 *
 * const routes = McpHost.layerRoutes({ server: () => new McpServer({ name: "greeter", version: "1.0.0" }) })
 *
 * export const program = Drain.layer("10 seconds").pipe(
 *   Layer.provide(HttpRouter.serve(routes)),
 *   Layer.provide([SessionRegistry.layer(), NodeHttpServer.layer(() => http.createServer(), { port: 8080 })])
 * )
 * ```
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { type DrainReport, SessionRegistry } from "./SessionRegistry.ts"

/**
 * Drains a registry now, and logs it. `deadline`: how long requests in flight may take. Default: the policy's `drainTimeout`, 25 seconds unless it
 * says otherwise. Never fails; the report counts what was cut off.
 */
export const run = (
  registry: SessionRegistry["Service"],
  deadline: Duration.Input = registry.policy.drainTimeout
): Effect.Effect<DrainReport> =>
  Effect.gen(function*() {
    const { inFlight, sessions } = yield* registry.snapshot
    const most = Duration.format(Duration.fromInputUnsafe(deadline))
    yield* Effect.logInfo(
      `draining: ${count(inFlight, "request")} in flight, ${count(sessions.length, "session")}, at most ${most}`
    )
    const [took, report] = yield* Effect.timed(registry.drain(deadline))
    const { closed, cutOff } = report
    const seconds = `${(Duration.toMillis(took) / 1000).toFixed(1)} s`
    yield* cutOff > 0
      ? Effect.logWarning(
        `drained in ${seconds}: ${count(closed, "session")} closed, ${count(cutOff, "request")} cut off at the deadline`
      )
      : Effect.logInfo(`drained in ${seconds}: ${count(closed, "session")} closed`)
    return report
  })

const count = (number: number, what: string): string => `${number} ${what}${number === 1 ? "" : "s"}`

/**
 * Drains the registry when the layer closes. It belongs above whatever serves the routes: an `HttpServer` that is closed waits for open streams
 * first. `deadline`: as for `run`.
 */
export const layer = (deadline?: Duration.Input): Layer.Layer<never, never, SessionRegistry> =>
  Layer.effectDiscard(
    Effect.flatMap(SessionRegistry, (registry) => Effect.addFinalizer(() => run(registry, deadline)))
  )
