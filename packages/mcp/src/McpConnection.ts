/**
 * A link plus a finished handshake: what callers use.
 *
 * Promises
 * - Every request settles exactly once: with its answer, or with what is known of it (`NotSent`, `Refused`, `Unknown`).
 * - An interrupted request or one past its deadline tells the server (`notifications/cancelled`) if the server may have seen
 *   it, frees everything it held, and touches no other request. What arrives for it later is ignored.
 * - Progress is delivered in order and before the result, also when both arrive at once.
 * - What a server gets wrong (noise, unknown or repeated ids, ill-formed answers) costs at most the call it belongs to.
 * - When the Scope closes, what is pending settles at once, and the process or session is ended then.
 *
 * **Gotchas**: a request without deadlines waits as long as the connection lives. A result is checked to be an object, nothing
 * more.
 */
import * as DeadlineSweeper from "@holdfast/core/Deadlines"
import type * as Messages from "@holdfast/protocol/Messages"
import type { SubscriptionFilter } from "@holdfast/protocol/ModernEra"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import type { ClientHandlers } from "./ClientHandlers.ts"
import { Endpoint, type HttpEndpoint, type SseEndpoint, type StdioEndpoint } from "./Endpoint.ts"
import * as connectFailure from "./internal/connection/connectFailure.ts"
import * as Dialing from "./internal/connection/dialing.ts"
import * as Handshake from "./internal/connection/handshake.ts"
import { fulfilling } from "./internal/connection/inputRounds.ts"
import { Multiplexer } from "./internal/connection/Multiplexer.ts"
import { quoteStderr } from "./internal/connection/quoteStderr.ts"
import { guarded } from "./internal/http/SessionLost.ts"
import * as Boundary from "./internal/link/Boundary.ts"
import * as Concealment from "./internal/link/redactSecrets.ts"
import { openerOf } from "./internal/memory/memoryEndpoints.ts"
import { annotation } from "./internal/pool/ConnectionLog.ts"
import type { Doubts, Link, LinkReceiver } from "./Link.ts"
import {
  type ConnectionLost,
  type ConnectReason,
  type DeadlineExceeded,
  HandshakeFailed,
  HandshakeTimeout,
  type HttpRejected,
  type InvalidAnswer,
  type OutcomeUnknown,
  type ServerError,
  type TooBusy
} from "./McpRuntimeError.ts"
import * as StdioLink from "./StdioLink.ts"

/**
 * How a request can fail. `ConnectionLost`: it was not executed and may be sent again. `OutcomeUnknown`: it may have run.
 * `HttpRejected`: refused by the HTTP server with a status that no new connection will change, or with `retryAfterMillis`.
 */
export type CallFailure =
  | ServerError
  | ConnectionLost
  | OutcomeUnknown
  | DeadlineExceeded
  | InvalidAnswer
  | HttpRejected
  | TooBusy

export interface RequestOptions {
  /** Called with each progress notification, synchronously: what it throws, or its promise rejects with, is logged and harms nobody. */
  readonly onProgress?: ((progress: Messages.Progress) => void) | undefined
  /** Longest silence after hand-off; progress renews it. Default: none. */
  readonly idleDeadline?: Duration.Input | undefined
  /**
   * Longest wait for the answer, whatever progress says. It begins once: at hand-off, or earlier, when the call has to wait for that
   * behind others. A function is asked then, for what is left of a deadline that began before; it is told the sweeper's time.
   * Default: none.
   */
  readonly hardDeadline?: Duration.Input | ((now?: number) => Duration.Input) | undefined
  /** Members for the request's `_meta`. */
  readonly meta?: object | undefined
  /** What is said in headers besides, in the modern era over HTTP. Names in small letters. Default: nothing. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Of a `subscriptions/listen`: told, synchronously, when the server says what of it it will tell (its params). */
  readonly onAcknowledged?: ((params: unknown) => void) | undefined
  /** The name under which the handlers of a call that needs input are told of its server. Default: the connection's. */
  readonly server?: string | undefined
}

/** What a server got wrong so far without harm to the connection. */
export interface Diagnostics {
  /** Lines that were no message and answered no call. */
  readonly noise: number
  /** Answers and progress for calls that were not waiting. */
  readonly unmatched: number
  /** Ill-formed answers, each of which failed its call. */
  readonly invalid: number
}

/** `legacy`: revisions up to 2025-11-25, with a handshake. `modern`: 2026-07-28 and later, without. */
export type Era = "legacy" | "modern"

/** What a server was found to speak. Plain data: to be kept for the next connection to it, and given back as it is. */
export type Spoken = Handshake.Spoken

export interface McpConnection {
  /** Its name in messages. */
  readonly server: string
  readonly era: Era
  readonly serverInfo: Messages.Implementation
  readonly capabilities: Messages.ServerCapabilities
  /** The revision agreed on. */
  readonly protocolVersion: string
  readonly instructions?: string | undefined
  /** Asks the server. The result is the server's own object, unchecked but for being one. */
  readonly request: (
    method: string,
    params?: object,
    options?: RequestOptions
  ) => Effect.Effect<unknown, CallFailure>
  /** Tells the server. Done when written (stdio) or accepted (HTTP, which fails after a minute without a word). */
  readonly notify: (method: string, params?: object) => Effect.Effect<void, CallFailure>
  /** Modern servers: asks to be told of changes, and waits until the server ends that. Not counted as in flight. */
  readonly listen: (
    filter: SubscriptionFilter,
    options?: Pick<RequestOptions, "onAcknowledged">
  ) => Effect.Effect<void, CallFailure>
  /** Waits until the connection can no longer be used, and says why. */
  readonly closed: Effect.Effect<ConnectReason>
  /** Over HTTP: reasons to think that the server does not know this connection any more. Whoever owns it decides. */
  readonly doubts?: Doubts | undefined
  /** Bytes received so far, without those of refusals. */
  readonly received: () => number
  /** Requests that wait for an answer. */
  readonly inFlight: () => number
  readonly diagnostics: () => Diagnostics
  /** The server's process, where it is ours. */
  readonly process?: { readonly pid: number } | undefined
}

export interface ConnectOptions {
  /** Its name in messages. */
  readonly server: string
  readonly endpoint: Endpoint
  /** How we introduce ourselves. */
  readonly clientInfo: Messages.Implementation
  /** Spawn or dial, and handshake, all in all; then `HandshakeTimeout`. Default: none, the caller's own limit holds. */
  readonly connectTimeout?: Duration.Input | undefined
  /**
   * Which era to speak. Default: `auto`, asks the server. A server whose process ends over the question, or that takes it for its start, is
   * dialled once more and spoken to the old way first: `legacy first` says `initialize`, and goes on in the modern way if that is refused
   * for it. A url that refuses `initialize` with 400, 404 or 405 is asked for HTTP+SSE then, unless `modern` is said.
   */
  readonly era?: Era | "auto" | "legacy first" | undefined
  /** The revision to speak, and no other is asked for. Default: the newest that both sides speak. */
  readonly protocolVersion?: string | undefined
  /** What `onSpoken` was told by an earlier connection to the same server. Where `era` is `auto` it spares the question. */
  readonly spoken?: Spoken | undefined
  /** Told what the server was found to speak, for the next connection; undefined when nothing of it is sure. */
  readonly onSpoken?: ((spoken: Spoken | undefined) => void) | undefined
  /** How verbose a modern server is to be, asked at every request. A legacy one is told by `logging/setLevel`. */
  readonly logLevel?: (() => string | undefined) | undefined
  /** What is offered to the server. Default: nothing, so that a server that asks gets "method not found". */
  readonly handlers?: ClientHandlers | undefined
  /** Given, when the attempt begins, a function that says how far it is, with the server's words: for callers that give up meanwhile. */
  readonly onDialing?: ((progress: () => string) => void) | undefined
  /**
   * Told every notification but progress and cancellations, in order and synchronously: what it throws, or its promise rejects with,
   * is logged.
   */
  readonly onNotification?: ((method: string, params: unknown) => void) | undefined
  /** Keeps the deadlines of all requests. Default: a sweeper of its own. */
  readonly deadlines?: DeadlineSweeper.Deadlines | undefined
  /** Calls that may wait for answers at once, past it `TooBusy`. Default: 16 384, a backstop; the pool's limit is lower. */
  readonly maxInFlight?: number | undefined
  /** Longest message accepted. Default: 64 MiB. */
  readonly maxMessageBytes?: number | undefined
}

/**
 * Opens a connection to an endpoint: starts the process or prepares HTTP, then `initialize` and `notifications/initialized`.
 * The Scope owns it. Fails with the reason nearest to the cause, last words of the server included.
 */
export const connect = (options: ConnectOptions): Effect.Effect<McpConnection, ConnectReason, Scope.Scope> =>
  Dialing.dial(options, (options, course) =>
    connectOver(
      options,
      (receiver, deadlines) => {
        const { endpoint } = options
        const direct = endpoint._tag === "Stdio"
          ? openStdio(options, endpoint, receiver)
          : endpoint._tag === "Sse"
          ? openSse(options, endpoint, receiver, deadlines, course)
          : openHttp(options, endpoint, receiver, deadlines)
        return openerOf(endpoint)?.(options, receiver, direct) ?? direct
      },
      course
    ))

type OpenLink = (
  receiver: LinkReceiver,
  deadlines: DeadlineSweeper.Deadlines
) => Effect.Effect<Link, ConnectReason, Scope.Scope>

const connectOver = Effect.fnUntraced(function*(
  options: ConnectOptions,
  open: OpenLink,
  course: Dialing.Course
): Effect.fn.Return<McpConnection, ConnectReason, Scope.Scope> {
  const { endpoint, handlers = {}, server } = options
  const place: connectFailure.Place = {
    server,
    target: endpoint._tag === "Stdio" ? endpoint.command : Endpoint.describe(endpoint),
    conceal: Concealment.ofEndpoint(endpoint)
  }
  const deadlines = options.deadlines ?? (yield* DeadlineSweeper.make)
  const fork = Effect.runForkWith(yield* Effect.context())
  const boundary = Boundary.make(server, fork)
  const multiplexer = new Multiplexer({
    server,
    url: endpoint._tag === "Stdio" ? "" : place.target,
    deadlines,
    conceal: place.conceal,
    maxInFlight: options.maxInFlight ?? 16_384,
    handlers,
    onNotification: options.onNotification ?? noListener,
    boundary,
    fork
  })
  let stderrTail = () => ""

  const until = deadlines.now() + limitOf(options)

  const dial = Effect.gen(function*() {
    const link = yield* open(multiplexer, deadlines)
    multiplexer.attach(link)
    stderrTail = link.stderrTail
    const handshakes = Handshake.make(
      {
        ...options,
        handlers,
        hasAuthorizer: endpoint._tag !== "Stdio" && endpoint.authorizer !== undefined,
        // A stream of HTTP+SSE that is refused is refused for good.
        patience: endpoint._tag === "Http" ? () => until - deadlines.now() : noPatience,
        logLevel: () => boundary.ask("logLevel", options.logLevel ?? noLevel)
      },
      link,
      multiplexer
    )
    // HTTP+SSE is older than the question.
    const outcome = yield* handshakes[endpoint._tag === "Sse" ? "legacy" : options.era ?? "auto"].pipe(
      Effect.mapError((failure) => {
        const { closed, lastFailure: linkFailure } = multiplexer
        course.trouble = { failure, linkFailure, closed }
        return failure._tag === "HandshakeFailed"
          ? withLastWords(failure, place.conceal(stderrTail()))
          : connectFailure.ofHandshake(place, { failure, linkFailure, closed, stderrTail: stderrTail() })
      })
    )
    return { link, ...outcome }
  })
  const details = () => {
    const words = place.conceal(stderrTail())
    return { ...hintFor(endpoint, multiplexer.firstNoise), ...(words !== "" && { stderrTail: words }) }
  }
  const progress = () => {
    const { hint, stderrTail } = details()
    return `it has not answered the handshake yet${hint === undefined ? "" : `; ${hint}`}` +
      (stderrTail === undefined ? "" : ` (stderr: ${quoteStderr(stderrTail)})`)
  }
  options.onDialing?.(progress)
  const notice = Effect.suspend(() => Effect.logInfo(`${server}: ${progress()}`)).pipe(
    Effect.annotateLogs(annotation, server),
    Effect.delay(patience)
  )
  const scope = yield* Effect.scope
  const { agreement, link, spoken } = yield* Effect.scoped(
    Effect.andThen(Effect.forkScoped(notice), Scope.provide(withinConnectTimeout(dial, options, details), scope))
  )
  if (agreement.era === "modern" && endpoint._tag === "Http" && options.era === "auto") {
    yield* Effect.annotateLogs(Effect.logInfo(`${server}: ${costOfModern}`), annotation, server)
  }
  const { onSpoken } = options
  if (onSpoken !== undefined) boundary.ask("onSpoken", () => onSpoken(spoken))

  let listening = 0
  const request: McpConnection["request"] = (method, params, requestOptions = {}) =>
    multiplexer.request(method, params, requestOptions)
  return {
    server,
    ...agreement,
    request: agreement.era === "modern" ? fulfilling({ server, handlers, now: deadlines.now }, request) : request,
    listen: (filter, options) =>
      Effect.suspend(() => {
        listening++
        return Effect.ensuring(
          Effect.asVoid(request("subscriptions/listen", { notifications: filter }, options)),
          Effect.sync(() => listening--)
        )
      }),
    notify: (method, params) => multiplexer.notify(method, params),
    closed: Effect.map(link.closed, (closed) => connectFailure.ofLoss(place, closed)),
    doubts: link.doubts,
    received: link.alive ?? link.received,
    inFlight: () => multiplexer.inFlight - listening,
    diagnostics: () => multiplexer.diagnostics,
    process: link.process
  }
})

const openStdio = (
  { maxMessageBytes, server }: ConnectOptions,
  endpoint: StdioEndpoint,
  receiver: LinkReceiver
): Effect.Effect<Link, ConnectReason, Scope.Scope> => {
  const { args, command, cwd, inheritEnv } = endpoint
  const env = Object.fromEntries(
    Object.entries(endpoint.env).map(([name, value]) => [name, String(Redacted.value(value))])
  )
  return StdioLink.make(
    { command, args, env, inheritEnv, maxMessageBytes, ...(cwd !== undefined && { cwd }) },
    receiver
  ).pipe(
    Effect.mapError(({ reason }) => connectFailure.ofSpawn(server, endpoint, reason))
  )
}

const openHttp = (
  { maxMessageBytes, server }: ConnectOptions,
  endpoint: HttpEndpoint,
  receiver: LinkReceiver,
  deadlines: DeadlineSweeper.Deadlines
): Effect.Effect<Link, ConnectReason, Scope.Scope> =>
  // Loaded when it is needed: undici takes about 50 ms to load, and stdio has no use for it.
  Effect.all([loaded(() => import("./HttpLink.ts")), Effect.context<never>()]).pipe(
    Effect.flatMap(([HttpLink, context]) => {
      const { isSessionLost, push, sessionEndTimeout } = endpoint
      const complain = (error: unknown) =>
        void Effect.runForkWith(context)(Effect.logError(`${server}: isSessionLost failed, the default decides`, error))
      const classify = typeof isSessionLost === "function" ? guarded(isSessionLost, complain) : isSessionLost
      const session = { isSessionLost: classify, push, sessionEndTimeout }
      return HttpLink.make({ ...partsOf(endpoint), ...session, deadlines, maxMessageBytes }, receiver)
    }),
    Effect.mapError(({ description }) => new HandshakeFailed({ server, description }))
  )

const openSse = (
  { maxMessageBytes, server }: ConnectOptions,
  endpoint: SseEndpoint,
  receiver: LinkReceiver,
  deadlines: DeadlineSweeper.Deadlines,
  course: Dialing.Course
): Effect.Effect<Link, ConnectReason, Scope.Scope> =>
  loaded(() => import("./SseLink.ts")).pipe(
    Effect.flatMap((SseLink) => {
      const onAddress = () => {
        course.hasAddress = true
      }
      const limit = course.isGuess ? { deadlines, addressTimeout: addressPatience } : {}
      return SseLink.make({ ...partsOf(endpoint), ...limit, maxMessageBytes, onAddress }, receiver)
    }),
    Effect.mapError(({ description }) => new HandshakeFailed({ server, description }))
  )

/** Code that is loaded when it is needed. A bundler may have broken it; the words are the module loader's, and hold no secret. */
const loaded = <A>(load: () => Promise<A>): Effect.Effect<A, { readonly description: string }> =>
  Effect.tryPromise({
    try: load,
    catch: (thrown) => ({
      description: `this program's code for HTTP cannot be loaded: ${String(thrown).split("\n")[0]}`
    })
  })

const partsOf = ({ authorizer, headers, url }: HttpEndpoint | SseEndpoint) => ({ url, headers, authorizer })

/** How long a handshake waits for a server that says when to come back, where nobody says how long it may take. */
const longestHandshake = "20 seconds"

const limitOf = ({ connectTimeout = longestHandshake }: ConnectOptions): number =>
  Duration.toMillis(Duration.fromInputUnsafe(connectTimeout))

const noPatience = (): number => 0

const withinConnectTimeout = <A>(
  dial: Effect.Effect<A, ConnectReason, Scope.Scope>,
  { connectTimeout, server }: ConnectOptions,
  details: () => Pick<HandshakeTimeout, "advice" | "hint" | "stderrTail">
): Effect.Effect<A, ConnectReason, Scope.Scope> => {
  if (connectTimeout === undefined) return dial
  const timeoutMillis = Duration.toMillis(Duration.fromInputUnsafe(connectTimeout))
  return Effect.timeoutOrElse(dial, {
    duration: connectTimeout,
    orElse: () => Effect.fail(new HandshakeTimeout({ server, timeoutMillis, ...details() }))
  })
}

/** An event stream that names no address within this time is not one of HTTP+SSE: Streamable HTTP has streams, too. */
const addressPatience: Duration.Input = "5 seconds"

/** A start that takes longer is told of: whoever waits for it should know for what. */
const patience = "5 seconds"

/** Nothing that a server says tells one bridge from another, so it is told of all. */
const costOfModern =
  "it speaks revision 2026-07-28, in which every request stands alone. A bridge to a server over stdio may start " +
  "a process for each request then; \"holdfast\": { \"era\": \"legacy\" } in the config keeps it at one for a session"

const noLevel = (): undefined => undefined

const noListener = (): void => {}

const withLastWords = ({ description, server }: HandshakeFailed, stderrTail: string): HandshakeFailed =>
  new HandshakeFailed({ server, description, ...(stderrTail !== "" && { stderrTail }) })

/** Why a server may be silent, as far as its command line or its stdout tells, and what to do about it. */
const hintFor = (
  endpoint: Endpoint,
  noise: string | undefined
): { readonly hint?: string; readonly advice?: string } => {
  if (noise !== undefined) {
    return {
      hint: `on stdout it wrote ${noise}, which is no MCP message`,
      advice: "It may need another argument to speak MCP there, such as stdio."
    }
  }
  if (endpoint._tag !== "Stdio") return {}
  const words = [endpoint.command, ...endpoint.args]
  const launcher = words.map((word) => word.slice(Math.max(word.lastIndexOf("/"), word.lastIndexOf("\\")) + 1))
    .find((word) => launchers.includes(word.replace(/\.(cmd|exe)$/, "")))
  return launcher === undefined ? {} : { hint: `${launcher} may still be downloading` }
}

const launchers: ReadonlyArray<string> = [
  "npx",
  "pnpx",
  "bunx",
  "uvx",
  "uv",
  "pipx",
  "npm",
  "pnpm",
  "yarn",
  "docker",
  "podman"
]
