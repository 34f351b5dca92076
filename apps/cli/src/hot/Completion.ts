/**
 * What can stand where the cursor is. Pure, and loads nothing of Effect: words and flags are rows that a test makes of the command line
 * itself, servers and tools are asked for when they are needed.
 */
import { shells } from "../CompletionScripts.ts"
import { hostNames } from "../hosts/hostNames.ts"
import { rows } from "./CompletionRows.ts"

/** What is known without a server. */
export interface Known {
  /** The names in the config that is named, or in those that are found. */
  readonly servers: (config: string | undefined) => Promise<ReadonlyArray<string>>
  /** As the server has listed them. */
  readonly tools: (server: string) => ReadonlyArray<unknown>
}

/** Answers for the last of the words, which follow `holdfast`. */
export const answers = async (words: ReadonlyArray<string>, known: Known): Promise<ReadonlyArray<string>> => {
  const current = words.at(-1) ?? ""
  const candidates = await candidatesFor(read(words.slice(0, -1)), current, known)
  // What a server has named could be anything, and is written to a terminal.
  return [...new Set(candidates)].filter((each) => each.startsWith(current) && !/\p{Cc}/u.test(each))
}

interface Row {
  /** Of its arguments. */
  readonly args: ReadonlyArray<string>
  /** By their names: whether a value follows. */
  readonly flags: ReadonlyMap<string, boolean>
}

const table: ReadonlyMap<string, Row> = new Map(rows.map((row) => {
  const [name = "", rest = ""] = row.split(":")
  const items = rest.split(" ").filter((item) => item !== "")
  return [name, {
    args: items.flatMap((item) => item.startsWith("<") ? [item.slice(1, -1)] : []),
    flags: new Map(
      items.filter((item) => item.startsWith("-")).map((item) => [item.replace("=", ""), item.endsWith("=")])
    )
  }]
}))

/** What stands before the cursor. */
interface Before {
  /** `daemon stop`. Empty: no word yet. */
  readonly word: string
  readonly positional: ReadonlyArray<string>
  readonly config: string | undefined
  /** After `--`. */
  readonly isBehindDashes: boolean
  /** A flag has come, and its value has not. */
  readonly isValue: boolean
  /** The server is no server of a config. */
  readonly isOther: boolean
}

const read = (words: ReadonlyArray<string>): Before => {
  let word = ""
  let config: string | undefined
  let flag: string | undefined
  let isBehindDashes = false
  let isOther = false
  const positional: Array<string> = []
  for (const each of words) {
    if (flag !== undefined) {
      if (flag === "--config" || flag === "-c") config = each
      flag = undefined
    } else if (each === "--" && !isBehindDashes) isBehindDashes = true
    else if (each.startsWith("-") && each !== "-" && !isBehindDashes) {
      const [name = "", ...value] = each.split("=")
      if (name === "--stdio" || name === "--url") isOther = true
      if (value.length > 0) {
        if (name === "--config") config = value.join("=")
      } else if (flagsOf(word).get(name) === true) flag = name
    } else if (positional.length === 0 && table.has(below(word, each))) word = below(word, each)
    else positional.push(each)
  }
  return { word, positional, config, isBehindDashes, isValue: flag !== undefined, isOther }
}

const below = (word: string, each: string): string => word === "" ? each : `${word} ${each}`

const flagsOf = (word: string): ReadonlyMap<string, boolean> =>
  new Map([...table.get(word)?.flags ?? [], ...table.get("")?.flags ?? []])

/** The words that may follow. */
const wordsBelow = (word: string): ReadonlyArray<string> =>
  [...table.keys()].flatMap((name) => {
    const last = name.slice(name.lastIndexOf(" ") + 1)
    return name !== "" && below(word, last) === name ? [last] : []
  })

const candidatesFor = async (before: Before, current: string, known: Known): Promise<ReadonlyArray<string>> => {
  const { config, isBehindDashes, isOther, isValue, positional, word } = before
  if (isValue) return []
  if (current.startsWith("-") && !isBehindDashes) {
    return [...flagsOf(word).keys()].filter((name) => name.startsWith("--") || name === current)
  }
  const [first] = positional
  const words = wordsBelow(word)
  if (words.length > 0) return first === undefined ? words : []
  const args = table.get(word)?.args ?? []
  const named = word === "remove" || (args[0] === "server" && positional.length === 0)
  const ofServer = ["call", "read", "prompt", "complete"].includes(word)
  if (named && first !== undefined) return []
  if (named || ofServer) {
    if (isOther) return []
    const servers = await known.servers(config)
    const hasTools = word === "call" || word === "tools"
    if (first === undefined) {
      const dotted = hasTools ? servers.filter((server) => current.startsWith(`${server}.`)) : []
      return [...servers, ...dotted.flatMap((server) => toolsOf(server, known).map(({ name }) => `${server}.${name}`))]
    }
    return word === "call" ? ofCall(servers, positional, current, known) : []
  }
  switch (word) {
    case "import":
    case "adopt":
      return first === undefined ? hostNames : []
    case "completion":
      return first === undefined ? shells : []
    case "help":
      return first === undefined ? [...wordsBelow(""), "agents"] : positional.length > 1 ? [] : wordsBelow(first)
    default:
      return []
  }
}

const ofCall = (
  servers: ReadonlyArray<string>,
  [first = "", ...rest]: ReadonlyArray<string>,
  current: string,
  known: Known
): ReadonlyArray<string> => {
  const isTwo = servers.includes(first)
  const server = isTwo
    ? first
    : servers.toSorted((a, b) => b.length - a.length).find((each) => first.startsWith(`${each}.`))
  if (server === undefined) return []
  const tools = toolsOf(server, known)
  if (isTwo && rest.length === 0) return tools.map(({ name }) => name)
  const meant = isTwo ? rest[0] : first.slice(server.length + 1)
  const properties = tools.find(({ name }) => name === meant)?.properties ?? {}
  const [, key = "", operator = ""] = /^([^=]*?)(:?=)/.exec(current) ?? []
  if (operator !== "") {
    const values = Object.hasOwn(properties, key) ? valuesOf(properties[key]) : []
    return values
      .filter((value) => operator === "=" || typeof value !== "string")
      .map((value) => `${key}${operator}${String(value)}`)
  }
  const given = rest.map((each) => each.replace(/:?=.*$/s, ""))
  return Object.keys(properties).filter((name) => !given.includes(name)).map((name) => `${name}=`)
}

/** Where the schema says which there are. */
const valuesOf = (schema: unknown): ReadonlyArray<unknown> => {
  const { const: only, enum: several, type } = membersOf(schema)
  const values = Array.isArray(several)
    ? several
    : only === undefined
    ? type === "boolean" ? [true, false] : []
    : [only]
  return values.filter((value) => typeof value === "string" || typeof value === "number" || typeof value === "boolean")
}

const toolsOf = (server: string, known: Known) =>
  known.tools(server).flatMap((tool) => {
    const { inputSchema, name } = membersOf(tool)
    return typeof name === "string" ? [{ name, properties: membersOf(membersOf(inputSchema)["properties"]) }] : []
  })

const membersOf = (value: unknown): Readonly<Record<string, unknown>> =>
  // It was looked at just now.
  typeof value === "object" && value !== null && !Array.isArray(value) ? value as Readonly<Record<string, unknown>> : {}
