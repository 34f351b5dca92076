/**
 * A Streamable HTTP link at work: what each exchange has brought, and what it means for the others, the session and the link.
 *
 * The promises are those of `HttpLink.ts`. Every way out is `#finish`, which succeeds once.
 */
import type { Deadline, Deadlines } from "@holdfast/core/Deadlines"
import * as JsonRpc from "@holdfast/protocol/JsonRpc"
import * as LineFraming from "@holdfast/protocol/LineFraming"
import type * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type { IncomingHttpHeaders } from "node:http"
import type { Dispatcher } from "undici"
import type { Link, LinkClosed, LinkReceiver, Outbound } from "../../Link.ts"
import { answeredBy } from "../link/answeredBy.ts"
import { Audience } from "../link/Audience.ts"
import type { Boundary } from "../link/Boundary.ts"
import * as redactSecrets from "../link/redactSecrets.ts"
import { backgroundOf } from "./HttpAgent.ts"
import type { HttpSender } from "./HttpAuthorization.ts"
import { HttpCookies } from "./HttpCookies.ts"
import { aboutOf, HttpDoubt } from "./HttpDoubt.ts"
import type { EventStreamRequest } from "./HttpEventStream.ts"
import { type ExchangeHost, HttpExchange } from "./HttpExchange.ts"
import { HttpHeaders } from "./HttpHeaders.ts"
import type { HttpLinkOptions } from "./HttpLinkOptions.ts"
import type { RunSync } from "./HttpPause.ts"
import { HttpPush, type PushHost } from "./HttpPush.ts"
import { endSession } from "./HttpSessionEnd.ts"
import * as HttpStatus from "./HttpStatus.ts"
import * as HttpWords from "./HttpWords.ts"
import * as SessionLost from "./SessionLost.ts"

export interface Services {
  readonly boundary: Boundary
  readonly dispatcher: Dispatcher
  readonly sender: HttpSender
  readonly clock: Clock.Clock
  readonly runSync: RunSync
}

type State =
  | { readonly _tag: "Open" }
  /** The session is lost: nothing is sent any more, and those who have sent hear their fate. */
  | { readonly _tag: "Leaving"; readonly reason: LinkClosed; readonly grace: Deadline }
  | { readonly _tag: "Closed" }

const redirectLimit = 5
const lingerMillis = 2000
/** A server that does not say within this time that it took a frame without an answer will not say it. */
const acceptanceMillis = 60_000
const graceMillis = 500

export class HttpTransport implements Link, ExchangeHost, PushHost {
  readonly maxMessageBytes: number
  readonly deadlines: Pick<Deadlines, "arm">
  readonly redact: redactSecrets.Redact
  readonly audience: Audience
  readonly boundary: Boundary
  readonly runSync: RunSync
  readonly #options: HttpLinkOptions
  readonly #services: Services
  readonly #headers: HttpHeaders
  readonly #closed = Deferred.makeUnsafe<LinkClosed>()
  readonly #exchanges = new Map<Outbound, HttpExchange>()
  readonly #push: HttpPush
  readonly #cookies = new HttpCookies()
  readonly doubts = new HttpDoubt()
  #redactCookies: redactSecrets.Redact = (text) => text
  /** The server has taken `notifications/initialized`. */
  #isGreeted = false
  #url: URL
  #state: State = { _tag: "Open" }
  #received = 0
  /** Those that refusals have brought. */
  #refused = 0
  /** Why the server could not be reached last, as long as no connection has worked since. */
  #unreachable: string | undefined

  constructor(options: HttpLinkOptions, receiver: LinkReceiver, services: Services) {
    this.maxMessageBytes = options.maxMessageBytes ?? LineFraming.defaultMaxLineBytes
    this.deadlines = options.deadlines
    this.#options = options
    this.boundary = services.boundary
    this.runSync = services.runSync
    this.audience = new Audience(receiver, services.boundary)
    this.#services = services
    this.#url = new URL(options.url)
    this.#headers = new HttpHeaders(this.#url, options.headers)
    const redact = redactSecrets.make(this.#headers.secrets)
    this.redact = (text) => this.#redactCookies(services.sender.redact(redact(text)))
    this.#push = new HttpPush(this)
  }

  readonly closed = Deferred.await(this.#closed)
  readonly received = (): number => this.#received
  readonly alive = (): number => this.#received - this.#refused
  readonly stderrTail = (): string => ""
  readonly isCongested = (): boolean => true
  readonly nowMillis = (): number => this.#services.clock.currentTimeMillisUnsafe()
  readonly uptimeMillis = (): number => Number(this.#services.clock.monotonicTimeNanosUnsafe()) / 1e6
  readonly canResume = (): boolean => !this.#headers.isModern

  get pushAnswered(): Effect.Effect<void> {
    return this.#options.push === false ? Effect.void : this.#push.answered
  }

  get url(): URL {
    return this.#url
  }

  readonly setProtocolVersion = (revision: string | undefined): void => {
    this.#headers.revision = revision
  }

  readonly post = (outbound: Outbound): void => {
    if (this.#state._tag !== "Open") {
      const description = this.#state._tag === "Leaving" ? describe(this.#state.reason) : "closed"
      return this.audience.failed(outbound, { _tag: "Lost", delivery: "NotSent", description })
    }
    this.#dispatch(new HttpExchange(outbound, this, this.#headers.sessionId))
  }

  readonly withdraw = (outbound: Outbound): boolean => {
    const exchange = this.#exchanges.get(outbound)
    if (exchange?.isQueued !== true) return false
    exchange.abort()
    return true
  }

  readonly forget = (id: JsonRpc.RequestId): void => {
    this.doubts.forget(id)
    this.#exchangeOf(id)?.abort()
  }

  readonly unfinished = (id: JsonRpc.RequestId): string | undefined =>
    this.#exchangeOf(id)?.isInsideEvent === true ? "its response stopped in the middle of an event" : undefined

  readonly release = Effect.suspend(() => {
    const isSessionAlive = this.#state._tag === "Open" && this.#headers.sessionId !== undefined
    this.#finish({ _tag: "Released" })
    if (!isSessionAlive) return Effect.void
    const { dispatcher, sender } = this.#services
    const request = {
      ...targetOf(this.#url),
      method: "DELETE",
      headers: this.#withCookies(this.#headers.ofDelete, this.#url)
    } as const
    return endSession((handler) => sender.send(dispatcher, request, handler)).pipe(
      Effect.interruptible,
      Effect.timeoutOption(this.#options.sessionEndTimeout ?? "2 seconds"),
      Effect.asVoid
    )
  })

  readonly receive = (frame: JsonRpc.Incoming | JsonRpc.Malformed, exchange?: HttpExchange): void => {
    if (exchange !== undefined) {
      if (frame._tag === "Success") this.doubts.answered(aboutOf(exchange.outbound))
      else if (frame._tag === "Failure" && this.#isHeld(exchange, frame)) return
    }
    this.#deliver(frame)
  }

  readonly receiveStray = (frame: JsonRpc.Incoming | JsonRpc.Malformed): void => {
    const id = answeredBy(frame)
    const exchange = id === undefined || id === null ? undefined : this.#exchangeOf(id)
    exchange?.settle()
    this.receive(frame, exchange)
  }

  readonly onBytes = (count: number, isRefusal: boolean): void => {
    this.#received += count
    if (isRefusal) this.#refused += count
  }

  readonly onStart = (exchange: HttpExchange): void => {
    this.#unreachable = undefined
    if (exchange.outbound.id !== undefined) return
    // Perhaps no caller waits for its acceptance, and then none would let go of it.
    this.#limit(exchange, acceptanceMillis, () => {
      exchange.fail(exchange.lost(`the server did not take it in ${acceptanceMillis / 1000} s`))
      exchange.abort()
    })
  }

  readonly onResponse = (exchange: HttpExchange, status: number, headers: IncomingHttpHeaders): void => {
    this.onHeaders(this.#url, headers)
    this.onBytes(1, status >= 300)
    if (status >= 300) return
    const { method } = exchange.outbound
    if (method === "notifications/initialized" && !this.#headers.isModern) {
      this.#isGreeted = true
      if (this.#options.push !== false) this.#push.start()
    }
    // Only the answer to `initialize` founds a session; proxies have been seen to add the header elsewhere.
    const sessionId = headers["mcp-session-id"]
    // An empty one is none.
    if (method !== "initialize" || typeof sessionId !== "string" || sessionId === "") return
    if (!/^[\x21-\x7e]{1,1024}$/.test(sessionId)) {
      const description = "its session id has characters that the protocol forbids"
      return exchange.fail({ _tag: "Unintelligible", description })
    }
    this.#headers.sessionId = sessionId
  }

  readonly onHeaders = (url: URL, headers: IncomingHttpHeaders): void => {
    const { "set-cookie": set } = headers
    if (set === undefined || !this.#cookies.store(set, url, this.nowMillis())) return
    this.#redactCookies = redactSecrets.make(this.#cookies.values)
  }

  readonly onUnreachable = (exchange: HttpExchange, description: string): void => {
    this.#unreachable = description
    exchange.fail(exchange.lost(description))
  }

  readonly onLingering = (exchange: HttpExchange): void => {
    if (exchange.isLingering) return
    exchange.isLingering = true
    this.#limit(exchange, lingerMillis, () => exchange.cut())
  }

  readonly onEnd = (exchange: HttpExchange): void => {
    exchange.limit?.cancel()
    if (this.#exchanges.get(exchange.outbound) === exchange) this.#exchanges.delete(exchange.outbound)
    if (this.#state._tag === "Leaving") return this.#leave()
    if (this.#unreachable === undefined || this.#isAwaited) return
    this.#finish({ _tag: "Unreachable", description: this.#unreachable })
  }

  readonly onRefusal = (exchange: HttpExchange, refusal: HttpStatus.Refusal): void => {
    const { body, status } = refusal
    const verdict = this.#verdictOn(exchange.sessionId, status, body)
    if (verdict === "lost") return this.#refuse(exchange, refusal)
    if (verdict !== undefined) return this.#doubt(exchange, refusal, verdict)
    const answer = HttpStatus.answerIn(refusal, exchange.outbound.id)
    if (answer !== undefined) {
      return exchange.receive(answer)
    }
    const target = HttpStatus.redirection(refusal, this.#url)
    if (target !== undefined && this.#state._tag === "Leaving") {
      return exchange.fail({ _tag: "Lost", delivery: "Refused", description: describe(this.#state.reason), status })
    }
    if (target !== undefined && exchange.redirections < redirectLimit) {
      this.#url = target
      return this.#dispatch(exchange.again())
    }
    const failure = HttpStatus.failureOf(refusal, this.#url, this.nowMillis())
    this.doubts.refused(status, aboutOf(exchange.outbound))
    exchange.fail(failure)
  }

  readonly onErrorBody = (exchange: HttpExchange, status: number, body: string): boolean => {
    const verdict = this.#verdictOn(exchange.sessionId, status, body)
    if (verdict === "lost") this.#refuse(exchange, { status, body })
    else if (verdict !== undefined) this.#doubt(exchange, { status, headers: {}, body }, verdict)
    return verdict !== undefined
  }

  readonly onPushRefused = ({ body, status }: HttpStatus.Refusal): boolean => {
    // With calls under way theirs is the word that counts.
    const verdict = this.#isAwaited ? undefined : this.#verdictOn(this.#headers.sessionId, status, body)
    if (verdict === undefined) return false
    const reason = lostSession({ status, body })
    if (verdict !== "lost") this.doubts.raise({ _tag: "Named", description: this.redact(reason.description) })
    else this.#finish(reason)
    return verdict === "lost"
  }

  readonly get = ({ isAwaited, lastEventId, url }: EventStreamRequest, handler: Dispatcher.DispatchHandler): void => {
    const { dispatcher, sender } = this.#services
    const headers = this.#withCookies(this.#headers.ofGet(lastEventId), url)
    const via = isAwaited ? dispatcher : backgroundOf(dispatcher)
    sender.send(via, { ...targetOf(url), method: "GET", headers }, handler)
  }

  #limit(exchange: HttpExchange, millis: number, onExpire: () => void): void {
    exchange.limit?.cancel()
    exchange.limit = this.deadlines.arm(millis, onExpire)
  }

  #dispatch(exchange: HttpExchange): void {
    const { outbound } = exchange
    this.#exchanges.set(outbound, exchange)
    const headers = this.#withCookies(this.#headers.ofPost(outbound), this.#url)
    const { dispatcher, sender } = this.#services
    sender.send(dispatcher, { ...targetOf(this.#url), method: "POST", headers, body: outbound.text }, exchange)
  }

  #withCookies(headers: Readonly<Record<string, string>>, url: URL): Readonly<Record<string, string>> {
    if (this.#cookies.isEmpty) return headers
    const { cookie: own } = headers
    const cookie = this.#cookies.headerFor(url, own, this.nowMillis())
    return cookie === own || cookie === undefined ? headers : { ...headers, cookie }
  }

  #exchangeOf(id: JsonRpc.RequestId): HttpExchange | undefined {
    for (const [outbound, exchange] of this.#exchanges) if (outbound.id === id) return exchange
    return undefined
  }

  /**
   * What a response says of the session. `lost`: the protocol's own word, or that of a classifier. `named` and `stated`: the words say
   * so, or the signs that the user has configured; a gateway may have said them, so the connection is doubted and not closed.
   */
  #verdictOn(sessionId: string | undefined, status: number, body: string): "lost" | "named" | "stated" | undefined {
    const { authorizer, isSessionLost } = this.#options
    if (typeof isSessionLost === "function") {
      if (sessionId === undefined) return undefined
      const said: unknown = this.boundary.ask("isSessionLost", () => isSessionLost(status, body))
      this.boundary.returned("isSessionLost", said)
      // One that has failed has not said so: a session that is opened anew for that would be lost again and again.
      return said === true ? "lost" : undefined
    }
    // Those words are the authorizer's.
    if (authorizer !== undefined && (status === 401 || status === 403)) return undefined
    if (sessionId === undefined) return this.#isGreeted && SessionLost.isUngreeted(status, body) ? "named" : undefined
    if (SessionLost.isSessionLost(status, body)) return status === 404 ? "lost" : "named"
    return isSessionLost !== undefined && SessionLost.bySigns(isSessionLost)(status, body) ? "stated" : undefined
  }

  /**
   * The server seems not to know the session. Whether the call may be sent again is no question of the session: a status that leaves
   * open whether it ran does so whatever its words are.
   */
  #doubt(exchange: HttpExchange, refusal: HttpStatus.Refusal, verdict: "named" | "stated"): void {
    const { description } = lostSession(refusal)
    const { status } = refusal
    this.doubts.raise({ _tag: "Named", description: this.redact(description), about: aboutOf(exchange.outbound) })
    exchange.fail(
      verdict === "stated" || HttpStatus.isUnexecuted(refusal)
        ? { _tag: "Lost", delivery: "Refused", description, status }
        : HttpStatus.failureOf(refusal, this.#url, this.nowMillis())
    )
  }

  /** Looks at an error that answers a request. True: it waits until it is known whether it speaks for the session. */
  #isHeld({ hasBegun, outbound, sessionId, status }: HttpExchange, answer: JsonRpc.Failure): boolean {
    const about = aboutOf(outbound)
    const { error: { code, message } } = answer
    if (status >= 400) this.doubts.refused(status, about)
    if (sessionId === undefined && !this.#isGreeted) return false
    if (!SessionLost.isSuspicious(answer, status)) {
      if (status < 400) this.doubts.failed(about, code, `it answers every request with error ${code}`)
      return false
    }
    const description = this.redact(lostSession({ status, body: message }).description)
    // A ping decides the doubt. A stream that has brought progress is that of a call which has begun.
    const isHeld = outbound.id !== undefined && outbound.method !== "ping" && !hasBegun &&
      this.doubts.hold(outbound.id, {
        deliver: () => this.#deliver(answer),
        refuse: () => this.audience.failed(outbound, { _tag: "Lost", delivery: "Refused", description, status })
      })
    // It may be decided before this returns.
    this.doubts.raise({ _tag: "Refused", description, about })
    return isHeld
  }

  #deliver(frame: JsonRpc.Incoming | JsonRpc.Malformed): void {
    if (this.#state._tag !== "Closed") this.audience.received(frame)
  }

  /** The server does not know the session that this exchange has named. */
  #refuse(exchange: HttpExchange, refusal: SessionRefusal): void {
    const reason = lostSession(refusal)
    const { status } = refusal
    if (this.#state._tag === "Open") {
      const grace = this.deadlines.arm(graceMillis, () => this.#finish(reason))
      this.#state = { _tag: "Leaving", reason, grace }
      this.#push.stop()
    }
    // The last fate told closes the link.
    exchange.fail({ _tag: "Lost", delivery: "Refused", description: reason.description, status })
    for (const other of [...this.#exchanges.values()]) {
      if (!other.isQueued) continue
      other.fail(other.lost(reason.description))
      other.abort()
    }
    this.#leave()
  }

  /** Closes as soon as every request on its way has met the loss itself. Streams that have begun had their session. */
  #leave(): void {
    if (this.#state._tag !== "Leaving") return
    for (const exchange of this.#exchanges.values()) if (exchange.isUndecided) return
    this.#finish(this.#state.reason)
  }

  get #isAwaited(): boolean {
    for (const exchange of this.#exchanges.values()) if (exchange.isAwaitingAnswer) return true
    return false
  }

  #finish(reason: LinkClosed): void {
    if (this.#state._tag === "Closed") return
    if (this.#state._tag === "Leaving") this.#state.grace.cancel()
    this.doubts.deliverAll()
    this.#state = { _tag: "Closed" }
    this.#push.stop()
    this.audience.closed(reason)
    const description = describe(reason)
    for (const exchange of [...this.#exchanges.values()]) {
      exchange.fail(exchange.lost(description))
      exchange.abort()
    }
    Deferred.doneUnsafe(this.#closed, Effect.succeed(reason))
  }
}

const targetOf = (url: URL): { readonly origin: string; readonly path: string } => ({
  origin: url.origin,
  path: `${url.pathname}${url.search}`
})

type SessionRefusal = Pick<HttpStatus.Refusal, "body" | "status">

const lostSession = ({ body, status }: SessionRefusal): LinkClosed & { readonly _tag: "SessionLost" } => {
  const words = HttpWords.wordsIn(body)
  const said = words === undefined ? "" : `: ${words}`
  return { _tag: "SessionLost", status, description: `the server no longer knows the session (HTTP ${status}${said})` }
}

const describe = (reason: LinkClosed): string =>
  reason._tag === "Unreachable" || reason._tag === "SessionLost" ? reason.description : "closed"
