/**
 * Where programs keep their MCP servers, and what differs between them: the table of `docs/config.md`, which a test compares with this.
 *
 * The content of a file decides how it is read, wherever it lies. Its name decides the rest: whether `timeout` counts milliseconds or
 * seconds, whether `$NAME` is a placeholder, and which folder it is for.
 */
import type { Path } from "./ConfigDocument.ts"

export interface Dialect {
  readonly program: string
  /** Ends of paths by which a file is known. */
  readonly files: ReadonlyArray<string>
  /** Where in the file the servers are, as it is written there. */
  readonly servers: string
  readonly timeout: "milliseconds" | "seconds"
  /** `$NAME` stands for an environment variable. Default: only `${NAME}` does. */
  readonly readsDollar?: true
  /** `$(…)` stands for what a command prints: nothing here runs it. */
  readonly readsCommands?: true
}

const milliseconds = "milliseconds"
const seconds = "seconds"

export const dialects: ReadonlyArray<Dialect> = [
  { program: "Claude Code", files: [".mcp.json", ".claude.json"], servers: "mcpServers", timeout: milliseconds },
  { program: "Claude Desktop", files: ["claude_desktop_config.json"], servers: "mcpServers", timeout: milliseconds },
  { program: "Cursor", files: [".cursor/mcp.json"], servers: "mcpServers", timeout: milliseconds },
  { program: "VS Code", files: [".vscode/mcp.json"], servers: "servers", timeout: milliseconds },
  { program: "VS Code settings", files: [".vscode/settings.json"], servers: "mcp.servers", timeout: milliseconds },
  { program: "Copilot CLI", files: ["mcp-config.json"], servers: "mcpServers", timeout: milliseconds },
  { program: "Windsurf", files: ["mcp_config.json"], servers: "mcpServers", timeout: milliseconds },
  { program: "Zed", files: ["zed/settings.json"], servers: "context_servers", timeout: seconds },
  { program: "opencode", files: ["opencode.json", "opencode.jsonc"], servers: "mcp", timeout: milliseconds },
  {
    program: "Crush",
    files: ["crush.json"],
    servers: "mcp",
    timeout: seconds,
    readsDollar: true,
    readsCommands: true
  },
  {
    program: "Gemini CLI",
    files: [".gemini/settings.json", "gemini-extension.json"],
    servers: "mcpServers",
    timeout: milliseconds,
    readsDollar: true
  },
  {
    program: "Qwen Code",
    files: [".qwen/settings.json"],
    servers: "mcpServers",
    timeout: milliseconds,
    readsDollar: true
  },
  { program: "Cline", files: ["cline_mcp_settings.json"], servers: "mcpServers", timeout: seconds },
  { program: "Roo Code", files: [".roo/mcp.json", "mcp_settings.json"], servers: "mcpServers", timeout: seconds },
  { program: "Kilo Code", files: [".kilocode/mcp.json"], servers: "mcpServers", timeout: seconds },
  {
    program: "Continue",
    files: [".continue/config.json"],
    servers: "experimental.modelContextProtocolServers",
    timeout: milliseconds
  },
  { program: "LM Studio", files: [".lmstudio/mcp.json"], servers: "mcpServers", timeout: milliseconds },
  { program: "Kiro", files: [".kiro/settings/mcp.json"], servers: "mcpServers", timeout: milliseconds },
  { program: "Amazon Q", files: [".amazonq/mcp.json"], servers: "mcpServers", timeout: milliseconds },
  { program: "Amp", files: ["amp/settings.json"], servers: "amp.mcpServers", timeout: milliseconds }
]

/** Names under which servers are looked for, in this order. A dot is part of the name, or leads inside. */
const containers: ReadonlyArray<string> = [
  "mcpServers",
  "servers",
  "mcp.servers",
  "mcp.mcpServers",
  "context_servers",
  "amp.mcpServers",
  "experimental.modelContextProtocolServers"
]

/** Folders of programs, whose files are meant for the folder around them. */
const ownFolders = new Set([
  ".amazonq",
  ".amp",
  ".claude",
  ".codeium",
  ".continue",
  ".copilot",
  ".cursor",
  ".gemini",
  ".github",
  ".kilocode",
  ".kiro",
  ".lmstudio",
  ".opencode",
  ".qwen",
  ".roo",
  ".vscode",
  ".windsurf",
  ".zed"
])

const slashed = (file: string): string => `/${file.replaceAll("\\", "/")}`

/** The folder a file is for: its own, or the one around the folder of an editor. */
export const folderOf = (directory: string): string => {
  const parts = directory.split(/[\\/]/)
  const own = parts.findLastIndex((part) => ownFolders.has(part))
  // Deeper below it lies a project that has nothing to do with it.
  return own > 0 && parts.length - own <= 2
    ? directory.slice(0, parts.slice(0, own).join("/").length) || "/"
    : directory
}

/** Servers as they stand in a document, and where. */
export interface RawServer {
  readonly name: string
  readonly path: Path
  readonly value: unknown
}

export interface RawServers {
  readonly servers: ReadonlyArray<RawServer>
  readonly dialect: Dialect
  /** Where they were found. */
  readonly at: ReadonlyArray<Path>
}

/** What a document is that has no servers in it. */
export interface NoServers {
  readonly path: Path
  readonly expected: string
  readonly actual: string
}

/** Finds the servers of a document. */
export const serversIn = (document: unknown, file: string): RawServers | NoServers => {
  if (!isObject(document)) return { path: [], expected: "an object with mcpServers", actual: nameOfKind(document) }
  const named = dialects.find(({ files }) => files.some((end) => slashed(file).endsWith(`/${end}`)))
  const found: Array<{ readonly path: Path; readonly value: unknown; readonly container: string }> = []
  for (const container of containers) {
    for (const path of [[container], container.split(".")]) {
      const value = valueAt(document, path)
      if (value !== undefined && !looksLikeServer(value) && !found.some((other) => other.value === value)) {
        found.push({ path, value, container })
      }
    }
  }
  if (found.length === 0) {
    const { mcp } = document
    if (isObject(mcp) && !isGeminis(mcp)) found.push({ path: ["mcp"], value: mcp, container: "mcp" })
    // A file that is nothing but servers by their names.
    else if (Object.values(document).some(looksLikeServer)) found.push({ path: [], value: document, container: "" })
  }
  const [first] = found
  if (first === undefined) {
    const alike = serversElsewhere(document)[0]
    const actual = alike === undefined ? "nothing" : `${alike}, which is no name for it`
    return { path: ["mcpServers"], expected: "an object of servers by name", actual }
  }
  const dialect = named ?? dialects.find(({ servers }) => servers === first.container) ?? defaultDialect
  const servers: Array<RawServer> = []
  for (const { path, value } of found) {
    if (value === null) continue
    if (Array.isArray(value)) servers.push(...value.map((each, index) => listed(each, path, index)))
    else if (isObject(value)) {
      servers.push(...Object.entries(value).map(([name, value]) => ({ name, path: [...path, name], value })))
    } else return { path, expected: "an object of servers by name", actual: nameOfKind(value) }
  }
  // A server that code or another file has taken out.
  return { servers: servers.filter(({ value }) => value != null), dialect, at: found.map(({ path }) => path) }
}

/** Names of a document that are not read, though their values look like servers. */
export const serversElsewhere = (document: unknown): ReadonlyArray<string> =>
  isObject(document)
    ? Object.entries(document)
      .filter(([name, value]) =>
        !known.has(name) && /mcp|server/i.test(name) && !isComment(name) && isObject(value) &&
        Object.values(value).some(looksLikeServer)
      )
      .map(([name]) => name)
    : []

/** Lists of tools beside the servers, where they concern no server in particular. */
export const toolListsBeside = (document: unknown): ReadonlyArray<string> =>
  isObject(document) && isObject(document["mcpServers"])
    ? ["enabledTools", "includeTools", "disabledTools", "excludeTools"].filter((name) => Array.isArray(document[name]))
    : []

/** Names by which people leave notes in JSON. */
export const isComment = (name: string): boolean => /^(?:[_$#]|\/\/|x-)/.test(name)

/** Gemini's lists of the servers that may be used and of those that may not: whether they switch this one off, and which. */
export const switchedOffBy = (document: unknown, name: string): Path | undefined => {
  const mcp = isObject(document) ? document["mcp"] : undefined
  if (!isObject(mcp)) return undefined
  const { allowed, excluded } = mcp
  if (Array.isArray(excluded) && excluded.includes(name)) return ["mcp", "excluded"]
  return Array.isArray(allowed) && !allowed.includes(name) ? ["mcp", "allowed"] : undefined
}

/** The ids of the inputs that a document defines. */
export const inputsOf = (document: unknown): ReadonlySet<string> => {
  if (!isObject(document)) return new Set()
  const lists = [document["inputs"], valueAt(document, ["mcp", "inputs"])]
  return new Set(
    lists.flatMap((list) => Array.isArray(list) ? list.map((each) => isObject(each) ? String(each["id"]) : "") : [])
  )
}

export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** The kind of a JSON value, in words. */
export const nameOfKind = (value: unknown): string => {
  if (value === undefined) return "nothing"
  if (value === null) return "null"
  if (Array.isArray(value)) return "an array"
  if (typeof value === "object") return "an object"
  return value === "" ? "an empty string" : `a ${typeof value}`
}

const defaultDialect: Dialect = { program: "", files: [], servers: "mcpServers", timeout: milliseconds }

const known: ReadonlySet<string> = new Set([
  ...containers.flatMap((container) => [container, container.slice(0, Math.max(0, container.indexOf(".")))]),
  "mcp"
])

/** Continue's lists name their servers, or do not. */
const listed = (value: unknown, path: Path, index: number): RawServer => {
  const name = isObject(value) ? value["name"] ?? value["id"] : undefined
  return { name: typeof name === "string" && name !== "" ? name : `server-${index + 1}`, path: [...path, index], value }
}

/** A server may be called `url`: only texts and lists tell. */
const looksLikeServer = (value: unknown): boolean =>
  isObject(value) &&
  ["command", "url", "serverUrl", "httpUrl"].some((name) =>
    typeof value[name] === "string" || Array.isArray(value[name])
  )

const isGeminis = (mcp: Readonly<Record<string, unknown>>): boolean =>
  Array.isArray(mcp["allowed"]) || Array.isArray(mcp["excluded"]) || typeof mcp["serverCommand"] === "string"

const valueAt = (document: unknown, path: Path): unknown =>
  path.reduce<unknown>(
    (value, name) => isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined,
    document
  )
