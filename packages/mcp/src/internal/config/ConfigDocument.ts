/**
 * The text of a config file, as a value that knows where each part of it is written.
 *
 * JSON as editors write it: comments and trailing commas are allowed, in UTF-8 or UTF-16, with a byte order mark or without.
 *
 * Promises
 * - A text that is no JSON is refused with line, column, what was expected and what was found; of the text no more than a sign is
 *   quoted, because a config holds secrets.
 * - Names become members of the value as `JSON.parse` makes them, `__proto__` too; of a name that is written twice the last counts,
 *   and `repeated` tells of it.
 * - Depth is bounded, so no text can overflow the stack.
 */
// Bundlers take its ES modules, by the condition `module` in package.json: its UMD modules, which Node needs, do not survive them.
import { createScanner, type Node, type ParseError, parseTree, printParseErrorCode } from "#jsonc-parser"
import * as Result from "effect/Result"

/** A place in a text, both from 1; the column in UTF-16 units as editors count them. */
export interface Place {
  readonly line: number
  readonly column: number
}

export type Path = ReadonlyArray<string | number>

export interface SyntaxFault extends Place {
  readonly expected: string
  readonly actual: string
}

export interface ConfigDocument {
  readonly value: unknown
  /**
   * Where the value is, or the name it is written under. Where there is no such part, the nearest one around it. `undefined` for what was
   * not read from a text.
   */
  readonly placeOf: (path: Path, part?: "name" | "value") => Place | undefined
  /** A value as it is written, such as `1.50`. */
  readonly sourceOf: (path: Path) => string | undefined
  /** The names below the path that are written again in the same object. */
  readonly repeated: (path: Path) => ReadonlyArray<{ readonly path: Path; readonly place: Place }>
}

/** More nesting than any config has. */
const maxDepth = 100

/** A document that was made in code: nothing of it has a place. */
export const fromValue = (value: unknown): ConfigDocument => ({
  value,
  placeOf: () => undefined,
  sourceOf: () => undefined,
  repeated: () => []
})

/** Reads a text. */
export const fromText = (text: string): Result.Result<ConfigDocument, SyntaxFault> => {
  const placeAt = placesIn(text)
  const tooDeep = depthFault(text)
  if (tooDeep !== undefined) {
    return Result.fail({
      ...placeAt(tooDeep),
      expected: `at most ${maxDepth} objects and lists in each other`,
      actual: "more"
    })
  }
  const errors: Array<ParseError> = []
  const root = parseTree(text, errors, { allowTrailingComma: true, disallowComments: false })
  const [first] = errors
  if (first !== undefined || root === undefined) {
    const { error, offset } = first ?? { error: undefined, offset: text.length }
    const code = error === undefined ? "ValueExpected" : printParseErrorCode(error)
    return Result.fail({ ...placeAt(offset), expected: expectedAt(code, text, offset), actual: foundAt(text, offset) })
  }
  return Result.succeed({
    value: valueOf(root),
    placeOf: (path, part = "value") => {
      const { node, property } = find(root, path)
      const at = part === "value" && node !== undefined ? node : property ?? root
      return placeAt(at.offset)
    },
    sourceOf: (path) => {
      const { node } = find(root, path)
      return node === undefined ? undefined : text.slice(node.offset, node.offset + node.length)
    },
    repeated: (path) => {
      const { node } = find(root, path)
      return node === undefined ? [] : repeatedIn(node, path, placeAt)
    }
  })
}

/** Bytes as text, or what kept them from being one. */
export const textOf = (bytes: Uint8Array): Result.Result<string, string> => {
  const decode = (encoding: string, name: string): Result.Result<string, string> => {
    try {
      return Result.succeed(new TextDecoder(encoding, { fatal: true }).decode(bytes))
    } catch {
      // The decoder's own words say less than its name.
      return Result.fail(`it is no text in ${name}`)
    }
  }
  const [first, second] = bytes
  // Without a mark, an ASCII sign beside a zero tells: JSON begins with one.
  if ((first === 0xff && second === 0xfe) || (first !== 0 && second === 0)) return decode("utf-16le", "UTF-16")
  if ((first === 0xfe && second === 0xff) || (first === 0 && second !== undefined && second !== 0)) {
    return decode("utf-16be", "UTF-16")
  }
  return decode("utf-8", "UTF-8, nor in UTF-16 with a byte order mark")
}

/** `mcpServers.fs.args[1]`, `mcpServers["a b"]`. */
export const formatPath = (segments: ReadonlyArray<PropertyKey>): string =>
  segments.map((segment, index) => {
    if (typeof segment === "number") return `[${segment}]`
    const text = String(segment)
    if (!/^[A-Za-z_$][\w$-]*$/.test(text)) return `[${JSON.stringify(text)}]`
    return index === 0 ? text : `.${text}`
  }).join("")

const kindOf = (sign: string): number => createScanner(sign).scan()
const openings: ReadonlySet<number> = new Set([kindOf("{"), kindOf("[")])
const closings: ReadonlySet<number> = new Set([kindOf("}"), kindOf("]")])
const end = kindOf("")

/** Where the text is nested too deeply. The parser calls itself for each level. */
const depthFault = (text: string): number | undefined => {
  const scanner = createScanner(text, true)
  let depth = 0
  for (let kind: number = scanner.scan(); kind !== end; kind = scanner.scan()) {
    if (openings.has(kind) && ++depth > maxDepth) return scanner.getTokenOffset()
    if (closings.has(kind)) depth--
  }
  return undefined
}

const placesIn = (text: string): (offset: number) => Place => {
  let starts: ReadonlyArray<number> | undefined
  return (offset) => {
    starts ??= [0, ...Array.from(text.matchAll(/\r\n|\r|\n/g), ({ 0: ending, index }) => index + ending.length)]
    const line = starts.findLastIndex((start) => start <= offset)
    return { line: line + 1, column: offset - (starts[line] ?? 0) + 1 }
  }
}

const valueOf = (node: Node): unknown => {
  const { children = [] } = node
  switch (node.type) {
    case "object":
      return Object.fromEntries(children.map((property) => {
        const [name, value] = property.children ?? []
        return [String(name?.value), value === undefined ? undefined : valueOf(value)]
      }))
    case "array":
      return children.map(valueOf)
    default:
      return node.value
  }
}

interface Found {
  /** Undefined when nothing is there. */
  readonly node: Node | undefined
  /** The innermost property on the way. */
  readonly property: Node | undefined
}

const find = (root: Node, path: Path): Found => {
  let node: Node | undefined = root
  let property: Node | undefined
  for (const segment of path) {
    const inner: Node | undefined = typeof segment === "number"
      ? node.type === "array" ? node.children?.[segment] : undefined
      // Of a name that is written twice the last counts.
      : node.type === "object"
      ? node.children?.findLast((each) => each.children?.[0]?.value === segment)
      : undefined
    if (inner === undefined) return { node: undefined, property }
    if (inner.type === "property") {
      property = inner
      node = inner.children?.[1]
      if (node === undefined) return { node, property }
    } else node = inner
  }
  return { node, property }
}

const repeatedIn = (
  node: Node,
  path: Path,
  placeAt: (offset: number) => Place
): ReadonlyArray<{ readonly path: Path; readonly place: Place }> => {
  const seen = new Set<string>()
  return (node.children ?? []).flatMap((child, index) => {
    if (child.type !== "property") return repeatedIn(child, [...path, index], placeAt)
    const [named, value] = child.children ?? []
    const name = String(named?.value)
    const own = seen.has(name) ? [{ path: [...path, name], place: placeAt(child.offset) }] : []
    seen.add(name)
    return value === undefined ? own : [...own, ...repeatedIn(value, [...path, name], placeAt)]
  })
}

const expectedAt = (code: string, text: string, offset: number): string => {
  switch (code) {
    case "InvalidSymbol":
      return text.charAt(offset) === "'"
        ? "double quotes around names and texts"
        : "a JSON value or a name in double quotes"
    case "PropertyNameExpected":
      return "a name in double quotes or \"}\""
    case "ColonExpected":
      return "\":\""
    case "CommaExpected":
      return "\",\" between two values"
    case "CloseBraceExpected":
      return "\",\" or \"}\""
    case "CloseBracketExpected":
      return "\",\" or \"]\""
    case "EndOfFileExpected":
      return "the end of the file"
    case "UnexpectedEndOfComment":
      return "*/ at the end of the comment"
    case "UnexpectedEndOfString":
      return "a text that is closed on its line, with \\ before quotes and backslashes"
    case "InvalidUnicode":
      return "a text with four hexadecimal digits after each \\u"
    case "InvalidEscapeCharacter":
      return "a text with each backslash written twice, as in C:\\\\tools"
    case "InvalidCharacter":
      return "a text without line breaks, tabs or other control characters"
    default:
      return "a JSON value"
  }
}

/** Only a sign or a word of the text, never a line of it: a config file holds secrets. */
const foundAt = (text: string, offset: number): string => {
  if (offset >= text.length) return "the end of the file"
  if (text.startsWith("\"", offset)) return "a text that is not"
  if (text.startsWith("/*", offset)) return "the end of the file"
  return JSON.stringify(String.fromCodePoint(text.codePointAt(offset) ?? 0))
}
