/**
 * Streamable HTTP: every frame is a POST of its own, answered by JSON or by a stream of events.
 *
 * Promises, on top of those of every link
 * - A request whose response ends, breaks or makes no sense is settled at that moment.
 * - Failures before anything was sent (no such host, connection refused) are told from later ones, so that a call is repeated
 *   only where it cannot have run.
 * - A lost session closes the link at once, as `SessionLost`: the frame that met it was refused. An unreachable server closes
 *   it too, but never while other requests still wait for answers that may yet come.
 * - Redirections are followed within the origin and only where they repeat the POST (307, 308); credentials go nowhere else.
 * - A session is ended by a DELETE when the Scope closes, for at most two seconds.
 *
 * **Gotchas**: the optional GET stream is not opened, and a broken response stream is not resumed by `Last-Event-ID`, so
 * nothing that a server sends on its own account arrives. Proxies named in the environment are not used.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/transports
 */
import type { Deadlines } from "@holdfast/core/Deadlines"
import * as JsonRpc from "@holdfast/protocol/JsonRpc"
import * as LineFraming from "@holdfast/protocol/LineFraming"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { Buffer } from "node:buffer"
import type { IncomingHttpHeaders } from "node:http"
import type { Dispatcher } from "undici"
import * as HttpAgent from "./internal/HttpAgent.ts"
import { type ExchangeHost, HttpExchange, type Refusal } from "./internal/HttpExchange.ts"
import * as HttpStatus from "./internal/HttpStatus.ts"
import type { Link, LinkClosed, LinkReceiver, Outbound } from "./Link.ts"

/** Where links get their sockets from. Default: an undici `Agent` per link, without timeouts of its own. */
export const HttpDispatcher = Context.Reference<Effect.Effect<Dispatcher, never, Scope.Scope>>(
  "@holdfast/mcp/HttpDispatcher",
  { defaultValue: () => HttpAgent.make }
)

export interface HttpLinkOptions {
  /** Absolute, `http:` or `https:`. A name and password in it become an `Authorization` header. */
  readonly url: string
  /** Sent with every request. Headers of the protocol win over them. */
  readonly headers: Readonly<Record<string, Redacted.Redacted>>
  /** Keeps the time that a server may leave a response open after the answer. */
  readonly deadlines: Pick<Deadlines, "arm">
  /** Longest message accepted. Default: 64 MiB. */
  readonly maxMessageBytes?: number | undefined
}

/** The options make no HTTP request: an ill-formed url, a header that HTTP forbids. */
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
  if (fault !== undefined) {
    return yield* Effect.fail<InvalidHttpOptions>({ _tag: "InvalidHttpOptions", description: fault })
  }
  const dispatcher = yield* Effect.flatten(HttpDispatcher)
  const clock = yield* Clock.Clock
  const link = new HttpLink(options, receiver, dispatcher, clock)
  yield* Effect.addFinalizer(() => link.release)
  return link
})

const redirectLimit = 5
const lingerMillis = 2000
const deleteTimeout = "2 seconds"

class HttpLink implements Link, ExchangeHost {
  readonly maxMessageBytes: number
  readonly #receiver: LinkReceiver
  readonly #dispatcher: Dispatcher
  readonly #clock: Clock.Clock
  readonly #deadlines: Pick<Deadlines, "arm">
  readonly #headers: Record<string, string>
  readonly #closed = Deferred.makeUnsafe<LinkClosed>()
  readonly #exchanges = new Map<Outbound, HttpExchange>()
  #url: URL
  #sessionId: string | undefined
  #isOpen = true
  #received = 0
  /** Why the server could not be reached last, as long as no connection has worked since. */
  #unreachable: string | undefined

  constructor(options: HttpLinkOptions, receiver: LinkReceiver, dispatcher: Dispatcher, clock: Clock.Clock) {
    this.maxMessageBytes = options.maxMessageBytes ?? LineFraming.defaultMaxLineBytes
    this.#receiver = receiver
    this.#dispatcher = dispatcher
    this.#clock = clock
    this.#deadlines = options.deadlines
    this.#url = new URL(options.url)
    this.#headers = headersOf(this.#url, options.headers)
  }

  readonly closed = Deferred.await(this.#closed)
  readonly received = (): number => this.#received
  readonly stderrTail = (): string => ""
  readonly isCongested = (): boolean => true

  readonly setProtocolVersion = (revision: string | undefined): void => {
    if (revision === undefined) delete this.#headers["mcp-protocol-version"]
    else this.#headers["mcp-protocol-version"] = revision
  }

  readonly post = (outbound: Outbound): void => {
    if (!this.#isOpen) return outbound.onFailure({ _tag: "Lost", delivery: "NotSent", description: "closed" })
    this.#dispatch(new HttpExchange(outbound, this))
  }

  readonly withdraw = (outbound: Outbound): boolean => {
    const exchange = this.#exchanges.get(outbound)
    if (exchange?.isQueued !== true) return false
    exchange.abort()
    return true
  }

  readonly forget = (id: JsonRpc.RequestId): void => {
    for (const [outbound, exchange] of this.#exchanges) {
      if (outbound.id === id) return exchange.abort()
    }
  }

  readonly release = Effect.suspend(() => {
    const sessionId = this.#sessionId
    const isSessionAlive = this.#isOpen && sessionId !== undefined
    this.#finish({ _tag: "Released" })
    return isSessionAlive ? this.#endSession : Effect.void
  })

  readonly receive = (frame: JsonRpc.Incoming | JsonRpc.Malformed): void => {
    if (!this.#isOpen) return
    if (frame._tag === "Malformed") this.#receiver.onMalformed(frame)
    else this.#receiver.onMessage(frame)
  }

  readonly onBytes = (count: number): void => {
    this.#received += count
  }

  readonly onStart = (): void => {
    this.#unreachable = undefined
  }

  readonly onResponse = (exchange: HttpExchange, status: number, headers: IncomingHttpHeaders): void => {
    this.#received += 1
    // Only the answer to `initialize` founds a session; proxies have been seen to add the header elsewhere.
    const sessionId = headers["mcp-session-id"]
    if (exchange.outbound.method !== "initialize" || status >= 300 || typeof sessionId !== "string") return
    if (/^[\x21-\x7e]{1,1024}$/.test(sessionId)) this.#sessionId = sessionId
    else {exchange.fail({
        _tag: "Unintelligible",
        description: "its session id has characters that the protocol forbids"
      })}
  }

  readonly onUnreachable = (exchange: HttpExchange, description: string): void => {
    this.#unreachable = description
    exchange.fail(exchange.lost(description))
  }

  readonly onLingering = (exchange: HttpExchange): void => {
    const deadline = this.#deadlines.arm(lingerMillis, () => exchange.abort())
    exchange.onceEnded = deadline.cancel
  }

  readonly onEnd = (exchange: HttpExchange): void => {
    exchange.onceEnded?.()
    if (this.#exchanges.get(exchange.outbound) === exchange) this.#exchanges.delete(exchange.outbound)
    if (this.#unreachable === undefined) return
    for (const other of this.#exchanges.values()) if (other.isAwaitingAnswer) return
    this.#finish({ _tag: "Unreachable", description: this.#unreachable })
  }

  readonly onRefusal = (exchange: HttpExchange, refusal: Refusal): void => {
    const { outbound } = exchange
    const answer = HttpStatus.answerIn(refusal, outbound.id)
    if (this.#sessionId !== undefined && HttpStatus.isSessionLost(refusal, answer)) {
      const description = `the server no longer knows the session (HTTP ${refusal.status})`
      exchange.fail({ _tag: "Lost", delivery: "Refused", description, status: refusal.status })
      return this.#finish({ _tag: "SessionLost", status: refusal.status, description })
    }
    if (answer !== undefined) return exchange.receive(answer)
    const target = HttpStatus.redirection(refusal, this.#url)
    if (target !== undefined && exchange.redirections < redirectLimit) {
      this.#url = target
      return this.#dispatch(exchange.again())
    }
    exchange.fail(HttpStatus.failureOf(refusal, this.#url, this.#clock.currentTimeMillisUnsafe()))
  }

  #dispatch(exchange: HttpExchange): void {
    this.#exchanges.set(exchange.outbound, exchange)
    const body = exchange.outbound.text
    this.#dispatcher.dispatch({ ...this.#target, method: "POST", headers: this.#protocolHeaders, body }, exchange)
  }

  get #target(): { readonly origin: string; readonly path: string } {
    return { origin: this.#url.origin, path: `${this.#url.pathname}${this.#url.search}` }
  }

  get #protocolHeaders(): Record<string, string> {
    return {
      ...this.#headers,
      accept: "application/json, text/event-stream",
      "content-type": "application/json",
      ...(this.#sessionId === undefined ? {} : { "mcp-session-id": this.#sessionId })
    }
  }

  /** The server may refuse (405), be gone or be slow: the session is no longer ours in any case. */
  readonly #endSession = Effect.callback<void>((resume) => {
    let controller: Dispatcher.DispatchController | undefined
    const done = (): void => resume(Effect.void)
    this.#dispatcher.dispatch({ ...this.#target, method: "DELETE", headers: this.#protocolHeaders }, {
      onRequestStart: (started) => {
        controller = started
      },
      // undici takes no handler without these.
      onResponseStart: () => {},
      onResponseData: () => {},
      onResponseEnd: done,
      onResponseError: done
    })
    return Effect.sync(() => controller?.abort(new Error("the server takes too long")))
  }).pipe(Effect.interruptible, Effect.timeoutOption(deleteTimeout), Effect.asVoid)

  #finish(reason: LinkClosed): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#receiver.onClosed(reason)
    const description = describe(reason)
    for (const exchange of [...this.#exchanges.values()]) {
      exchange.fail(exchange.lost(description))
      exchange.abort()
    }
    Deferred.doneUnsafe(this.#closed, Effect.succeed(reason))
  }
}

const faultOf = ({ headers, url }: HttpLinkOptions): string | undefined => {
  if (!URL.canParse(url)) return "the url is ill-formed"
  const { protocol } = new URL(url)
  if (protocol !== "http:" && protocol !== "https:") return `the url begins with ${protocol} instead of http: or https:`
  for (const [name, value] of Object.entries(headers)) {
    if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name)) return `${JSON.stringify(name)} is no name of a header`
    if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(String(Redacted.value(value)))) {
      return `the value of the header ${name} has characters that HTTP forbids`
    }
  }
  return undefined
}

const headersOf = (url: URL, headers: HttpLinkOptions["headers"]): Record<string, string> => {
  const result: Record<string, string> = {}
  if (url.username !== "" || url.password !== "") {
    const credentials = `${decoded(url.username)}:${decoded(url.password)}`
    result["authorization"] = `Basic ${Buffer.from(credentials).toString("base64")}`
  }
  for (const [name, value] of Object.entries(headers)) result[name.toLowerCase()] = String(Redacted.value(value))
  return result
}

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    // A lone percent sign in a password is a percent sign.
    return text
  }
}

const describe = (reason: LinkClosed): string =>
  reason._tag === "Unreachable" || reason._tag === "SessionLost" ? reason.description : "closed"
