/**
 * What a server that does not take the handshake as it came means by its answer.
 *
 * A refusal is known by what it is: by its code and its words, not by its number alone. Servers of one kind say the same thing as a JSON-RPC
 * error, as HTTP 400 with plain text, or as HTTP 500.
 */
import * as ModernEra from "@holdfast/protocol/ModernEra"
import * as Revision from "@holdfast/protocol/Revision"
import type { HandshakeFailed } from "../../McpRuntimeError.ts"
import type { CallFailure } from "./contract.ts"

type Failure = CallFailure | HandshakeFailed

/** Whether the server that said this instead of answering `server/discover` may be a legacy one. The link must still be open. */
export const mayBeLegacy = (failure: Failure, hasAuthorizer: boolean): boolean => {
  switch (failure._tag) {
    case "ServerError": {
      if (failure.code !== ModernEra.unsupportedProtocolVersion) return true
      const supported = ModernEra.supportedIn(failure.data)
      return supported.length === 0 || supported.some(Revision.isLegacy)
    }
    case "HttpRejected": {
      const { retryAfterMillis, status } = failure
      // Credentials are an authorizer's task. Without one it may be a gateway that lets pass what it knows by name.
      if (status === 401 || status === 403) return !hasAuthorizer
      // Overload, and a proxy on the way, are no question of era.
      return retryAfterMillis === undefined && ![407, 408, 425, 429].includes(status)
    }
    // Some servers say yes to everything. Only a valid answer makes a modern one.
    case "InvalidAnswer":
    case "HandshakeFailed":
    case "DeadlineExceeded":
    // A gateway's 5xx, or a response that was cut: frameworks do that to a server that throws.
    case "OutcomeUnknown":
      return true
    case "ConnectionLost":
    case "TooBusy":
      return false
  }
}

/** Whether it says nothing of the server's era: a gateway may have said it while the server was away. */
export const isOfGateway = (failure: Failure): boolean =>
  failure._tag === "OutcomeUnknown" || (failure._tag === "HttpRejected" && failure.status >= 500)

/**
 * A bridge took the question of the era for its start, or serves one client for its whole life: it wants no `initialize` any more.
 */
export const isBegun = (failure: Failure): boolean =>
  /already[\s_-]{0,3}(?:been[\s_-]{0,3})?(?:initiali[sz]ed|started|connected|running)/i.test(wordsOf(failure))

/**
 * The revision to ask with next, of a server that refuses the last one of `tried`: the newest that it names and we speak, or the newest
 * that has not been tried, when it names none. Undefined: it refuses something else, or everything.
 */
export const nextRevision = (failure: Failure, tried: ReadonlyArray<string>): string | undefined => {
  const words = wordsOf(failure)
  const isOfRevision = failure._tag === "ServerError" && failure.code === ModernEra.unsupportedProtocolVersion
  if (!isOfRevision && !ofRevision.test(words)) return undefined
  const named = (words.match(/\b\d{4}-\d{2}-\d{2}\b/g) ?? []).filter((revision) => !tried.includes(revision))
  return Revision.legacy.find((revision) =>
    !tried.includes(revision) && (named.length === 0 || named.includes(revision))
  )
}

/**
 * An answer to `initialize` that says what the server is or offers, but not its revision, agrees with the one it was asked with. An
 * answer that says nothing of all that is none.
 */
export const withRevision = (answer: unknown, asked: string, tell: (oddity: string) => void): unknown => {
  if (!isObject(answer) || (answer["protocolVersion"] ?? undefined) !== undefined) return answer
  if (!isObject(answer["serverInfo"]) && !isObject(answer["capabilities"])) return answer
  tell(`protocolVersion is missing, and taken for ${asked}`)
  return { ...answer, protocolVersion: asked }
}

const ofRevision =
  /protocol.{0,3}version|unsupported.{0,12}(?:version|revision)|(?:version|revision).{0,60}not supported/is

/** What it says, in the message and in the data. */
/** What the server has said, data included. */
export const wordsOf = (failure: Failure): string => {
  switch (failure._tag) {
    case "ServerError":
      return `${failure.description} ${JSON.stringify(failure.data) ?? ""}`.slice(0, 10_000)
    case "HttpRejected":
    case "OutcomeUnknown":
      return failure.description
    default:
      return ""
  }
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)
