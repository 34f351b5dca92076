/**
 * One message of a client, as it was read.
 *
 * A request whose id is a whole number that JavaScript does not keep exactly is refused without it: the answer would bear another one. An answer
 * that is none fails the question that it was to answer, which would wait in vain for a better one.
 */
import * as JsonRpc from "@holdfast/protocol/JsonRpc"
import type { Message } from "./Conversation.ts"

/** A message that cannot be taken, and why. `failure`: the answer to the question that it was to answer. */
export interface Fault {
  readonly _tag: "Fault"
  readonly reason: string
  readonly failure?: JsonRpc.Failure
}

export const readMessage = (frame: JsonRpc.Incoming | JsonRpc.Malformed): Message | Fault => {
  if (frame._tag === "Malformed") {
    const { answerTo, reason } = frame
    if (answerTo === undefined || !isExact(answerTo)) return { _tag: "Fault", reason }
    const error = { code: JsonRpc.errorCode.internalError, message: `the client's answer is none: ${reason}` }
    return { _tag: "Fault", reason, failure: { _tag: "Failure", id: answerTo, error } }
  }
  return frame._tag === "Request" && !isExact(frame.id)
    ? { _tag: "Fault", reason: `a request whose "id" is a number that JSON does not keep exactly; use a text` }
    : frame
}

const isExact = (id: JsonRpc.RequestId): boolean => !Number.isInteger(id) || Number.isSafeInteger(id)
