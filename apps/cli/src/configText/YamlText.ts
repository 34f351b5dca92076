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
  type YAMLMap,
  type YAMLSeq
} from "yaml"
import { type ConfigText, lineEndOf, lineStart, lineStop, nextLine, type Path, Unchangeable } from "./ConfigText.ts"

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
      const [, end = 0] = isNode(pair.value) ? pair.value.range ?? [] : key.range ?? []
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
    add: (container) => {
      throw unchangeable(container, "is YAML, to which no server is added; its own program does that")
    }
  }
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
