/**
 * Which call of ours a frame is about. Ids and progress tokens of ours are numbers; some servers give them back as texts, which the
 * official client reads with `Number`, too.
 */
import type * as JsonRpc from "@holdfast/protocol/JsonRpc"

/** An id or a token as we wrote it, if it can be one of ours. */
export const ownId = (id: JsonRpc.RequestId): JsonRpc.RequestId => {
  if (typeof id === "number" || id === "" || id.length > longestNumeral) return id
  const number = Number(id)
  return Number.isSafeInteger(number) ? number : id
}

/** The call that a frame answers, well or ill: `null` where it does not say which. */
export const answeredBy = (frame: JsonRpc.Incoming | JsonRpc.Malformed): JsonRpc.RequestId | null | undefined => {
  switch (frame._tag) {
    case "Success":
    case "Failure":
      return frame.id === null ? null : ownId(frame.id)
    case "Malformed":
      return frame.answerTo === undefined ? undefined : ownId(frame.answerTo)
    default:
      return undefined
  }
}

const longestNumeral = 24
