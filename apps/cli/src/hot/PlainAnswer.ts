/**
 * What the daemon answers to a call, as far as it is plain: text. Pure, and loads nothing.
 */
import { notTaken, ofOpening } from "@holdfast/daemon/CallRequest"
import { isMembers, membersIn } from "./Members.ts"

/** What becomes of a call. */
export type Outcome =
  /** The tool has answered with text. `result` is all of it. */
  | { readonly _tag: "Text"; readonly text: string; readonly isError: boolean; readonly result: object }
  /** It is the answer to this method, and the whole program has words for it. */
  | { readonly _tag: "Odd"; readonly method: string }
  /** It was sent, and may have run. */
  | { readonly _tag: "Lost"; readonly description: string }
  /** It is no answer: the server asks something. */
  | { readonly _tag: "Asked" }
  /** It is no answer: the server says how far it is. */
  | { readonly _tag: "Progress" }
  /** The daemon has done nothing. */
  | { readonly _tag: "NotTaken" }

/** What becomes of a call whose daemon has gone: it may have been sent. */
export const daemonEnded = "the daemon has ended"

/** Reads a line that comes while the call is under way. Undefined: it is nothing to the call. */
export const read = (line: string, id: string): Outcome | undefined => {
  const message = membersIn(line)
  if (message["method"] !== undefined) {
    if (message["id"] !== undefined) return { _tag: "Asked" }
    const { method, params } = message
    const isOfCall = method === "notifications/progress" && isMembers(params) && params["progressToken"] === id
    return isOfCall ? { _tag: "Progress" } : undefined
  }
  if (message["id"] !== id) return undefined
  const { error, result } = message
  if (!isMembers(result)) {
    const data = isMembers(error) && isMembers(error["data"]) ? error["data"] : {}
    if (data["reason"] === notTaken && data["delivery"] === "NotSent") return { _tag: "NotTaken" }
    if (data["reason"] === "OutcomeUnknown" && data["delivery"] === "Unknown" && isMembers(error)) {
      return { _tag: "Lost", description: String(error["message"]) }
    }
    return { _tag: "Odd", method: data["of"] === ofOpening ? ofOpening : "tools/call" }
  }
  const { content, isError = false, resultType = "complete", structuredContent } = result
  const isPlain = resultType === "complete" && Array.isArray(content) && content.every(isPlainText) &&
    typeof isError === "boolean" && (structuredContent === undefined || isMembers(structuredContent)) &&
    // Numbers that may not be what they were written as.
    !/\d{16}/.test(line)
  if (!isPlain) return { _tag: "Odd", method: "tools/call" }
  const text = content.map((block) => block.text).join("\n")
  // Without a text it is the structured content that is shown.
  return structuredContent !== undefined && text.trim() === ""
    ? { _tag: "Odd", method: "tools/call" }
    : { _tag: "Text", text, isError, result }
}

const isPlainText = (block: unknown): block is { readonly text: string } =>
  isMembers(block) && block["type"] === "text" && typeof block["text"] === "string"
