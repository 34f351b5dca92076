/**
 * What a body says to people, whatever its form: the message of a JSON-RPC error or of any other JSON, the title of a page, a
 * plain text. What comes back has no control characters and is short enough for a message; the link takes secrets out of it.
 */
import * as JsonRpc from "@holdfast/protocol/JsonRpc"

/** Undefined where there is nothing to be said. */
export const wordsIn = (body: string): string | undefined => {
  const text = body.trim()
  if (text === "") return undefined
  const frame = JsonRpc.decode(text)
  if (frame._tag === "Failure") return plain(frame.error.message)
  if (text.startsWith("<")) return ofPage(text.slice(0, longestPage))
  if (text.startsWith("{") || text.startsWith("[") || text.startsWith("\"")) return ofJson(text)
  // Errors come as events, too.
  const data = /^data:(.*)$/m.exec(text)?.[1]
  return data !== undefined && /^(?:event|data|id|retry|):/.test(text) ? wordsIn(data) : plain(text)
}

/** Control characters are blanks, and what is long is cut. */
const plain = (text: string): string | undefined => {
  const words = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, " ").trim()
  if (words === "") return undefined
  return words.length > longest ? `${words.slice(0, longest).toWellFormed()}…` : words
}

const longest = 300

/** What a page has to say is at its beginning, and a hostile one is not searched without end. */
const longestPage = 8192

const ofPage = (page: string): string | undefined => {
  for (const tag of ["title", "h1", "h2", "p", "body"]) {
    const inner = new RegExp(`<${tag}\\b[^>]*>([\\s\\S]{0,4000}?)</${tag}\\s*>`, "i").exec(page)?.[1]
    const words = inner === undefined ? undefined : plain(unescaped(inner.replace(/<[^>]*>/g, " ")))
    if (words !== undefined) return words
  }
  // XML of a storage or a gateway.
  return plain(unescaped(page.replace(/<[^>]*>/g, " ")))
}

const entities: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: "\"", apos: "'", nbsp: " " }

const unescaped = (text: string): string =>
  text.replace(/&(?:#(\d{1,6})|([a-z]{2,4}));/gi, (whole, code?: string, name?: string) => {
    if (code !== undefined) return Number(code) <= 0x10ffff ? String.fromCodePoint(Number(code)) : whole
    return Object.entries(entities).find(([known]) => known === name?.toLowerCase())?.[1] ?? whole
  })

const ofJson = (text: string): string | undefined => {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    // Cut, or none: the sentence may still be in it, and is better than nothing.
    return plain(text)
  }
  return ofValue(value, 4) ?? plain(text)
}

/** In the order in which they are for people: OAuth's and problem+json's sentences first, codes last. */
const members = [
  "error_description",
  "message",
  "detail",
  "details",
  "error",
  "errors",
  "reason",
  "description",
  "msg",
  "title",
  "fault",
  "faultstring",
  "status"
]

const ofValue = (value: unknown, depth: number): string | undefined => {
  if (typeof value === "string") return plain(value)
  if (typeof value !== "object" || value === null || depth === 0) return undefined
  if (Array.isArray(value)) return firstOf(value, depth)
  const lower = new Map(Object.entries(value).map(([name, inner]) => [name.toLowerCase(), inner] as const))
  return firstOf(members.map((name) => lower.get(name)), depth)
}

const firstOf = (values: ReadonlyArray<unknown>, depth: number): string | undefined => {
  for (const value of values) {
    const words = ofValue(value, depth - 1)
    if (words !== undefined) return words
  }
  return undefined
}
