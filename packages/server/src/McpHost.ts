/**
 * An MCP server over HTTP in five lines: sessions that never leak, streams that never hang, and a shutdown that loses nothing it need
 * not lose.
 *
 * What it promises:
 * - only what the guard lets past is served; without `auth` only this machine is;
 * - a client that disconnects stops nothing: its handlers finish, and what they said can be had by resuming the stream;
 * - a session ends by the client's word, by disuse, by the operator or with the server, once, and everything of it ends then;
 * - closing the layer drains: what is in flight may finish within `drainTimeout`, what is new is sent elsewhere (503).
 *
 * The server itself is the official SDK's `McpServer`, of version 1 or 2, one for each session, made by an Effect that finds its `Session` in
 * the context, or by a plain function.
 *
 * **Gotchas**: sessions live in this process. Behind a balancer requests must come back to the replica that has their session (by the
 * header `Mcp-Session-Id`); a request that comes elsewhere is answered 404, and a good client begins a new session.
 *
 * @example
 * ```ts
 * import * as McpHost from "@holdfast/server/McpHost"
 * import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
 * import * as Layer from "effect/Layer"
 *
 * const server = () => new McpServer({ name: "greeter", version: "1.0.0" })
 *
 * McpHost.layerHttp({ server, port: 8080 }).pipe(Layer.launch, McpHost.runMain)
 * ```
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import type { Principal } from "@holdfast/protocol/Principal"
import * as Revision from "@holdfast/protocol/Revision"
import * as ByteSize from "effect/ByteSize"
import type * as Config from "effect/Config"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpEffect from "effect/http/HttpEffect"
import * as HttpIncomingMessage from "effect/http/HttpIncomingMessage"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServer from "effect/http/HttpServer"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import type * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import * as RateLimiter from "effect/persistence/RateLimiter"
import * as Scope from "effect/Scope"
import type { IncomingMessage, ServerResponse } from "node:http"
import * as Admin from "./Admin.ts"
import type { Authenticator } from "./Authenticator.ts"
import * as Drain from "./Drain.ts"
import * as Guard from "./Guard.ts"
import { configured } from "./internal/configured.ts"
import { answerFaults } from "./internal/http/answerFaults.ts"
import * as CrossOrigin from "./internal/http/crossOrigin.ts"
import * as EventResponse from "./internal/http/eventResponse.ts"
import { refusedBy } from "./internal/http/httpAnswers.ts"
import * as HttpSessions from "./internal/http/HttpSessions.ts"
import * as LegacySse from "./internal/http/LegacySse.ts"
import { listen } from "./internal/http/listen.ts"
import * as NodeServer from "./internal/http/nodeServer.ts"
import { refuseStateless } from "./internal/http/refuseStateless.ts"
import * as Sessionless from "./internal/http/Sessionless.ts"
import * as StreamableHttp from "./internal/http/StreamableHttp.ts"
import * as NodeMain from "./internal/nodeMain.ts"
import type { SdkServer } from "./internal/sdk/SessionServer.ts"
import { type Factory, factoryOf } from "./internal/session/factoryOf.ts"
import * as Stateless from "./internal/stateless/serveStateless.ts"
import type { McpServerError } from "./McpServerError.ts"
import { Session } from "./Session.ts"
import type { SessionPolicyInput } from "./SessionPolicy.ts"
import { layer as layerRegistry, SessionRegistry } from "./SessionRegistry.ts"

export { bearerTokens } from "./Authenticator.ts"
export { layerJsonLogger } from "./internal/jsonLogger.ts"
/** What is needed of the SDK's `Server` and `McpServer`: `connect` and `close`. */
export type { SdkServer }

/** How the server of one session is made. What an Effect acquires for it is released with the session. */
export type ServerFactory<R = never> = (() => SdkServer) | Effect.Effect<SdkServer, unknown, R>

/** How requests without sessions are served. */
export interface StatelessOptions {
  /**
   * Servers that wait for the next request of the same client (principal, capabilities and name) when they have answered one. For servers
   * that remember nothing between requests only: it spares making one for each. Default: 0.
   */
  readonly keep?: number | undefined
}

/** Where HTTP+SSE is served. */
export interface LegacySseOptions {
  /** The stream. Default: `/sse`. */
  readonly path?: `/${string}` | undefined
  /** Where its clients post. They are told the way from the stream to it. Default: `/message`. */
  readonly messagePath?: `/${string}` | undefined
}

/** What the routes need to know. */
export interface RouteOptions<R = never> extends Omit<Guard.GuardOptions, "auth"> {
  readonly server: ServerFactory<R>
  /** Where Streamable HTTP is served. Default: `/mcp`. */
  readonly path?: `/${string}` | undefined
  /**
   * Whether sessions of revisions before 2026-07-28 have an id. With false they have none (`Mcp-Session-Id` is neither sent nor read), and each
   * request has a server of its own, as in revision 2026-07-28: any replica can answer it, before and after a restart. For servers whose
   * sessions hold nothing. Default: true.
   *
   * **Gotchas**: two clients may use the same request ids, so a client's `notifications/cancelled` cancels nothing. A handler can ask its client
   * nothing (the capabilities of clients count as none) and tell it nothing but progress; list changes, subscriptions and log messages are not
   * offered. GET and DELETE are answered 405. HTTP+SSE has a session in its stream as before.
   */
  readonly sessions?: boolean | undefined
  /** Serves the deprecated HTTP+SSE too, at `/sse` and `/message`, or at other paths. Default: false. */
  readonly legacySse?: boolean | LegacySseOptions | undefined
  /**
   * Serves revision 2026-07-28, which has no sessions, at the same path: a server of its own for each request. Default: true. With false
   * a client that asks for it is told which revisions there are.
   */
  readonly stateless?: boolean | StatelessOptions | undefined
  /** Authenticates clients: `bearerTokens`, or your own. Default: none; every client is `local`. */
  readonly auth?: Authenticator | Effect.Effect<Authenticator, McpServerError | Config.ConfigError> | undefined
}

/** What a server of its own needs to know besides. */
export interface HttpOptions<R = never> extends RouteOptions<R>, SessionPolicyInput {
  /** A number, or where it is configured: `Config.Port("PORT")`. Default: 8080. 0: any that is free. */
  readonly port?: number | Config.Config<number> | undefined
  /** Address to listen on. Default: `127.0.0.1`. Another than this machine's own needs `auth`. */
  readonly host?: string | Config.Config<string> | undefined
  /**
   * How long an unused connection stays open. It has to be longer than what stands in front keeps it: a balancer that uses a connection
   * just as the server closes it loses the request. AWS' ALB keeps one for 60 seconds, nginx too, Google's for 600. Default: 75 seconds.
   */
  readonly keepAliveTimeout?: Duration.Input | undefined
  /** A port of its own for operators: see `Admin`. Default: none. */
  readonly admin?: Admin.AdminOptions | undefined
}

/**
 * Adds the routes to the application's own `HttpRouter`, over a `SessionRegistry` of the application. The application sees to the address
 * it listens on, and to the drain.
 *
 * **Gotchas**: an `HttpServer` that is closed waits for open streams before anything below it is closed. Put `Drain.layer`
 * above `HttpRouter.serve`.
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
 * export const program = Drain.layer().pipe(
 *   Layer.provide(HttpRouter.serve(routes)),
 *   Layer.provide([SessionRegistry.layer(), NodeHttpServer.layer(() => http.createServer(), { port: 8080, host: "127.0.0.1" })])
 * )
 * ```
 */
export const layerRoutes = <R = never>(
  options: RouteOptions<R> & {
    /** The port clients know. Default: that of the `HttpServer` in the context. */
    readonly port?: number | undefined
  }
): Layer.Layer<
  never,
  McpServerError | Config.ConfigError,
  HttpRouter.HttpRouter | SessionRegistry | HttpServer.HttpServer | Exclude<R, Session | Scope.Scope>
> => layerRoutesBy(EventResponse.asStream, options)

/** `carry`: how a stream of events gets to the client. */
const layerRoutesBy = <R>(carry: Carry, options: RouteOptions<R> & { readonly port?: number | undefined }) =>
  Layer.effectDiscard(Effect.gen(function*() {
    const { path = "/mcp" } = options
    const router = yield* HttpRouter.HttpRouter
    const server = yield* factoryOf(options.server)
    const app = yield* make({ ...options, carry, server, port: options.port ?? (yield* portOf) })
    yield* router.add("*", path, app.mcp)
    const paths = ssePathsOf(options.legacySse)
    if (paths === undefined) return
    yield* router.add("*", paths.stream, app.sse(paths))
    yield* router.add("*", paths.messages, app.message)
  })).pipe(Layer.provide(layerLimiter))

/** Listens and serves until the Scope closes, and drains then. Fails before anything is started, `ListenFailed` among the reasons. */
export const layerHttp = <R = never>(
  options: HttpOptions<R>
): Layer.Layer<
  SessionRegistry | HttpServer.HttpServer,
  McpServerError | Config.ConfigError,
  Exclude<R, Session | Scope.Scope>
> =>
  Layer.unwrap(Effect.gen(function*() {
    const host = yield* configured("host", "an address", options.host ?? "127.0.0.1")
    const port = yield* configured("port", "a port", options.port ?? 8080)
    const auth = yield* authenticatorOf(options.auth)
    yield* Guard.checkBind(host, { auth, allowedHosts: options.allowedHosts })
    const server = yield* factoryOf(options.server)
    const routes = HttpRouter.serve(layerRoutesBy(EventResponse.carry, { ...options, server, auth, port: undefined }), {
      disableLogger: true,
      disableListenLog: true
    })
    const node = yield* NodeServer.make(options.keepAliveTimeout)
    const { path = "/mcp" } = options
    const sse = ssePathsOf(options.legacySse)
    const heard = Layer.effectDiscard(
      Effect.flatMap(portOf, (bound) => {
        const address = `http://${host.includes(":") ? `[${host}]` : host}:${bound}`
        return Effect.logInfo(
          `listening on ${address}${path}${sse === undefined ? "" : `, and for HTTP+SSE on ${address}${sse.stream}`}`
        )
      })
    )
    const admin = options.admin === undefined ? Layer.empty : Admin.layer(options.admin)
    // Finalizers run from the top: first the drain, and only then what waits for open streams without end.
    return heard.pipe(
      Layer.provideMerge(layerDrain(options.drainTimeout, node)),
      Layer.provideMerge(routes),
      // It answers while the server drains.
      Layer.provideMerge(admin),
      Layer.provideMerge(Layer.mergeAll(
        layerRegistry(options),
        listen(node, { host, port })
      ))
    )
  }))

/**
 * Runs a program that serves as this process. The first SIGINT or SIGTERM interrupts it, and so begins its drain; a second one ends the process
 * at once.
 *
 * The exit code is 0 when it was drained, 1 when it has failed, and 130 or 143 when it was forced. (`NodeRuntime.runMain` exits with 130 after
 * a drain, which service managers take for a failure, and goes on waiting at the second signal.)
 *
 * An unhandled rejection is logged, and the program goes on: Node would end the process, and every session in it. An uncaught error is logged, and the
 * program drains, because its state is unknown then; its exit code is 1. With `crashAtOnce` both end it at once. Only this entry handles them: an
 * import of the library changes nothing. What reads stdout or stderr may go away without ending the program.
 */
export const runMain = <A, E>(program: Effect.Effect<A, E>, options: RunMainOptions = {}): void =>
  NodeMain.run(program, { isEnd: false, ...options })

/** How a program ends. */
export interface RunMainOptions {
  /**
   * Leaves stray rejections and uncaught errors to Node, which ends the process at once: for programs that would rather lose what is in flight than
   * go on after a fault. Default: false.
   */
  readonly crashAtOnce?: boolean | undefined
}

/** What a server mounted elsewhere needs to know besides. */
export interface MountOptions<R = never> extends RouteOptions<R> {
  /** The port clients know: loopback names are taken with it. Other names are listed in `allowedHosts`. */
  readonly port: number
}

/**
 * The server as a handler of Node's: for `node:http`, Express, and whatever else takes one. It answers at whatever path it is mounted.
 *
 * It drains when its Scope closes, so let the registry's close after it. **Gotchas**: mount it before anything that reads bodies
 * (`express.json()`). The application that listens sees to limits on slow clients, and to authentication when strangers can reach it.
 *
 * @example
 * ```ts
 * import * as McpHost from "@holdfast/server/McpHost"
 * import * as SessionRegistry from "@holdfast/server/SessionRegistry"
 * import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
 * import * as Effect from "effect/Effect"
 * import * as http from "node:http"
 *
 * const program = Effect.gen(function*() {
 *   const server = () => new McpServer({ name: "greeter", version: "1.0.0" })
 *   const handler = yield* McpHost.nodeHandler({ server, port: 8080 })
 *   http.createServer(handler).listen(8080, "127.0.0.1")
 *   return yield* Effect.never
 * }).pipe(Effect.scoped, Effect.provide(SessionRegistry.layer()))
 * ```
 */
export const nodeHandler = <R = never>(
  options: MountOptions<R>
): Effect.Effect<
  (request: IncomingMessage, response: ServerResponse) => void,
  McpServerError | Config.ConfigError,
  SessionRegistry | Scope.Scope | Exclude<R, Session | Scope.Scope>
> =>
  Effect.gen(function*() {
    const responses = NodeServer.makeResponses()
    const { app, scope } = yield* mounted({ ...options, carry: EventResponse.carry }, responses.flushed)
    const handler = yield* NodeHttpServer.makeHandler(app, { scope })
    let isOver = false
    yield* Scope.addFinalizer(scope, Effect.sync(() => void (isOver = true)))
    return (request: IncomingMessage, response: ServerResponse): void => {
      // The application may go on, and its routes know of no end of ours.
      if (isOver) return void response.writeHead(503, { "content-length": 0 }).end()
      responses.add(response)
      handler(request, response)
    }
  })

/** The server as a function from `Request` to `Response`, as Hono and others take it. Gotchas as for `nodeHandler`. */
export const webHandler = <R = never>(
  options: MountOptions<R>
): Effect.Effect<
  (request: Request) => Promise<Response>,
  McpServerError | Config.ConfigError,
  SessionRegistry | Scope.Scope | Exclude<R, Session | Scope.Scope>
> =>
  Effect.map(
    mounted({ ...options, carry: EventResponse.asStream }, Effect.void),
    ({ app }) => HttpEffect.toWebHandler(app)
  )

/** `flushed`: waits for responses on their way. */
const mounted = <R>(options: MountOptions<R> & { readonly carry: Carry }, flushed: Effect.Effect<void>) =>
  Effect.gen(function*() {
    const server = yield* factoryOf(options.server)
    const registry = yield* SessionRegistry
    // A Scope that is being closed runs nothing new: a client that asks during the drain is to be told so.
    const scope = yield* Scope.make()
    yield* Effect.addFinalizer((exit) =>
      Drain.run(registry).pipe(
        Effect.andThen(Effect.timeoutOption(flushed, flushTimeout)),
        Effect.andThen(Scope.close(scope, exit))
      )
    )
    const { mcp } = yield* Layer.build(layerLimiter).pipe(
      Effect.flatMap((limiter) => Effect.provideContext(make({ ...options, server }), limiter)),
      Scope.provide(scope)
    )
    // Elsewhere than on a router a client that goes away interrupts what it has asked for only by this.
    return { app: Effect.interruptible(mcp), scope }
  })

/** How long a client may take to read the end of a response. */
const flushTimeout = "2 seconds"

const layerDrain = (
  timeout: Duration.Input | undefined,
  { closeConnections, flushed }: NodeServer.NodeServer
): Layer.Layer<never, never, SessionRegistry> =>
  Layer.effectDiscard(
    Effect.flatMap(SessionRegistry, (registry) =>
      Effect.addFinalizer(() =>
        Drain.run(registry, timeout).pipe(
          Effect.andThen(Effect.timeoutOption(flushed, flushTimeout)),
          Effect.andThen(closeConnections)
        )
      ))
  )

const layerLimiter = RateLimiter.layer.pipe(Layer.provide(RateLimiter.layerStoreMemory))

const ssePathsOf = (legacySse: RouteOptions["legacySse"] = false): LegacySse.SsePaths | undefined => {
  if (legacySse === false) return undefined
  const { messagePath = "/message", path = "/sse" } = legacySse === true ? {} : legacySse
  return { stream: path, messages: messagePath }
}

/** Brings an answer to its client, or makes one of it that the server can bring. */
type Carry = typeof EventResponse.carry

type Route = Effect.Effect<HttpServerResponse.HttpServerResponse, never, HttpServerRequest.HttpServerRequest>

/** The routes as effects. */
const make = Effect.fnUntraced(function*(
  options: Omit<RouteOptions, "server"> & { readonly server: Factory; readonly port: number; readonly carry: Carry }
): Effect.fn.Return<
  { readonly mcp: Route; readonly sse: (paths: LegacySse.SsePaths) => Route; readonly message: Route },
  McpServerError | Config.ConfigError,
  SessionRegistry | RateLimiter.RateLimiter | Scope.Scope
> {
  const auth = yield* authenticatorOf(options.auth)
  const { maxBodyBytes = Guard.defaultMaxBodyBytes, server } = options
  const allowedOrigins = yield* CrossOrigin.readOrigins(options.allowedOrigins ?? [])
  const guard = yield* Guard.make(options.port, { ...options, auth, allowedOrigins })
  const registry = yield* SessionRegistry
  const revisions = options.stateless === false ? Revision.legacy : [...Revision.modern, ...Revision.legacy]
  const sessions = yield* HttpSessions.make({ registry, server, revisions })
  const { stateless: served = true } = options
  const stateless = served === false
    ? refuseStateless
    : yield* Stateless.make({
      sessions,
      revisions,
      keep: served === true ? 0 : served.keep ?? 0
    })
  const guarded = (
    methods: string,
    serve: (
      request: HttpServerRequest.HttpServerRequest,
      principal: Principal
    ) => Effect.Effect<HttpServerResponse.HttpServerResponse>
  ): Route =>
    HttpServerRequest.HttpServerRequest.pipe(
      Effect.flatMap((request) =>
        // An authenticator that throws does so in here.
        Effect.suspend(() => guard(request, methods)).pipe(
          Effect.flatMap((principal) => serve(request, principal)),
          Effect.catch((refused) => Effect.succeed(refused)),
          answerFaults,
          Effect.tap((answer) =>
            Effect.sync(() => {
              const refused = refusedBy(answer)
              if (refused !== undefined) registry.noteRefusal(refused.reason, refused.message)
            })
          ),
          Effect.flatMap((answer) => options.carry(request, CrossOrigin.mark(request, allowedOrigins, answer)))
        )
      ),
      Effect.provideService(HttpIncomingMessage.MaxBodySize, ByteSize.bytes(maxBodyBytes))
    )
  const { methods } = LegacySse
  return {
    mcp: options.sessions === false
      ? guarded(
        Sessionless.methods,
        (request, principal) => Sessionless.handle(sessions, stateless, request, principal)
      )
      : guarded(
        StreamableHttp.methods,
        (request, principal) => StreamableHttp.handle(sessions, stateless, request, principal)
      ),
    sse: (paths) =>
      guarded(methods.stream, (request, principal) => LegacySse.open(sessions, request, principal, paths)),
    message: guarded(methods.messages, (request, principal) => LegacySse.post(sessions, request, principal))
  }
})

const authenticatorOf = (
  auth: RouteOptions["auth"]
): Effect.Effect<Authenticator | undefined, McpServerError | Config.ConfigError> =>
  Effect.isEffect(auth) ? auth : Effect.succeed(auth)

const portOf: Effect.Effect<number, never, HttpServer.HttpServer> = Effect.map(
  HttpServer.HttpServer,
  ({ address }) => "port" in address ? address.port : 0
)
