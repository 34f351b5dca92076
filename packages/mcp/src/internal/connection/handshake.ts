/**
 * How a connection finds out which server it talks to, and in which era of the protocol.
 *
 * A modern server (2026-07-28 and later) knows no handshake: it is asked `server/discover`. A legacy one wants `initialize` first.
 * A client that does not know which it is asks the modern way; after an error, or two seconds of silence, it says `initialize` on the same
 * link, and the first valid answer to either settles it. Anything but an answer, a wait and a refusal of credentials counts as such an
 * error: a gateway's 5xx and a page of HTML say nothing about the era. A server that is thought to be legacy, but may have changed, is asked the
 * legacy way first.
 *
 * A server that refuses for now, and says when to come back (429, or 408, 425 and 503 with `Retry-After`), is asked the same again then,
 * if that is in time. It is never asked sooner than the back-off says.
 *
 * A server that refuses the revision of `initialize` is asked again: with the newest of those it names, or with the next older one
 * when it names none.
 *
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/versioning
 */
import type * as Messages from "@holdfast/protocol/Messages"
import { decodeInitializeResult } from "@holdfast/protocol/Messages"
import * as ModernEra from "@holdfast/protocol/ModernEra"
import * as OfferedCapabilities from "@holdfast/protocol/OfferedCapabilities"
import * as Revision from "@holdfast/protocol/Revision"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import type { ClientHandlers } from "../../ClientHandlers.ts"
import type { Link } from "../../Link.ts"
import { HandshakeFailed, type HttpRejected } from "../../McpRuntimeError.ts"
import type { DialLog } from "../history/DialLog.ts"
import type { CallFailure, Era, Spoken } from "./contract.ts"
import * as Refusals from "./handshakeRefusals.ts"
import type { Multiplexer } from "./Multiplexer.ts"
import { capabilitiesOf } from "./Responder.ts"

export interface HandshakeOptions {
  readonly server: string
  /** The revision to ask with, and no other. Default: the newest, then what the server prefers. */
  readonly protocolVersion?: string | undefined
  /** What an earlier connection has found out. */
  readonly spoken?: Spoken | undefined
  /** An authorizer has the credentials: a 403 is a question for it. */
  readonly hasAuthorizer: boolean
  readonly clientInfo: Messages.Implementation
  readonly handlers: ClientHandlers
  /** How many milliseconds there are to wait for a server that says when to come back. */
  readonly patience: () => number
  /** Asked at every modern request: how verbose the server is to be while it serves it. */
  readonly logLevel: () => string | undefined
  /** Told of each question and how long it took. */
  readonly log: DialLog
}

/** What both sides know now. */
export interface Agreement {
  readonly era: Era
  readonly serverInfo: Messages.Implementation
  readonly capabilities: Messages.ServerCapabilities
  readonly protocolVersion: string
  readonly instructions?: string | undefined
}

/** An agreement, and what of it holds for the next connection too: nothing where the question of the era was never answered. */
export interface Outcome {
  readonly agreement: Agreement
  readonly spoken: Spoken | undefined
}

export type HandshakeFailure = CallFailure | HandshakeFailed

type Handshake = Effect.Effect<Outcome, HandshakeFailure>

/** How long a server may be silent on the modern question before it is asked the legacy one as well. */
const patience = "2 seconds"

/** How long a server may take to open its own stream before the connection is used without. */
const pushPatience = "1 second"

/** The back-off of dials, which a server may lengthen. */
const pauses = (left: () => number) =>
  Schedule.min([Schedule.exponential("250 millis", 1.6), Schedule.spaced("30 seconds")]).pipe(
    Schedule.jittered,
    Schedule.setInputType<CallFailure>(),
    Schedule.modifyDelay(({ duration, input }) => Effect.succeed(Duration.max(duration, retryAfterOf(input)))),
    Schedule.while(({ duration, input }) => isForNow(input) && Duration.toMillis(duration) < left())
  )

const isForNow = (failure: CallFailure): failure is HttpRejected =>
  failure._tag === "HttpRejected" && failure.retryAfterMillis !== undefined

const retryAfterOf = (failure: CallFailure): Duration.Duration =>
  Duration.millis(isForNow(failure) ? failure.retryAfterMillis ?? 0 : 0)

export const make = (
  options: HandshakeOptions,
  link: Link,
  multiplexer: Multiplexer
): Record<Era | "auto" | "legacy first", Handshake> => {
  const { clientInfo, handlers, hasAuthorizer, log, logLevel, protocolVersion: pinned, server, spoken: known } = options
  const capabilities = capabilitiesOf(handlers)
  const withTasks = { ...capabilities, extensions: { [ModernEra.tasksExtension]: {} } }
  const patiently = <A>(said: Effect.Effect<A, CallFailure>) => Effect.retry(said, pauses(options.patience))
  const request = (method: string, params: object) =>
    log.asking(method, multiplexer.request(method, params, { onHandOff: () => log.handedOver() }))
  const failed = (description: string) => new HandshakeFailed({ server, description })
  const spoken = [...Revision.modern, ...Revision.legacy].join(", ")

  const speakModern = (): void => {
    link.setProtocolVersion(Revision.latestModern)
    multiplexer.speak((takesTasks) => {
      const level = logLevel()
      return {
        [ModernEra.metaKey.protocolVersion]: Revision.latestModern,
        [ModernEra.metaKey.clientInfo]: clientInfo,
        [ModernEra.metaKey.clientCapabilities]: takesTasks ? withTasks : capabilities,
        ...(level !== undefined && { [ModernEra.metaKey.logLevel]: level })
      }
    })
  }

  const modern: Handshake = Effect.suspend(() => {
    const ask = Effect.suspend(() => {
      speakModern()
      return request("server/discover", {})
    })
    const discover = patiently(ask)
    // One that refuses the revision and names it in the same breath is asked once more.
    const asked = Effect.catchIf(
      discover,
      (failure) =>
        failure._tag === "ServerError" && failure.code === ModernEra.unsupportedProtocolVersion &&
        ModernEra.supportedIn(failure.data).some(Revision.isModern),
      () => discover
    )
    return Effect.flatMap(asked, (answer): Handshake => {
      const decoded = ModernEra.decodeDiscoverResult(answer)
      if (Result.isFailure(decoded)) {
        return Effect.fail(failed(`its answer to server/discover is wrong: ${decoded.failure}`))
      }
      const { _meta, capabilities, instructions, supportedVersions } = decoded.success
      if (!supportedVersions.some(Revision.isModern)) {
        const described = supportedVersions.map((revision) => JSON.stringify(revision)).join(", ")
        return Effect.fail(failed(`it speaks the revisions ${described} of MCP, this runtime ${spoken}`))
      }
      // Meanwhile `initialize` may have been tried.
      speakModern()
      return Effect.succeed({
        agreement: {
          era: "modern",
          serverInfo: _meta?.[ModernEra.metaKey.serverInfo] ?? { name: server, version: "unknown" },
          capabilities,
          protocolVersion: Revision.latestModern,
          instructions
        },
        spoken: { era: "modern" }
      })
    })
  })

  const accepted = (answer: unknown, revision: string): Handshake =>
    Effect.gen(function*() {
      const oddities: Array<string> = []
      const tell = (oddity: string): void => void oddities.push(oddity)
      const decoded = decodeInitializeResult(Refusals.withRevision(answer, revision, tell), tell)
      if (Result.isFailure(decoded)) return yield* failed(`its answer to initialize is wrong: ${decoded.failure}`)
      const { protocolVersion, ...rest } = decoded.success
      if (!Revision.isLegacy(protocolVersion)) {
        return yield* failed(`it speaks revision ${JSON.stringify(protocolVersion)} of MCP, this runtime ${spoken}`)
      }
      for (const oddity of oddities) {
        if (known?.oddities?.includes(oddity) === true) continue
        yield* Effect.logWarning(`${server}: the answer to initialize: ${oddity}`)
      }
      link.setProtocolVersion(protocolVersion)
      const initialized = "notifications/initialized"
      yield* log.asking(initialized, patiently(multiplexer.notify(initialized, undefined)))
      // A question that a server asks before there is a way for it is lost, and the call that needs the answer with it.
      if (Object.keys(capabilities).length > 0 && link.pushAnswered !== undefined) {
        yield* Effect.timeoutOption(link.pushAnswered, pushPatience)
      }
      return {
        agreement: { ...rest, era: "legacy" as const, protocolVersion },
        spoken: { era: "legacy first" as const, revision, oddities }
      }
    })

  /** Ends: each time there is one revision less to ask with, or less to offer. */
  const initialize = (revision: string, refused: ReadonlyArray<string>, offered: object = capabilities): Handshake => {
    const tried = [...refused, revision]
    const ask = Effect.suspend(() => {
      link.setProtocolVersion(undefined)
      multiplexer.speak(undefined)
      return request("initialize", { protocolVersion: revision, capabilities: offered, clientInfo })
    })
    return patiently(ask).pipe(Effect.matchEffect({
      onSuccess: (answer) => accepted(answer, revision),
      onFailure: (failure) => {
        const next = pinned === undefined ? Refusals.nextRevision(failure, tried) : undefined
        if (next !== undefined) return initialize(next, tried, offered)
        const fewer = OfferedCapabilities.fewer(offered, Refusals.wordsOf(failure))
        return fewer === undefined ? Effect.fail(failure) : initialize(revision, refused, fewer)
      }
    }))
  }

  const legacy = initialize(pinned ?? known?.revision ?? Revision.latestLegacy, [])

  const auto: Handshake = Effect.gen(function*() {
    const isLegacy = yield* Deferred.make<void>()
    let isAnswered = true
    const first = Effect.catchIf(
      modern,
      (failure) => Refusals.mayBeLegacy(failure, hasAuthorizer) && multiplexer.closed === undefined,
      (failure) => {
        isAnswered = !Refusals.isOfGateway(failure)
        return Effect.andThen(Deferred.succeed(isLegacy, undefined), Effect.never)
      }
    )
    const second = Effect.andThen(Effect.timeoutOption(Deferred.await(isLegacy), patience), legacy)
    const outcome = yield* Effect.raceFirst(first, second)
    return isAnswered ? outcome : { ...outcome, spoken: undefined }
  })

  const legacyFirst: Handshake = Effect.catchIf(
    legacy,
    (failure) =>
      failure._tag === "ServerError" && failure.code === ModernEra.unsupportedProtocolVersion &&
      ModernEra.supportedIn(failure.data).some(Revision.isModern),
    () => modern
  )

  return { legacy, modern, auto, "legacy first": legacyFirst }
}
