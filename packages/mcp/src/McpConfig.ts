/**
 * The servers an application may talk to: the files in which MCP clients keep them, or the same said in code.
 *
 * ```json
 * { "mcpServers": {
 *     "fs":   { "command": "npx", "args": ["-y", "@modelcontextprotocol/server-filesystem", "."] },
 *     "docs": { "type": "http", "url": "https://docs.example.org/mcp", "headers": { "Authorization": "Bearer ${DOCS_TOKEN}" },
 *               "holdfast": { "connectTimeout": "10 seconds" } } } }
 * ```
 *
 * - Files are read as their programs write them (`docs/config.md` has the list): JSON with comments and trailing commas, the servers under
 *   any of their names, fields in any of their spellings.
 * - A server that is wrong, or that cannot be used here and now, is in `unusable` with the reason; the others work. A placeholder that
 *   nothing answers is such a reason: it never goes out as it is.
 * - A part that is not understood has no effect and is in `warnings`. Our own options under `holdfast` are read strictly.
 * - Relative paths, and the default working directory, are those of the folder that the file is for: its own, or the one around
 *   `.vscode`, `.cursor` and their like, wherever the program was started.
 * - Durations are `"20 seconds"`, milliseconds, or `"Infinity"`.
 * - What is a function is said in code: `LayerOptions.authorizers`, `LayerOptions.isSessionLost`.
 *
 * A file that cannot be read at all fails with `McpRuntimeError` of reason `ConfigInvalid`. Every message names the file, line and column, the
 * place in the document, what was expected there and what was found. No message quotes a value that may be a secret.
 *
 * @example
 * ```ts
 * import { Endpoint, McpConfig, McpConnections } from "@holdfast/mcp"
 * import * as Effect from "effect/Effect"
 *
 * export const program = Effect.gen(function*() {
 *   const config = yield* McpConfig.make({ docs: Endpoint.http({ url: "https://docs.example.org/mcp" }) })
 *   return yield* Effect.provide(McpConnections.use((mcp) => mcp.listTools("docs")), McpConnections.layer(config))
 * })
 * ```
 */
import { PoolPolicy } from "@holdfast/core"
import * as HomeDirectory from "@holdfast/process/HomeDirectory"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as path from "node:path"
import { ConfigWarning } from "./ConfigWarning.ts"
import type { Endpoint } from "./Endpoint.ts"
import * as Dialects from "./internal/config/configDialects.ts"
import * as ConfigDocument from "./internal/config/ConfigDocument.ts"
import { type EntryContext, EntryReader } from "./internal/config/EntryReader.ts"
import { faultOfRevision } from "./internal/config/holdfastOptions.ts"
import { decodeEntry, type Entry, switchedOff } from "./internal/config/serverEntry.ts"
import {
  type CallDeadlines,
  type CallDeadlinesInput,
  makeDeadlines,
  policyInput
} from "./internal/config/serverPolicy.ts"
import type { Era } from "./internal/connection/contract.ts"
import { allowed } from "./internal/durations.ts"
import { environment, readBytes, workingDirectory } from "./internal/nodePlatform.ts"
import { ConfigInvalid, McpRuntimeError } from "./McpRuntimeError.ts"

export type { HostSharing } from "./internal/config/serverEntry.ts"
export type { CallDeadlines, CallDeadlinesInput }

/** One server of a config: what it is, how it is pooled, how long its calls may take, which of its tools are offered. */
export interface ServerConfig extends Entry {
  readonly name: string
}

/** The servers of a config, in its order. Maps, because names come from outside. */
export interface McpConfig {
  /** The file's path as it was given, or a name for a config made in code. */
  readonly file: string
  readonly servers: ReadonlyMap<string, ServerConfig>
  /** Servers that cannot be used, and why: a fault in their entry, a placeholder without a value, switched off. */
  readonly unusable: ReadonlyMap<string, ConfigInvalid>
  /** Those of `unusable` that are so because the file says so (`disabled`, `enabled`): a wish, and no fault. */
  readonly switchedOff: ReadonlySet<string>
  /** Parts that are not understood, or not as they should be, and stop nothing. */
  readonly warnings: ReadonlyArray<ConfigWarning>
}

/** Where a document comes from, as far as its reading depends on it. */
export interface Origin {
  /** For messages; its name tells which program wrote it. Default: `config`. */
  readonly file?: string | undefined
  /** What relative paths are relative to. Default: the folder the file is for; for a text, the working directory. */
  readonly directory?: string | undefined
  /** Where `${NAME}` is looked up. Default: the environment of this process. */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined
  /** What `${instance}` stands for in an entry that says `instances`. Default: 1. */
  readonly instance?: string | undefined
  /** Answers to `${input:id}` by their ids. Default: the environment variables `HOLDFAST_INPUT_ID`. */
  readonly inputs?: Readonly<Record<string, string | Redacted.Redacted>> | undefined
}

/** What can be said about a server in code. */
export interface ServerOptions {
  readonly endpoint: Endpoint
  readonly policy?: PoolPolicy.PoolPolicyInput | undefined
  /** How long its calls may take. Default: 5 minutes without a word, 30 minutes in all, 30 seconds for lists and reads. */
  readonly deadlines?: CallDeadlinesInput | undefined
  /** Which era of the protocol to speak. Default: `auto`, asks the server. */
  readonly era?: Era | "auto" | undefined
  /** The revision to ask with, and no other; it says the era too. Default: the newest that both sides speak. */
  readonly protocolVersion?: string | undefined
  /** Which tools are offered and may be called, by name; `*` stands for any text. Default: all. */
  readonly tools?: {
    readonly include?: ReadonlyArray<string> | undefined
    readonly exclude?: ReadonlyArray<string> | undefined
  } | undefined
}

/** No config is longer: `~/.claude.json`, which holds a history besides, reaches some megabytes. */
const maxBytes = 32 * 1024 * 1024

/** Reads a config file. `origin.file`: what messages call it. */
const load = Effect.fn("McpConfig.load")(function*(file: string, origin: Origin = {}) {
  const absolute = path.resolve(yield* workingDirectory, file)
  const shown = origin.file ?? file
  const problem = (problem: string) => invalid({ file: shown, path: "", expected: "a config file", problem })
  const bytes = yield* Effect.mapError(
    readBytes(absolute, maxBytes),
    ({ code }) => problem(unreadable[code] ?? `it cannot be read (${code})`)
  )
  const text = yield* Effect.mapError(Effect.fromResult(ConfigDocument.textOf(bytes)), problem)
  const format = otherFormats.get(path.extname(absolute).toLowerCase())
  if (format !== undefined) {
    return yield* problem(`${format} is not read; write the same servers as JSON, under "mcpServers"`)
  }
  const directory = origin.directory ?? Dialects.folderOf(path.dirname(absolute))
  return yield* parseAs(text, { ...origin, directory, file: shown }, absolute)
})

/** Reads a config from the text of one. */
const parse = (text: string, origin: Origin = {}) => parseAs(text, origin, origin.file ?? "")

const parseAs = Effect.fnUntraced(function*(text: string, origin: Origin, absolute: string) {
  const file = origin.file ?? "config"
  // Some editors begin a file with a byte order mark, which JSON does not allow and no editor shows.
  const json = text.replace(/^\uFEFF/, "")
  if (json.trim() === "") {
    const problem = "it is empty; a config without servers is {\"mcpServers\": {}}"
    return yield* invalid({ file, path: "", expected: "a config", problem })
  }
  const document = yield* Effect.mapError(
    Effect.fromResult(ConfigDocument.fromText(json)),
    (fault) => invalid({ file, path: "", ...fault })
  )
  return yield* read(document, origin, absolute)
})

/** Reads a config from parsed JSON. */
const decode = (document: unknown, origin: Origin = {}) =>
  read(ConfigDocument.fromValue(document), origin, origin.file ?? "")

const read = Effect.fnUntraced(function*(
  document: ConfigDocument.ConfigDocument,
  origin: Origin,
  absolute: string
): Effect.fn.Return<McpConfig, McpRuntimeError> {
  const file = origin.file ?? "config"
  const { value } = document
  const found = Dialects.serversIn(value, absolute)
  if (!("servers" in found)) {
    const { actual, expected, path } = found
    return yield* invalid({
      file,
      path: ConfigDocument.formatPath(path),
      expected,
      actual,
      ...document.placeOf(path)
    })
  }
  const warnings: Array<ConfigWarning> = []
  const context: EntryContext = {
    file,
    document,
    dialect: found.dialect,
    sources: yield* sourcesOf(value, origin, found.dialect),
    tell: (at, problem, { part, place = document.placeOf(at, part), server } = {}) => {
      const { column, line } = place ?? { column: undefined, line: undefined }
      const path = ConfigDocument.formatPath(at)
      warnings.push(new ConfigWarning({ file, line, column, path, server, problem }))
    }
  }
  tellOfFile(context, found)
  const servers = new Map<string, ServerConfig>()
  const unusable = new Map<string, ConfigInvalid>()
  const off = new Set<string>()
  const alike = new Map<string, string>()
  for (const { name, path, value: entry } of found.servers) {
    const told = { server: name, part: "name" } as const
    if (servers.has(name) || unusable.has(name)) {
      context.tell(path, `has no effect: there is a server ${JSON.stringify(name)} above`, told)
      continue
    }
    const other = alike.get(name.toLowerCase())
    if (other !== undefined) {
      context.tell(path, `differs from ${JSON.stringify(other)} in upper and lower case only`, told)
    }
    alike.set(name.toLowerCase(), name)
    const reader = new EntryReader(name, path, entry, context)
    const reason = yield* Effect.result(Effect.map(switchedOff(reader), (own) => own ?? offByList(reader, value)))
    if (Result.isFailure(reason)) unusable.set(name, reason.failure)
    else if (reason.success !== undefined) {
      off.add(name)
      unusable.set(name, reason.success)
    } else {
      const decoded = yield* Effect.result(decodeEntry(reader))
      if (Result.isSuccess(decoded)) servers.set(name, { name, ...decoded.success })
      else unusable.set(name, decoded.failure)
    }
  }
  return { file, servers, unusable, switchedOff: off, warnings }
})

const sourcesOf = Effect.fnUntraced(function*(document: unknown, origin: Origin, dialect: Dialects.Dialect) {
  const variables = origin.environment ?? (yield* environment)
  const answers = Object.entries(origin.inputs ?? {}).map(([id, answer]) =>
    [id, typeof answer === "string" ? answer : String(Redacted.value(answer))] as const
  )
  return {
    environment: variables,
    inputs: new Map(answers),
    asked: Dialects.inputsOf(document),
    home: HomeDirectory.of(variables),
    folder: path.resolve(origin.directory ?? (yield* workingDirectory)),
    instance: origin.instance ?? "1",
    readsDollar: dialect.readsDollar === true,
    readsCommands: dialect.readsCommands === true
  }
})

/** Tells of servers and lists in places that are not read, and of names that are written twice. */
const tellOfFile = ({ document, tell }: EntryContext, { at }: Dialects.RawServers): void => {
  for (const name of Dialects.serversElsewhere(document.value)) {
    tell([name], "looks like servers and is not read; write mcpServers if they are to be used", { part: "name" })
  }
  for (const name of Dialects.toolListsBeside(document.value)) {
    tell([name], "has no effect here; it belongs into the entry of a server", { part: "name" })
  }
  for (const { path, place } of document.repeated([])) {
    // Of what a file says besides, other programs may judge.
    const container = at.find((at) => at.every((name, index) => index >= path.length || path[index] === name))
    if (container === undefined) continue
    const server = path.length > container.length ? String(path[container.length]) : undefined
    tell(path, "is written twice; this one counts", { server, place })
  }
}

/** The reason when a list in the file, and not the entry itself, switches a server off. */
const offByList = (reader: EntryReader, document: unknown): ConfigInvalid | undefined => {
  const list = Dialects.switchedOffBy(document, reader.server)
  if (list === undefined) return undefined
  const isAllowed = list.at(-1) === "allowed"
  return reader.invalid(list, {
    expected: `a list with${isAllowed ? "" : "out"} ${JSON.stringify(reader.server)}, to use this server`,
    actual: `one with${isAllowed ? "out" : ""} it`
  })
}

/** A config said in code. Fails when a policy contradicts itself. */
const make = Effect.fnUntraced(function*(
  servers: Readonly<Record<string, Endpoint | ServerOptions>>,
  options: { readonly file?: string | undefined } = {}
) {
  const file = options.file ?? "config"
  const configured = yield* Effect.forEach(Object.entries(servers), ([name, said]) => {
    const { deadlines, endpoint, era = "auto", policy, protocolVersion, tools }: ServerOptions = "_tag" in said
      ? { endpoint: said }
      : said
    const rule = (names: ReadonlyArray<string> | undefined, said: string) =>
      names === undefined ? [] : [{ names, said }]
    const fault = protocolVersion === undefined ? undefined : faultOfRevision(protocolVersion, era)
    if (fault !== undefined) return Effect.fail(invalid({ file, path: `${name}.protocolVersion`, ...fault }))
    const limits = makeDeadlines(deadlines)
    if (Result.isFailure(limits)) {
      const { actual, option } = limits.failure
      return Effect.fail(invalid({
        file,
        path: `${name}.deadlines.${option}`,
        expected: `${allowed}, longer than zero`,
        actual
      }))
    }
    return PoolPolicy.make(policyInput(endpoint, "configured", policy)).pipe(
      Effect.map((policy): ServerConfig => ({
        name,
        endpoint,
        policy,
        deadlines: limits.success,
        era,
        protocolVersion,
        tools: tools && {
          only: rule(tools.include, `tools.include of ${name} in ${file}`),
          without: rule(tools.exclude, `tools.exclude of ${name} in ${file}`)
        }
      })),
      Effect.mapError(({ actual, expected, option }) =>
        invalid({ file, path: `${name}.policy.${option}`, expected, actual })
      )
    )
  })
  const config: McpConfig = {
    file,
    servers: new Map(configured.map((server) => [server.name, server])),
    unusable: new Map(),
    switchedOff: new Set(),
    warnings: []
  }
  return config
})

/** Ways to come by a config. */
export const McpConfig = { load, parse, decode, make } as const

const unreadable: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  EISDIR: "it is a directory, not a file",
  ENOTDIR: "its path leads through something that is no directory",
  EACCES: "it may not be read by this user (permission denied)",
  ELOOP: "its path goes in circles (symbolic links)",
  EFBIG: "it is longer than the 32 MiB that a config may have"
}

const otherFormats: ReadonlyMap<string, string> = new Map([
  [".toml", "TOML"],
  [".yaml", "YAML"],
  [".yml", "YAML"]
])

const invalid = (fields: ConstructorParameters<typeof ConfigInvalid>[0]): McpRuntimeError =>
  new McpRuntimeError({ reason: new ConfigInvalid(fields) })
