/**
 * A JSON-RPC message as the text it came as, with what is needed to pass it on: what kind it is, and where its ids are.
 *
 * A relay changes ids and progress tokens, and those in the text itself. So everything else arrives as it was
 * sent: a number of 64 bits, an unknown member, a key that is written twice, the order and the white space.
 *
 * Gotchas: of a key that is written twice the last one counts, as `JSON.parse` has it, and every one of them is replaced.
 *
 * @example
 * ```ts
 * import * as RawMessage from "@holdfast/daemon/RawMessage"
 *
 * const message = RawMessage.own(`{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"big":9007199254740993}}`)
 * // The id is another one; the number is as it was.
 * console.log(RawMessage.replaced(message, [[RawMessage.paths.id, `"a-1"`]]).text)
 * ```
 */
import { metaKey } from "@holdfast/protocol/MetaKey"

/** One message: its text, which is passed on, and what was read from it. */
export interface RawMessage {
  readonly kind: "request" | "notification" | "response"
  /** One line, without its end. */
  readonly text: string
  /** Of requests and responses: the id, as it is written. */
  readonly id: string | undefined
  readonly method: string | undefined
  /** `JSON.parse` of the text. */
  readonly value: Members
}

/** A parsed object of a peer: nothing is known of its members. */
export type Members = Readonly<Record<string, unknown>>

/** A path of keys, from the outermost object on. */
export type Path = ReadonlyArray<string>

/** Where the ids are that are changed, how long an answer is fresh, and what requests of the modern era say of their client. */
export const paths = {
  id: ["id"],
  progressToken: ["params", "_meta", "progressToken"],
  progress: ["params", "progressToken"],
  cancelled: ["params", "requestId"],
  revision: ["params", "_meta", metaKey.protocolVersion],
  capabilities: ["params", "_meta", metaKey.clientCapabilities],
  subscription: ["params", "_meta", metaKey.subscriptionId],
  ttl: ["result", "ttlMs"]
} as const satisfies Readonly<Record<string, Path>>

/** The messages of a line: one, or those of a batch. A text is why it is none. Never throws. */
export const read = (text: string): ReadonlyArray<RawMessage> | string => {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return "it is no JSON"
  }
  if (!Array.isArray(value)) {
    const message = classify(text, value)
    return typeof message === "string" ? message : [message]
  }
  const messages = elementsOf(text).map(({ end, start }, index) => classify(text.slice(start, end), value[index]))
  const fault = messages.find((each) => typeof each === "string")
  return fault ?? messages.filter((each) => typeof each !== "string")
}

/** The message of a text of our own. */
export const own = (text: string): RawMessage => {
  const messages = read(text)
  if (typeof messages === "string" || messages[0] === undefined) throw new Error(`no message: ${text}`)
  return messages[0]
}

/** A request of our own. Id and parameters as they are written. */
export const request = (id: string, method: string, params?: string): RawMessage =>
  own(
    `{"jsonrpc":"2.0","id":${id},"method":${JSON.stringify(method)}${
      params === undefined ? "" : `,"params":${params}`
    }}`
  )

/** What is written at the path, or undefined. */
export const textAt = ({ text }: RawMessage, path: Path): string | undefined => {
  const span = spansOf(text, path).at(-1)
  return span === undefined ? undefined : text.slice(span.start, span.end)
}

/** The elements of the array at the path, as they are written, or undefined. */
export const elementsAt = (message: RawMessage, path: Path): ReadonlyArray<string> | undefined => {
  const text = textAt(message, path)
  return text?.startsWith("[") === true ? elementsOf(text).map(({ end, start }) => text.slice(start, end)) : undefined
}

/** The message with other texts at these paths. A path that is not there is left alone: nothing is ever added. */
export const replaced = (
  message: RawMessage,
  changes: ReadonlyArray<readonly [path: Path, text: string | undefined]>
): RawMessage => {
  const { id, text } = message
  const edits = changes.flatMap(([path, to]) =>
    to === undefined ? [] : spansOf(text, path).map((span) => ({ ...span, to }))
  )
    .toSorted((a, b) => a.start - b.start)
  if (edits.length === 0) return message
  let edited = ""
  let from = 0
  for (const { end, start, to } of edits) {
    edited += text.slice(from, start) + to
    from = end
  }
  const ownId = changes.find(([path]) => path === paths.id)?.[1]
  return { ...message, text: edited + text.slice(from), id: ownId ?? id }
}

/**
 * The message with these members, as they are written, at the beginning of the object at the path. The one thing that adds to a message: for what
 * only the other era says. An object that is not there is made.
 */
export const withMembers = (message: RawMessage, path: Path, members: string): RawMessage => {
  if (members === "") return message
  const { text } = message
  const span = path.length === 0 ? { start: skipBlanks(text, 0), end: text.length } : spansOf(text, path).at(-1)
  const name = path.at(-1)
  if (span === undefined) return withMembers(message, path.slice(0, -1), `${JSON.stringify(name)}:{${members}}`)
  if (text[span.start] !== "{") return own(`${text.slice(0, span.start)}{${members}}${text.slice(span.end)}`)
  const first = skipBlanks(text, span.start + 1)
  const comma = text[first] === "}" ? "" : ","
  return own(`${text.slice(0, span.start + 1)}${members}${comma}${text.slice(span.start + 1)}`)
}

/** Equal for ids that mean the same, however they are written. Numbers are compared as they are written: 2^53 + 1 is no 2^53. */
export const keyOf = (id: string): string => {
  if (!id.startsWith("\"")) return id
  // It was parsed once, as a part of its message.
  return `"${String(JSON.parse(id))}`
}

/** Whether an answer with this id is one to the request. Some servers answer a number by a text of the same digits. */
export const isAnswerTo = ({ id: asked = "" }: RawMessage, id: string): boolean =>
  keyOf(id) === keyOf(asked) || (/^\d+$/.test(asked) && id === `"${asked}"`)

/** The parameters of a message that has some. */
export const paramsOf = ({ value }: RawMessage): Members => membersOf(value["params"])

/** A value as an object's members. What is no object has none. */
export const membersOf = (value: unknown): Members =>
  // An object has members, whatever they are.
  typeof value === "object" && value !== null && !Array.isArray(value) ? value as Members : {}

interface Span {
  readonly start: number
  readonly end: number
}

const classify = (text: string, value: unknown): RawMessage | string => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return "it is no object"
  const members = membersOf(value)
  const { id, method } = members
  const hasId = typeof id === "string" || typeof id === "number"
  if (typeof method === "string") {
    if (!hasId && id !== undefined && id !== null) return "its id is neither a text nor a number"
    const raw = hasId ? idIn(text) : undefined
    return { kind: hasId ? "request" : "notification", text: oneLine(text), id: raw, method, value: members }
  }
  if (!("result" in members) && !("error" in members)) return "it has neither method nor result nor error"
  return {
    kind: "response",
    text: oneLine(text),
    id: hasId ? idIn(text) : undefined,
    method: undefined,
    value: members
  }
}

/** Elements of a batch may stand on lines of their own. Line ends within texts are escaped in JSON. */
const oneLine = (text: string): string => /[\r\n]/.test(text) ? text.replaceAll(/[\r\n]+/g, " ") : text

const idIn = (text: string): string | undefined => {
  const span = spansOf(text, paths.id).at(-1)
  return span === undefined ? undefined : text.slice(span.start, span.end)
}

/** Where the values at a path are, in JSON that has been parsed: every one of them, should a key be written twice. */
const spansOf = (text: string, path: Path): ReadonlyArray<Span> => {
  const key = path.at(-1) ?? ""
  // To look for a key is much faster than to walk: most messages have no progress token and the like, and most have their id first.
  const first = text.indexOf(`"${key}"`)
  const isWrittenAsIs = !text.includes("\\u") && !(key.includes("/") && text.includes("\\/"))
  if (isWrittenAsIs && first < 0) return []
  const isOnce = isWrittenAsIs && !text.includes(`"${key}"`, first + 1)
  const found: Array<Span> = []
  /** Returns whether there are no more. */
  const seek = (start: number, depth: number): boolean => {
    const name = path[depth]
    if (name === undefined || text[start] !== "{") return false
    const last = depth === path.length - 1
    return membersIn(text, start, (key, span) => {
      if (key !== name) return false
      if (!last) return seek(span.start, depth + 1)
      found.push(span)
      return isOnce
    })
  }
  seek(skipBlanks(text, 0), 0)
  return found
}

const elementsOf = (text: string): ReadonlyArray<Span> => {
  const spans: Array<Span> = []
  let at = skipBlanks(text, skipBlanks(text, 0) + 1)
  while (text[at] !== "]") {
    const end = skipValue(text, at)
    spans.push({ start: at, end })
    at = skipBlanks(text, end)
    if (text[at] === ",") at = skipBlanks(text, at + 1)
  }
  return spans
}

/** Calls back for each member of the object that begins here, until that returns true: then it does so, too. */
const membersIn = (text: string, start: number, onMember: (key: string, span: Span) => boolean): boolean => {
  let at = skipBlanks(text, start + 1)
  while (text[at] !== "}") {
    const keyEnd = skipString(text, at)
    const written = text.slice(at, keyEnd)
    const valueStart = skipBlanks(text, skipBlanks(text, keyEnd) + 1)
    const valueEnd = skipValue(text, valueStart)
    const key = written.includes("\\") ? String(JSON.parse(written)) : written.slice(1, -1)
    if (onMember(key, { start: valueStart, end: valueEnd })) return true
    at = skipBlanks(text, valueEnd)
    if (text[at] === ",") at = skipBlanks(text, at + 1)
  }
  return false
}

const skipBlanks = (text: string, from: number): number => {
  let at = from
  while (at < text.length && text.charCodeAt(at) <= 32) at++
  return at
}

/** From the opening quotation mark to behind the closing one. */
const skipString = (text: string, from: number): number => {
  let at = from
  while (true) {
    at = text.indexOf("\"", at + 1)
    let slashes = 0
    while (text[at - 1 - slashes] === "\\") slashes++
    if (slashes % 2 === 0) return at + 1
  }
}

const skipValue = (text: string, from: number): number => {
  const first = text[from]
  if (first === "\"") return skipString(text, from)
  if (first !== "{" && first !== "[") {
    let at = from
    while (at < text.length && !",}] \t\r\n".includes(text[at] ?? "")) at++
    return at
  }
  let depth = 0
  let at = from
  do {
    const code = text.charCodeAt(at)
    if (code === 34) {
      at = skipString(text, at)
      continue
    }
    if (code === 123 || code === 91) depth++
    else if (code === 125 || code === 93) depth--
    at++
  } while (depth > 0)
  return at
}
