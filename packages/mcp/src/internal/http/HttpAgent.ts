/**
 * Wraps the platform: the sockets under an HTTP link, undici's, and the proxies that the environment names.
 *
 * undici's two timeouts are off: a tool may think for longer than five minutes, and deadlines are kept elsewhere. Idle sockets
 * are let go earlier than the common servers do it (Node and uvicorn after 5 s), or a request could meet a closing one. A socket whose
 * time passes while the program is busy, so that no timer runs, is let go as well: undici looks at the clock before it sends.
 *
 * Proxies: `HTTP_PROXY`, `HTTPS_PROXY` (without it `HTTP_PROXY` serves both) and `NO_PROXY`; of two spellings the one in small
 * letters counts. They are read once per link.
 *
 * **Gotchas**: a bundler takes `#undici` for another build of it, made by `scripts/build.ts` with these exports only.
 */
import { Agent, buildConnector, EnvHttpProxyAgent, interceptors } from "#undici"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { isNativeError } from "node:util/types"
import type { Dispatcher } from "undici"

export interface HttpProxies {
  readonly httpProxy?: string | undefined
  readonly httpsProxy?: string | undefined
  /** Hosts to reach directly, separated by commas or blanks. `*`: all. */
  readonly noProxy?: string | undefined
  /** True sends what is for this machine to the proxy, too. Default: false. */
  readonly includeLoopback?: boolean | undefined
}

const environment: Effect.Effect<HttpProxies> = Effect.sync(() => {
  const variable = (name: string): string | undefined => process.env[name.toLowerCase()] ?? process.env[name]
  return { httpProxy: variable("HTTP_PROXY"), httpsProxy: variable("HTTPS_PROXY"), noProxy: variable("NO_PROXY") }
})

export const HttpProxies = Context.Reference<Effect.Effect<HttpProxies>>("@holdfast/mcp/HttpProxies", {
  defaultValue: () => environment
})

/** A proxy elsewhere would take this machine's own servers for some of its machine. */
export const proxiesFor = (url: URL, proxies: HttpProxies): HttpProxies =>
  isLoopback(url.hostname) && proxies.includeLoopback !== true ? {} : proxies

const isLoopback = (host: string): boolean => /^(?:(?:.*\.)?localhost\.?|127(?:\.\d+){3}|\[::1\])$/.test(host)

/** Names the variable that is no proxy's address. Its value may hold a password, and stays out of it. */
export const faultOfProxies = ({ httpProxy, httpsProxy }: HttpProxies): string | undefined => {
  for (const [name, value] of [["HTTP_PROXY", httpProxy], ["HTTPS_PROXY", httpsProxy]] as const) {
    if (value === undefined || value === "") continue
    const scheme = URL.canParse(value) ? new URL(value).protocol : ""
    if (!["http:", "https:", "socks5:", "socks:"].includes(scheme)) {
      return `the environment variable ${name} is no url of a proxy, as in http://host:port`
    }
  }
  return undefined
}

const connectTimeoutMillis = 10_000

const options = {
  bodyTimeout: 0,
  headersTimeout: 0,
  connectTimeout: connectTimeoutMillis,
  keepAliveTimeout: 4000,
  keepAliveTimeoutThreshold: 2000,
  // A pipelined request would wait behind an answer that streams for minutes.
  pipelining: 1,
  // An open response stream occupies its socket.
  connections: null
} as const

/** No compression is asked for; some servers and gateways compress all the same. What comes out has the limits of every message. */
const decompress = interceptors.decompress({ skipErrorResponses: false })

const isProxied = ({ httpProxy = "", httpsProxy = "" }: HttpProxies): boolean => httpProxy !== "" || httpsProxy !== ""

const open = (proxies: HttpProxies): Dispatcher => {
  const { httpProxy = "", httpsProxy = "", noProxy = "" } = proxies
  // Empty texts, or it would read the environment again, and at any time.
  return isProxied(proxies)
    ? new EnvHttpProxyAgent({ ...options, httpProxy, httpsProxy, noProxy }).compose(decompress)
    : new Agent(options).compose(decompress)
}

/** Sockets that do not keep the program alive once they are connected. Each serves one request, because undici refs again. */
const openBackground = (): Dispatcher => {
  const connect = buildConnector({ timeout: connectTimeoutMillis, allowH2: false })
  const agent = new Agent({
    ...options,
    pipelining: 0,
    allowH2: false,
    connect: (target, done) =>
      connect(target, (...outcome) => {
        outcome[1]?.unref()
        done(...outcome)
      })
  })
  return agent.compose(decompress)
}

const acquire = (make: () => Dispatcher): Effect.Effect<Dispatcher, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(make),
    (agent) => Effect.callback<void>((resume) => agent.destroy(null, () => resume(Effect.void)))
  )

const backgrounds = new WeakMap<Dispatcher, Dispatcher>()

export const make: Effect.Effect<Dispatcher, never, Scope.Scope> = Effect.gen(function*() {
  const proxies = yield* Effect.flatten(HttpProxies)
  const agent = yield* acquire(() => open(proxies))
  // undici offers no hand on the sockets to a proxy.
  if (!isProxied(proxies)) backgrounds.set(agent, yield* acquire(openBackground))
  return agent
})

/** For streams that no caller waits for: they alone are no reason for a program to stay. A foreign dispatcher decides itself. */
export const backgroundOf = (dispatcher: Dispatcher): Dispatcher => backgrounds.get(dispatcher) ?? dispatcher

/** Where a link leads to, for people: without credentials and query. */
export const placeOf = (url: string): string => {
  const { origin, pathname } = new URL(url)
  return `${origin}${pathname}`
}

/** Sends a request. A dispatcher that throws has not sent it, as far as is known: its handler is told of no connection. */
export const dispatch = (
  via: Dispatcher,
  request: Dispatcher.DispatchOptions,
  handler: Dispatcher.DispatchHandler
): void => {
  try {
    via.dispatch(request, handler)
  } catch (error) {
    handler.onResponseError?.(unsent, isNativeError(error) ? error : new Error(String(error)))
  }
}

/** Stands for the connection of a request that has none. */
export const unsent: Dispatcher.DispatchController = {
  aborted: false,
  paused: false,
  reason: null,
  rawHeaders: [],
  rawTrailers: [],
  abort: () => {},
  pause: () => {},
  resume: () => {}
}

/** What went wrong below HTTP, in words. */
export const describeError = (error: unknown): string => {
  const code = codeOf(error)
  const known = code === undefined ? undefined : descriptions.get(code)
  if (known !== undefined) return known
  const message = isNativeError(error) ? error.message : String(error)
  return code === undefined || message.includes(code) ? message : `${message} (${code})`
}

/** undici makes an error of the 407 of a proxy. Nothing has gone past it. */
export const isProxyRefusal = (error: Error): boolean => error.message.includes("Proxy Authentication Required (407)")

const descriptions: ReadonlyMap<string, string> = new Map([
  ["ECONNREFUSED", "connection refused"],
  ["ECONNRESET", "the connection was reset"],
  ["EPIPE", "the connection was reset"],
  ["ENOTFOUND", "there is no such host"],
  ["EAI_AGAIN", "the name could not be looked up"],
  ["EHOSTUNREACH", "there is no route to the host"],
  ["ENETUNREACH", "there is no route to the network"],
  ["ETIMEDOUT", "the connection timed out"],
  ["UND_ERR_CONNECT_TIMEOUT", `no connection in ${connectTimeoutMillis / 1000} s`],
  ["UND_ERR_SOCKET", "the server closed the connection"]
])

const codeOf = (error: unknown): string | undefined =>
  isNativeError(error) && "code" in error && typeof error.code === "string" ? error.code : undefined
