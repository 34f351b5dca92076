/**
 * Says where and why a text is not JSON: engines disagree on the position in their messages, and often leave it out.
 *
 * Only called on texts `JSON.parse` has refused. Keeps its own stack, so deep nesting cannot overflow ours.
 */

export interface SyntaxFault {
  /** From 1. */
  readonly line: number
  /** From 1, in UTF-16 units as editors count them. */
  readonly column: number
  readonly expected: string
  readonly actual: string
}

type Want = "value" | "value or ]" | "name or }" | "name" | "colon" | ", or }" | ", or ]" | "end"

const wanted: Record<Want, string> = {
  "value": "a JSON value",
  "value or ]": "a JSON value or \"]\"",
  "name or }": "a property name in double quotes or \"}\"",
  "name": "a property name in double quotes",
  "colon": "\":\"",
  ", or }": "\",\" or \"}\"",
  ", or ]": "\",\" or \"]\"",
  "end": "the end of the file"
}

// From the space on, but for the quote and the backslash: JSON forbids control characters in strings.
const string = /"(?:[ !#-[\]-\uffff]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y
const scalar = /(?:true|false|null|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)(?![A-Za-z0-9_.])/y

/** The first place where `text` stops being JSON; `undefined` when it is JSON after all. */
export const locate = (text: string): SyntaxFault | undefined => {
  const open: Array<"{" | "["> = []
  let want: Want = "value"
  let at = 0
  const afterValue = (): Want => open.length === 0 ? "end" : open.at(-1) === "{" ? ", or }" : ", or ]"
  const match = (pattern: RegExp): boolean => {
    pattern.lastIndex = at
    const found = pattern.exec(text)
    if (found === null) return false
    at += found[0].length
    return true
  }
  const fault = (expected: string = wanted[want]): SyntaxFault => {
    const before = text.slice(0, at)
    const lineStart = before.lastIndexOf("\n") + 1
    return { line: before.split("\n").length, column: at - lineStart + 1, expected, actual: describeAt(text, at) }
  }
  for (;;) {
    while (at < text.length && " \t\r\n".includes(text.charAt(at))) at++
    const char = text.charAt(at)
    if (want === "end") return at === text.length ? undefined : fault()
    const closes = char === "}" && (want === "name or }" || want === ", or }") ||
      char === "]" && (want === "value or ]" || want === ", or ]")
    if (closes) {
      open.pop()
      at++
      want = afterValue()
    } else if (want === "value" || want === "value or ]") {
      if (char === "{" || char === "[") {
        open.push(char)
        at++
        want = char === "{" ? "name or }" : "value or ]"
      } else if (match(string) || match(scalar)) want = afterValue()
      else return fault(char === "\"" ? brokenString : undefined)
    } else if (want === "name or }" || want === "name") {
      if (!match(string)) return fault(char === "\"" ? brokenString : undefined)
      want = "colon"
    } else if (want === "colon") {
      if (char !== ":") return fault()
      at++
      want = "value"
    } else {
      if (char !== ",") return fault()
      at++
      want = want === ", or }" ? "name" : "value"
    }
  }
}

const brokenString = "a string that is closed on its line, with \\ before quotes and backslashes"

/** Only a sign or a word of the text, never a line of it: a config file holds secrets. */
const describeAt = (text: string, at: number): string => {
  if (at >= text.length) return "the end of the file"
  const rest = text.slice(at, at + 2)
  if (rest === "//" || rest === "/*") return `${rest} (JSON has no comments)`
  if (rest.startsWith("\"")) return "a string"
  return JSON.stringify(String.fromCodePoint(text.codePointAt(at) ?? 0))
}
