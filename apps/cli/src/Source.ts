/**
 * The servers that a command may speak with: those of the config, or the one that `--stdio` or `--url` says.
 */
import { Endpoint } from "@holdfast/mcp/Endpoint"
import { McpConfig } from "@holdfast/mcp/McpConfig"
import { McpRuntimeError } from "@holdfast/mcp/McpRuntimeError"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Path from "effect/Path"
import * as Result from "effect/Result"
import { CliFailure } from "./CliFailure.ts"
import * as CommandLine from "./CommandLine.ts"
import * as ConfigFile from "./ConfigFile.ts"
import type { FoundConfig } from "./ConfigSearch.ts"
import { ExitCode } from "./ExitCode.ts"
import * as Servers from "./Servers.ts"
import * as ServerWord from "./ServerWord.ts"
import { Shell } from "./Shell.ts"

export interface SourceInput {
  readonly config: Option.Option<string>
  /** Without the daemon. */
  readonly direct: boolean
  readonly json: boolean
  readonly stdio: Option.Option<string>
  readonly url: Option.Option<string>
  readonly header: ReadonlyArray<string>
  readonly "no-reuse": boolean
}

export interface Source {
  readonly config: FoundConfig
  /** The name of the only server there is, which no word names. Undefined: the config's servers are named. */
  readonly only: string | undefined
}

/** What a word of the command line means: a server, and what of it. */
export interface Meant {
  readonly server: string
  readonly item: string
  /** The words after it. */
  readonly rest: ReadonlyArray<string>
}

/**
 * Finds out which servers there are. Starts none. `word` is the server that the command is about, alone or with what of it: see
 * `ConfigFile.load`.
 */
export const open = Effect.fnUntraced(function*(input: SourceInput, word?: string) {
  const { header, stdio, url } = input
  if (Option.isSome(stdio) && Option.isSome(url)) return yield* usage("--stdio and --url name two servers; give one")
  if (header.length > 0 && Option.isNone(url)) {
    return yield* usage("--header is for --url; a config has headers of its own")
  }
  if (Option.isNone(stdio) && Option.isNone(url)) {
    const source: Source = { config: yield* ConfigFile.load(input.config, word), only: undefined }
    return source
  }
  if (Option.isSome(input.config)) return yield* usage("--config names servers, and so does --stdio or --url; give one")
  const { directory } = yield* Shell
  const reuse = !input["no-reuse"]
  if (Option.isSome(stdio)) {
    const words = CommandLine.split(stdio.value)
    if (Result.isFailure(words)) return yield* usage(`--stdio ${JSON.stringify(stdio.value)}: ${words.failure}`)
    const [command, ...args] = words.success
    const only = nameOf(words.success)
    const endpoint = Endpoint.stdio({ command, args, cwd: directory, inheritEnv: true })
    return oneOf(yield* McpConfig.make({ [only]: { endpoint, policy: { reuse } } }, { file: "--stdio" }), only)
  }
  const address = Option.getOrElse(url, () => "")
  if (!URL.canParse(address) || !/^https?:$/.test(new URL(address).protocol)) {
    return yield* usage(`--url ${JSON.stringify(address)} is no http or https url`)
  }
  const only = new URL(address).host
  const said = { url: address, headers: yield* headersOf(header) }
  // Servers of the transport before this one have their stream there.
  const endpoint = new URL(address).pathname.endsWith("/sse") ? Endpoint.sse(said) : Endpoint.http(said)
  return oneOf(yield* McpConfig.make({ [only]: { endpoint, policy: { reuse } } }, { file: "--url" }), only)
})

/** Of the config only these servers: nothing of the others is looked at, and nothing is said of them. */
export const only = (config: FoundConfig, names: ReadonlyArray<string>): FoundConfig => {
  const files = names.map((name) => ConfigFile.fileOf(config, name))
  return {
    ...config,
    servers: new Map([...config.servers].filter(([name]) => names.includes(name))),
    warnings: config.warnings.filter(({ file, server }) =>
      server === undefined ? files.includes(file) : names.includes(server)
    )
  }
}

/** The connections to the servers of a source. */
export const layer = (
  input: SourceInput,
  source: Source,
  more: Omit<Servers.More, "isFile"> = {}
) => {
  const { config } = source
  const servers = new Map([...config.servers].map(([name, server]) =>
    [name, {
      ...server,
      ...(input["no-reuse"] && { policy: { ...server.policy, reuse: false } }),
      // A server that waits for a person is no server that hangs.
      ...(more.isAsked === true && { deadlines: { ...server.deadlines, idle: server.deadlines.hard } })
    }] as const
  ))
  return Servers.layer({ ...config, servers }, input.direct || input["no-reuse"], {
    ...more,
    isFile: source.only === undefined
  })
}

/** Of a word that may say a server, and what of it. */
export interface Listed {
  /** Undefined: all servers. */
  readonly server: string | undefined
  readonly item: string | undefined
}

/** What is to be listed. Where there is one server the word says what of it. */
export const listed = (
  source: Source,
  word: Option.Option<string>
): Effect.Effect<Listed, McpRuntimeError> =>
  source.only !== undefined
    ? Effect.succeed({ server: source.only, item: Option.getOrUndefined(word) })
    : Option.isNone(word)
    ? Effect.succeed({ server: undefined, item: undefined })
    : Effect.map(split(source, word.value), ({ server, tool }) => ({ server, item: tool }))

/** The one server whose list is wanted; undefined for all. */
export const serverIn = (
  source: Source,
  word: Option.Option<string>,
  what: string
): Effect.Effect<string | undefined, McpRuntimeError | CliFailure> => {
  if (source.only !== undefined) {
    return Option.isNone(word)
      ? Effect.succeed(source.only)
      : usage(`${JSON.stringify(word.value)} is not needed: there is one server, and all of its ${what} are listed`)
  }
  if (Option.isNone(word)) return Effect.undefined
  const { config } = source
  return config.servers.has(word.value) || config.unusable.has(word.value)
    ? Effect.succeed(word.value)
    : Effect.flatMap(
      split(source, word.value),
      ({ server }) => usage(`${what} are listed by server: holdfast ${what} ${server}`)
    )
}

/** The server that a word names, or what of it, if the word says both. */
export const split = (source: Source, word: string): Effect.Effect<ServerWord.Meant, McpRuntimeError> =>
  Effect.mapError(
    Effect.fromResult(ServerWord.split(word, source.config)),
    (reason) => new McpRuntimeError({ reason })
  )

/**
 * The server and what of it the words name: two words, or one with a dot, or one if there is only one server. `what` of it, for the failure.
 */
export const meant = Effect.fnUntraced(function*(
  source: Source,
  words: ReadonlyArray<string>,
  { isDotted = true, usage: written, what }: {
    readonly what: string
    /** How the command is written. */
    readonly usage: string
    /** False: what is named may have dots of its own, and is a word of its own. */
    readonly isDotted?: boolean
  }
): Effect.fn.Return<Meant, CliFailure | McpRuntimeError> {
  const incomplete = (missing: string) => usage(`say ${missing}`, `  ${written}`)
  const [first, ...rest] = words
  if (source.only !== undefined) {
    return first === undefined || first.includes("=") && !first.includes("://") || first === "-"
      ? yield* incomplete(`which ${what}`)
      : { server: source.only, item: first, rest }
  }
  if (first === undefined) return yield* incomplete(`which server, and which ${what}`)
  const { server, tool } = yield* split(source, first)
  if (tool !== undefined && isDotted) return { server, item: tool, rest }
  const [item, ...others] = rest
  if (item === undefined || isDotted && item.includes("=") || item === "-") {
    return yield* incomplete(`which ${what} of ${server}; holdfast ${what}s ${server} lists them`)
  }
  return { server, item, rest: others }
})

/** A server that no file has. */
const oneOf = (config: McpConfig, only: string): Source => ({
  config: { ...config, origins: new Map(), fault: undefined },
  only
})

const headersOf = Effect.fnUntraced(function*(given: ReadonlyArray<string>) {
  const lines: Array<string> = []
  for (const each of given) {
    if (each.startsWith("@")) lines.push(...(yield* linesOf(each.slice(1))))
    else lines.push(each)
  }
  const headers = new Map<string, string>()
  for (const line of lines) {
    const colon = line.indexOf(":")
    const name = line.slice(0, Math.max(colon, 0)).trim()
    // What else stands there may be a secret.
    if (!/^[!#$%&'*+.^_`|~\w-]+$/.test(name)) return yield* usage("--header is written \"Name: value\"")
    headers.set(name, line.slice(colon + 1).trim())
  }
  return Object.fromEntries(headers)
})

/** Where `ps` shows nothing of it. */
const linesOf = Effect.fnUntraced(function*(file: string) {
  const { directory } = yield* Shell
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const text = yield* Effect.catch(
    fs.readFileString(path.resolve(directory, file)),
    ({ reason }) => usage(`--header: cannot read the file ${file} (${reason._tag})`)
  )
  return text.split("\n").map((line) => line.trim()).filter((line) => line !== "")
})

/** Programs that run what their arguments name. */
const launchers = [
  "npx",
  "bunx",
  "pnpx",
  "uvx",
  "uv",
  "pipx",
  "pnpm",
  "docker",
  "podman",
  "deno",
  "node",
  "bun",
  "python",
  "python3",
  "env",
  "tsx"
]

/** A name for messages: the program, or the package or script that it launches. */
const nameOf = ([command, ...args]: readonly [string, ...Array<string>]): string => {
  const program = baseOf(command)
  const launched = launchers.includes(program)
    ? args.find((arg) => !arg.startsWith("-") && !arg.includes("="))
    : undefined
  return launched === undefined ? program : baseOf(launched)
}

/** Of a path or a package its last part, without a version and without what says which kind of file it is. */
const baseOf = (path: string): string => {
  const last = path.split(/[\\/]/).at(-1) ?? ""
  return last.replace(/(?!^)@.*$/, "").replace(/(?!^)\.(?:cmd|exe|[cm]?[jt]s|py|sh)$/i, "") || "server"
}

const usage = (message: string, details?: string) =>
  Effect.fail(new CliFailure({ exitCode: ExitCode.usage, reason: "BadArguments", message, details }))
