/**
 * How a connection finds out who it talks to, and in which era of the protocol.
 *
 * A modern server (2026-07-28 and later) knows no handshake: it is asked `server/discover`. A legacy one wants `initialize` first.
 * Who does not know which it is asks the modern way; after an error, or two seconds of silence, it says `initialize` on the same
 * link, and the first valid answer to either settles it. Who is thought to be legacy, but may have changed, is asked the legacy
 * way first.
 *
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/versioning
 */
import type * as Messages from "@holdfast/protocol/Messages"
import { decodeInitializeResult } from "@holdfast/protocol/Messages"
import * as ModernEra from "@holdfast/protocol/ModernEra"
import * as Revision from "@holdfast/protocol/Revision"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { ClientHandlers } from "../ClientHandlers.ts"
import type { Link } from "../Link.ts"
import type { CallFailure, Era } from "../McpConnection.ts"
import { HandshakeFailed } from "../McpRuntimeError.ts"
import type { Multiplexer } from "./Multiplexer.ts"
import { capabilitiesOf } from "./Responder.ts"

export interface HandshakeOptions {
  readonly server: string
  readonly clientInfo: Messages.Implementation
  readonly handlers: ClientHandlers
  /** Asked at every modern request: how verbose the server is to be while it serves it. */
  readonly logLevel: () => string | undefined
}

/** What both sides know now. */
export interface Agreement {
  readonly era: Era
  readonly serverInfo: Messages.Implementation
  readonly capabilities: Messages.ServerCapabilities
  readonly protocolVersion: string
  readonly instructions?: string | undefined
}

type Handshake = Effect.Effect<Agreement, CallFailure | HandshakeFailed>

/** How long a server may be silent on the modern question before it is asked the legacy one as well. */
const patience = "2 seconds"

/** How long a server may take to open its own stream before the connection is used without. */
const pushPatience = "1 second"

export const make = (
  options: HandshakeOptions,
  link: Link,
  multiplexer: Multiplexer
): Record<Era | "auto" | "legacy first", Handshake> => {
  const { clientInfo, handlers, logLevel, server } = options
  const capabilities = capabilitiesOf(handlers)
  const failed = (description: string) => new HandshakeFailed({ server, description })
  const spoken = [...Revision.modern, ...Revision.legacy].join(", ")

  const speakModern = (): void => {
    link.setProtocolVersion(Revision.latestModern)
    multiplexer.speak(() => {
      const level = logLevel()
      return {
        [ModernEra.metaKey.protocolVersion]: Revision.latestModern,
        [ModernEra.metaKey.clientInfo]: clientInfo,
        [ModernEra.metaKey.clientCapabilities]: capabilities,
        ...(level !== undefined && { [ModernEra.metaKey.logLevel]: level })
      }
    })
  }

  const modern: Handshake = Effect.suspend(() => {
    speakModern()
    const discover = multiplexer.request("server/discover", {}, {})
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
        era: "modern",
        serverInfo: _meta?.[ModernEra.metaKey.serverInfo] ?? { name: server, version: "unknown" },
        capabilities,
        protocolVersion: Revision.latestModern,
        instructions
      })
    })
  })

  const legacy: Handshake = Effect.gen(function*() {
    link.setProtocolVersion(undefined)
    multiplexer.speak(undefined)
    const answer = yield* multiplexer.request("initialize", {
      protocolVersion: Revision.latestLegacy,
      capabilities,
      clientInfo
    }, {})
    const decoded = decodeInitializeResult(answer)
    if (Result.isFailure(decoded)) return yield* failed(`its answer to initialize is wrong: ${decoded.failure}`)
    const { protocolVersion, ...rest } = decoded.success
    if (!Revision.isLegacy(protocolVersion)) {
      return yield* failed(`it speaks revision ${JSON.stringify(protocolVersion)} of MCP, this runtime ${spoken}`)
    }
    link.setProtocolVersion(protocolVersion)
    yield* multiplexer.notify("notifications/initialized", undefined)
    // A question that a server asks before there is a way for it is lost, and the call that needs the answer with it.
    if (Object.keys(capabilities).length > 0 && link.pushAnswered !== undefined) {
      yield* Effect.timeoutOption(link.pushAnswered, pushPatience)
    }
    return { ...rest, era: "legacy", protocolVersion }
  })

  const auto: Handshake = Effect.gen(function*() {
    const isLegacy = yield* Deferred.make<void>()
    const first = Effect.catchIf(
      modern,
      mayBeLegacy,
      () => Effect.andThen(Deferred.succeed(isLegacy, undefined), Effect.never)
    )
    const second = Effect.andThen(Effect.timeoutOption(Deferred.await(isLegacy), patience), legacy)
    return yield* Effect.raceFirst(first, second)
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

/** Whether what came instead of an answer to `server/discover` is what a legacy server would say. */
const mayBeLegacy = (failure: CallFailure | HandshakeFailed): boolean => {
  switch (failure._tag) {
    case "ServerError": {
      if (failure.code !== ModernEra.unsupportedProtocolVersion) return true
      const supported = ModernEra.supportedIn(failure.data)
      return supported.length === 0 || supported.some(Revision.isLegacy)
    }
    // Credentials and overload are no question of era.
    case "HttpRejected":
      return failure.status >= 400 && failure.status < 500 && ![401, 403, 407, 408, 425, 429].includes(failure.status)
    // Some servers say yes to everything. Only a valid answer makes a modern one.
    case "InvalidAnswer":
    case "HandshakeFailed":
    case "DeadlineExceeded":
      return true
    case "ConnectionLost":
    case "OutcomeUnknown":
    case "TooBusy":
      return false
  }
}
