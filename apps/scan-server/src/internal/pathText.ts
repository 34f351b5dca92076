/**
 * Names of files as texts. A name is bytes, and on some disks not all of them are UTF-8: a byte that is none becomes a surrogate that no
 * text has (U+DC80 to U+DCFF, as in Python), so that the name can be kept, sent, and opened again.
 */
import { Buffer } from "node:buffer"

export const fromBytes = (bytes: Buffer): string => {
  const text = bytes.toString("utf8")
  if (!text.includes("\ufffd") || Buffer.from(text).equals(bytes)) return text
  let result = ""
  for (let at = 0; at < bytes.length;) {
    const first = bytes[at] ?? 0
    const length = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2
    const some = bytes.subarray(at, at + length)
    const character = some.toString("utf8")
    const isCharacter = some.length === length && Buffer.from(character).equals(some)
    result += isCharacter ? character : String.fromCharCode(0xdc00 + first)
    at += isCharacter ? length : 1
  }
  return result
}

// Only a surrogate that stands alone matches.
const notUtf8 = /[\udc80-\udcff]/u

export const toBytes = (path: string): Buffer =>
  notUtf8.test(path)
    ? Buffer.concat([...path].map((character) =>
      notUtf8.test(character) ? Buffer.from([character.charCodeAt(0) - 0xdc00]) : Buffer.from(character)
    ))
    : Buffer.from(path)

/** For people: a byte that is no UTF-8 as `\xE9`. */
export const show = (path: string): string =>
  path.replaceAll(new RegExp(notUtf8, "gu"), (one) => `\\x${(one.charCodeAt(0) - 0xdc00).toString(16).toUpperCase()}`)
