/**
 * Whole numbers that JavaScript's numbers cannot hold, such as the 64-bit ids of databases: read as `JSON.rawJSON`, which
 * `JSON.stringify` writes digit by digit.
 *
 * Only `structuredContent` is read so: there the data is the server's own, and a changed digit is another record. Numbers of the protocol
 * and of schemas stay numbers. A text without a run of sixteen digits costs one look, one without `structuredContent` none.
 */

/** ECMAScript's "JSON.parse source text access", which the compiler's library does not know yet. */
interface ExactJSON {
  readonly rawJSON: (text: string) => object
  readonly isRawJSON: (value: unknown) => value is { readonly rawJSON: string }
}

// Node has these two since version 21.
export const { isRawJSON, rawJSON } = JSON as unknown as ExactJSON

/** Puts the exact `structuredContent` into what `JSON.parse` has made of the text: a message, or a batch of them. */
export const keepExact = (parsed: unknown, text: string): void => {
  if (!isConcerned(parsed) || !hasLongNumber(text)) return
  const exact: unknown = JSON.parse(text, reviver)
  if (!Array.isArray(parsed)) return copy(exact, parsed)
  // The same text: as many messages as before.
  for (const [index, message] of parsed.entries()) copy(Array.isArray(exact) ? exact[index] : undefined, message)
}

/** A run of sixteen digits has one at a multiple of sixteen: only those places are looked at, and their neighbours where one is there. */
const hasLongNumber = (text: string): boolean => {
  for (let place = digits - 1; place < text.length; place += digits) {
    if (!isDigit(text.charCodeAt(place))) continue
    let [from, to] = [place, place]
    while (isDigit(text.charCodeAt(from - 1))) from--
    while (isDigit(text.charCodeAt(to + 1))) to++
    if (to - from + 1 >= digits) return true
  }
  return false
}

const digits = 16

const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39

const isConcerned = (parsed: unknown): boolean =>
  Array.isArray(parsed) ? parsed.some((message) => resultOf(message) !== undefined) : resultOf(parsed) !== undefined

const copy = (from: unknown, to: unknown): void => {
  const [source, target] = [resultOf(from), resultOf(to)]
  if (source !== undefined && target !== undefined) target.structuredContent = source.structuredContent
}

const reviver = (_: string, value: unknown, context?: { readonly source?: string }): unknown =>
  typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source ?? "")
    ? rawJSON(context?.source ?? "")
    : value

const resultOf = (message: unknown): { structuredContent: unknown } | undefined => {
  if (typeof message !== "object" || message === null || !("result" in message)) return undefined
  const { result } = message
  return typeof result === "object" && result !== null && "structuredContent" in result ? result : undefined
}
