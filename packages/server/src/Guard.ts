/**
 * What stands in front of every route: only requests that were meant for this server, by a client that may send them, get past.
 *
 * Checked, in this order, before anything of the request is used:
 * - `Host` must name this server: a page whose name was rebound to our address says its own name there. Loopback names with our port
 *   are known; others must be listed.
 * - `Origin`, if there is one, must be our own or listed, and `Sec-Fetch-Site` must not say that the page is another site's: programs
 *   send neither, browsers do.
 * - A POST must be `application/json`: a form or a plain text can be sent across origins without asking.
 * - The body must not be announced as too large.
 * - OPTIONS is answered here: it asks nothing of the server, and a browser sends it without credentials.
 * - The authenticator must name a principal within ten seconds. After that the answer is 503. An authenticator that breaks is logged, and the answer is 500.
 * - The principal must not ask too often.
 *
 * **Gotchas**: there is no switch for any of it. A server behind a proxy lists the name that the proxy is known by.
 *
 * @example
 * ```ts
 * import * as McpHost from "@holdfast/server/McpHost"
 * import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
 *
 * export const layer = McpHost.layerHttp({
 *   server: () => new McpServer({ name: "greeter", version: "1.0.0" }),
 *   allowedHosts: ["greeter.example.org"],
 *   maxBodyBytes: 1024 * 1024
 * })
 * ```
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#security-warning
 */
import * as Principal from "@holdfast/protocol/Principal"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as RateLimiter from "effect/persistence/RateLimiter"
import type { AuthenticationRefused, Authenticator } from "./Authenticator.ts"
import { isListed, options as answerOptions } from "./internal/http/crossOrigin.ts"
import { refusal, retryAfter } from "./internal/http/httpAnswers.ts"
import { McpServerError, UnsafeBind } from "./McpServerError.ts"

/** What a request must be like to be let in. */
export interface GuardOptions {
  /** Names this server is reached by, with a port (`scan.example.org:8443`) or with any. Default: none beside loopback's. */
  readonly allowedHosts?: ReadonlyArray<string> | undefined
  /**
   * Origins of pages that may use this server, as in `https://app.example.org`. Browsers are told so (CORS), for exactly these, and without
   * cookies. Default: none beside the server's own.
   */
  readonly allowedOrigins?: ReadonlyArray<string> | undefined
  /** Default: everybody is `local`, and only this machine is served. */
  readonly auth?: Authenticator | undefined
  /** Default: 4 MiB. */
  readonly maxBodyBytes?: number | undefined
  /**
   * Take `X-Forwarded-Host` for `Host`: only behind a proxy that sets it itself, and that no client can go around. Default: false.
   */
  readonly trustProxy?: boolean | undefined
  /** Requests a principal may make in a time; past it 429 with `Retry-After`. Default: as many as it likes. */
  readonly rateLimit?: { readonly limit: number; readonly window: Duration.Input } | undefined
}

/** Lets a request past with its principal, or fails with the answer to it. `methods`: what OPTIONS is told that may be asked. */
export type Guard = (
  request: HttpServerRequest.HttpServerRequest,
  methods?: string
) => Effect.Effect<Principal.Principal, HttpServerResponse.HttpServerResponse>

/** The default of `maxBodyBytes`: 4 MiB. */
export const defaultMaxBodyBytes = 4 * 1024 * 1024

/** What of a request decides whether it was meant for us. */
export interface RequestView {
  readonly method: string
  readonly host: string | undefined
  readonly origin: string | undefined
  readonly secFetchSite: string | undefined
  readonly contentType: string | undefined
  readonly contentLength: string | undefined
}

/** Why a request is not let in, as its answer says it. */
export interface Refusal {
  readonly status: number
  readonly message: string
  /** The name in `Host`, where it is the reason: cut, for messages. */
  readonly unknownHost?: string | undefined
}

/** The rules without the request's principal. `port`: what we listen on. Undefined: pass. */
export const judge = (view: RequestView, port: number, options: GuardOptions): Refusal | undefined => {
  const { allowedHosts = [], allowedOrigins = [], maxBodyBytes = defaultMaxBodyBytes } = options
  const host = view.host?.toLowerCase()
  if (host === undefined || !isOurs(host, port, allowedHosts)) {
    if (host === undefined) return { status: 403, message: "the request has no header Host" }
    const unknownHost = host.slice(0, 253)
    const message =
      `this server is not known by the name in the header Host, "${unknownHost}"; allowedHosts has to list it`
    return { status: 403, message, unknownHost }
  }
  const { origin } = view
  const isFriend = isListed(origin, allowedOrigins)
  if (origin !== undefined && !isFriend && !isOwn(origin, host)) {
    return { status: 403, message: "pages of this origin may not use this server" }
  }
  const site = view.secFetchSite
  if (site !== undefined && site !== "same-origin" && site !== "none" && !isFriend) {
    return { status: 403, message: "pages of other sites may not use this server" }
  }
  if (view.method !== "POST") return undefined
  const type = view.contentType?.split(";")[0]?.trim().toLowerCase()
  if (type !== "application/json") return { status: 415, message: "the body must be application/json" }
  if (view.contentLength !== undefined && Number(view.contentLength) > maxBodyBytes) {
    return { status: 413, message: `a body holds ${maxBodyBytes} bytes at most` }
  }
  return undefined
}

/** Makes the guard of a server that listens on this port. */
export const make = (port: number, options: GuardOptions): Effect.Effect<Guard, never, RateLimiter.RateLimiter> =>
  Effect.map(
    Effect.all([RateLimiter.RateLimiter, Effect.sync(unknownHosts)]),
    ([limiter, told]) => (request, methods = "POST") => {
      const { headers, method } = request
      const refused = judge(
        {
          method,
          host: hostOf(request, options),
          origin: headers["origin"],
          secFetchSite: headers["sec-fetch-site"],
          contentType: headers["content-type"],
          contentLength: headers["content-length"]
        },
        port,
        options
      )
      if (refused !== undefined) {
        return Effect.andThen(told(refused), Effect.fail(refusal(refused.status, refused.message)))
      }
      const { allowedOrigins = [], auth, rateLimit } = options
      if (method === "OPTIONS") return Effect.fail(answerOptions(request, methods, allowedOrigins))
      const known = auth === undefined ? Effect.succeed(Principal.local) : identify(auth, request)
      return rateLimit === undefined ? known : Effect.tap(known, ({ id }) => admit(limiter, id, rateLimit))
    }
  )

/** Tells the operator of each name that is missing in `allowedHosts` once; of few, because any client can make names up. */
const unknownHosts = () => {
  const known = new Set<string>()
  return ({ unknownHost }: Refusal): Effect.Effect<void> => {
    if (unknownHost === undefined || known.has(unknownHost) || known.size >= mostUnknownHosts) return Effect.void
    known.add(unknownHost)
    return Effect.logWarning(
      `a request by the name ${JSON.stringify(unknownHost)} was refused; list it in allowedHosts if it is this server's`
    )
  }
}

const mostUnknownHosts = 16

/** How long an authenticator may take: the request holds a connection meanwhile. */
const authTimeout = "10 seconds"

/**
 * The principal of a request; fails with the answer to it. Dies if the authenticator breaks. An authenticator that takes longer than ten seconds is
 * interrupted, and the answer is 503.
 */
export const identify = (
  auth: Authenticator,
  request: HttpServerRequest.HttpServerRequest
): Effect.Effect<Principal.Principal, HttpServerResponse.HttpServerResponse> => {
  const asked = auth(request)
  const known = Effect.flatMap(Effect.mapError(asked, toAnswer), named)
  // An answer that is there at once needs no timer.
  return Exit.isExit(asked) ? known : Effect.timeoutOrElse(known, {
    duration: authTimeout,
    orElse: () =>
      Effect.andThen(
        Effect.logWarning(`the authenticator has not answered within ${authTimeout}`),
        Effect.fail(refusal(503, "the credentials cannot be checked just now", { headers: retryAfter(5) }))
      )
  })
}

const toAnswer = ({ challenge, message, status }: AuthenticationRefused): HttpServerResponse.HttpServerResponse =>
  refusal(status, message, { headers: { "www-authenticate": headerOf(challenge) } })

/** An authenticator may repeat what the request has said, and that may be long, or no text of a header. */
const headerOf = (text: string): string => text.slice(0, mostChallenge).replace(/[^\t\x20-\x7e]/g, " ")

const mostChallenge = 1024

/** A program without types may answer anything: only a principal opens the door. */
const named = (principal: Principal.Principal): Effect.Effect<Principal.Principal> => {
  const { id } = principal
  return typeof id === "string"
    ? Effect.succeed(principal)
    : Effect.die(new TypeError("the authenticator's answer is no principal"))
}

/** A `Request` of the web need not have the header: it has a whole url. */
const hostOf = (request: HttpServerRequest.HttpServerRequest, { trustProxy }: GuardOptions): string | undefined => {
  const { headers, source } = request
  const forwarded = trustProxy === true ? headers["x-forwarded-host"]?.split(",")[0]?.trim() : undefined
  return forwarded ?? headers["host"] ?? (source instanceof Request ? new URL(source.url).host : undefined)
}

const admit = (
  limiter: RateLimiter.RateLimiter,
  key: string,
  { limit, window }: NonNullable<GuardOptions["rateLimit"]>
): Effect.Effect<void, HttpServerResponse.HttpServerResponse> =>
  limiter.consume({ key, limit, window, algorithm: "token-bucket", onExceeded: "fail" }).pipe(
    Effect.asVoid,
    Effect.catch(({ reason }) => {
      if (reason._tag !== "RateLimitExceeded") {
        // A store that is out of order must not be a way to switch the server off.
        return Effect.logWarning("the rate limit could not be looked up", reason)
      }
      const seconds = Math.max(1, Math.ceil(Duration.toMillis(reason.retryAfter) / 1000))
      return Effect.fail(refusal(429, "too many requests", { headers: retryAfter(seconds) }))
    })
  )

/** Fails with `UnsafeBind` when the server would be open to strangers. Warns when no other machine can name it. */
export const checkBind = (host: string, options: GuardOptions): Effect.Effect<void, McpServerError> => {
  if (isLoopback(host)) return Effect.void
  if (options.auth === undefined) return Effect.fail(new McpServerError({ reason: new UnsafeBind({ host }) }))
  const { allowedHosts = [] } = options
  return allowedHosts.length > 0 ? Effect.void : Effect.logWarning(
    `listening on ${host}, and allowedHosts lists no name: requests by any other name than localhost are refused`
  )
}

const loopbackNames: ReadonlyArray<string> = ["localhost", "127.0.0.1", "[::1]"]

const isLoopback = (host: string): boolean => ["localhost", "127.0.0.1", "::1", "[::1]"].includes(host.toLowerCase())

const isOurs = (host: string, port: number, allowed: ReadonlyArray<string>): boolean => {
  const parts = /^(\[[0-9a-f:]+\]|[^:@/\\?#\s[\]]+)(?::(\d{1,5}))?$/.exec(host)
  if (parts === null) return false
  const [, name = "", stated] = parts
  if (loopbackNames.includes(name) && Number(stated ?? 80) === port) return true
  return allowed.some((entry) => entry.toLowerCase() === host || entry.toLowerCase() === name)
}

const isOwn = (origin: string, host: string): boolean => {
  const parts = /^(https?):\/\/([^/\s]+)$/.exec(origin.toLowerCase())
  // A proxy with TLS may name the port that goes without saying; a browser does not.
  return parts !== null && parts[2] === host.replace(parts[1] === "https" ? /:443$/ : /:80$/, "")
}
