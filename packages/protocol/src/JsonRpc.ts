/**
 * The JSON-RPC 2.0 envelope as MCP uses it: what goes out, what comes in, and what is neither.
 *
 * Promises: `decode` is total. Whatever the peer wrote becomes a frame, and what is no JSON-RPC becomes `Malformed` with a
 * reason for people and, where it can be told, the id of the call it was meant to answer, so that only that call suffers.
 * Text is parsed once, into fresh objects; nothing of ours is ever indexed by a name the peer chose.
 *
 * In `structuredContent` a whole number beyond 2^53 is a `JSON.rawJSON` object, which `JSON.stringify` writes exactly; everywhere else it is
 * the nearest number.
 *
 * **Gotchas**: `params`, `result` and `data` are handed through as parsed, unchecked. The envelope is checked strictly
 * (`"jsonrpc": "2.0"` is demanded), because JSON log lines on a server's stdout must not pass for messages. What is inside an error
 * is not: an error of an odd form is still an answer that says no, and its words are what its caller needs.
 *
 * @example
 * ```ts
 * import * as JsonRpc from "@holdfast/protocol/JsonRpc"
 *
 * const frame = JsonRpc.decode("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}")
 * export const answer = frame._tag === "Request" ? JsonRpc.encodeSuccess(frame.id, {}) : undefined
 * ```
 *
 * @see https://www.jsonrpc.org/specification
 */
import { keepExact } from "./internal/exactIntegers.ts"

/** MCP forbids `null` and asks for a string or an integer. */
export type RequestId = string | number

/** Why a call has failed. */
export interface ErrorObject {
  /** Of an error that was read: any finite number. Where the peer gave none, that of `errorCode.internalError`. */
  readonly code: number
  readonly message: string
  readonly data?: unknown
}

/** A call that the receiver must answer with a `Success` or a `Failure` of the same id. */
export interface Request {
  readonly _tag: "Request"
  readonly id: RequestId
  readonly method: string
  readonly params: unknown
}

/** A message that is never answered. Some peers write an `id` of `null` into it. */
export interface Notification {
  readonly _tag: "Notification"
  readonly method: string
  readonly params: unknown
}

/** An answer that is a result. */
export interface Success {
  readonly _tag: "Success"
  readonly id: RequestId
  readonly result: unknown
}

/** An answer that is an error. Its id is `null` when the peer could not even read the id of what it complains about. */
export interface Failure {
  readonly _tag: "Failure"
  readonly id: RequestId | null
  readonly error: ErrorObject
}

/** Something that is no JSON-RPC message. */
export interface Malformed {
  readonly _tag: "Malformed"
  /** Why, for people: `not JSON`, `neither "method" nor "result" nor "error"`. Of an answer with its beginning: the peer's own words. */
  readonly reason: string
  /** Its beginning, at most 200 characters. */
  readonly excerpt: string
  /** Set when it was meant as the answer to this call. */
  readonly answerTo?: RequestId | undefined
}

/** Several frames in one, as revision 2025-03-26 allows. Never nested. */
export interface Batch {
  readonly _tag: "Batch"
  readonly frames: ReadonlyArray<Incoming | Malformed>
}

/** One well-formed message from the peer. */
export type Incoming = Request | Notification | Success | Failure

/** Everything a line, an event or a body can turn out to be. */
export type Frame = Incoming | Batch | Malformed

/** The codes of the specification that a client uses in its own answers. */
export const errorCode = {
  parseError: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internalError: -32603
} as const

/**
 * The text of a request, without a line end. Throws a `TypeError` when `params` cannot be JSON (a cycle, a BigInt).
 */
export const encodeRequest = (id: RequestId, method: string, params: object | undefined): string =>
  JSON.stringify({ jsonrpc: "2.0", id, method, params })

/**
 * The text of a request that asks for progress under its own id, without a line end. `params` has no `_meta` of its own; `meta` is what else is to be
 * in it. The same as `encodeRequest` with that member, in half the time. Throws like it.
 */
export const encodeRequestWithProgress = (id: number, method: string, params: object, meta?: object): string => {
  const rest = JSON.stringify(params)
  const more = meta === undefined ? "{}" : JSON.stringify(meta)
  const isPlain = isPlainText(rest) && isPlainText(more) && (meta === undefined || !("progressToken" in meta))
  if (!isPlain) return encodeRequest(id, method, { ...params, _meta: { ...meta, progressToken: id } })
  const others = more === "{}" ? "{" : `${more.slice(0, -1)},`
  const head = `{"jsonrpc":"2.0","id":${id},"method":${
    JSON.stringify(method)
  },"params":{"_meta":${others}"progressToken":${id}}`
  return rest === "{}" ? `${head}}}` : `${head},${rest.slice(1)}}`
}

/** An object that was written member by member. */
const isPlainText = (json: string): boolean => json === "{}" || json.startsWith("{\"")

/** The text of a notification. Throws like `encodeRequest`. */
export const encodeNotification = (method: string, params?: object): string =>
  JSON.stringify({ jsonrpc: "2.0", method, params })

/** The text of a successful answer. Throws like `encodeRequest`. */
export const encodeSuccess = (id: RequestId, result: object): string => JSON.stringify({ jsonrpc: "2.0", id, result })

/** The text of an answer that is an error. Throws like `encodeRequest`. */
export const encodeFailure = (id: RequestId | null, error: ErrorObject): string =>
  JSON.stringify({ jsonrpc: "2.0", id, error })

/** Reads one message, or one batch of them. Never throws. */
export const decode = (text: string): Frame => {
  let value: unknown
  try {
    // JSON knows no byte order mark, and some servers write one.
    const json = text.charCodeAt(0) === byteOrderMark ? text.slice(1) : text
    value = JSON.parse(json)
    keepExact(value, json)
  } catch {
    return malformed("not JSON", text)
  }
  if (!Array.isArray(value)) return classify(value, text)
  if (value.length === 0) return malformed("an empty batch", text)
  return { _tag: "Batch", frames: value.map((element: unknown) => classify(element, text)) }
}

/** A `Malformed` frame from outside: something that could not even be decoded to text. */
export const malformed = (reason: string, text: string, answerTo?: RequestId): Malformed => ({
  _tag: "Malformed",
  reason,
  excerpt: excerptOf(text),
  answerTo
})

const excerptOf = (text: string): string => text.length > excerptLength ? `${text.slice(0, excerptLength)}…` : text

/**
 * Seeks the id of an answer that was too long or too broken to be parsed, from its first and its last characters.
 *
 * It answers only where it cannot be mistaken: an id right at the beginning of the outermost object or right at its end,
 * in a message that is an answer. Every server seen writes it in one of these two places.
 */
export const seekAnswerId = (head: string, tail: string): RequestId | undefined => {
  const leading = leadingId.exec(head)
  const id = leading !== null ? leading[1] : beginsAsAnswer.test(head) ? trailingId.exec(tail)?.[1] : undefined
  if (id === undefined) return undefined
  try {
    const value: unknown = JSON.parse(id)
    return isRequestId(value) ? value : undefined
  } catch {
    return undefined
  }
}

/**
 * True when a message that begins so is no answer: a request or a notification, too long or too broken to be parsed. False may
 * be anything.
 */
export const beginsAsCall = (head: string): boolean => leadingMethod.test(head)

/** What MCP accepts as an id. */
export const isRequestId = (value: unknown): value is RequestId =>
  typeof value === "number" ? Number.isFinite(value) : typeof value === "string"

const excerptLength = 200
const byteOrderMark = 0xFEFF

const version = String.raw`"jsonrpc"\s*:\s*"2\.0"\s*`
const idMember = String.raw`"id"\s*:\s*(-?\d{1,16}|"(?:[^"\\]|\\.){0,256}")\s*`
const answer = String.raw`"(?:result|error)"\s*:`
const leadingId = new RegExp(String.raw`^\s*\{\s*(?:${version},\s*)?${idMember},\s*(?:${version},\s*)?${answer}`)
const beginsAsAnswer = new RegExp(String.raw`^\s*\{\s*(?:${version},\s*)?${answer}`)
const leadingMethod = new RegExp(String.raw`^\s*\{\s*(?:(?:${version}|${idMember}),\s*){0,2}"(?:method|params)"\s*:`)
const trailingId = new RegExp(String.raw`,\s*${idMember}(?:,\s*${version})?\}\s*$`)

/** A parsed JSON object: its members are the peer's, so nothing is known of them. */
interface Members {
  readonly jsonrpc?: unknown
  readonly id?: unknown
  readonly method?: unknown
  readonly params?: unknown
  readonly result?: unknown
  readonly error?: unknown
}

const isObject = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const classify = (value: unknown, text: string): Incoming | Malformed => {
  if (!isObject(value)) return malformed("not an object", text)
  const frame: Members = value
  const { id, method } = frame
  if (method !== undefined) return classifyCall(frame, text)
  const answerTo = isRequestId(id) ? id : undefined
  const isFailure = !isAbsent(frame.error)
  if (!isFailure && frame.result === undefined) {
    return misshapen(`neither "method" nor "result" nor "error"`, text, frame.jsonrpc === "2.0" ? answerTo : undefined)
  }
  if (frame.jsonrpc !== "2.0") return misshapen(`"jsonrpc" is not "2.0"`, text, answerTo)
  if (isFailure) {
    const error = errorOf(frame.error)
    if (error === undefined) return misshapen(`"error" has no text "message"`, text, answerTo)
    if (answerTo === undefined && id !== null && id !== undefined) return malformed(`"id" is no string or number`, text)
    return { _tag: "Failure", id: answerTo ?? null, error }
  }
  if (answerTo === undefined) return malformed(`an answer whose "id" is no string or number`, text)
  return { _tag: "Success", id: answerTo, result: frame.result }
}

/** The caller that waits for such an answer is told what it was. */
const misshapen = (reason: string, text: string, answerTo: RequestId | undefined): Malformed =>
  malformed(answerTo === undefined ? reason : `${reason}: ${excerptOf(text)}`, text, answerTo)

const classifyCall = (frame: Members, text: string): Incoming | Malformed => {
  const { id, method } = frame
  if (typeof method !== "string") return malformed(`"method" is no text`, text)
  if (frame.jsonrpc !== "2.0") return malformed(`"jsonrpc" is not "2.0"`, text)
  const params = frame.params ?? undefined
  if (params !== undefined && typeof params !== "object") return malformed(`"params" is no object`, text)
  // A request cannot do without an id, a notification can: there `null` is as good as none.
  if (id === undefined || (id === null && method.startsWith("notifications/"))) {
    return { _tag: "Notification", method, params }
  }
  if (!isRequestId(id)) return malformed(`a request whose "id" is no string or number`, text)
  return { _tag: "Request", id, method, params }
}

/** Some servers write the member that is not meant as `null`, some as `false` or as an empty text. */
const isAbsent = (error: unknown): boolean => error === undefined || error === null || error === false || error === ""

/** What a peer says went wrong, as far as it says it in words. */
const errorOf = (error: unknown): ErrorObject | undefined => {
  if (typeof error === "string") return { code: errorCode.internalError, message: error }
  if (isErrorObject(error)) return error
  if (!isObject(error)) return undefined
  const { code, data, message }: { readonly code?: unknown; readonly data?: unknown; readonly message?: unknown } =
    error
  if (typeof message !== "string") return undefined
  const isNumeral = typeof code === "string" && /^-?\d{1,15}$/.test(code)
  // What is no number belongs to the words: `ENOENT` and its like.
  const words = typeof code === "string" && !isNumeral ? `${message} (${code})` : message
  return { code: isNumeral ? Number(code) : errorCode.internalError, message: words, data }
}

const isErrorObject = (value: unknown): value is ErrorObject =>
  isObject(value) && "code" in value && Number.isFinite(value.code) && "message" in value &&
  typeof value.message === "string"
