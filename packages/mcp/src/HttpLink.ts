/**
 * Streamable HTTP: every frame is a POST of its own, answered by JSON or by a stream of events; what the server says on its own
 * account comes over one more stream, if it offers one.
 *
 * Promises, on top of those of every link
 * - A request whose response ends, breaks or makes no sense is settled at that moment, unless the server numbers its events:
 *   then the rest is asked for (`Last-Event-ID`), as long as the call lives.
 * - Failures before anything was sent (no such host, connection refused) are told from later ones, so that a call is repeated
 *   only where it cannot have run.
 * - A lost session (404) closes the link, as `SessionLost`: frames that meet it were refused. Nothing is sent from then on, and those
 *   on their way have half a second to hear the same. An unreachable server closes the link too, but never while other requests
 *   still wait for answers that may yet come.
 * - A frame that gets no answer has a minute to be accepted; then it fails, in doubt, and its socket is let go.
 * - Words of a lost session under any other status, and refusals one after the other, close nothing: they are told as `doubts`.
 * - Cookies go back to the origin that has set them, by path, and nowhere else. They end with the link.
 * - The server's own stream has a life of its own: whatever happens to it, no call is harmed, and no server is pestered.
 * - Redirections are followed within the origin and only where they repeat the POST (307, 308); credentials go nowhere else.
 * - A session is ended by one DELETE when the Scope closes, after everything pending has been settled. One that is lost is not.
 *
 * **Gotchas**: compressed responses are not asked for and not understood. The server's own stream does not keep the program
 * alive, except through a proxy.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/transports
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Dispatcher } from "undici"
import * as HttpAgent from "./internal/http/HttpAgent.ts"
import * as HttpAuthorization from "./internal/http/HttpAuthorization.ts"
import { faultOf } from "./internal/http/HttpHeaders.ts"
import type { HttpLinkOptions } from "./internal/http/HttpLinkOptions.ts"
import { HttpTransport } from "./internal/http/HttpTransport.ts"
import { isSessionLost, type SessionLostClassifier, type SessionSigns } from "./internal/http/SessionLost.ts"
import * as Boundary from "./internal/link/Boundary.ts"
import { scopedFork } from "./internal/link/scopedFork.ts"
import type { Link, LinkReceiver } from "./Link.ts"

/**
 * Where links get their sockets from. Default: an undici `Agent` per link, without timeouts of its own, through the proxies that
 * `HttpProxies` tells of.
 */
export const HttpDispatcher = Context.Reference<Effect.Effect<Dispatcher, never, Scope.Scope>>(
  "@holdfast/mcp/HttpDispatcher",
  { defaultValue: () => HttpAgent.make }
)

/**
 * Asked once per link. Default: `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` of the environment; servers on this machine are
 * reached without a proxy unless `includeLoopback` is set.
 *
 * @example
 * ```ts
 * import { HttpProxies } from "@holdfast/mcp/HttpLink"
 * import * as Effect from "effect/Effect"
 * import * as Layer from "effect/Layer"
 *
 * const noProxies = Layer.succeed(HttpProxies, Effect.succeed({}))
 * ```
 */
export const HttpProxies: Context.Reference<Effect.Effect<HttpAgent.HttpProxies>> = HttpAgent.HttpProxies

/** The addresses of proxies, as the environment variables of the same names hold them. */
export type HttpProxies = HttpAgent.HttpProxies

export {
  /**
   * The default for `HttpLinkOptions.isSessionLost`: 404, and any refusal whose body speaks of a session and of something wrong with
   * it, or of a missing `initialize`. For classifiers that know of more.
   *
   * @example
   * ```ts
   * import { isSessionLost, type SessionLostClassifier } from "@holdfast/mcp/HttpLink"
   *
   * const alsoBy503: SessionLostClassifier = (status, body) =>
   *   isSessionLost(status, body) || (status === 503 && body.includes("unknown session"))
   * ```
   */
  isSessionLost,
  type SessionLostClassifier,
  type SessionSigns
}

export type { HttpLinkOptions }

/**
 * The options make no HTTP request: an ill-formed url, a header that HTTP forbids, a proxy that is none.
 */
export interface InvalidHttpOptions {
  readonly _tag: "InvalidHttpOptions"
  readonly description: string
}

/**
 * Prepares a link. No connection is opened yet: the first frame opens it. Fails at once on a url or a header that cannot be
 * sent. The Scope owns the sockets and the session.
 */
export const make = Effect.fnUntraced(function*(
  options: HttpLinkOptions,
  receiver: LinkReceiver
): Effect.fn.Return<Link, InvalidHttpOptions, Scope.Scope> {
  const fault = faultOf(options)
  if (fault !== undefined) return yield* refused(fault)
  const proxies = HttpAgent.proxiesFor(new URL(options.url), yield* Effect.flatten(HttpProxies))
  const proxyFault = HttpAgent.faultOfProxies(proxies)
  if (proxyFault !== undefined) return yield* refused(proxyFault)
  const boundary = yield* Boundary.here(HttpAgent.placeOf(options.url))
  const transport = new HttpTransport(options, receiver, {
    boundary,
    dispatcher: yield* Effect.flatten(HttpDispatcher).pipe(Effect.provideService(HttpProxies, Effect.succeed(proxies))),
    sender: options.authorizer === undefined
      ? HttpAuthorization.plain
      : HttpAuthorization.make(options.authorizer, yield* scopedFork, boundary),
    clock: yield* Clock.Clock,
    runSync: Effect.runSyncWith(yield* Effect.context<never>())
  })
  yield* Effect.addFinalizer(() => transport.release)
  return transport
})

const refused = (description: string): Effect.Effect<never, InvalidHttpOptions> =>
  Effect.fail<InvalidHttpOptions>({ _tag: "InvalidHttpOptions", description })
