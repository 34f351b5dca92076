/**
 * The runtime's failures as the JSON-RPC errors an SDK client knows how to raise.
 *
 * What the server itself answered goes through unchanged. Ours have codes that JSON-RPC leaves to implementations, the
 * message written for people, and in `data` what a program needs to decide: the reason's name, and whether the call may have run.
 */
import type { ErrorObject } from "@holdfast/protocol/JsonRpc"
import type { McpRuntimeError, Reason } from "../../McpRuntimeError.ts"

/** Codes of errors that are not the server's own. */
export const errorCode = {
  /** It was not executed: no connection, refused, unknown server. The SDK calls this code `ConnectionClosed`. */
  notExecuted: -32000,
  /** A deadline of the runtime passed. The SDK calls this code `RequestTimeout`. */
  deadline: -32001,
  /** It was sent and its connection was lost: it may have run. `data.reason` is `OutcomeUnknown`. */
  outcomeUnknown: -32010,
  /** The server's answer is no MCP. */
  invalidAnswer: -32011
} as const

export const ofRuntime = ({ reason }: McpRuntimeError): ErrorObject => {
  if (reason._tag === "ServerError") {
    const { code, data, description } = reason
    return { code, message: description, ...(data !== undefined && { data }) }
  }
  return { code: codeOf(reason), message: reason.message, data: dataOf(reason) }
}

const codeOf = (reason: Reason): number => {
  switch (reason._tag) {
    case "OutcomeUnknown":
      return errorCode.outcomeUnknown
    case "DeadlineExceeded":
      return errorCode.deadline
    case "InvalidAnswer":
      return errorCode.invalidAnswer
    default:
      return errorCode.notExecuted
  }
}

const dataOf = (reason: Reason): object => {
  switch (reason._tag) {
    case "OutcomeUnknown":
      return { reason: reason._tag, delivery: "Unknown", attempts: reason.attempts }
    case "DeadlineExceeded":
      return { reason: reason._tag, delivery: reason.delivery, kind: reason.kind }
    case "InvalidAnswer":
      return { reason: reason._tag, delivery: "Unknown" }
    case "ConnectionLost":
      return { reason: reason._tag, delivery: reason.delivery }
    case "HttpRejected":
      return { reason: reason._tag, delivery: "Refused", status: reason.status }
    case "Quarantined":
    case "NotReady":
      return { reason: reason._tag, delivery: "NotSent", retryInMillis: reason.retryInMillis }
    default:
      return { reason: reason._tag, delivery: "NotSent" }
  }
}
