/**
 * Whether a server has forgotten the session that a request named.
 *
 * The protocol prescribes 404, and 410 says the same. The official SDK itself says 400, "Bad Request: Server not initialized"; others
 * say it with 401, 422, 500, 503, or with 200 and a JSON-RPC error. So the words count, whatever the status: a text that speaks of a
 * session and, close to it, of something wrong with it, or of a missing `initialize`.
 *
 * Two things are no such word: a JSON-RPC error under the id of our very call, which is an answer unless its status refuses the call
 * and it says nothing else, and a refusal that is about load (429). An answer that says nothing else is a suspicion: it waits until a
 * ping has decided.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#session-management
 */
import * as JsonRpc from "@holdfast/protocol/JsonRpc"
import * as HttpWords from "./HttpWords.ts"

/** Asked only about requests that named a session. `body` is at most 64 KiB of what came back. */
export type SessionLostClassifier = (status: number, body: string) => boolean

/** What a config file can say instead. Of the two that are given, both must hold. */
export interface SessionSigns {
  /** Statuses with which the server says it. Default: every one of 400 and more. */
  readonly statuses?: ReadonlyArray<number> | undefined
  /** The body has one of them, in capital or small letters. Default: any body. */
  readonly words?: ReadonlyArray<string> | undefined
}

/** The classifier that every link over HTTP has, if its config says no other. Never throws. */
export const isSessionLost: SessionLostClassifier = (status, body) => {
  const frame = JsonRpc.decode(body)
  const isFailure = frame._tag === "Failure"
  if (isFailure && isOurs(frame.id)) return isDressedUp(status, frame.error.message)
  if (status === 404 || status === 410) return true
  if (status === 407 || status === 429) return false
  // A success is the server's word on the session only where it is an error that could not even be given an id, or JSON that is no message.
  if (status < 400) {
    return isFailure
      ? namesSession(frame.error.message)
      : frame._tag === "Malformed" && isSentence(body)
  }
  return namesSession(HttpWords.wordsIn(body) ?? "")
}

/** By the signs of a config file, on top of what is known anyway. */
export const bySigns = ({ statuses, words }: SessionSigns): SessionLostClassifier => (status, body) => {
  const isStated = statuses === undefined ? status >= 400 : statuses.includes(status)
  const text = body.toLowerCase()
  const isSaid = words === undefined || words.some((word) => text.includes(word.toLowerCase()))
  return isStated && isSaid
}

/** A server without session ids that has lost its state can only say that it was never greeted. */
export const isUngreeted: SessionLostClassifier = (status, body) => {
  const frame = JsonRpc.decode(body)
  if (frame._tag === "Failure") return !isOurs(frame.id) && greeting.test(frame.error.message.slice(0, longestSentence))
  return status >= 400 && greeting.test(HttpWords.wordsIn(body) ?? "")
}

/**
 * An answer to our call that may be the word of what stands before the server, or that of a tool with sessions of its own: with a
 * success only the bare sentence.
 */
export const isSuspicious = ({ error }: JsonRpc.Failure, status: number): boolean =>
  status >= 400 ? namesSession(error.message) : wholly.test(error.message.slice(0, longestSentence).trim())

/** JSON that says it and nothing else, as `{"error":"Session not found"}`. A page may be a gateway's. */
const isSentence = (body: string): boolean =>
  /^\s*\{/.test(body) && wholly.test((HttpWords.wordsIn(body) ?? "").slice(0, longestSentence).trim())

/** A refusal that bears our id: 404, 410 and 503 refuse by themselves, any other 4xx only with the bare sentence. */
const isDressedUp = (status: number, words: string): boolean =>
  status === 404 || status === 410 || status === 503
    ? namesSession(words)
    : status >= 400 && status < 500 && wholly.test(words.trim())

/** A classifier of the user's, whose own failure is told of once and leaves the question to the one above. */
export const guarded = (
  classifier: SessionLostClassifier,
  onFailure: (error: unknown) => void
): SessionLostClassifier => {
  let hasFailed = false
  return (status, body) => {
    try {
      return classifier(status, body)
    } catch (error) {
      if (!hasFailed) onFailure(error)
      hasFailed = true
      return isSessionLost(status, body)
    }
  }
}

/** Our ids are numbers. `"server-error"`, as the Python SDK says, is none. */
const isOurs = (id: JsonRpc.RequestId | null): boolean => id !== null && /^\d+$/.test(String(id))

/** Speaks of a session and of something wrong with it, or of a missing `initialize`. */
export const namesSession = (words: string): boolean => namesIn(words.slice(0, longestSentence))

const namesIn = (words: string): boolean => closely.test(words) || greeting.test(words)

/** A stranger's text is not searched without end. */
const longestSentence = 2000

const trouble =
  "\\b(?:no|not|non-?existent|in-?valid|in-?active|un-?known|un-?recogni[sz]ed|un-?available|expired?|missing|" +
  "stale|terminated|closed|ended|lost|gone|evicted|forgotten|timed[ -]?out|re-?connect|re-?initiali[sz]e)\\b"

/** Both in one sentence, near each other. */
const closely = new RegExp(
  `${trouble}[^.!?\\n]{0,40}session|session[^.!?\\n]{0,60}?${trouble}|session\\W{1,3}please re-?connect`,
  "i"
)

const greeting =
  /\b(?:not (?:yet |been )*initiali[sz]ed|un-?initiali[sz]ed|before initiali[sz]ation|(?:re-?)?initiali[sz]e (?:first|again)|please (?:re-?connect|re-?initiali[sz]e))\b/i

const wholly =
  /^(?:bad request|not found|error)?[:\s]*(?:server not initiali[sz]ed|received request before initiali[sz]ation was complete|(?:no|in-?valid|un-?known|expired|missing)(?: or \w+)?(?: valid| active)?(?: mcp)?[- ]session(?:[- ]id)?(?: provided)?|(?:mcp[- ])?session(?:[- ]id)? (?:is |was |has )?(?:not found|expired|terminated|closed|in-?valid|un-?known|does not exist))[.!]?$/i
