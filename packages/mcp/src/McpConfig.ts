/**
 * The servers an application may talk to: the ecosystem's `mcpServers` JSON, or the same said in code.
 *
 * ```json
 * { "mcpServers": {
 *     "fs":   { "command": "npx", "args": ["-y", "@modelcontextprotocol/server-filesystem", "."] },
 *     "docs": { "type": "http", "url": "https://docs.example.org/mcp", "headers": { "Authorization": "Bearer ${DOCS_TOKEN}" },
 *               "holdfast": { "connectTimeout": "10 seconds" } } } }
 * ```
 *
 * - `${NAME}` and `${NAME:-default}` are replaced from the environment in every string of an entry; a variable that is not
 *   set makes that one server unusable, not the file.
 * - Relative working directories, and the default one, are those of the file, wherever the program was started.
 * - Fields of other programs are ignored; the options under `holdfast` are checked strictly.
 * - Durations are `"20 seconds"`, milliseconds, or `"Infinity"`.
 * - What is a function is said in code: `LayerOptions.authorizers`, `LayerOptions.isSessionLost`.
 *
 * Everything fails with `McpRuntimeError` of reason `ConfigInvalid`, which names the file, the place in it, what was
 * expected there and what was found; for text that is no JSON, the line and the column. No message quotes a value that may be a
 * secret.
 */
import { PoolPolicy } from "@holdfast/core"
import * as Effect from "effect/Effect"
import * as path from "node:path"
import type { Endpoint } from "./Endpoint.ts"
import { locate } from "./internal/jsonSyntax.ts"
import { environment, readTextFile, workingDirectory } from "./internal/nodePlatform.ts"
import { decodeEntry, describe, type Entry } from "./internal/serverEntry.ts"
import { type CallDeadlines, callDeadlines, policyInput } from "./internal/serverPolicy.ts"
import type { Era } from "./McpConnection.ts"
import { ConfigInvalid, McpRuntimeError } from "./McpRuntimeError.ts"

/** One server of a config: what it is, how it is pooled, how long its calls may take. */
export interface ServerConfig extends Entry {
  readonly name: string
}

/** The servers of a config, in its order. Maps, because names come from outside. */
export interface McpConfig {
  /** The file's path as it was given, or a name for a config made in code. */
  readonly file: string
  readonly servers: ReadonlyMap<string, ServerConfig>
  /** Servers that are configured well but cannot be used here and now: switched off, a variable not set. */
  readonly unusable: ReadonlyMap<string, ConfigInvalid>
}

/** Where a document comes from, as far as its reading depends on it. */
export interface Origin {
  /** For messages. Default: `config`. */
  readonly file?: string | undefined
  /** What relative paths are relative to. Default: the working directory. */
  readonly directory?: string | undefined
  /** Where `${NAME}` is looked up. Default: the environment of this process. */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined
}

/** What can be said about a server in code. */
export interface ServerOptions {
  readonly endpoint: Endpoint
  readonly policy?: PoolPolicy.PoolPolicyInput | undefined
  readonly deadlines?: Partial<CallDeadlines> | undefined
  /** Which era of the protocol to speak. Default: `auto`, asks the server. */
  readonly era?: Era | "auto" | undefined
}

/** Reads a config file. */
const load = Effect.fn("McpConfig.load")(function*(file: string, origin: Omit<Origin, "file"> = {}) {
  const absolute = path.resolve(yield* workingDirectory, file)
  const text = yield* Effect.mapError(readTextFile(absolute), ({ code }) =>
    invalid({
      file,
      path: "",
      expected: "a readable file",
      actual: code,
      problem: unreadable[code] ?? `it cannot be read (${code})`
    }))
  return yield* parse(text, { directory: path.dirname(absolute), ...origin, file })
})

/** Reads a config from the text of one. */
const parse = Effect.fnUntraced(function*(text: string, origin: Origin = {}) {
  const file = origin.file ?? "config"
  // Some editors begin a file with a byte order mark, which JSON does not allow and nobody sees.
  const json = text.startsWith("\uFEFF") ? text.slice(1) : text
  const document = yield* Effect.try({
    try: (): unknown => JSON.parse(json),
    catch: () => {
      const fault = locate(json)
      return fault === undefined
        ? invalid({ file, path: "", expected: "JSON" })
        : invalid({
          file: `${file}:${fault.line}:${fault.column}`,
          path: "",
          expected: fault.expected,
          actual: fault.actual
        })
    }
  })
  return yield* decode(document, origin)
})

/** Reads a config from parsed JSON. */
const decode = Effect.fnUntraced(function*(document: unknown, origin: Origin = {}) {
  const file = origin.file ?? "config"
  const entries = yield* serversOf(document, file)
  const context = {
    file,
    directory: path.resolve(origin.directory ?? (yield* workingDirectory)),
    environment: origin.environment ?? (yield* environment)
  }
  const servers = new Map<string, ServerConfig>()
  const unusable = new Map<string, ConfigInvalid>()
  for (const [name, value] of entries) {
    yield* decodeEntry(name, value, context).pipe(
      Effect.map((entry) => {
        servers.set(name, { name, ...entry })
      }),
      Effect.catch((fault) => {
        if (fault.reach === "file") return Effect.fail(new McpRuntimeError({ reason: fault.invalid }))
        unusable.set(name, fault.invalid)
        return Effect.void
      })
    )
  }
  const config: McpConfig = { file, servers, unusable }
  return config
})

/** A config said in code. Fails when a policy contradicts itself. */
const make = Effect.fnUntraced(function*(
  servers: Readonly<Record<string, Endpoint | ServerOptions>>,
  options: { readonly file?: string | undefined } = {}
) {
  const file = options.file ?? "config"
  const configured = yield* Effect.forEach(Object.entries(servers), ([name, said]) => {
    const { deadlines, endpoint, era = "auto", policy }: ServerOptions = "_tag" in said ? { endpoint: said } : said
    return PoolPolicy.make(policyInput(endpoint, "configured", policy)).pipe(
      Effect.map((policy): ServerConfig => ({
        name,
        endpoint,
        policy,
        deadlines: { ...callDeadlines, ...deadlines },
        era
      })),
      Effect.mapError(({ actual, expected, option }) =>
        invalid({ file, path: `${name}.policy.${option}`, expected, actual })
      )
    )
  })
  const config: McpConfig = {
    file,
    servers: new Map(configured.map((server) => [server.name, server])),
    unusable: new Map()
  }
  return config
})

/** Ways to come by a config. */
export const McpConfig = { load, parse, decode, make } as const

const serversOf = (document: unknown, file: string): Effect.Effect<Array<[string, unknown]>, McpRuntimeError> => {
  if (typeof document !== "object" || document === null || Array.isArray(document)) {
    return Effect.fail(invalid({ file, path: "", expected: "an object with mcpServers", actual: describe(document) }))
  }
  if (!("mcpServers" in document)) {
    // VS Code calls the same object `servers`; saying so saves a search.
    const actual = "servers" in document ? "servers, which is VS Code's name for it" : "nothing"
    return Effect.fail(invalid({ file, path: "mcpServers", expected: "an object of servers by name", actual }))
  }
  const servers = document.mcpServers
  return typeof servers === "object" && servers !== null && !Array.isArray(servers)
    ? Effect.succeed(Object.entries(servers))
    : Effect.fail(
      invalid({ file, path: "mcpServers", expected: "an object of servers by name", actual: describe(servers) })
    )
}

const unreadable: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  EISDIR: "it is a directory, not a file",
  ENOTDIR: "its path leads through something that is no directory",
  EACCES: "it may not be read by this user (permission denied)"
}

const invalid = (fields: ConstructorParameters<typeof ConfigInvalid>[0]): McpRuntimeError =>
  new McpRuntimeError({ reason: new ConfigInvalid(fields) })
