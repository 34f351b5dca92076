/** JSON with comments and trailing commas, as a text that is changed. */
import { createScanner, type Node, parseTree } from "#jsonc-parser"
import {
  type ConfigText,
  type Edit,
  indentBefore,
  indentUnit,
  lineEndOf,
  lineStart,
  lineStop,
  nextLine,
  type Path,
  Unchangeable
} from "./ConfigText.ts"

/** Reads a text. Throws `Unchangeable`. */
export const read = (text: string): ConfigText => {
  const root = parseRoot(text)
  const eol = lineEndOf(text)
  const at = (path: Path): Node => {
    const node = find(root, path)
    if (node === undefined) throw unchangeable(path, "is not there")
    return node
  }
  const add = (container: Path, name: string, value: unknown): ReadonlyArray<Edit> => {
    const node = find(root, container)
    if (node === undefined) {
      const last = container.at(-1)
      if (last === undefined) throw unchangeable(container, "is not there")
      return add(container.slice(0, -1), String(last), { [name]: value })
    }
    if (node.type !== "object") throw unchangeable(container, "is no object")
    return addMember(text, node, name, value)
  }
  return {
    text,
    value: valueOf(root),
    quote: (text) => JSON.stringify(text),
    sourceOf: (path) => sourceOf(text, at(path)),
    replace: (path, source) => replacing(at(path), source),
    prepend: (path, sources) => {
      const list = at(path)
      if (list.type !== "array") throw unchangeable(path, "is no list")
      const [first] = list.children ?? []
      if (first === undefined) return { from: list.offset + 1, to: list.offset + 1, text: sources.join(", ") }
      const indent = indentBefore(text, first.offset)
      const between = indent === undefined ? ", " : `,${eol}${indent}`
      return { from: first.offset, to: first.offset, text: sources.map((source) => source + between).join("") }
    },
    drop: (path, count) => {
      const children = at(path).children ?? []
      const [first] = children
      const last = children[count - 1]
      if (first === undefined || last === undefined) throw unchangeable(path, "is too short a list")
      const next = children[count]
      return { from: first.offset, to: next?.offset ?? (commaAfter(text, last) ?? endOf(last)), text: "" }
    },
    addList: (after, name, sources) => {
      const property = at(after).parent
      if (property === undefined) throw unchangeable(after, "is no member")
      const indent = indentBefore(text, property.offset)
      const end = endOf(property)
      return {
        from: end,
        to: end,
        text: `,${indent === undefined ? " " : eol + indent}${JSON.stringify(name)}: [${sources.join(", ")}]`
      }
    },
    remove: (path) => removeMember(text, at(path)),
    add
  }
}

const replacing = (node: Node, text: string): Edit => ({ from: node.offset, to: endOf(node), text })

const parseRoot = (text: string): Node => {
  const errors: Array<{ error: number; offset: number; length: number }> = []
  const root = parseTree(text, errors, { allowTrailingComma: true, disallowComments: false })
  const [fault] = errors
  if (root === undefined || fault !== undefined) {
    const line = text.slice(0, fault?.offset ?? 0).split(/\r\n|\n|\r/).length
    throw new Unchangeable({ message: `it is no JSON, near line ${line}` })
  }
  return root
}

const unchangeable = (path: Path, what: string): Unchangeable =>
  new Unchangeable({ message: `${path.join(".") || "the document"} ${what}` })

const endOf = (node: Node): number => node.offset + node.length

const sourceOf = (text: string, node: Node): string => text.slice(node.offset, endOf(node))

/** Of a name that is written twice the last counts. */
const find = (root: Node, path: Path): Node | undefined =>
  path.reduce<Node | undefined>((node, name) => {
    if (typeof name === "number") return node?.type === "array" ? node.children?.[name] : undefined
    return node?.type === "object"
      ? node.children?.findLast((each) => each.children?.[0]?.value === name)?.children?.[1]
      : undefined
  }, root)

const valueOf = (node: Node): unknown => {
  const { children = [], type } = node
  if (type === "array") return children.map(valueOf)
  if (type !== "object") return node.value
  return Object.fromEntries(
    children.map(({ children: [name, value] = [] }) => [
      String(name?.value),
      value === undefined ? undefined : valueOf(value)
    ])
  )
}

/** Behind the comma that follows a node, if one does. */
const commaAfter = (text: string, node: Node): number | undefined => {
  const scanner = createScanner(text, true)
  scanner.setPosition(endOf(node))
  scanner.scan()
  return text[scanner.getTokenOffset()] === "," ? scanner.getPosition() : undefined
}

/** Where the last sign before the end of an object stands: comments count. */
const contentEnd = (text: string, object: Node): number => {
  const { children = [] } = object
  const last = children.at(-1)
  const scanner = createScanner(text, false)
  let end = last === undefined ? object.offset + 1 : endOf(last)
  scanner.setPosition(end)
  while (scanner.getPosition() < endOf(object) - 1) {
    scanner.scan()
    const token = text.slice(scanner.getTokenOffset(), scanner.getPosition())
    if (scanner.getPosition() < endOf(object) && token.trim() !== "") end = scanner.getPosition()
  }
  return end
}

const addMember = (text: string, object: Node, name: string, value: unknown): ReadonlyArray<Edit> => {
  const eol = lineEndOf(text)
  const unit = indentUnit(text)
  const { children = [] } = object
  const last = children.at(-1)
  const isOneLine = !/[\r\n]/.test(sourceOf(text, object))
  if (last !== undefined && isOneLine) {
    const end = commaAfter(text, last) ?? endOf(last)
    const comma = commaAfter(text, last) === undefined ? "," : ""
    return [{ from: end, to: end, text: `${comma} ${JSON.stringify(name)}: ${inline(value)}` }]
  }
  const outer = /^[\t ]*/.exec(text.slice(lineStart(text, object.offset)))?.[0] ?? ""
  const indent = (last && indentBefore(text, last.offset)) ?? outer + unit
  const member = `${indent}${JSON.stringify(name)}: ${block(value, indent, unit, eol)}`
  const end = contentEnd(text, object)
  if (last === undefined) {
    const close = endOf(object) - 1
    // What is in it are comments, which stay.
    const from = end === object.offset + 1 ? close : end
    return [{ from: end, to: from, text: `${eol}${member}${from === close ? eol + outer : ""}` }]
  }
  const comma = commaAfter(text, last)
  const after = { from: end, to: end, text: `${eol}${member}${comma === undefined ? "" : ","}` }
  if (comma !== undefined) return [after]
  return end === endOf(last)
    ? [{ ...after, text: `,${after.text}` }]
    : [{ from: endOf(last), to: endOf(last), text: "," }, after]
}

/** An object in one line. */
const inline = (value: unknown): string => {
  if (Array.isArray(value)) return `[${value.map(inline).join(", ")}]`
  if (typeof value !== "object" || value === null) return JSON.stringify(value)
  const members = Object.entries(value).map(([name, inner]) => `${JSON.stringify(name)}: ${inline(inner)}`)
  return members.length === 0 ? "{}" : `{ ${members.join(", ")} }`
}

/** An object in several lines, its lists in one. */
const block = (value: unknown, indent: string, unit: string, eol: string): string => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return inline(value)
  const members = Object.entries(value)
  if (members.length === 0) return "{}"
  const inner = indent + unit
  const lines = members.map(([name, each]) => `${inner}${JSON.stringify(name)}: ${block(each, inner, unit, eol)}`)
  return `{${eol}${lines.join(`,${eol}`)}${eol}${indent}}`
}

/** The text of a new file. */
export const fresh = (value: unknown): string => `${block(value, "", "  ", "\n")}\n`

const removeMember = (text: string, value: Node): ReadonlyArray<Edit> => {
  const property = value.parent
  const siblings = property?.parent?.children ?? []
  const index = property === undefined ? -1 : siblings.indexOf(property)
  if (property === undefined || index < 0) throw new Unchangeable({ message: "it is no member of an object" })
  const comma = commaAfter(text, property)
  const end = comma ?? endOf(property)
  const isAlone = indentBefore(text, property.offset) !== undefined &&
    text.slice(end, lineStop(text, end)).trim() === ""
  const isLast = index === siblings.length - 1
  const own: Edit = isAlone
    ? { from: lineStart(text, property.offset), to: nextLine(text, end), text: "" }
    : { from: property.offset, to: isLast ? end : siblings[index + 1]?.offset ?? end, text: "" }
  const before = siblings[index - 1]
  const comma2 = before && commaAfter(text, before)
  // The one before it is the last now, and strict readers take no comma behind that.
  return comma === undefined && comma2 !== undefined && before !== undefined
    ? isAlone
      ? [{ from: comma2 - 1, to: comma2, text: "" }, own]
      : [{ from: comma2 - 1, to: end, text: "" }]
    : [own]
}
