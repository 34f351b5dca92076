/**
 * What operators need, on a port of its own: is it alive, is it ready, which sessions are there, how many of what; and a way to close one,
 * or all.
 *
 * - `GET /healthz`: 200 as long as the process answers.
 * - `GET /readyz`: 200; 503 while the server drains or `ready` says no, so that a balancer sends no client any more.
 * - `GET /sessions`: every session by its number, without any secret.
 * - `DELETE /sessions/:number`: ends one, with the reason `operator`.
 * - `POST /drain`: begins a drain, and answers at once.
 * - `GET /metrics`: the same in Prometheus' text format, and all else that is in Effect's metric registry: tools, jobs, pools, your own.
 * - `GET /dashboard`: all of it as a page to look at, live, with charts over the last hour; and jobs, with `jobs`.
 * - `GET /`: this list; browsers are led to the page.
 *
 * **Gotchas**: it listens on this machine only, unless there are tokens: a program that reaches it may end every session. `/healthz` and `/readyz` tell
 * nothing else, so they want no token and answer by whatever `Host` they are asked: balancers ask by an address. It stays there while the server
 * drains.
 *
 * @example
 * ```ts
 * import * as McpHost from "@holdfast/server/McpHost"
 * import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
 *
 * export const layer = McpHost.layerHttp({
 *   server: () => new McpServer({ name: "greeter", version: "1.0.0" }),
 *   admin: { port: 9464 }
 * })
 * ```
 */
import type * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServer from "effect/http/HttpServer"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import type { AdminJobs } from "./AdminJobs.ts"
import type { Authenticator } from "./Authenticator.ts"
import * as Drain from "./Drain.ts"
import * as Guard from "./Guard.ts"
import * as DashboardRoute from "./internal/admin/dashboardRoute.ts"
import { answerFaults } from "./internal/http/answerFaults.ts"
import { refusal } from "./internal/http/httpAnswers.ts"
import { listen } from "./internal/http/listen.ts"
import * as NodeServer from "./internal/http/nodeServer.ts"
import { effectMetrics } from "./internal/metrics/effectMetrics.ts"
import { prometheusText } from "./internal/metrics/prometheusText.ts"
import type { McpServerError } from "./McpServerError.ts"
import { SessionRegistry } from "./SessionRegistry.ts"

/** Where the operators' port is, and what it knows of the server. */
export interface AdminOptions {
  /** Default: 9464. 0: any that is free. */
  readonly port?: number | undefined
  /** Default: `127.0.0.1`. Another than this machine's own needs `auth`. */
  readonly host?: string | undefined
  readonly auth?: Authenticator | Effect.Effect<Authenticator, McpServerError | Config.ConfigError> | undefined
  /** Names this port is reached by. Default: loopback's. */
  readonly allowedHosts?: ReadonlyArray<string> | undefined
  /**
   * Whether there is what the server needs, asked at every `/readyz` for five seconds at most. Default: there is. **Gotchas**: what all replicas
   * share, a database say, makes all of them unready at once, and a balancer has none left.
   */
  readonly ready?: Effect.Effect<boolean> | undefined
  /**
   * Whether there is a page at `/dashboard`. It may do what the other routes may: end sessions, drain; and cancel jobs and run them again. With `auth` it
   * is opened as `/dashboard/#TOKEN`: browsers send that end of an address nowhere, and the page asks for a session of its own with it. Default: true.
   */
  readonly dashboard?: boolean | undefined
  /** The jobs that the page shows, such as `JobAdmin.make` of `@holdfast/jobs/mcp`. Default: none. */
  readonly jobs?: AdminJobs | undefined
  /** Told which port it is, once it listens. */
  readonly onListen?: ((port: number) => void) | undefined
}

/** Serves the registry's operations until the Scope closes. Fails with `UnsafeBind` or `ListenFailed`. */
export const layer = (
  options: AdminOptions = {}
): Layer.Layer<never, McpServerError | Config.ConfigError, SessionRegistry> =>
  Layer.unwrap(Effect.gen(function*() {
    const { allowedHosts, host = "127.0.0.1", port = 9464, ready = Effect.succeed(true) } = options
    // A check that fails or hangs is an answer, too.
    const isReady = ready.pipe(
      Effect.catchCause((cause) => Effect.as(Effect.logWarning("the check of readiness has failed", cause), false)),
      Effect.timeoutOrElse({ duration: "5 seconds", orElse: () => Effect.succeed(false) })
    )
    const auth = Effect.isEffect(options.auth) ? yield* options.auth : options.auth
    yield* Guard.checkBind(host, { auth, allowedHosts })
    const node = yield* NodeServer.make()
    const routes = Layer.effectDiscard(Effect.gen(function*() {
      const registry = yield* SessionRegistry
      const router = yield* HttpRouter.HttpRouter
      const { address } = yield* HttpServer.HttpServer
      const bound = "port" in address ? address.port : port
      options.onListen?.(bound)
      const guarded = (
        answer: Effect.Effect<HttpServerResponse.HttpServerResponse, never, HttpServerRequest.HttpServerRequest>,
        asker: Asker = "operator"
      ) =>
        Effect.gen(function*() {
          const request = yield* HttpServerRequest.HttpServerRequest
          const { headers } = request
          const refused = asker === "anyone" ? undefined : Guard.judge(
            {
              // Nothing here has a body.
              method: "GET",
              host: headers["host"],
              origin: headers["origin"],
              secFetchSite: headers["sec-fetch-site"],
              contentType: undefined,
              contentLength: undefined
            },
            bound,
            { allowedHosts }
          )
          if (refused !== undefined) return refusal(refused.status, refused.message)
          if (auth !== undefined && asker === "operator") yield* Guard.identify(auth, request)
          return yield* answer
        }).pipe(
          Effect.catch((refused) => Effect.succeed(refused)),
          answerFaults
        )
      yield* router.add("GET", "/healthz", guarded(Effect.succeed(HttpServerResponse.text("ok\n")), "anyone"))
      yield* router.add(
        "GET",
        "/readyz",
        guarded(
          Effect.map(isReady, (isReady) =>
            registry.isDraining()
              ? HttpServerResponse.text("draining\n", { status: 503 })
              : isReady
              ? HttpServerResponse.text("ready\n")
              : HttpServerResponse.text("not ready\n", { status: 503 })),
          "anyone"
        )
      )
      yield* router.add(
        "GET",
        "/sessions",
        guarded(Effect.map(registry.snapshot, (all) => HttpServerResponse.jsonUnsafe(all)))
      )
      yield* router.add(
        "GET",
        "/metrics",
        guarded(
          Effect.map(
            Effect.zip(registry.snapshot, effectMetrics),
            ([all, others]) =>
              HttpServerResponse.text(prometheusText(all) + others, { contentType: "text/plain; version=0.0.4" })
          )
        )
      )
      yield* router.add(
        "DELETE",
        "/sessions/:number",
        Effect.flatMap(HttpRouter.params, ({ number }) =>
          guarded(Effect.map(
            registry.close(Number(number)),
            (isThere) => HttpServerResponse.empty({ status: isThere ? 204 : 404 })
          )))
      )
      const scope = yield* Effect.scope
      const drain = Effect.asVoid(Effect.forkIn(Drain.run(registry), scope))
      yield* router.add("POST", "/drain", guarded(Effect.as(drain, HttpServerResponse.empty({ status: 202 }))))
      const { dashboard = true, jobs } = options
      const list = HttpServerResponse.text(dashboard ? index + pageInIndex : index)
      if (!dashboard) return yield* router.add("GET", "/", guarded(Effect.succeed(list), "guest"))
      const page = yield* DashboardRoute.make({ registry, jobs, drain, auth })
      yield* router.add(
        "GET",
        "/",
        guarded(
          Effect.map(
            HttpServerRequest.HttpServerRequest,
            ({ headers }) => headers["accept"]?.includes("text/html") === true ? DashboardRoute.toPage : list
          ),
          "guest"
        )
      )
      // It tells nothing without a token, where there are any.
      yield* router.add("*", `${DashboardRoute.path}/*`, guarded(page.answer, "guest"))
    }))
    const closing = Layer.effectDiscard(Effect.addFinalizer(() => node.closeConnections))
    return closing.pipe(
      Layer.provideMerge(HttpRouter.serve(routes, { disableLogger: true, disableListenLog: true })),
      Layer.provide(listen(node, { host, port }))
    )
  }))

/** `operator`: with a token, where there are any. `guest`: without one, by a name of this port. `anyone`: by whatever name. */
type Asker = "operator" | "guest" | "anyone"

const index = `GET /healthz             200 as long as the process answers
GET /readyz              200; 503 while the server drains, or lacks what it needs
GET /sessions            every session by its number, without secrets
DELETE /sessions/NUMBER  ends one
POST /drain              begins a drain
GET /metrics             for Prometheus
`

const pageInIndex = `GET /dashboard           the same as a page for browsers
`
