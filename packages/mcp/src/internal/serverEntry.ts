/**
 * One entry of `mcpServers`: from unknown JSON to an endpoint with its policy.
 *
 * The ecosystem's fields are read tolerantly: what other programs keep in the same entry is ignored. Our own `holdfast`
 * block is read strictly: a misspelt option must not silently do nothing.
 *
 * Gotchas: messages name types, not values, wherever a value may be a secret.
 */
import { PoolPolicy } from "@holdfast/core"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as path from "node:path"
import { Endpoint } from "../Endpoint.ts"
import type { Era } from "../McpConnection.ts"
import { ConfigInvalid } from "../McpRuntimeError.ts"
import { nearNames } from "../NearNames.ts"
import { expandVariables } from "./expandVariables.ts"
import { type CallDeadlines, callDeadlines, policyInput } from "./serverPolicy.ts"

/** Where an entry is read from. */
export interface EntryContext {
  readonly file: string
  /** Absolute. What relative paths are relative to. */
  readonly directory: string
  readonly environment: Readonly<Record<string, string | undefined>>
}

/** An entry, understood. */
export interface Entry {
  readonly endpoint: Endpoint
  readonly policy: PoolPolicy.PoolPolicy
  readonly deadlines: CallDeadlines
  /** Which era of the protocol to speak. `auto` asks the server. */
  readonly era: Era | "auto"
}

/** `reach`: whether the fault is the file's (it must be corrected) or only keeps this one server from being used here. */
export class EntryFault extends Data.TaggedError("EntryFault")<{
  readonly reach: "file" | "server"
  readonly invalid: ConfigInvalid
}> {}

const durationExpected = "a duration such as \"20 seconds\", a number of milliseconds, or \"Infinity\""

const DurationInput = Schema.declare<Duration.Input>(
  (input): input is Duration.Input =>
    (typeof input === "string" || typeof input === "number") &&
    // The only way to ask whether a text is a duration is to let Effect try: the cast claims nothing that is relied on.
    Duration.fromInput(input as Duration.Input)._tag === "Some",
  { expected: durationExpected }
)

const Options = Schema.Struct({
  keepaliveInterval: Schema.optionalKey(DurationInput),
  keepaliveTimeout: Schema.optionalKey(DurationInput),
  keepaliveFailures: Schema.optionalKey(Schema.Int),
  connectTimeout: Schema.optionalKey(DurationInput),
  acquireTimeout: Schema.optionalKey(DurationInput),
  idleTimeout: Schema.optionalKey(DurationInput),
  maxLifetime: Schema.optionalKey(DurationInput),
  minUptime: Schema.optionalKey(DurationInput),
  closeTimeout: Schema.optionalKey(DurationInput),
  idleDeadline: Schema.optionalKey(DurationInput),
  hardDeadline: Schema.optionalKey(DurationInput),
  readDeadline: Schema.optionalKey(DurationInput),
  era: Schema.optionalKey(Schema.Literals(["auto", "legacy", "modern"])),
  reuse: Schema.optionalKey(Schema.Boolean),
  sharing: Schema.optionalKey(Schema.Literals(["shared", "exclusive"])),
  waitForReady: Schema.optionalKey(Schema.Boolean),
  inheritEnv: Schema.optionalKey(Schema.Boolean),
  push: Schema.optionalKey(Schema.Boolean),
  sessionEndTimeout: Schema.optionalKey(DurationInput),
  maxConnectionsPerKey: Schema.optionalKey(Schema.Int),
  maxInFlight: Schema.optionalKey(Schema.Int),
  maxWaiters: Schema.optionalKey(Schema.Int),
  maxConnectRetries: Schema.optionalKey(Schema.Int)
})

export const optionNames = Object.keys(Options.fields)

/** Sessions and streams of the server's own are known to Streamable HTTP alone. */
const onlyHttp = ["push", "sessionEndTimeout"] as const

const Raw = Schema.Struct({
  type: Schema.optionalKey(Schema.String),
  command: Schema.optionalKey(Schema.String.check(Schema.isNonEmpty({ expected: "a command" }))),
  args: Schema.optionalKey(Schema.Array(Schema.String)),
  env: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
  cwd: Schema.optionalKey(Schema.String),
  url: Schema.optionalKey(Schema.String),
  headers: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
  disabled: Schema.optionalKey(Schema.Boolean),
  holdfast: Schema.optionalKey(Schema.Record(Schema.String, Schema.Unknown))
})

const decodeRaw = Schema.decodeUnknownResult(Raw)
const decodeOptions = Schema.decodeUnknownResult(Options, { onExcessProperty: "error" })

/** Reads one entry. Fails with the first fault found. */
export const decodeEntry = Effect.fnUntraced(function*(name: string, value: unknown, context: EntryContext) {
  const at = ["mcpServers", name]
  const raw = yield* Effect.fromResult(
    Result.mapError(decodeRaw(value), (error) => schemaFault(context.file, at, value, error.issue))
  )
  const holdfast = raw.holdfast ?? {}
  const said = yield* Effect.fromResult(
    Result.mapError(
      decodeOptions(holdfast),
      (error) => schemaFault(context.file, [...at, "holdfast"], holdfast, error.issue)
    )
  )
  if (raw.disabled === true) {
    return yield* fault(context, "server", [...at, "disabled"], "false or nothing, to use this server", "true")
  }
  const expand = (where: ReadonlyArray<PropertyKey>, text: string) =>
    Effect.fromResult(
      Result.mapError(expandVariables(text, context.environment), ({ variable }) =>
        makeFault(
          context.file,
          "server",
          [...at, ...where],
          `the environment variable ${variable} to be set, or a default: \${${variable}:-…}`,
          "an unset variable"
        ))
    )
  const expandAll = (where: string, values: Readonly<Record<string, string>> = {}) =>
    Effect.forEach(
      Object.entries(values),
      ([key, text]) =>
        Effect.map(expand([where, key], text), (value) => [key, Redacted.make(value, { label: key })] as const)
    ).pipe(Effect.map(Object.fromEntries<Redacted.Redacted>))

  const transport = yield* transportOf(raw, context, at)
  const misplaced = onlyHttp.find((option) => transport !== "http" && said[option] !== undefined)
  if (misplaced !== undefined) {
    const expected = `this option at servers over Streamable HTTP only ("type": "http")`
    return yield* fault(context, "file", [...at, "holdfast", misplaced], expected, `a server over ${transport}`)
  }
  let endpoint: Endpoint
  if (transport === "stdio") {
    endpoint = Endpoint.stdio({
      command: yield* expand(["command"], raw.command ?? ""),
      args: yield* Effect.forEach(raw.args ?? [], (arg, index) => expand(["args", index], arg)),
      cwd: path.resolve(context.directory, yield* expand(["cwd"], raw.cwd ?? ".")),
      env: yield* expandAll("env", raw.env),
      inheritEnv: said.inheritEnv
    })
  } else {
    const url = yield* expand(["url"], raw.url ?? "")
    if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
      return yield* fault(context, "file", [...at, "url"], "an absolute http or https url", describeUrl(url))
    }
    const headers = yield* expandAll("headers", raw.headers)
    endpoint = transport === "sse" ? Endpoint.sse({ url, headers }) : Endpoint.http({
      url,
      headers,
      push: said.push,
      sessionEndTimeout: yield* positive(context, at, "sessionEndTimeout", said.sessionEndTimeout, undefined)
    })
  }
  const policy = yield* Effect.mapError(
    PoolPolicy.make(policyInput(endpoint, "configured", said)),
    (error) => makeFault(context.file, "file", [...at, "holdfast", error.option], error.expected, error.actual)
  )
  const deadlines: CallDeadlines = {
    idle: yield* positive(context, at, "idleDeadline", said.idleDeadline, callDeadlines.idle),
    hard: yield* positive(context, at, "hardDeadline", said.hardDeadline, callDeadlines.hard),
    read: yield* positive(context, at, "readDeadline", said.readDeadline, callDeadlines.read)
  }
  return { endpoint, policy, deadlines, era: said.era ?? "auto" }
})

/** The first fault of a schema issue, in our words. */
export const schemaFault = (
  file: string,
  at: ReadonlyArray<PropertyKey>,
  value: unknown,
  issue: SchemaIssue.Issue
): EntryFault => {
  const [first] = formatIssue(issue).issues
  const within = (first?.path ?? []).map((segment) => typeof segment === "object" ? segment.key : segment)
  const where = [...at, ...within]
  const actual = within.reduce<unknown>(
    (inner, key) => typeof inner === "object" && inner !== null ? Reflect.get(inner, key) : undefined,
    value
  )
  const isOurs = at.at(-1) === "holdfast"
  const name = String(where.at(-1))
  if (isOurs && within.length === 1 && !optionNames.includes(name)) {
    const near = nearNames(name, optionNames)
    const expected = near.length > 0 ? near.join(" or ") : `one of ${optionNames.join(", ")}`
    return makeFault(file, "file", where, expected, "an unknown option")
  }
  const expected = (first?.message ?? "something else").replace(/^Expected /, "")
  return makeFault(file, "file", where, expected, describe(actual, isOurs))
}

const formatIssue = SchemaIssue.makeFormatterStandardSchemaV1()

/** `mcpServers.fs.args[1]`, `mcpServers["a b"]`. */
export const formatPath = (segments: ReadonlyArray<PropertyKey>): string =>
  segments.map((segment, index) => {
    if (typeof segment === "number") return `[${segment}]`
    const text = String(segment)
    if (!/^[A-Za-z_$][\w$-]*$/.test(text)) return `[${JSON.stringify(text)}]`
    return index === 0 ? text : `.${text}`
  }).join("")

/** The kind of a JSON value; the value itself only where it cannot be a secret. */
export const describe = (value: unknown, isPublic = false): string => {
  if (value === undefined) return "nothing"
  if (value === null) return "null"
  if (Array.isArray(value)) return "an array"
  if (typeof value === "object") return "an object"
  if (isPublic) return JSON.stringify(value)
  return value === "" ? "an empty string" : `a ${typeof value}`
}

/** What is wrong with a url, without its parts that may be secret. */
const describeUrl = (url: string): string => {
  if (url === "") return "an empty string"
  const scheme = /^([a-z]{2,10}):\/\//i.exec(url)?.[1]?.toLowerCase()
  if (scheme === undefined) return "one that does not begin with http:// or https://"
  return scheme === "http" || scheme === "https" ? `${scheme}:// and what is no host` : `${scheme}://…`
}

const transportOf = (
  raw: typeof Raw.Type,
  context: EntryContext,
  at: ReadonlyArray<PropertyKey>
): Effect.Effect<"stdio" | "http" | "sse", EntryFault> => {
  const missing = (field: string, expected: string) => fault(context, "file", [...at, field], expected, "nothing")
  switch (raw.type) {
    case undefined:
      if (raw.command !== undefined && raw.url !== undefined) {
        return fault(context, "file", at, "either a command or a url", "both; say which with \"type\"")
      }
      if (raw.command === undefined && raw.url === undefined) {
        return fault(context, "file", at, "a command (stdio) or a url (http)", "neither")
      }
      return Effect.succeed(raw.command === undefined ? "http" : "stdio")
    case "stdio":
      return raw.command === undefined ? missing("command", "a command") : Effect.succeed("stdio")
    case "http":
    case "streamable-http":
    case "streamableHttp":
      return raw.url === undefined ? missing("url", "an absolute http or https url") : Effect.succeed("http")
    case "sse":
      return raw.url === undefined ? missing("url", "an absolute http or https url") : Effect.succeed("sse")
    default:
      return fault(context, "file", [...at, "type"], "\"stdio\", \"http\" or \"sse\"", JSON.stringify(raw.type))
  }
}

const positive = <A extends number | undefined>(
  context: EntryContext,
  at: ReadonlyArray<PropertyKey>,
  option: string,
  said: Duration.Input | undefined,
  fallback: A
): Effect.Effect<number | A, EntryFault> => {
  if (said === undefined) return Effect.succeed(fallback)
  const millis = Duration.toMillis(Duration.fromInputUnsafe(said))
  return millis > 0
    ? Effect.succeed(millis)
    : fault(context, "file", [...at, "holdfast", option], "longer than zero", `${millis} ms`)
}

const fault = (
  context: EntryContext,
  reach: "file" | "server",
  where: ReadonlyArray<PropertyKey>,
  expected: string,
  actual: string
) => Effect.fail(makeFault(context.file, reach, where, expected, actual))

const makeFault = (
  file: string,
  reach: "file" | "server",
  where: ReadonlyArray<PropertyKey>,
  expected: string,
  actual: string
): EntryFault =>
  new EntryFault({ reach, invalid: new ConfigInvalid({ file, path: formatPath(where), expected, actual }) })
