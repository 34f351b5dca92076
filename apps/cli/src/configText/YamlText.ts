/** YAML as a text that is changed. */
import {
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  parseDocument,
  stringify,
  type YAMLMap,
  type YAMLSeq
} from "yaml"
import {
  type ConfigText,
  indentBefore,
  lineEndOf,
  lineStart,
  lineStop,
  nextLine,
  type Path,
  Unchangeable
} from "./ConfigText.ts"

/** Reads a text. Throws `Unchangeable`. */
export const read = (text: string): ConfigText => {
  const document = parseDocument(text)
  const [fault] = document.errors
  if (fault !== undefined) {
    throw new Unchangeable({ message: `it is no YAML, near line ${fault.linePos?.[0].line ?? 1}` })
  }
  const eol = lineEndOf(text)
  const rangeOf = (path: Path): readonly [from: number, to: number] => {
    const node: unknown = document.getIn(path, true)
    if (!isNode(node) || !node.range) throw unchangeable(path, "is not there")
    return [node.range[0], node.range[1]]
  }
  const listAt = (path: Path): YAMLSeq => {
    const node: unknown = document.getIn(path, true)
    if (!isSeq(node)) throw unchangeable(path, "is no list")
    return node
  }
  const pairAt = (path: Path): { readonly map: YAMLMap; readonly pair: Pair; readonly key: Node } => {
    const map: unknown = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true)
    const pair = isMap(map)
      ? map.items.find(({ key }) => isScalar(key) && String(key.value) === String(path.at(-1)))
      : undefined
    if (!isMap(map) || !isPair(pair) || !isNode(pair.key)) throw unchangeable(path, "is not there")
    return { map, pair, key: pair.key }
  }
  return {
    text,
    value: document.toJS(),
    quote,
    sourceOf: (path) => {
      const source = text.slice(...rangeOf(path))
      // A text in several lines means something else in a list.
      return /[\r\n]|^[|>&*!]/.test(source) || (!/^["']/.test(source) && /[,[\]{}]/.test(source))
        ? quote(String(document.getIn(path)))
        : source
    },
    replace: (path, source) => {
      const [from, to] = rangeOf(path)
      return { from, to, text: source }
    },
    prepend: (path, sources) => {
      const list = listAt(path)
      const [first] = list.items
      const start = list.range?.[0] ?? 0
      if (list.flow === true || first === undefined) {
        if (text[start] !== "[") throw unchangeable(path, "is a list without values")
        const at = isNode(first) ? first.range?.[0] ?? start + 1 : start + 1
        return { from: at, to: at, text: sources.join(", ") + (first === undefined ? "" : ", ") }
      }
      const { at, prefix } = lineOfItem(text, first, path)
      return { from: at, to: at, text: sources.map((source) => `${prefix}${source}${eol}`).join("") }
    },
    drop: (path, count) => {
      const list = listAt(path)
      const [first] = list.items
      const last = list.items[count - 1]
      const next = list.items[count]
      if (!isNode(first) || !isNode(last) || !first.range || !last.range) {
        throw unchangeable(path, "is too short a list")
      }
      if (list.flow === true) {
        const to = isNode(next) && next.range ? next.range[0] : last.range[1]
        return { from: first.range[0], to, text: "" }
      }
      // A list of none has to be written.
      if (next === undefined) return { from: first.range[0], to: last.range[1], text: "" }
      return { from: lineOfItem(text, first, path).at, to: lineOfItem(text, next, path).at, text: "" }
    },
    addList: (after, name, sources) => {
      const { key, map, pair } = pairAt(after)
      const list = `${name}: [${sources.join(", ")}]`
      const [, end = 0] = isNode(pair.value) ? pair.value.range ?? [] : []
      if (map.flow === true) return { from: end, to: end, text: `, ${list}` }
      const at = lineStop(text, end)
      return { from: at, to: at, text: `${eol}${indentOf(text, key, after)}${list}` }
    },
    remove: (path) => {
      const { key, map, pair } = pairAt(path)
      const end = contentEnd(text, pair)
      const start = key.range?.[0] ?? 0
      if (map.flow !== true) {
        if (map.items.length === 1) {
          const [from, to] = map.range ?? [start, end]
          return [{ from, to, text: "{}" }]
        }
        return [{ from: lineStart(text, start), to: nextLine(text, end), text: "" }]
      }
      const index = map.items.indexOf(pair)
      const next = map.items[index + 1]?.key
      const before = map.items[index - 1]?.value
      return isNode(next) && next.range
        ? [{ from: start, to: next.range[0], text: "" }]
        : [{ from: isNode(before) && before.range ? before.range[1] : start, to: end, text: "" }]
    },
    add: (container, name, value) => {
      const map: unknown = container.length === 0 ? document.contents : document.getIn(container, true)
      const block = (inner: object, indent: string): string =>
        stringify(inner, { lineWidth: 0 }).trimEnd().split("\n").map((line) => indent + line).join(eol)
      if (map === undefined || map === null || (isScalar(map) && map.value === null)) {
        const [outer, ...deeper] = container
        if (outer === undefined || deeper.length > 0) throw unchangeable(container, "is not there")
        if (isMap(document.contents) && document.has(outer)) {
          const { key } = pairAt([outer])
          const at = lineStop(text, key.range?.[1] ?? 0)
          return [{ from: at, to: at, text: `${eol}${block({ [name]: value }, "  ")}` }]
        }
        if (document.contents !== null && !isMap(document.contents)) throw unchangeable(container, "is no map")
        const isClosed = text === "" || /[\r\n]$/.test(text)
        const added = block({ [outer]: { [name]: value } }, "")
        return [{ from: text.length, to: text.length, text: `${isClosed ? "" : eol}${added}${eol}` }]
      }
      if (!isMap(map) || !map.range) throw unchangeable(container, "is no map")
      const [start, end] = map.range
      const [first] = map.items
      const last = map.items.at(-1)
      if (first === undefined) {
        // `{}`, in the line of its name or below it.
        const indent = indentBefore(text, start)
        return indent === undefined
          ? [{ from: start, to: end, text: `${eol}${block({ [name]: value }, "  ")}` }]
          : [{ from: lineStart(text, start), to: end, text: block({ [name]: value }, indent) }]
      }
      if (map.flow === true || !isNode(first.key)) {
        throw unchangeable(container, "is a map in one line; write it in several")
      }
      // Behind what stands in the last line of the last one, such as a comment.
      const at = lineStop(text, last === undefined ? end : contentEnd(text, last))
      const added = block({ [name]: value }, indentOf(text, first.key, container))
      return [{ from: at, to: at, text: `${eol}${added}` }]
    }
  }
}

/** Where the last sign of it stands. The range of a block goes on over the comments behind it. */
const contentEnd = (text: string, item: unknown): number => {
  if (isPair(item)) return contentEnd(text, isNode(item.value) && item.value.range ? item.value : item.key)
  if ((isMap(item) || isSeq(item)) && item.flow !== true && item.items.length > 0) {
    return contentEnd(text, item.items.at(-1))
  }
  const [start = 0, end = 0] = isNode(item) ? item.range ?? [] : []
  return start + text.slice(start, end).trimEnd().length
}

const unchangeable = (path: Path, what: string): Unchangeable =>
  new Unchangeable({ message: `${path.join(".")} ${what}` })

/** Double quotes of YAML are those of JSON. */
const quote = (text: string): string =>
  /^[A-Za-z][\w./@-]*$/.test(text) && !words.test(text) ? text : JSON.stringify(text)

/** Plain words that are no texts. */
const words = /^(?:true|false|yes|no|on|off|null|y|n)$/i

/** Where the line of a block's item begins, and what stands before it. */
const lineOfItem = (text: string, item: unknown, path: Path): { readonly at: number; readonly prefix: string } => {
  const start = isNode(item) ? item.range?.[0] ?? 0 : 0
  const at = lineStart(text, start)
  const prefix = text.slice(at, start)
  if (!/^ *- +$/.test(prefix)) throw unchangeable(path, "is a list that is written in a rare way")
  return { at, prefix }
}

const indentOf = (text: string, key: Node, path: Path): string => {
  const start = key.range?.[0] ?? 0
  const before = text.slice(lineStart(text, start), start)
  if (!/^ *$/.test(before)) throw unchangeable(path, "stands in a line with something else")
  return before
}
