/**
 * How a config file that a word writes to says a server: JSON as most programs have it, the TOML of Codex, the YAML of Goose. Of the last two only a
 * file that is one of these programs' is written to. Pure.
 */
import { type Format, isMembers, type Path } from "./configText/ConfigText.ts"

/** A server as the command line says it. A value may have placeholders, `${NAME}`. */
export interface NewEntry {
  readonly command?: string
  readonly args?: ReadonlyArray<string>
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  readonly type?: string
  readonly url?: string
  readonly headers?: Readonly<Record<string, string>>
}

export type Entry = Readonly<Record<string, unknown>>

export interface Dialect {
  readonly format: Format
  readonly containerOf: (document: unknown) => Path
  /** Why a file is not written to, and what to do. Undefined: it may be. */
  readonly refusal: (file: string, document: unknown) => string | undefined
  /** The entry in its words. A text: what it cannot say, and what to do. */
  readonly entryOf: (name: string, entry: NewEntry) => Entry | string
}

/** By the ending of its name. */
export const of = (file: string): Dialect => /\.toml$/i.test(file) ? codex : /\.ya?ml$/i.test(file) ? goose : json

/** What most programs have. */
export const json: Dialect = {
  format: "json",
  containerOf: (document) =>
    isMembers(document) && isMembers(document["servers"]) && !isMembers(document["mcpServers"])
      ? ["servers"]
      : ["mcpServers"],
  refusal: () => undefined,
  entryOf: (_, entry) => ({ ...entry })
}

const codex: Dialect = {
  format: "toml",
  containerOf: () => ["mcp_servers"],
  refusal: (file, document) =>
    isNamed(file, "config.toml") || has(document, "mcp_servers")
      ? undefined
      : "TOML is written for Codex only, and this is no config of Codex's, such as ~/.codex/config.toml; name that, or a JSON file",
  entryOf: (_, { args, command, cwd, env = {}, headers = {}, type, url }) => {
    if (type === "sse") return "Codex speaks no HTTP+SSE; leave out --sse if the server speaks Streamable HTTP"
    const variables = apart(env)
    const fields = apart(headers)
    // A variable is handed on by its own name, a header may have that of any.
    const renamed = Object.entries(variables.named).find(([name, variable]) => name !== variable)
    const other = renamed?.[0] ?? variables.mixed ?? fields.mixed
    if (other !== undefined) return unfilled("Codex", other)
    const handedOn = Object.keys(variables.named)
    return url === undefined
      ? {
        command,
        ...(args === undefined ? {} : { args }),
        ...(cwd === undefined ? {} : { cwd }),
        ...(handedOn.length === 0 ? {} : { env_vars: handedOn }),
        ...ifAny("env", variables.plain)
      }
      : { url, ...ifAny("http_headers", fields.plain), ...ifAny("env_http_headers", fields.named) }
  }
}

const goose: Dialect = {
  format: "yaml",
  containerOf: () => ["extensions"],
  refusal: (file, document) =>
    isNamed(file, "config.yaml") || has(document, "extensions")
      ? undefined
      : "YAML is written for Goose only, and this is no config of Goose's, such as ~/.config/goose/config.yaml; name that, or a JSON file",
  entryOf: (name, { args = [], command, cwd, env = {}, headers = {}, type, url }) => {
    if (cwd !== undefined) {
      return "Goose starts servers in a directory of its own choice; leave out --cwd, and name files by absolute paths"
    }
    const variables = apart(env)
    const renamed = Object.entries(variables.named).find(([name, variable]) => name !== variable)
    const other = renamed?.[0] ?? variables.mixed
    if (other !== undefined) return unfilled("Goose", other)
    const common = { enabled: true, name, timeout: 300 }
    return url === undefined
      ? {
        ...common,
        type: "stdio",
        cmd: command,
        args,
        envs: variables.plain,
        env_keys: Object.keys(variables.named)
      }
      : { ...common, type: type === "sse" ? "sse" : "streamable_http", uri: url, ...ifAny("headers", headers) }
  }
}

const isNamed = (file: string, name: string): boolean => /[^/\\]*$/.exec(file)?.[0]?.toLowerCase() === name

const has = (document: unknown, name: string): boolean => isMembers(document) && isMembers(document[name])

const unfilled = (program: string, name: string): string =>
  `${program} fills in no placeholders but a whole value; give ${name} its own variable, \${${
    name.replaceAll(/\W/g, "_")
  }}, or a value`

const ifAny = (name: string, values: Readonly<Record<string, string>>): Entry =>
  Object.keys(values).length === 0 ? {} : { [name]: values }

/** Values as they are, those that name a variable, and one that has a placeholder among other text. */
const apart = (values: Readonly<Record<string, string>>) => {
  const plain: Record<string, string> = {}
  const named: Record<string, string> = {}
  let mixed: string | undefined
  for (const [name, value] of Object.entries(values)) {
    const [, variable] = /^\$\{(\w+)\}$/.exec(value) ?? []
    if (variable !== undefined) named[name] = variable
    else if (/\$\{[^}]*\}/.test(value)) mixed ??= name
    else plain[name] = value
  }
  return { mixed, named, plain }
}
