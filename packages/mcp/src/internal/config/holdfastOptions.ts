/**
 * Our own options, under `holdfast` in an entry. Read strictly: a misspelt option must not silently do nothing.
 */
import { PoolPolicy } from "@holdfast/core"
import * as Revision from "@holdfast/protocol/Revision"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as Struct from "effect/Struct"
import type { ConfigInvalid } from "../../McpRuntimeError.ts"
import { nearNames } from "../../NearNames.ts"
import type { Era } from "../connection/contract.ts"
import { isObject, nameOfKind } from "./configDialects.ts"
import type { Path } from "./ConfigDocument.ts"
import type { EntryReader } from "./EntryReader.ts"

const durationExpected = "a duration such as \"20 seconds\", a number of milliseconds, or \"Infinity\""

const DurationInput = Schema.declare<Duration.Input>(
  (input): input is Duration.Input =>
    (typeof input === "string" || typeof input === "number") &&
    // The only way to ask whether a text is a duration is to let Effect try: the cast claims nothing that is relied on.
    Duration.fromInput(input as Duration.Input)._tag === "Some",
  { expected: durationExpected }
)

/** An empty list would mean never, or always: neither is meant by an author of a config. */
const SessionSigns = Schema.Struct({
  statuses: Schema.optionalKey(
    Schema.NonEmptyArray(Schema.Int.check(Schema.isBetween({ minimum: 200, maximum: 599 })))
  ),
  words: Schema.optionalKey(Schema.NonEmptyArray(Schema.NonEmptyString))
})
/** More processes of one server are a mistake in writing. */
const Instances = Schema.Struct({ max: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1000 })) })
const revisions = [...Revision.modern, ...Revision.legacy]

/** The pool's options that a config may say. What they are and take is said there. */
const poolOptions = [
  "keepaliveInterval",
  "keepaliveTimeout",
  "keepaliveFailures",
  "connectTimeout",
  "acquireTimeout",
  "idleTimeout",
  "maxLifetime",
  "minUptime",
  "closeTimeout",
  "reuse",
  "sharing",
  "waitForReady",
  "maxConnectionsPerKey",
  "maxInFlight",
  "maxWaiters",
  "maxConnectRetries"
] as const

const Options = Schema.Struct({
  // A policy is made of them later, when the transport is known.
  ...Struct.map(Struct.map(Struct.pick(PoolPolicy.options, poolOptions), Schema.toEncoded), Schema.optionalKey),
  idleDeadline: Schema.optionalKey(DurationInput),
  hardDeadline: Schema.optionalKey(DurationInput),
  readDeadline: Schema.optionalKey(DurationInput),
  era: Schema.optionalKey(Schema.Literals(["auto", "legacy", "modern"])),
  protocolVersion: Schema.optionalKey(Schema.Literals(revisions)),
  shared: Schema.optionalKey(Schema.Boolean),
  handOn: Schema.optionalKey(Schema.Boolean),
  instances: Schema.optionalKey(Instances),
  inheritEnv: Schema.optionalKey(Schema.Boolean),
  push: Schema.optionalKey(Schema.Boolean),
  sessionEndTimeout: Schema.optionalKey(DurationInput),
  isSessionLost: Schema.optionalKey(SessionSigns)
})

/** In code a duration may be an object, in a config it may not: one with a misspelt unit would be none at all. */
const isPlain = Schema.makeFilter((said: typeof Options.Type) => {
  const name = optionNames.find((name) => typeof Reflect.get(said, name) === "object")
  return name === undefined ? undefined : { path: [name], issue: `Expected ${durationExpected}` }
})

export type HoldfastOptions = typeof Options.Type

/** Those that have one value. Others have parts. */
export const optionNames = Object.keys(Options.fields).filter((name) => !["isSessionLost", "instances"].includes(name))

const allNames = Object.keys(Options.fields)

/** Sessions and streams of the server's own are known to Streamable HTTP alone. */
const onlyHttp = ["push", "sessionEndTimeout", "isSessionLost"] as const

const decode = Schema.decodeUnknownResult(Options.check(isPlain), { onExcessProperty: "error" })

/** The options of an entry. */
export const optionsOf = (reader: EntryReader): Effect.Effect<HoldfastOptions, ConfigInvalid> => {
  const said = reader.find("holdfast")
  if (said === undefined) return Effect.succeed({})
  const { path, value } = said
  if (!isObject(value)) return reader.fault(path, "an object of options", nameOfKind(value))
  const given = Object.fromEntries(
    Object.entries(value).filter(([, option]) => option !== null && option !== undefined)
  )
  return Result.match(decode(given), {
    onSuccess: Effect.succeed,
    onFailure: ({ issue }) => fault(reader, path, given, issue)
  })
}

/** Fails when an option is said that the transport does not know. */
export const checkMisplaced = (
  reader: EntryReader,
  said: HoldfastOptions,
  transport: string
): Effect.Effect<void, ConfigInvalid> => {
  if (transport !== "stdio" && said.instances !== undefined) {
    return reader.fault(
      [...reader.path, "holdfast", "instances"],
      "this option at servers that are commands only",
      `a server over ${transport}`
    )
  }
  const misplaced = onlyHttp.find((option) => transport !== "http" && said[option] !== undefined)
  return misplaced === undefined ? Effect.void : reader.fault(
    [...reader.path, "holdfast", misplaced],
    "this option at servers over Streamable HTTP only (\"type\": \"http\")",
    `a server over ${transport}`
  )
}

/**
 * The revision that is pinned, under `holdfast` or beside it. Fails when it is none that is spoken here, or one of another era than is
 * said.
 */
export const revisionOf = Effect.fnUntraced(function*(
  reader: EntryReader,
  { era = "auto", protocolVersion }: HoldfastOptions
): Effect.fn.Return<string | undefined, ConfigInvalid> {
  const beside = reader.find("protocolVersion")
  const path = protocolVersion === undefined ? beside?.path : [...reader.path, "holdfast", "protocolVersion"]
  const revision = protocolVersion ?? (beside && (yield* reader.text(beside)).trim())
  if (revision === undefined || path === undefined) return undefined
  if (beside !== undefined && protocolVersion !== undefined && beside.value !== protocolVersion) {
    reader.warn(beside.path, "has no effect beside holdfast.protocolVersion, which says something else", "name")
  }
  const fault = faultOfRevision(revision, era)
  return fault === undefined ? revision : yield* reader.fault(path, fault.expected, fault.actual)
})

/** Why a revision cannot be pinned. */
export const faultOfRevision = (
  revision: string,
  era: Era | "auto"
): { readonly expected: string; readonly actual: string } | undefined => {
  const actual = JSON.stringify(revision.slice(0, 40))
  if (!revisions.includes(revision)) {
    return { expected: revisions.map((each) => JSON.stringify(each)).join(" | "), actual }
  }
  const own = Revision.isModern(revision) ? "modern" : "legacy"
  return era === "auto" || era === own
    ? undefined
    : { expected: `a revision of the era "${era}", which is said too`, actual }
}

/** A duration in milliseconds, longer than zero. */
export const positive = <A extends number | undefined>(
  reader: EntryReader,
  option: keyof HoldfastOptions,
  said: Duration.Input | undefined,
  fallback: A
): Effect.Effect<number | A, ConfigInvalid> => {
  if (said === undefined) return Effect.succeed(fallback)
  const millis = Duration.toMillis(Duration.fromInputUnsafe(said))
  return millis > 0
    ? Effect.succeed(millis)
    : reader.fault([...reader.path, "holdfast", option], "longer than zero", `${millis} ms`)
}

const formatIssue = SchemaIssue.makeFormatterStandardSchemaV1()

/** The first fault of a schema issue, in our words. Our options are no secrets: their values are quoted. */
const fault = (
  reader: EntryReader,
  at: Path,
  value: unknown,
  issue: SchemaIssue.Issue
): Effect.Effect<never, ConfigInvalid> => {
  const [first] = formatIssue(issue).issues
  const within = (first?.path ?? []).map((segment) => String(typeof segment === "object" ? segment.key : segment))
  const [name = ""] = within
  if (within.length === 1 && !allNames.includes(name)) {
    const near = nearNames(name, allNames)
    const expected = near.length > 0 ? near.join(" or ") : `one of ${allNames.join(", ")}`
    return reader.fault([...at, name], expected, "an unknown option")
  }
  const actual = within.reduce<unknown>((inner, key) => isObject(inner) ? inner[key] : undefined, value)
  const quoted = isObject(actual) || Array.isArray(actual) ? nameOfKind(actual) : JSON.stringify(actual)
  return reader.fault(
    [...at, ...within],
    (first?.message ?? "something else").replace(/^Expected | \| undefined$/g, ""),
    quoted
  )
}
