/** JSON in which a whole number that JavaScript cannot hold stays as it is written: `JSON.stringify` writes the same digits. */

/** ECMAScript's "JSON.parse source text access", which the compiler's library does not know yet. */
interface ExactJSON {
  readonly rawJSON: (text: string) => object
  readonly isRawJSON: (value: unknown) => boolean
}

// Node has these two since version 21.
export const { isRawJSON, rawJSON } = JSON as unknown as ExactJSON

/** As `JSON.parse`, which throws on what is no JSON. */
export const parseExactly = (text: string): unknown =>
  longNumber.test(text) ? JSON.parse(text, exact) : JSON.parse(text)

const longNumber = /\d{16}/

const exact = (_: string, value: unknown, context?: { readonly source?: string }): unknown =>
  typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source ?? "")
    ? rawJSON(context?.source ?? "")
    : value
