/**
 * In which order a server is tried that does not take the first way.
 *
 * - The question of the era comes first, on the same link as what follows (`handshake.ts`). A server that ends over it, or that takes it
 *   for its start and refuses the `initialize` behind it, is dialled once more and spoken to the old way first.
 * - A url that answers `initialize` with 400, 404 or 405 and no JSON-RPC error is asked for the event stream of HTTP+SSE, as the
 *   specification says. Where that fails the first refusal is what the caller is told.
 *
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/versioning
 */
import * as Revision from "@holdfast/protocol/Revision"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { Endpoint, type HttpEndpoint } from "../../Endpoint.ts"
import type { LinkClosed, LinkFailure } from "../../Link.ts"
import { type ConnectReason, HandshakeFailed, HttpRejected } from "../../McpRuntimeError.ts"
import * as Boundary from "../link/Boundary.ts"
import { annotation } from "../pool/ConnectionLog.ts"
import type { ConnectOptions, McpConnection, Spoken } from "./contract.ts"
import type { HandshakeFailure } from "./handshake.ts"
import * as Refusals from "./handshakeRefusals.ts"

/** What one attempt leaves behind. */
export interface Course {
  /** How its handshake failed. */
  trouble?: Trouble
  /** The `endpoint` event of HTTP+SSE has come. */
  hasAddress: boolean
  /** HTTP+SSE is a guess: the address must come soon. */
  readonly isGuess: boolean
}

export interface Trouble {
  readonly failure: HandshakeFailure
  readonly linkFailure: LinkFailure | undefined
  readonly closed: LinkClosed | undefined
}

type Dial = Effect.Effect<McpConnection, ConnectReason, Scope.Scope>

/** Opens one link and shakes hands on it. */
export type Attempt = (options: ConnectOptions, course: Course) => Dial

export const dial = (given: ConnectOptions, attempt: Attempt): Dial => {
  const { endpoint, spoken } = given
  const options = { ...given, era: eraOf(given) }
  const byEra = dialByEra(options, attempt)
  if (endpoint._tag !== "Http" || options.era === "modern") return Effect.flatMap(byEra, ({ connect }) => connect)
  const anyWay = Effect.flatMap(byEra, ({ connect, course }) =>
    Effect.catchIf(
      abandonable(connect),
      (reason) => isOtherTransport(reason, course().trouble, endpoint),
      (reason) => overSse(options, endpoint, attempt, reason)
    ).pipe(Effect.mapError((reason) => withHint(reason, endpoint))))
  if (spoken?.isOverSse !== true) return anyWay
  return Effect.catchIf(
    abandonable(attempt(sseOptions(options, endpoint), { hasAddress: false, isGuess: true })),
    (reason) => reason._tag === "HttpRejected" || reason._tag === "HandshakeFailed",
    () => Effect.andThen(tell(options, undefined), anyWay)
  )
}

/** A revision that is stated, and what was found out before, spare the question. */
const eraOf = ({ era = "auto", protocolVersion, spoken }: ConnectOptions): ConnectOptions["era"] => {
  if (era !== "auto") return era
  if (protocolVersion !== undefined) return Revision.isModern(protocolVersion) ? "modern" : "legacy"
  return spoken?.era ?? "auto"
}

/** The era that is known, or else the question; and how the last attempt went. */
const dialByEra = (options: ConnectOptions, attempt: Attempt) =>
  Effect.sync(() => {
    let course: Course = { hasAddress: false, isGuess: false }
    const first = attempt(options, course)
    const connect: Dial = !isAskedFor(options) ? first : Effect.catchIf(
      abandonable(first),
      (reason) => isFatalQuestion(reason, course.trouble),
      () => {
        course = { hasAddress: false, isGuess: false }
        // Whether it dies of the question or of something else will show: it is not asked again.
        const spoken: Spoken = { era: "legacy first" }
        return Effect.andThen(tell(options, spoken), attempt({ ...options, era: "legacy first" }, course))
      }
    )
    return { connect, course: () => course }
  })

/** The question of the era comes first. */
export const isAskedFor = ({ endpoint, era }: Pick<ConnectOptions, "endpoint" | "era">): boolean =>
  era === "auto" && endpoint._tag !== "Sse"

/** Whether a server has died of the question of its era, or was confused by it. */
export const isFatalQuestion = (reason: ConnectReason, trouble: Trouble | undefined): boolean =>
  reason._tag === "ServerExited" || trouble?.closed?._tag === "PipeBroken" ||
  (trouble !== undefined && Refusals.isBegun(trouble.failure))

/** Whether a server that answered `initialize` so may speak HTTP+SSE. Behind a url that says so, more answers mean it. */
const isOtherTransport = (reason: ConnectReason, trouble: Trouble | undefined, endpoint: HttpEndpoint): boolean => {
  const isNamed = isNamedSse(endpoint)
  if (reason._tag === "HttpRejected") {
    const isOfProtocol = trouble?.linkFailure?._tag === "Rejected" && trouble.linkFailure.isOfProtocol === true
    return isNamed ? isNoTransport(reason) : [400, 404, 405].includes(reason.status) && !isOfProtocol
  }
  return isNamed && reason._tag === "HandshakeFailed" && trouble?.linkFailure?._tag === "Unintelligible"
}

/** Neither credentials nor a wait. */
const isNoTransport = ({ retryAfterMillis, status }: HttpRejected): boolean =>
  retryAfterMillis === undefined && ![401, 403, 407, 408, 425, 429].includes(status)

const overSse = (options: ConnectOptions, endpoint: HttpEndpoint, attempt: Attempt, refusal: ConnectReason): Dial =>
  Effect.suspend(() => {
    const course: Course = { hasAddress: false, isGuess: true }
    const { server } = options
    return abandonable(attempt(sseOptions(options, endpoint), course)).pipe(
      Effect.mapError((reason) => course.hasAddress ? reason : refusal),
      Effect.tap(
        Effect.annotateLogs(
          Effect.logInfo(
            `${server}: it refused Streamable HTTP and speaks the deprecated HTTP+SSE; "type": "sse" in the config spares it the question`
          ),
          annotation,
          server
        )
      )
    )
  })

const sseOptions = (options: ConnectOptions, endpoint: HttpEndpoint): ConnectOptions => {
  const { onSpoken } = options
  const { authorizer, headers, secrets, url } = endpoint
  return {
    ...options,
    era: "legacy",
    endpoint: Endpoint.sse({ url, headers, authorizer, secrets }),
    onSpoken: onSpoken && ((spoken) => onSpoken({ ...spoken, era: "legacy first", isOverSse: true }))
  }
}

const isNamedSse = ({ url }: HttpEndpoint): boolean => URL.canParse(url) && /\/sse\/*$/i.test(new URL(url).pathname)

/** What a url that looks like one of HTTP+SSE gives to think, where nothing works. */
const withHint = (reason: ConnectReason, endpoint: HttpEndpoint): ConnectReason => {
  if (!isNamedSse(endpoint)) return reason
  const hint =
    "the url looks like one of HTTP+SSE, which was asked for there too, in vain; a server that speaks it wants " +
    "\"type\": \"sse\" in the config, a newer one mostly a url that ends in /mcp"
  if (reason._tag === "HttpRejected" && isNoTransport(reason)) {
    const { description, server, status, url } = reason
    return new HttpRejected({ server, url, status, description: `${description}; ${hint}` })
  }
  if (reason._tag !== "HandshakeFailed") return reason
  return new HandshakeFailed({ server: reason.server, description: `${reason.description}; ${hint}` })
}

const tell = (
  { onSpoken, server }: ConnectOptions,
  spoken: Spoken | undefined
): Effect.Effect<void, never, Scope.Scope> =>
  onSpoken === undefined
    ? Effect.void
    : Effect.map(Boundary.here(server), (boundary) => boundary.ask("onSpoken", () => onSpoken(spoken)))

/** What a failed attempt has opened is closed before anything else is tried. */
const abandonable = <A, E>(attempt: Effect.Effect<A, E, Scope.Scope>): Effect.Effect<A, E, Scope.Scope> =>
  Effect.flatMap(Effect.scope, (scope) =>
    Effect.flatMap(Scope.fork(scope), (own) =>
      Effect.onExit(
        Scope.provide(attempt, own),
        (exit) => Exit.isSuccess(exit) ? Effect.void : Scope.close(own, exit)
      )))
