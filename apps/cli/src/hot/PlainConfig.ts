/**
 * A config as most are: strict JSON, `mcpServers` alone, and the server that is wanted a plain command. Loads no Effect.
 *
 * Promises: what is read here is what `McpConfig` reads, without a warning. Everything else (placeholders, other programs' ways of writing,
 * options, a fault) is `undefined`, and left to it.
 */
import * as path from "node:path"

/** A server as it is started, and the tool that is meant. */
export interface PlainServer {
  readonly name: string
  readonly tool: string
  readonly command: string
  readonly args: ReadonlyArray<string>
  readonly env: Readonly<Record<string, string>>
  /** Absolute. */
  readonly cwd: string
  /** How many of the words were its name and the tool's. */
  readonly words: 1 | 2
}

/** Finds what the first words mean: `fs.read_file`, or `fs read_file`. `file` is absolute. */
export const find = (text: string, file: string, words: ReadonlyArray<string>): PlainServer | undefined => {
  const cwd = path.dirname(file)
  const servers = serversIn(text)
  // What is in a folder of an editor's is for the folder around that.
  if (servers === undefined || cwd.includes("/.")) return undefined
  const meant = split(Object.keys(servers), words)
  const entry = meant && servers[meant.name]
  if (meant === undefined || entry === undefined) return undefined
  const alike = Object.keys(servers).filter((name) => name.toLowerCase() === meant.name.toLowerCase())
  const { args = [], command, env = {}, type = "stdio", ...rest } = entry
  const isPlain = alike.length === 1 && type === "stdio" && Object.keys(rest).length === 0 &&
    isText(command) && command.trim() !== "" && Array.isArray(args) && args.every(isText) &&
    isMembers(env) && Object.entries(env).every(([name, value]) => /^\w+$/.test(name) && isText(value))
  // Each of them was looked at just now.
  return isPlain ? { ...meant, command, args, env: env as PlainServer["env"], cwd } : undefined
}

const serversIn = (text: string): Readonly<Record<string, Members>> | undefined => {
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
  return written === membersOf(document) ? mcpServers as Readonly<Record<string, Members>> : undefined
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
  [first = "", second]: ReadonlyArray<string>
): Pick<PlainServer, "name" | "tool" | "words"> | undefined => {
  if (names.includes(first)) {
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

type Members = Readonly<Record<string, unknown>>

const isMembers = (value: unknown): value is Members =>
  typeof value === "object" && value !== null && !Array.isArray(value)
