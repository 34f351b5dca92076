/**
 * The HTTP+SSE transport of revision 2024-11-05, for servers that offer nothing newer: one event stream for everything the server
 * says, and a POST to an address it names for everything it is told.
 *
 * Promises, on top of those of every link
 * - Frames wait until the server has named the address, and fail as `NotSent` if it never does. A stream that is refused refuses
 *   them with the same status.
 * - The end of the stream is the end of the link: the session behind it is gone, whatever the server would do with a new stream.
 *   A second `endpoint` event is the same, never a silent change of sessions.
 * - The address must be of the stream's own origin: credentials go nowhere else.
 * - Redirections are followed within the origin, those of a POST only where they repeat it (307, 308). The stream's new place is that to
 *   which a relative address is relative.
 *
 * **Gotchas**: how long the server may take to name the address is the connection's `connectTimeout`. Deprecated since revision
 * 2025-03-26: where a server also speaks Streamable HTTP, prefer that.
 *
 * @example
 * ```ts
 * import type { LinkReceiver } from "@holdfast/mcp/Link"
 * import * as SseLink from "@holdfast/mcp/SseLink"
 *
 * export const open = (receiver: LinkReceiver) => SseLink.make({ url: "https://old.example.org/sse", headers: {} }, receiver)
 * ```
 *
 * @see https://modelcontextprotocol.io/specification/2024-11-05/basic/transports#http-with-sse
 */
import type { Deadline, Deadlines } from "@holdfast/core/Deadlines"
import * as JsonRpc from "@holdfast/protocol/JsonRpc"
import * as LineFraming from "@holdfast/protocol/LineFraming"
import * as ServerSentEvents from "@holdfast/protocol/ServerSentEvents"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type { Buffer } from "node:buffer"
import type { IncomingHttpHeaders } from "node:http"
import type { Dispatcher } from "undici"
import type { HttpAuthorizer } from "./HttpAuthorizer.ts"
import { HttpDispatcher, HttpProxies, type InvalidHttpOptions } from "./HttpLink.ts"
import * as HttpAgent from "./internal/http/HttpAgent.ts"
import * as HttpAuthorization from "./internal/http/HttpAuthorization.ts"
import { type Body, collect, contentTypeOf, discard, encodingOf } from "./internal/http/HttpBody.ts"
import { aboutOf, HttpDoubt } from "./internal/http/HttpDoubt.ts"
import { HttpEvents } from "./internal/http/HttpEvents.ts"
import { faultOf, HttpHeaders } from "./internal/http/HttpHeaders.ts"
import * as HttpStatus from "./internal/http/HttpStatus.ts"
import { isSessionLost } from "./internal/http/SessionLost.ts"
import { answeredBy } from "./internal/link/answeredBy.ts"
import { Audience } from "./internal/link/Audience.ts"
import * as Boundary from "./internal/link/Boundary.ts"
import { messagesOf, tooLong } from "./internal/link/incoming.ts"
import { scopedFork } from "./internal/link/scopedFork.ts"
import { type PostHost, SsePost } from "./internal/sse/SsePost.ts"
import type { Link, LinkClosed, LinkFailure, LinkReceiver, Outbound } from "./Link.ts"

/** What a link over HTTP+SSE is told when it is made. */
export interface SseLinkOptions {
  /** Absolute, `http:` or `https:`: where the event stream is. */
  readonly url: string
  /** Sent with every request. */
  readonly headers: Readonly<Record<string, Redacted.Redacted>>
  /** Asked for credentials. Default: none, the headers are all there is. */
  readonly authorizer?: HttpAuthorizer | undefined
  /** Longest message accepted. Default: 64 MiB. */
  readonly maxMessageBytes?: number | undefined
  /** Told when the server has named an address, whether it can be used or not. */
  readonly onAddress?: (() => void) | undefined
  /** How long the server may take to name the address. Needs `deadlines`. Default: no limit of its own. */
  readonly addressTimeout?: Duration.Input | undefined
  /** Keeps `addressTimeout`. */
  readonly deadlines?: Pick<Deadlines, "arm"> | undefined
}

/** Opens the event stream. Fails at once on a url or a header that cannot be sent. The Scope owns the sockets. */
export const make = Effect.fnUntraced(function*(
  options: SseLinkOptions,
  receiver: LinkReceiver
): Effect.fn.Return<Link, InvalidHttpOptions, Scope.Scope> {
  const fault = faultOf(options)
  if (fault !== undefined) {
    return yield* Effect.fail<InvalidHttpOptions>({ _tag: "InvalidHttpOptions", description: fault })
  }
  const proxies = HttpAgent.proxiesFor(new URL(options.url), yield* Effect.flatten(HttpProxies))
  const dispatcher = yield* Effect.flatten(HttpDispatcher).pipe(
    Effect.provideService(HttpProxies, Effect.succeed(proxies))
  )
  const clock = yield* Clock.Clock
  const boundary = yield* Boundary.here(HttpAgent.placeOf(options.url))
  const sender = options.authorizer === undefined
    ? HttpAuthorization.plain
    : HttpAuthorization.make(options.authorizer, yield* scopedFork, boundary)
  const send: Send = (request, handler) => sender.send(dispatcher, request, handler)
  const audience = new Audience(receiver, boundary)
  const link = new SseTransport(options, audience, send, () => clock.currentTimeMillisUnsafe())
  yield* Effect.addFinalizer(() => Effect.sync(() => link.release()))
  link.open()
  return link
})

type State =
  /** The stream is being opened; frames wait. */
  | { readonly _tag: "Opening"; readonly waiting: Set<Outbound> }
  | { readonly _tag: "Open"; readonly target: URL }
  /** The stream was refused, and so is every frame. */
  | { readonly _tag: "Refused"; readonly failure: LinkFailure }
  | { readonly _tag: "Closed" }

const redirectLimit = 5

type Send = (request: HttpAuthorization.HttpRequest, handler: Dispatcher.DispatchHandler) => void

class SseTransport extends HttpEvents implements Link, PostHost {
  readonly audience: Audience
  readonly #options: SseLinkOptions
  readonly #dispatch: Send
  readonly #now: () => number
  #url: URL
  readonly #headers: HttpHeaders
  readonly #closed = Deferred.makeUnsafe<LinkClosed>()
  readonly #posts = new Map<Outbound, SsePost>()
  #state: State = { _tag: "Opening", waiting: new Set() }
  #stream: Dispatcher.DispatchController | undefined
  #body: Body = discard
  /** Where the response that is being read sends us. */
  #redirection: URL | undefined
  #redirections = 0
  #received = 0
  /** The session has answered a request with a result: from then on it can be lost. */
  #isKnown = false
  #events: ServerSentEvents.ServerSentEvents | undefined
  /** For the address. */
  #limit: Deadline | undefined

  constructor(options: SseLinkOptions, audience: Audience, dispatch: Send, now: () => number) {
    super()
    this.audience = audience
    this.#options = options
    this.#dispatch = dispatch
    this.#now = now
    this.#url = new URL(options.url)
    this.#headers = new HttpHeaders(this.#url, options.headers)
  }

  readonly doubts = new HttpDoubt()
  readonly closed = Deferred.await(this.#closed)
  readonly received = (): number => this.#received
  readonly stderrTail = (): string => ""
  readonly isCongested = (): boolean => true
  readonly onBytes = (count: number): void => {
    this.#received += count
  }
  readonly onRefusal = (post: SsePost, refusal: HttpStatus.Refusal): void => {
    const from = this.#state._tag === "Open" ? this.#state.target : this.#url
    const target = HttpStatus.redirection(refusal, from)
    if (target === undefined || this.#state._tag !== "Open" || post.redirections >= redirectLimit) {
      return this.#refused(post, refusal, HttpStatus.failureOf(refusal, from, this.#now()))
    }
    this.#state = { _tag: "Open", target }
    this.#send(post.again(), target)
  }
  readonly onTaken = (post: SsePost): void => {
    // A request lives until its answer, which the stream brings.
    if (post.outbound.id === undefined) this.#posts.delete(post.outbound)
  }
  readonly onEnd = (): void => {}

  readonly setProtocolVersion = (revision: string | undefined): void => {
    this.#headers.revision = revision
  }

  readonly post = (outbound: Outbound): void => {
    switch (this.#state._tag) {
      case "Opening":
        this.#state.waiting.add(outbound)
        return
      case "Open":
        return this.#send(new SsePost(outbound, this), this.#state.target)
      case "Refused":
        return this.audience.failed(outbound, this.#state.failure)
      case "Closed":
        return this.audience.failed(outbound, { _tag: "Lost", delivery: "NotSent", description: "closed" })
    }
  }

  readonly withdraw = (outbound: Outbound): boolean => {
    if (this.#state._tag === "Opening") return this.#state.waiting.delete(outbound)
    const post = this.#posts.get(outbound)
    if (post?.isQueued !== true) return false
    this.#posts.delete(outbound)
    post.abort()
    return true
  }

  readonly forget = (id: JsonRpc.RequestId): void => {
    for (const [outbound, post] of this.#posts) {
      if (outbound.id !== id) continue
      this.#posts.delete(outbound)
      post.settle()
    }
  }

  readonly unfinished = (): string | undefined =>
    this.#events?.isInsideEvent() === true ? "the event stream stopped in the middle of an event" : undefined

  open(): void {
    this.#ask()
    const { addressTimeout, deadlines } = this.#options
    if (addressTimeout === undefined) return
    const millis = Duration.toMillis(Duration.fromInputUnsafe(addressTimeout))
    const description = `the event stream named no address for messages in ${millis / 1000} s`
    this.#limit = deadlines?.arm(millis, () => this.#refuse({ _tag: "Unintelligible", description }))
  }

  #ask(): void {
    const headers = { ...this.#headers.ofGet(""), "cache-control": "no-cache" }
    this.#dispatch({ ...targetOf(this.#url), method: "GET", headers }, this)
  }

  release(): void {
    this.#finish({ _tag: "Released" })
  }

  protected started(controller: Dispatcher.DispatchController): void {
    if (this.#state._tag === "Closed") return controller.abort(new Error("no longer wanted"))
    this.#stream = controller
  }

  protected responded(status: number, headers: IncomingHttpHeaders): void {
    this.#received++
    if (status < 200) return
    this.#redirection = this.#redirections < redirectLimit
      ? HttpStatus.redirectionOfGet(status, headers, this.#url)
      : undefined
    if (this.#redirection !== undefined) return
    if (status >= 300) {
      this.#body = collect(HttpStatus.refusalBytes, (bytes) => {
        this.#refuse(HttpStatus.failureOf({ status, headers, body: bytes.toString() }, this.#url, this.#now()))
      })
      return
    }
    const type = contentTypeOf(headers)
    const encoding = encodingOf(headers)
    if (type !== "text/event-stream" || encoding !== undefined) {
      const description = `HTTP ${status} with ${encoding ?? (type || "nothing")} where an event stream was expected`
      return this.#refuse({ _tag: "Unintelligible", description })
    }
    const events = ServerSentEvents.make({
      maxEventBytes: this.#options.maxMessageBytes ?? LineFraming.defaultMaxLineBytes,
      onEvent: ({ data, event }) => {
        if (event === "endpoint") this.#named(data)
        else if (event === "message") {
          messagesOf(JsonRpc.decode(data)).forEach((frame) => this.#receive(frame, data.length))
        }
      },
      onTooLong: (long) => {
        if (long.event === "endpoint") this.#named(undefined)
        else if (long.event === "message") this.#receive(tooLong(long))
      }
    })
    this.#events = events
    this.#body = { push: events.push, end: () => {} }
  }

  protected chunk(chunk: Buffer): void {
    this.#received += chunk.length
    this.#body.push(chunk)
  }

  protected ended(): void {
    if (this.#redirection !== undefined) return this.#follow(this.#redirection)
    this.#body.end()
    this.#lost(this.#whereItBroke("the server ended the event stream"))
  }

  protected broke(error: Error): void {
    this.#lost(this.#whereItBroke(HttpAgent.describeError(error)))
  }

  protected faulty(error: unknown): void {
    this.audience.boundary.report("the reading of the event stream", error)
    this.#lost("the event stream could not be read")
  }

  #follow(target: URL): void {
    this.#redirections++
    this.#redirection = undefined
    this.#url = target
    this.#stream = undefined
    if (this.#state._tag === "Opening") this.#ask()
  }

  #whereItBroke(description: string): string {
    return this.#events?.isInsideEvent() === true ? `${description} in the middle of an event` : description
  }

  /** `undefined`: too long to be told. */
  #named(address: string | undefined): void {
    if (this.#state._tag === "Open") return this.#lost("the server began another session on the same stream")
    if (this.#state._tag !== "Opening") return
    this.#options.onAddress?.()
    if (address === undefined) {
      return this.#refuse({ _tag: "Unintelligible", description: "the server named an address that is too long" })
    }
    const said = addressIn(address)
    const target = URL.canParse(said, this.#url.href) ? new URL(said, this.#url) : undefined
    if (target?.origin !== this.#url.origin) {
      const description = "the server named an address for messages that is not of its own origin"
      return this.#refuse({ _tag: "Unintelligible", description })
    }
    const { waiting } = this.#state
    this.#limit?.cancel()
    this.#state = { _tag: "Open", target }
    for (const outbound of waiting) this.post(outbound)
  }

  #receive(frame: JsonRpc.Incoming | JsonRpc.Malformed, size?: number): void {
    if (this.#state._tag !== "Open") return
    const id = answeredBy(frame)
    if (id !== undefined && id !== null) {
      const outbound = [...this.#posts.keys()].find((outbound) => outbound.id === id)
      if (outbound !== undefined) this.#judge(outbound, frame)
      this.forget(id)
    }
    this.audience.received(frame, size)
  }

  /** The stream may be open while the messages reach another replica, or a server that was never greeted. */
  #judge(outbound: Outbound, frame: JsonRpc.Incoming | JsonRpc.Malformed): void {
    if (frame._tag === "Success") {
      this.#isKnown = true
      this.doubts.answered(aboutOf(outbound))
    }
    if (frame._tag !== "Failure") return
    const { code } = frame.error
    this.doubts.failed(aboutOf(outbound), code, `it answers every request with error ${code}`)
  }

  #refused(post: SsePost, refusal: HttpStatus.Refusal, failure: LinkFailure): void {
    const { body, status } = refusal
    const about = aboutOf(post.outbound)
    if (this.#options.authorizer !== undefined && (status === 401 || status === 403)) return post.fail(failure)
    if (!this.#isKnown || !isSessionLost(status, body) || !HttpStatus.isUnexecuted(refusal)) {
      this.doubts.refused(status, about)
      return post.fail(failure)
    }
    const description = `the server no longer knows the session (HTTP ${status})`
    this.doubts.raise({ _tag: "Named", description, about })
    post.fail({ _tag: "Lost", delivery: "Refused", description, status })
  }

  #send(post: SsePost, target: URL): void {
    const { outbound } = post
    this.#posts.set(outbound, post)
    const headers = this.#headers.ofPost(outbound)
    this.#dispatch({ ...targetOf(target), method: "POST", headers, body: outbound.text }, post)
  }

  #refuse(failure: LinkFailure): void {
    if (this.#state._tag !== "Opening") return
    const { waiting } = this.#state
    this.#limit?.cancel()
    this.#state = { _tag: "Refused", failure }
    this.#stream?.abort(new Error("no longer wanted"))
    for (const outbound of waiting) this.audience.failed(outbound, failure)
  }

  #lost(description: string): void {
    if (this.#state._tag === "Refused") return
    this.#finish({ _tag: "Unreachable", description })
  }

  #finish(reason: LinkClosed): void {
    const before = this.#state
    if (before._tag === "Closed") return
    this.#limit?.cancel()
    this.#state = { _tag: "Closed" }
    this.#stream?.abort(new Error("no longer wanted"))
    this.audience.closed(reason)
    const description = reason._tag === "Unreachable" ? reason.description : "closed"
    const notSent: LinkFailure = { _tag: "Lost", delivery: "NotSent", description }
    if (before._tag === "Opening") { for (const outbound of before.waiting) this.audience.failed(outbound, notSent) }
    for (const post of [...this.#posts.values()]) {
      // The end of the link is the fate of a request that was sent, and of nothing else.
      if (post.isQueued) post.fail(notSent)
      else if (post.outbound.id === undefined) post.fail(post.lost(description))
      post.abort()
    }
    this.#posts.clear()
    Deferred.doneUnsafe(this.#closed, Effect.succeed(reason))
  }
}

/** The address as the specification wants it, a text; or in JSON, as a text or as a member of an object, as some servers write it. */
const addressIn = (data: string): string => {
  const text = data.trim()
  if (!/^["{]/.test(text)) return text
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return text
  }
  if (typeof value !== "object" || value === null) return typeof value === "string" ? value : text
  const named = new Map(Object.entries(value).map(([name, member]) => [name.toLowerCase(), member]))
  const address = ["endpoint", "uri", "url", "path", "messageendpoint"].map((name) => named.get(name))
    .find((member) => typeof member === "string")
  return address ?? text
}

const targetOf = (url: URL): { readonly origin: string; readonly path: string } => ({
  origin: url.origin,
  path: `${url.pathname}${url.search}`
})
