/**
 * The answer to a request that has no other, because its server could not be had or was lost: an error whose `data` says `delivery` and
 * `reason`. Pure.
 */
import * as RawMessage from "./RawMessage.ts"

/** Codes of errors that are not the server's own: those of `@holdfast/mcp/SdkTransport`. */
export const errorCode = { notExecuted: -32000, outcomeUnknown: -32010 } as const

/** What the message of an error ends with whose request may have run. */
export const mayHaveRun = "; the request was sent and may have run"

/** A reason why an answer was lost, with the doubt that is left. */
export const inDoubt = (reason: string): string => `${reason.replace(/\.$/, "")}${mayHaveRun}`

/** Whether the answer is one of these, and not the server's own. */
export const isOurs = ({ value }: RawMessage.RawMessage): boolean => {
  const { code, data } = RawMessage.membersOf(value["error"])
  const { delivery, reason } = RawMessage.membersOf(data)
  return (code === errorCode.notExecuted || code === errorCode.outcomeUnknown) &&
    (delivery === "NotSent" || delivery === "Unknown") && typeof reason === "string"
}
