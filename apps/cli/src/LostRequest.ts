/** What a host over stdio is told of a request that the way to its server has lost: it has no status of HTTP to look at. */
import { errorCode, inDoubt } from "@holdfast/daemon/DeliveryError"
import type { LinkFailure } from "@holdfast/mcp/Link"
import * as JsonRpc from "@holdfast/protocol/JsonRpc"

/** The answer, as a line. */
export const answerOf = (id: JsonRpc.RequestId, failure: LinkFailure): string => {
  const status = "status" in failure && failure.status !== undefined ? `HTTP ${failure.status}: ` : ""
  const words = `${status}${failure.description}`
  const mayHaveRun = failure._tag === "Unintelligible" || failure._tag === "Lost" && failure.delivery === "Unknown"
  const error = mayHaveRun
    ? { code: errorCode.outcomeUnknown, message: inDoubt(words) }
    : { code: errorCode.notExecuted, message: words }
  return `${JsonRpc.encodeFailure(id, error)}\n`
}

/** The answer to a request whose own answer cannot be read. */
export const unreadable = (id: JsonRpc.RequestId, reason: string): string => {
  const message = `the server's answer could not be read: ${reason}`
  return `${JsonRpc.encodeFailure(id, { code: JsonRpc.errorCode.internalError, message })}\n`
}
