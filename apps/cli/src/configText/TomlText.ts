/** TOML as a text that is changed. */
import { type AST, getStaticTOMLValue, parseTOML } from "toml-eslint-parser"
import {
  type ConfigText,
  type Edit,
  indentBefore,
  lineEndOf,
  lineStart,
  lineStop,
  nextLine,
  type Path,
  Unchangeable
} from "./ConfigText.ts"

/** A `key = value`, and all of its key: that of its table, too. */
interface Member {
  readonly path: Path
  readonly node: AST.TOMLKeyValue
}

/** Reads a text. Throws `Unchangeable`. */
export const read = (text: string): ConfigText => {
  const program = parse(text)
  const members = membersOf(program)
  const eol = lineEndOf(text)
  const member = (path: Path): Member => {
    const found = members.find((each) => isSame(each.path, path))
    if (found === undefined) throw unchangeable(path, "is not there, or is a table")
    return found
  }
  const listAt = (path: Path): AST.TOMLArray => {
    const { node } = member(path)
    if (node.value.type !== "TOMLArray") throw unchangeable(path, "is no list")
    return node.value
  }
  return {
    text,
    value: getStaticTOMLValue(program),
    quote: (text) => JSON.stringify(text).replaceAll("\u007f", "\\u007f"),
    sourceOf: (path) => {
      const index = path.at(-1)
      const node = typeof index === "number" ? listAt(path.slice(0, -1)).elements[index] : member(path).node.value
      if (node === undefined) throw unchangeable(path, "is not there")
      return text.slice(...node.range)
    },
    replace: (path, source) => {
      const [from, to] = member(path).node.value.range
      return { from, to, text: source }
    },
    prepend: (path, sources) => {
      const list = listAt(path)
      const [first] = list.elements
      if (first === undefined) return { from: list.range[0] + 1, to: list.range[0] + 1, text: sources.join(", ") }
      const indent = indentBefore(text, first.range[0])
      const between = indent === undefined ? ", " : `,${eol}${indent}`
      return { from: first.range[0], to: first.range[0], text: sources.map((source) => source + between).join("") }
    },
    drop: (path, count) => {
      const { elements, range } = listAt(path)
      const [first] = elements
      const last = elements[count - 1]
      if (first === undefined || last === undefined) throw unchangeable(path, "is too short a list")
      const rest = text.slice(last.range[1], range[1])
      const comma = /^\s*,/.exec(rest)?.[0].length ?? 0
      return { from: first.range[0], to: elements[count]?.range[0] ?? last.range[1] + comma, text: "" }
    },
    addList: (after, name, sources) => {
      const { node } = member(after)
      const list = `${name} = [${sources.join(", ")}]`
      if (node.parent.type === "TOMLInlineTable") return { from: node.range[1], to: node.range[1], text: `, ${list}` }
      // `fs.command = …` has a sibling `fs.args = …`.
      const last = node.key.keys.at(-1)
      const dotted = last === undefined ? "" : text.slice(node.key.range[0], last.range[0])
      const indent = indentBefore(text, node.range[0]) ?? ""
      const end = lineStop(text, node.range[1])
      return { from: end, to: end, text: `${eol}${indent}${dotted}${list}` }
    },
    remove: (path) => removeAll(text, program, members, path),
    add: (container, name, value) => {
      if (members.some((each) => isSame(each.path, container))) {
        throw unchangeable(container, "is an inline table, which is not added to")
      }
      const lines = tableOf([...container, name].map(String), value)
      const isClosed = text === "" || /[\r\n]$/.test(text)
      const gap = text.trim() === "" ? "" : eol
      return [{ from: text.length, to: text.length, text: `${isClosed ? "" : eol}${gap}${lines.join(eol)}${eol}` }]
    }
  }
}

const parse = (text: string): AST.TOMLProgram => {
  try {
    return parseTOML(text)
  } catch (error) {
    const { lineNumber } = Object(error)
    throw new Unchangeable({
      message: `it is no TOML${lineNumber === undefined ? "" : `, near line ${lineNumber}`}`
    })
  }
}

const unchangeable = (path: Path, what: string): Unchangeable =>
  new Unchangeable({ message: `${path.join(".")} ${what}` })

const isSame = (a: Path, b: Path): boolean => a.length === b.length && a.every((each, index) => each === b[index])

const isWithin = (path: Path, outer: Path): boolean => outer.every((each, index) => path[index] === each)

const keysOf = (key: AST.TOMLKey): ReadonlyArray<string> =>
  key.keys.map((each) => each.type === "TOMLBare" ? each.name : each.value)

const membersOf = (program: AST.TOMLProgram): ReadonlyArray<Member> => {
  const within = (path: Path, node: AST.TOMLKeyValue): ReadonlyArray<Member> => {
    const own = [...path, ...keysOf(node.key)]
    const inner = node.value.type === "TOMLInlineTable" ? node.value.body.flatMap((each) => within(own, each)) : []
    return [{ path: own, node }, ...inner]
  }
  return program.body[0].body.flatMap((each) =>
    each.type === "TOMLTable" ? each.body.flatMap((member) => within(each.resolvedKey, member)) : within([], each)
  )
}

/** Tables with their own members, and members of other tables. Comments that stand alone stay. */
const removeAll = (
  text: string,
  program: AST.TOMLProgram,
  members: ReadonlyArray<Member>,
  path: Path
): ReadonlyArray<Edit> => {
  const tables = program.body[0].body.filter((each) => each.type === "TOMLTable").filter(({ resolvedKey }) =>
    isWithin(resolvedKey, path)
  )
  const inTables = tables.flatMap(({ body }) => body)
  const loose = members.filter(({ node, path: each }) =>
    isWithin(each, path) && !inTables.includes(node) &&
    !members.some((outer) =>
      outer.path.length < each.length && isWithin(outer.path, path) && isWithin(each, outer.path)
    )
  )
  if (tables.length === 0 && loose.length === 0) throw unchangeable(path, "is not there")
  return [
    ...tables.map(({ range }) => wholeLines(text, range)),
    ...loose.map(({ node }): Edit => {
      const { parent, range } = node
      if (parent.type !== "TOMLInlineTable") return wholeLines(text, range)
      const index = parent.body.indexOf(node)
      const next = parent.body[index + 1]
      const before = parent.body[index - 1]
      return next !== undefined
        ? { from: range[0], to: next.range[0], text: "" }
        : { from: before?.range[1] ?? range[0], to: range[1], text: "" }
    })
  ]
}

/** With what stands behind it in its last line, and one empty line. */
const wholeLines = (text: string, [from, to]: AST.Range): Edit => {
  const end = nextLine(text, to)
  return {
    from: lineStart(text, from),
    to: /^(?:\r\n|\n|\r)/.test(text.slice(end)) ? nextLine(text, end) : end,
    text: ""
  }
}

const keyOf = (name: string): string => /^[\w-]+$/.test(name) ? name : JSON.stringify(name)

const tableOf = (path: ReadonlyArray<string>, value: unknown): ReadonlyArray<string> => {
  const members = Object.entries(Object(value))
  const isTable = ([, inner]: [string, unknown]): boolean =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
  return [
    `[${path.map(keyOf).join(".")}]`,
    ...members.filter((each) => !isTable(each)).map(([name, inner]) => `${keyOf(name)} = ${JSON.stringify(inner)}`),
    ...members.filter(isTable).flatMap(([name, inner]) => ["", ...tableOf([...path, name], inner)])
  ]
}
