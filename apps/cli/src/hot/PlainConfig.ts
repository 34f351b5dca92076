/**
 * A config as most are: strict JSON, `mcpServers` alone, and the server that is wanted a plain command. Loads no Effect.
 *
 * Promises: what is read here is what `McpConfig` reads, without a warning. Everything else (placeholders, other programs' ways of writing,
 * options, a fault) is `undefined`, and left to it.
 */
import * as path from "node:path"
import { isMembers, type Members } from "./Members.ts"

/** A server as it is started, and the tool that is meant. */
export interface PlainServer {
  readonly name: string
  /** Empty: all of them are. */
  readonly tool: string
  readonly command: string
  readonly args: ReadonlyArray<string>
  readonly env: Readonly<Record<string, string>>
  /** Absolute. */
  readonly cwd: string
  /** How many of the words were its name and the tool's. */
  readonly words: 1 | 2
}

/** One of the files that a command finds. */
export interface PlainFile {
  /** Absolute. */
  readonly file: string
  /** May throw. */
  readonly read: () => string
  /** Whether it may be used. May throw. */
  readonly isTrusted: () => boolean
}

/**
 * Finds it in the nearest of the files that has the server. The others are not read, but for the words that would make them matter: a server
 * whose name goes on where the one that was found ends. `isList`: the first word may name a server alone, which is all of its tools. May throw.
 */
export const findIn = (
  files: ReadonlyArray<PlainFile>,
  words: ReadonlyArray<string>,
  isList = false
): PlainServer | undefined => {
  const [first = ""] = words
  let found: PlainServer | undefined
  for (const { file, isTrusted, read } of files) {
    if (found === undefined) {
      if (!isTrusted()) return undefined
      const text = read()
      found = find(text, file, words, isList)
      const servers = found === undefined ? serversIn(text) : undefined
      // One that is there and is not plain, or a text that is not.
      if (found === undefined && (servers === undefined || split(Object.keys(servers), words, isList) !== undefined)) {
        return undefined
      }
      // No file can know better.
      if (found?.name === first) return found
    } else if (mayHaveLonger(read(), found.name, first)) return undefined
  }
  return found
}

/** All servers, of each name that of the nearest file. Undefined: one is not plain, or there is none. May throw. */
export const allIn = (files: ReadonlyArray<PlainFile>): ReadonlyArray<PlainServer> | undefined => {
  const all = new Map<string, PlainServer>()
  for (const { file, isTrusted, read } of files) {
    const servers = isTrusted() ? serversIn(read()) : undefined
    if (servers === undefined) return undefined
    for (const name of Object.keys(servers)) {
      if (all.has(name)) continue
      const server = serverOf(servers, file, { name, tool: "", words: 1 })
      if (server === undefined) return undefined
      all.set(name, server)
    }
  }
  return all.size === 0 ? undefined : [...all.values()]
}

/** Whether a text may have a server that the word means rather than the one of this name. */
const mayHaveLonger = (text: string, name: string, word: string): boolean =>
  /\\u|\0/.test(text) ||
  [...word.matchAll(/\.|$/g)].some(({ index }) => index > name.length && text.includes(`"${word.slice(0, index)}"`))

/** Finds what the first words mean: `fs.read_file`, or `fs read_file`. `file` is absolute. */
export const find = (
  text: string,
  file: string,
  words: ReadonlyArray<string>,
  isList = false
): PlainServer | undefined => {
  const servers = serversIn(text)
  const meant = servers && split(Object.keys(servers), words, isList)
  return servers && meant && serverOf(servers, file, meant)
}

/** Undefined: it is not plain. */
const serverOf = (servers: Servers, file: string, meant: Meant): PlainServer | undefined => {
  const cwd = path.dirname(file)
  // What is in a folder of an editor's is for the folder around that.
  if (/\/\.[^/]*(?:\/[^/]*)?$/.test(cwd) && !cwd.endsWith("/.config/holdfast")) return undefined
  const entry = servers[meant.name]
  if (entry === undefined) return undefined
  const alike = Object.keys(servers).filter((name) => name.toLowerCase() === meant.name.toLowerCase())
  const { args = [], command, env = {}, type = "stdio", ...rest } = entry
  const isPlain = alike.length === 1 && type === "stdio" && Object.keys(rest).length === 0 &&
    isText(command) && command.trim() !== "" && Array.isArray(args) && args.every(isText) &&
    isMembers(env) && Object.entries(env).every(([name, value]) => /^\w+$/.test(name) && isText(value))
  // Each of them was looked at just now.
  return isPlain ? { ...meant, command, args, env: env as PlainServer["env"], cwd } : undefined
}

type Servers = Readonly<Record<string, Members>>

type Meant = Pick<PlainServer, "name" | "tool" | "words">

const serversIn = (text: string): Servers | undefined => {
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch {
    // `McpConfig` says what is wrong, if anything is.
    return undefined
  }
  if (!isMembers(document) || Object.keys(document).length !== 1) return undefined
  const { mcpServers } = document
  if (!isMembers(mcpServers) || !Object.values(mcpServers).every(isMembers)) return undefined
  // A name that is written twice is told of.
  const written = text.replaceAll(/"(?:[^"\\]|\\.)*"/g, "").split(":").length - 1
  // Each of them was looked at just now.
  return written === membersOf(document) ? mcpServers as Servers : undefined
}

const membersOf = (value: unknown): number =>
  typeof value !== "object" || value === null
    ? 0
    : Object.values(value).reduce<number>(
      (count, each) => count + membersOf(each),
      Array.isArray(value) ? 0 : Object.keys(value).length
    )

/** As `ServerWord` has it. */
const split = (
  names: ReadonlyArray<string>,
  [first = "", second]: ReadonlyArray<string>,
  isList: boolean
): Meant | undefined => {
  if (names.includes(first)) {
    if (isList) return { name: first, tool: "", words: 1 }
    return second === undefined || second === "-" || second.includes("=")
      ? undefined
      : { name: first, tool: second, words: 2 }
  }
  for (let dot = first.lastIndexOf("."); dot > 0; dot = first.lastIndexOf(".", dot - 1)) {
    const name = first.slice(0, dot)
    if (names.includes(name)) return { name, tool: first.slice(dot + 1), words: 1 }
  }
  return undefined
}

/** A text without anything that `McpConfig` might take for a placeholder. */
const isText = (value: unknown): value is string => typeof value === "string" && !/[$~{\0]/.test(value)
