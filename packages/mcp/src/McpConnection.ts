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
 *
 * @example
 * ```ts
 * import { Endpoint, McpConnection } from "@holdfast/mcp"
 * import * as Effect from "effect/Effect"
 *
 * export const program = Effect.scoped(Effect.gen(function*() {
 *   const connection = yield* McpConnection.connect({
 *     server: "fs",
 *     endpoint: Endpoint.stdio({ command: "my-server" }),
 *     clientInfo: { name: "my-app", version: "1.0.0" }
 *   })
 *   return yield* connection.request("tools/list", {}, { hardDeadline: "10 seconds" })
 * }))
 * ```
 */
import * as DeadlineSweeper from "@holdfast/core/Deadlines"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import { Endpoint } from "./Endpoint.ts"
import type { Try } from "./Explanation.ts"
import * as connectFailure from "./internal/connection/connectFailure.ts"
import type { ConnectOptions, McpConnection as Connection } from "./internal/connection/contract.ts"
import * as Dialing from "./internal/connection/dialing.ts"
import * as Handshake from "./internal/connection/handshake.ts"
import { fulfilling } from "./internal/connection/inputRounds.ts"
import { Multiplexer } from "./internal/connection/Multiplexer.ts"
import { openLink } from "./internal/connection/openLink.ts"
import { quoteStderr } from "./internal/connection/quoteStderr.ts"
import { hintFor } from "./internal/connection/startHints.ts"
import { millisOf } from "./internal/durations.ts"
import { DialLog } from "./internal/history/DialLog.ts"
import * as Boundary from "./internal/link/Boundary.ts"
import * as redactSecrets from "./internal/link/redactSecrets.ts"
import { scopedFork } from "./internal/link/scopedFork.ts"
import { annotation } from "./internal/pool/ConnectionLog.ts"
import { type ConnectReason, HandshakeFailed, HandshakeTimeout } from "./McpRuntimeError.ts"

export type {
  CallFailure,
  ConnectOptions,
  Diagnostics,
  Era,
  RequestOptions,
  Spoken
} from "./internal/connection/contract.ts"

/** Ways to come by a connection. */
export const McpConnection = {
  /**
   * Opens a connection to an endpoint: starts the process or prepares HTTP, then `initialize` and `notifications/initialized`.
   * The Scope owns it. Fails with the reason nearest to the cause, last words of the server included.
   */
  connect: (options: ConnectOptions): Effect.Effect<Connection, ConnectReason, Scope.Scope> =>
    Dialing.dial(options, connectOver)
} as const

/** A link plus a finished handshake. It is owned by the Scope it was opened in, and used by any number of callers. */
export type McpConnection = Connection

const connectOver = Effect.fnUntraced(function*(
  options: ConnectOptions,
  course: Dialing.Course
): Effect.fn.Return<Connection, ConnectReason, Scope.Scope> {
  const { endpoint, handlers = {}, server } = options
  const place: connectFailure.Place = {
    server,
    target: endpoint._tag === "Stdio" ? endpoint.command : Endpoint.describe(endpoint),
    redact: redactSecrets.ofEndpoint(endpoint)
  }
  const deadlines = options.deadlines ?? (yield* DeadlineSweeper.make)
  const fork = yield* scopedFork
  const boundary = Boundary.make(server, fork)
  const clock = yield* Clock.Clock
  const log = new DialLog(
    { wall: () => clock.currentTimeMillisUnsafe(), now: deadlines.now },
    endpoint._tag === "Stdio"
  )
  const tell = (attempt: Try): void => {
    boundary.returned("onTry", boundary.ask("onTry", () => options.onTry?.(attempt)))
  }
  /** Nothing that ends from then on is lost. */
  let isOver = true
  const multiplexer = new Multiplexer({
    server,
    url: endpoint._tag === "Stdio" ? "" : place.target,
    deadlines,
    redact: place.redact,
    maxInFlight: options.maxInFlight ?? 16_384,
    handlers,
    onNotification: options.onNotification ?? noListener,
    onClosed: (closed) => {
      if (!isOver && closed._tag !== "Released") tell(log.lost(connectFailure.ofLoss(place, closed)))
    },
    boundary,
    fork
  })
  let stderrTail = () => ""

  const until = deadlines.now() + limitOf(options)

  const dial = Effect.gen(function*() {
    const link = yield* openLink(options, multiplexer, { deadlines, fork, course })
    multiplexer.attach(link)
    log.opened(link.process?.pid)
    stderrTail = link.stderrTail
    const handshakes = Handshake.make(
      {
        ...options,
        handlers,
        hasAuthorizer: endpoint._tag !== "Stdio" && endpoint.authorizer !== undefined,
        // A stream of HTTP+SSE that is refused is refused for good.
        patience: endpoint._tag === "Http" ? () => until - deadlines.now() : noPatience,
        log,
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
          ? withLastWords(failure, place.redact(stderrTail()))
          : connectFailure.ofHandshake(place, { failure, linkFailure, closed, stderrTail: stderrTail() })
      })
    )
    return { link, ...outcome }
  })
  const details = () => {
    const words = place.redact(stderrTail())
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
  ).pipe(
    Effect.tapError((reason) =>
      Effect.sync(() => {
        const isOtherEra = Dialing.isAskedFor(options) && Dialing.isFatalQuestion(reason, course.trouble)
        tell(log.failed(reason, isOtherEra ? "other era" : "failed"))
      })
    )
  )
  // Before the link's own finalizer.
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      isOver = true
    })
  )
  isOver = false
  tell(log.ready(agreement.era))
  if (agreement.era === "modern" && endpoint._tag === "Http" && options.era === "auto") {
    yield* Effect.annotateLogs(Effect.logInfo(`${server}: ${costOfModern}`), annotation, server)
  }
  const { onSpoken } = options
  if (onSpoken !== undefined) boundary.ask("onSpoken", () => onSpoken(spoken))

  let listening = 0
  const request: Connection["request"] = (method, params, requestOptions = {}) =>
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

/** How long a handshake waits for a server that says when to come back, where the options do not say how long it may take. */
const longestHandshake = "20 seconds"

const limitOf = ({ connectTimeout = longestHandshake }: ConnectOptions): number =>
  millisOf("connectTimeout", connectTimeout)

const noPatience = (): number => 0

const withinConnectTimeout = <A>(
  dial: Effect.Effect<A, ConnectReason, Scope.Scope>,
  { connectTimeout, server }: ConnectOptions,
  details: () => Pick<HandshakeTimeout, "advice" | "hint" | "stderrTail">
): Effect.Effect<A, ConnectReason, Scope.Scope> => {
  if (connectTimeout === undefined) return dial
  const timeoutMillis = millisOf("connectTimeout", connectTimeout)
  return Effect.timeoutOrElse(dial, {
    duration: timeoutMillis,
    orElse: () => Effect.fail(new HandshakeTimeout({ server, timeoutMillis, ...details() }))
  })
}

/** A start that takes longer is told in the log: its callers should know why they wait. */
const patience = "5 seconds"

/** Nothing that a server says tells one bridge from another, so it is told of all. */
const costOfModern =
  "it speaks revision 2026-07-28, in which every request stands alone. A bridge to a server over stdio may start " +
  "a process for each request then; \"holdfast\": { \"era\": \"legacy\" } in the config keeps it at one for a session"

const noLevel = (): undefined => undefined

const noListener = (): void => {}

const withLastWords = ({ description, server }: HandshakeFailed, stderrTail: string): HandshakeFailed =>
  new HandshakeFailed({ server, description, ...(stderrTail !== "" && { stderrTail }) })
