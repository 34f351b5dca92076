/**
 * JSON whose numbers stay what they are: one that JavaScript's numbers cannot hold goes out as it was written.
 *
 * Such a number is a `JSON.rawJSON` object, which `JSON.stringify` writes digit by digit. `plain` gives the value as near as numbers come, for
 * code that looks at it.
 */

/** ECMAScript's "JSON.parse source text access", which the compiler's library does not know yet. */
interface ExactJSON {
  readonly rawJSON: (text: string) => object
  readonly isRawJSON: (value: unknown) => value is { readonly rawJSON: string }
}

// Node has these two since version 21.
const { isRawJSON, rawJSON } = JSON as unknown as ExactJSON

/** Reads JSON. Throws as `JSON.parse` does. */
export const parse = (text: string): unknown =>
  JSON.parse(
    text,
    (_, value: unknown, context?: { readonly source?: string }) =>
      typeof value === "number" && context?.source !== undefined
        ? numberOf(context.source) ?? rawJSON(context.source)
        : value
  )

/** The number that a JSON literal says; `undefined` for one that is beyond all numbers. */
export const numberOf = (literal: string): unknown => {
  const value = Number(literal)
  if (/^-?\d+$/.test(literal)) return Number.isSafeInteger(value) ? value : rawJSON(BigInt(literal).toString())
  if (!Number.isFinite(value)) return undefined
  const digits = literal.replace(/e.*$/i, "").replace(/[-.]/g, "").replace(/^0+/, "")
  // Fifteen digits come through any double.
  return digits.length <= 15 || String(value) === literal ? value : rawJSON(literal)
}

/** Whether it is a number that goes out as it was written. */
export const isRaw = (value: unknown): boolean => isRawJSON(value)

/** The same with numbers only. */
export const plain = (value: unknown): unknown => {
  if (isRawJSON(value)) return Number(value.rawJSON)
  if (Array.isArray(value)) return value.map(plain)
  return typeof value === "object" && value !== null
    ? Object.fromEntries(Object.entries(value).map(([name, each]) => [name, plain(each)]))
    : value
}
