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
  readonly servers: (config: string | undefined) => ReadonlyArray<string>
  /** As the server has listed them. */
  readonly tools: (server: string) => ReadonlyArray<unknown>
}

/** Answers for the last of the words, which follow `holdfast`. */
export const answers = (words: ReadonlyArray<string>, known: Known): ReadonlyArray<string> => {
  const current = words.at(-1) ?? ""
  const candidates = candidatesFor(read(words.slice(0, -1)), current, known)
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

const candidatesFor = (before: Before, current: string, known: Known): ReadonlyArray<string> => {
  if (before.isValue) return []
  if (current.startsWith("-") && !before.isBehindDashes) {
    return [...flagsOf(before.word).keys()].filter((name) => name.startsWith("--") || name === current)
  }
  const isFirst = before.positional.length === 0
  const words = wordsBelow(before.word)
  if (words.length > 0) return isFirst ? words : []
  if (before.word === "help") return ofHelp(before.positional)
  const [argument = ""] = table.get(before.word)?.args ?? []
  if (argument === "host") return isFirst ? hostNames : []
  if (argument === "shell") return isFirst ? shells : []
  const namesServer = argument === "server" || before.word === "remove" || ofServers.includes(before.word)
  return namesServer && !before.isOther ? ofServer(before, current, known) : []
}

/** Their first argument is a server, and what of it. */
const ofServers: ReadonlyArray<string> = ["call", "read", "prompt", "complete"]

const ofHelp = ([first, ...rest]: ReadonlyArray<string>): ReadonlyArray<string> =>
  first === undefined ? [...wordsBelow(""), "agents"] : rest.length > 0 ? [] : wordsBelow(first)

const ofServer = (
  { config, positional, word }: Before,
  current: string,
  known: Known
): ReadonlyArray<string> => {
  if (positional.length > 0 && word !== "call") return []
  const servers = known.servers(config)
  if (positional.length > 0) return ofCall(servers, positional, current, known)
  const dotted = word === "call" || word === "tools"
    ? servers.filter((server) => current.startsWith(`${server}.`))
    : []
  return [...servers, ...dotted.flatMap((server) => toolsOf(server, known).map(({ name }) => `${server}.${name}`))]
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
