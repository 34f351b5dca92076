/**
 * What was said between a client and its servers, as data: the format of the files that `Recorder` writes, and that
 * `holdfast replay` and `RecordedServer` read.
 *
 * A file is lines of JSON. The first is the head, with the version of the format; each other line is one event, in the order in which they
 * happened. `docs/recordings.md` describes every member.
 *
 * Promises
 * - What this version writes, every later version reads. A file of a newer version is refused by a sentence that says so.
 * - A last line that was cut off, by a crash or a full disk, is left out and told in `cutOff`. Any other line that is no event is refused, with its
 *   number.
 * - Whole numbers stay exact, whatever their length.
 *
 * @example
 * ```ts
 * import * as Recording from "@holdfast/mcp/Recording"
 * import * as Effect from "effect/Effect"
 *
 * export const program = Effect.gen(function*() {
 *   const { events } = yield* Recording.load("failure.ndjson")
 *   return events.filter((event) => event.event === "message" && event.kind === "error")
 * })
 * ```
 */
// @effect-diagnostics schemaNumber:off
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as nodePlatform from "./internal/nodePlatform.ts"
import { parseExactly } from "./internal/recording/exactJson.ts"
import * as Unopened from "./internal/recording/unopened.ts"
import { ConnectReason, Delivery, ProcessEnd } from "./McpRuntimeError.ts"

/** The version of the format that is written. */
export const version = 1

/** Why the recording was written, where that was the failure of a call. */
const Failure = Schema.Struct({
  reason: Schema.String.annotate({ description: "The tag of the error's reason, such as `OutcomeUnknown`" }),
  message: Schema.String,
  server: Schema.String
})

/** The first line. */
export const Head = Schema.Struct({
  holdfast: Schema.Literal("recording"),
  version: Schema.Literal(version),
  startedAt: Schema.String.annotate({ description: "ISO 8601: the instant that `at` counts from" }),
  bodies: Schema.Boolean.annotate({
    description: "Whether messages have bodies. Without them nothing can be replayed"
  }),
  failures: Schema.optionalKey(
    Schema.Array(Failure).annotate({ description: "The failures of calls for which it was written" })
  )
})
/** The first line of a recording. */
export type Head = typeof Head.Type

const place = {
  at: Schema.Number.annotate({ description: "Milliseconds since `startedAt`, by a clock that only goes forward" }),
  connection: Schema.Int.annotate({ description: "Which connection, from 1" })
}

const Id = Schema.Union([Schema.String, Schema.Number])

const LinkFailure = Schema.Union([
  Schema.TaggedStruct("Lost", {
    delivery: Delivery,
    description: Schema.String,
    status: Schema.optional(Schema.Number)
  }),
  Schema.TaggedStruct("Rejected", {
    status: Schema.Number,
    description: Schema.String,
    retryAfterMillis: Schema.optional(Schema.Number),
    isOfProtocol: Schema.optional(Schema.Boolean)
  }),
  Schema.TaggedStruct("Unintelligible", { description: Schema.String })
])

const LinkClosed = Schema.Union([
  Schema.TaggedStruct("ProcessEnded", { end: ProcessEnd }),
  Schema.TaggedStruct("PipeBroken", { description: Schema.String }),
  Schema.TaggedStruct("Unreachable", { description: Schema.String }),
  Schema.TaggedStruct("SessionLost", { status: Schema.Number, description: Schema.String }),
  Schema.TaggedStruct("Released", {})
])

/** One line after the first, by its member `event`. */
export const Event = Schema.Union([
  Schema.Struct({
    event: Schema.Literal("opened"),
    ...place,
    server: Schema.String,
    transport: Schema.Literals(["stdio", "http", "sse"]),
    target: Schema.String.annotate({ description: "The command line, or the url without its query; without secrets" }),
    headers: Schema.optionalKey(
      Schema.Array(Schema.String).annotate({ description: "The names of the endpoint's headers, never their values" })
    )
  }),
  Schema.Struct({
    event: Schema.Literal("unopened"),
    ...place,
    reason: ConnectReason.annotate({ description: "The connection above could not be opened, for this reason" })
  }),
  Schema.Struct({
    event: Schema.Literal("message"),
    ...place,
    from: Schema.Literals(["client", "server"]),
    kind: Schema.Literals(["request", "notification", "answer", "error", "malformed"]),
    id: Schema.optionalKey(Schema.NullOr(Id)),
    method: Schema.optionalKey(Schema.String.annotate({ description: "Of an answer: that of the request" })),
    name: Schema.optionalKey(
      Schema.String.annotate({ description: "The tool, prompt or resource; of an answer: that of the request" })
    ),
    size: Schema.Number.annotate({ description: "Characters of JSON" }),
    took: Schema.optionalKey(
      Schema.Number.annotate({ description: "Of an answer: milliseconds since the request was handed over" })
    ),
    headers: Schema.optionalKey(
      Schema.Array(Schema.String).annotate({ description: "The names of headers of this message alone" })
    ),
    body: Schema.optionalKey(
      Schema.Unknown.annotate({
        description:
          "`params`, `result` or `error`, by the kind; of what is no message: its `reason`, its beginning (`excerpt`), the call it answers (`answerTo`)"
      })
    ),
    omitted: Schema.optionalKey(
      Schema.Literal(true).annotate({ description: "There was a body, and no room to keep it" })
    )
  }),
  Schema.Struct({
    event: Schema.Literal("lost"),
    ...place,
    id: Schema.optionalKey(Id),
    method: Schema.String,
    name: Schema.optionalKey(Schema.String),
    failure: LinkFailure.annotate({ description: "The link brings no answer to this message" })
  }),
  Schema.Struct({
    event: Schema.Literal("forgotten"),
    ...place,
    id: Id.annotate({ description: "The caller of this request no longer waits" })
  }),
  Schema.Struct({ event: Schema.Literal("stderr"), ...place, text: Schema.String }),
  Schema.Struct({ event: Schema.Literal("closed"), ...place, closed: LinkClosed }),
  Schema.Struct({
    event: Schema.Literal("skipped"),
    ...place,
    events: Schema.Int.annotate({ description: "So many events of this connection were not kept here" })
  })
])
/** One event of a recording. */
export type Event = typeof Event.Type
/** A message, one way or the other. */
export type Message = Extract<Event, { readonly event: "message" }>

/** A recording in memory. */
export interface Recording {
  readonly head: Head
  readonly events: ReadonlyArray<Event>
  /** The beginning of a last line that is no whole line. Default: there is none. */
  readonly cutOff?: string | undefined
}

/** A text that is no recording, or one that cannot be replayed. */
export class RecordingInvalid extends Data.TaggedError("RecordingInvalid")<{
  /** The file, where it was one. */
  readonly file?: string | undefined
  /** From 1; undefined where it is about the whole. */
  readonly line?: number | undefined
  /** What is wrong, and what to do where that is known. */
  readonly problem: string
}> {
  override get message(): string {
    const where = this.line === undefined
      ? this.file
      : `${this.file ?? "line "}${this.file === undefined ? "" : ":"}${this.line}`
    return where === undefined ? this.problem : `${where}: ${this.problem}`
  }
}

const decodeHead = Schema.decodeUnknownResult(Schema.toCodecJson(Head))
const decodeEvent = Schema.decodeUnknownResult(Schema.toCodecJson(Event))

/** A head or an event as its line, without the line end. */
export const encodeLine = (line: Head | Event): string =>
  JSON.stringify(
    "event" in line && line.event === "unopened" ? { ...line, reason: Unopened.encode(line.reason) } : line
  )

/** The whole recording as a text. */
export const encode = ({ events, head }: Recording): string =>
  [head, ...events].map((line) => `${encodeLine(line)}\n`).join("")

/** Reads a recording. `file`: its name for the failure. */
export const decode = (text: string, file?: string): Result.Result<Recording, RecordingInvalid> => {
  const wrong = (problem: string, line?: number) => Result.fail(new RecordingInvalid({ file, line, problem }))
  const lines = text.split("\n")
  const isCutOff = lines.at(-1) !== ""
  const [first = "", ...rest] = lines
  const start = parsed(first)
  if (!isRecord(start) || start["holdfast"] !== "recording") {
    return wrong("this is no recording of holdfast: its first line is no head. holdfast record makes one")
  }
  if (start["version"] !== version) {
    const made = `its version is ${JSON.stringify(start["version"])}, and this holdfast reads ${version}`
    return wrong(`${made}. A newer holdfast may read it`, 1)
  }
  const head = decodeHead(start)
  if (Result.isFailure(head)) return wrong(`the head is wrong: ${head.failure.message}`, 1)
  const events: Array<Event> = []
  let cutOff: string | undefined
  for (const [index, line] of rest.entries()) {
    if (line === "") continue
    const event = decodeEvent(parsed(line))
    if (Result.isSuccess(event)) events.push(event.success)
    else if (isCutOff && index === rest.length - 1) cutOff = line.slice(0, 80)
    else return wrong(`this is no event: ${event.failure.message}`, index + 2)
  }
  return Result.succeed({ head: head.success, events, ...(cutOff !== undefined && { cutOff }) })
}

/** Reads a file. Fails with `RecordingInvalid` when it cannot be read, or is no recording. */
export const load = (file: string): Effect.Effect<Recording, RecordingInvalid> =>
  nodePlatform.readTextFile(file).pipe(
    Effect.mapError(({ code }) => new RecordingInvalid({ file, problem: `the file cannot be read (${code})` })),
    Effect.flatMap((text) => Effect.fromResult(decode(text, file)))
  )

const parsed = (line: string): unknown => {
  try {
    return parseExactly(line)
  } catch {
    return undefined
  }
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null
