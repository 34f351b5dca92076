/**
 * One entry of a config: from unknown JSON, in any program's way of writing, to an endpoint with its policy.
 *
 * A fault makes this one server unusable and names the place. A part that is not understood is told of and has no effect.
 *
 * Gotchas: messages name types, not values, wherever a value may be a secret.
 */
import { PoolPolicy } from "@holdfast/core"
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import * as path from "node:path"
import { Endpoint } from "../../Endpoint.ts"
import type { ConfigInvalid } from "../../McpRuntimeError.ts"
import type { ToolFilter } from "../../ToolFilter.ts"
import type { Era } from "../connection/contract.ts"
import * as HttpHeaders from "../http/HttpHeaders.ts"
import { isFolder, readEnvironmentFile } from "../nodePlatform.ts"
import { nameOfKind } from "./configDialects.ts"
import { asRedacted, type EntryReader } from "./EntryReader.ts"
import * as holdfastOptions from "./holdfastOptions.ts"
import { type CallDeadlines, callDeadlines, policyInput } from "./serverPolicy.ts"
import { timeoutsOf } from "./timeouts.ts"
import { toolFilterOf } from "./toolLists.ts"

/** An entry, understood. */
export interface Entry {
  readonly endpoint: Endpoint
  readonly policy: PoolPolicy.PoolPolicy
  readonly deadlines: CallDeadlines
  /** Which era of the protocol to speak. `auto` asks the server. */
  readonly era: Era | "auto"
  /** The revision to ask with, and no other. `undefined`: the newest that both sides speak. */
  readonly protocolVersion: string | undefined
  /** Which tools are offered and may be called. `undefined`: all of them. */
  readonly tools: ToolFilter | undefined
  /** How the daemon of `@holdfast/daemon` shares its process. Default: not shared, and handed on. */
  readonly hosts?: HostSharing | undefined
}

/** Which hosts one process of a server may have. */
export interface HostSharing {
  /** True: hosts share a process although its server is of the legacy era, which may keep state for a connection. */
  readonly shared: boolean
  /** False: the process ends with its host, and is not handed on to the next one. */
  readonly handOn: boolean
  /** Each host has a process of its own, of so many at most. Its number is `${instance}` in arguments and environment. */
  readonly instances?: { readonly max: number } | undefined
}

/** Whether an entry is switched off, and where. */
export const switchedOff = Effect.fnUntraced(function*(
  reader: EntryReader
): Effect.fn.Return<ConfigInvalid | undefined, ConfigInvalid> {
  const disabled = reader.find("disabled")
  const enabled = reader.find("enabled")
  const isDisabled = disabled !== undefined && (yield* reader.flag(disabled))
  const isEnabled = enabled === undefined || (yield* reader.flag(enabled))
  if (disabled !== undefined && isDisabled) {
    if (enabled !== undefined && isEnabled) reader.warn(enabled.path, "has no effect beside disabled", "name")
    return reader.invalid(disabled.path, { expected: "false or nothing, to use this server", actual: "true" })
  }
  return enabled !== undefined && !isEnabled
    ? reader.invalid(enabled.path, { expected: "true or nothing, to use this server", actual: "false" })
    : undefined
})

/** Reads an entry that is not switched off. Fails with the first fault found. */
export const decodeEntry = Effect.fnUntraced(function*(
  reader: EntryReader
): Effect.fn.Return<Entry, ConfigInvalid> {
  if (reader.actual !== undefined) return yield* reader.fault(reader.path, "an object", reader.actual)
  reader.tellUnknown()
  const said = yield* holdfastOptions.optionsOf(reader)
  if (said.instances !== undefined) reader.instance = reader.context.sources.instance
  const transport = yield* transportOf(reader)
  yield* holdfastOptions.checkMisplaced(reader, said, transport)
  const endpoint = transport === "stdio"
    ? yield* stdioOf(reader, said)
    : yield* httpOf(reader, said, transport)
  const timeouts = timeoutsOf(reader)
  const policy = yield* Effect.mapError(
    PoolPolicy.make(
      policyInput(endpoint, "configured", { ...said, connectTimeout: said.connectTimeout ?? timeouts.connect })
    ),
    ({ actual, expected, option }) => reader.invalid([...reader.path, "holdfast", option], { expected, actual })
  )
  const { call = callDeadlines.hard } = timeouts
  const deadlines: CallDeadlines = {
    // A call that is given longer in all is given it in silence, too.
    idle: yield* holdfastOptions.positive(
      reader,
      "idleDeadline",
      said.idleDeadline,
      timeouts.call === undefined ? callDeadlines.idle : Math.max(callDeadlines.idle, timeouts.call)
    ),
    hard: yield* holdfastOptions.positive(reader, "hardDeadline", said.hardDeadline, call),
    read: yield* holdfastOptions.positive(reader, "readDeadline", said.readDeadline, callDeadlines.read)
  }
  const tools = yield* toolFilterOf(reader)
  const protocolVersion = yield* holdfastOptions.revisionOf(reader, said)
  const hosts: HostSharing = { shared: said.shared ?? false, handOn: said.handOn ?? true, instances: said.instances }
  return { endpoint, policy, deadlines, era: said.era ?? "auto", protocolVersion, tools, hosts }
})

type Transport = "stdio" | "http" | "sse"

const spellings: ReadonlyMap<string, Transport> = new Map([
  ["stdio", "stdio"],
  ["local", "stdio"],
  ["command", "stdio"],
  ["process", "stdio"],
  ["http", "http"],
  ["https", "http"],
  ["remote", "http"],
  ["streamable", "http"],
  ["streamablehttp", "http"],
  ["httpstream", "http"],
  ["httpstreamable", "http"],
  ["httpstreaming", "http"],
  ["sse", "sse"],
  ["httpsse", "sse"],
  ["serversentevents", "sse"]
])

/** By `type` in any spelling, or by what there is: a command or a url. */
const transportOf = Effect.fnUntraced(function*(reader: EntryReader): Effect.fn.Return<Transport, ConfigInvalid> {
  const type = reader.find("type")
  const command = reader.findAll("command")[0]
  const url = reader.findAll("url")[0]
  if (type === undefined) {
    if (command !== undefined && url !== undefined) {
      return yield* reader.fault(reader.path, "either a command or a url", "both; say which with \"type\"")
    }
    if (command === undefined && url === undefined) {
      return yield* reader.fault(reader.path, "a command (stdio) or a url (http)", "neither")
    }
    return command === undefined ? "http" : "stdio"
  }
  const stated = yield* reader.text(type)
  const transport = spellings.get(stated.toLowerCase().replaceAll(/[^a-z]/g, ""))
  if (transport === undefined) {
    return yield* reader.fault(type.path, "\"stdio\", \"http\" or \"sse\"", JSON.stringify(stated.slice(0, 40)))
  }
  if (transport === "stdio" && command === undefined) {
    return yield* reader.fault([...reader.path, "command"], "a command", "nothing")
  }
  if (transport !== "stdio" && url === undefined) {
    return yield* reader.fault([...reader.path, "url"], "an absolute http or https url", "nothing")
  }
  return transport
})

const stdioOf = Effect.fnUntraced(function*(
  reader: EntryReader,
  { inheritEnv }: holdfastOptions.HoldfastOptions
): Effect.fn.Return<Endpoint, ConfigInvalid> {
  const { sources } = reader.context
  for (const field of ["url", "headers", "bearerTokenEnv"] as const) tellUseless(reader, field, "a server over stdio")
  const [command, ...inline] = yield* commandOf(reader)
  const args = reader.find("args")
  const words = args === undefined ? [] : yield* reader.words(args)
  const cwd = reader.find("cwd")
  const folder = path.resolve(sources.folder, cwd === undefined ? "." : yield* reader.word(cwd.path, cwd.value))
  if (cwd !== undefined && !(yield* isFolder(folder))) reader.warn(cwd.path, `there is no folder ${folder}`)
  return Endpoint.stdio({
    command: command ?? "",
    args: [...inline, ...words],
    cwd: folder,
    env: yield* environmentOf(reader),
    inheritEnv,
    secrets: secretsOf(reader)
  })
})

/** The program, and what opencode writes behind it in the same list. */
const commandOf = Effect.fnUntraced(function*(
  reader: EntryReader
): Effect.fn.Return<ReadonlyArray<string>, ConfigInvalid> {
  const said = reader.find("command")
  if (said === undefined) return yield* reader.fault([...reader.path, "command"], "a command", "nothing")
  const { path, value } = said
  if (!Array.isArray(value) && typeof value !== "string") {
    return yield* reader.fault(path, "a string", nameOfKind(value))
  }
  const words = typeof value === "string" ? [yield* reader.word(path, value)] : yield* reader.words(said)
  const [command = ""] = words
  return command.trim() === ""
    ? yield* reader.fault(path, "a command", command === "" ? "an empty string" : "nothing but blanks")
    : words
})

/** What the file named by `envFile` says, and over it what the entry says. */
const environmentOf = Effect.fnUntraced(function*(
  reader: EntryReader
): Effect.fn.Return<Record<string, Redacted.Redacted>, ConfigInvalid> {
  const values = new Map<string, Redacted.Redacted>()
  const file = reader.find("envFile")
  if (file !== undefined) {
    const { folder } = reader.context.sources
    const absolute = path.resolve(folder, yield* reader.word(file.path, file.value))
    const read = yield* Effect.mapError(
      readEnvironmentFile(absolute),
      ({ code }) => reader.invalid(file.path, { expected: `a readable file at ${absolute}`, actual: code })
    )
    for (const [name, value = ""] of Object.entries(read)) values.set(name, asRedacted(name, value))
  }
  const said = reader.find("env")
  for (const [name, text, at] of said === undefined ? [] : yield* reader.texts(said)) {
    if (name === "" || /[=\0]/.test(name)) {
      return yield* reader.fault(at, "a name of a variable, without \"=\"", JSON.stringify(name))
    }
    if (text.includes("\0")) return yield* reader.fault(at, "a text without NUL characters", "one that has some")
    values.set(name, asRedacted(name, homely(reader, text)))
  }
  return Object.fromEntries(values)
})

/** `~/…` as a shell reads it behind `NAME=`. */
const homely = (reader: EntryReader, text: string): string =>
  /^~(?=$|[/\\])/.test(text) ? `${reader.context.sources.home}${text.slice(1)}` : text

const httpOf = Effect.fnUntraced(function*(
  reader: EntryReader,
  said: holdfastOptions.HoldfastOptions,
  transport: "http" | "sse"
): Effect.fn.Return<Endpoint, ConfigInvalid> {
  for (const field of ["command", "args", "env", "envFile", "cwd"] as const) {
    tellUseless(reader, field, "a server behind a url")
  }
  const given = reader.find("url")
  if (given === undefined) {
    return yield* reader.fault([...reader.path, "url"], "an absolute http or https url", "nothing")
  }
  const url = (yield* reader.text(given)).trim()
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    return yield* reader.fault(given.path, "an absolute http or https url", describeUrl(url))
  }
  const headers = yield* headersOf(reader, url)
  const { isSessionLost } = said
  if (isSessionLost !== undefined && isSessionLost.statuses === undefined && isSessionLost.words === undefined) {
    return yield* reader.fault([...reader.path, "holdfast", "isSessionLost"], "statuses, words, or both", "neither")
  }
  const options = { url, headers, secrets: secretsOf(reader) }
  return transport === "sse" ? Endpoint.sse(options) : Endpoint.http({
    ...options,
    push: said.push,
    isSessionLost,
    sessionEndTimeout: yield* holdfastOptions.positive(reader, "sessionEndTimeout", said.sessionEndTimeout, undefined)
  })
})

const headersOf = Effect.fnUntraced(function*(
  reader: EntryReader,
  url: string
): Effect.fn.Return<Record<string, Redacted.Redacted>, ConfigInvalid> {
  const values = new Map<string, readonly [name: string, value: Redacted.Redacted]>()
  const token = reader.find("bearerTokenEnv")
  if (token !== undefined) {
    const value = yield* reader.expand(token.path, `\${env:${String(token.value)}}`)
    values.set("authorization", ["Authorization", asRedacted("Authorization", `Bearer ${value.trim()}`)])
  }
  const said = reader.find("headers")
  for (const [name, text, at] of said === undefined ? [] : yield* reader.texts(said)) {
    const value = text.replace(/^[\t\r\n ]+|[\t\r\n ]+$/g, "")
    if (value !== text) reader.warn(at, "white space at the ends of the header's value is left out")
    const redacted = asRedacted(name, value)
    const problem = HttpHeaders.faultOf({ url, headers: { [name]: redacted } })
    if (problem !== undefined) {
      return yield* reader.invalid(at, { expected: "a header that HTTP allows", problem })
    }
    const same = values.get(name.toLowerCase())
    if (same !== undefined) reader.warn(at, `is the same header as ${same[0]} and counts in its place`, "name")
    values.set(name.toLowerCase(), [name, redacted])
  }
  return Object.fromEntries(values.values())
})

const tellUseless = (reader: EntryReader, field: Parameters<EntryReader["findAll"]>[0], where: string): void => {
  for (const { path } of reader.findAll(field)) reader.warn(path, `has no effect for ${where}`, "name")
}

/** What placeholders have brought in, also as urls write it. */
const secretsOf = ({ secrets }: EntryReader): ReadonlyArray<Redacted.Redacted> =>
  [...new Set([...secrets].flatMap((secret) => [secret, encodeURI(secret.toWellFormed())]))]
    .map((secret) => asRedacted("placeholder", secret))

/** What is wrong with a url, without its parts that may be secret. */
const describeUrl = (url: string): string => {
  if (url === "") return "an empty string"
  const scheme = /^([a-z]{2,10}):\/\//i.exec(url)?.[1]?.toLowerCase()
  if (scheme === undefined) return "one that does not begin with http:// or https://"
  return scheme === "http" || scheme === "https" ? `${scheme}:// and what is no host` : `${scheme}://…`
}
