/**
 * Why a server is as it is: how the last tries to connect went, what it waits for now, and what became of its last calls. As Schemas, so
 * that it can be stored, sent and shown by other programs: `holdfast why` of the command line shows the same.
 *
 * Nothing here runs: the module loads `effect/Schema` and no more. Times are milliseconds since 1970, durations milliseconds. No member
 * holds an argument, a result or a configured secret; texts of peers are cut.
 *
 * @example
 * ```ts
 * import { McpConnections } from "@holdfast/mcp"
 * import * as Explanation from "@holdfast/mcp/Explanation"
 * import * as Effect from "effect/Effect"
 *
 * // Why is it red?
 * export const program = Effect.gen(function*() {
 *   const mcp = yield* McpConnections
 *   const { tries, waitsFor } = yield* mcp.explain("fs")
 *   for (const one of tries) yield* Effect.log(Explanation.lineOf(one))
 *   if (waitsFor !== undefined) yield* Effect.log(`waits for ${waitsFor.what}, ${waitsFor.retryInMillis ?? 0} ms to go`)
 * })
 * ```
 */
import * as Schema from "effect/Schema"

/** The two ways in which MCP begins: by `initialize` (`legacy`), or by `server/discover` (`modern`). */
export const Era = Schema.Literals(["legacy", "modern"])
/** `legacy` for revisions up to 2025-11-25, `modern` from 2026-07-28 on. */
export type Era = typeof Era.Type

/**
 * The steps that a try may have. `spawn`: a process is started. `connect`: a url is reached, the look-up of its name included. `list` and
 * `call` are of a server that is ready.
 */
export const StepName = Schema.Literals(["spawn", "connect", "handshake", "list", "call", "life"])
/** The step that an error or a duration belongs to. */
export type StepName = typeof StepName.Type

/** `life`: from the handshake to the loss of the connection. */
export const Step = Schema.Struct({
  step: StepName,
  /** Of a handshake what was asked (`initialize`, `server/discover`), of a list its method, of a call its tool. */
  what: Schema.optional(Schema.String),
  millis: Schema.Finite
})
/** One step of a try, and how many milliseconds it took. */
export interface Step extends Schema.Schema.Type<typeof Step> {}

/** One try to open a connection, or to list or call something. */
export const Try = Schema.Struct({
  /** When it began. */
  at: Schema.Finite,
  pid: Schema.optional(Schema.Int),
  era: Schema.optional(Era),
  /**
   * `ready`: the handshake is done. `other era`: the server has refused this era, and is asked in the other one. `failed`: see `failedStep`.
   * `lost`: it was ready, and ended by itself.
   */
  outcome: Schema.Literals(["ready", "other era", "failed", "lost"]),
  /** In their order. The last one is the one that failed, if one has. */
  steps: Schema.Array(Step),
  failedStep: Schema.optional(StepName),
  /** Its name: a page of `docs/errors`. */
  reason: Schema.optional(Schema.String),
  message: Schema.optional(Schema.String),
  /** Of an error that the server has answered with. */
  code: Schema.optional(Schema.Finite),
  exitCode: Schema.optional(Schema.Int),
  signal: Schema.optional(Schema.String),
  /** The first and the last words on stderr. */
  stderr: Schema.optional(Schema.String),
  /** What a server behind a url has answered, where it has. */
  http: Schema.optional(Schema.Struct({ status: Schema.Int, body: Schema.optional(Schema.String) })),
  /** What to do, where something can be said. */
  advice: Schema.optional(Schema.String),
  /** Of the documentation: the page of the reason. */
  page: Schema.optional(Schema.String)
})
/** How one try went. */
export interface Try extends Schema.Schema.Type<typeof Try> {}

/**
 * What a caller of a server waits for that cannot be served at once. `dial`: a connection is being opened. `backoff` and `quarantine`: the
 * next dial has its time. `queue`: the connections there are serve others, or there is no room for another.
 */
export const WaitedFor = Schema.Literals(["queue", "dial", "backoff", "quarantine"])
/** What was, or is, waited for. */
export type WaitedFor = typeof WaitedFor.Type

/** Another attempt of a call. */
export const Repeat = Schema.Struct({
  /** Why: the name of the reason that the attempt before it has failed with. */
  reason: Schema.String,
  /** What is known of that attempt. `Unknown`: it may have run, and repeating it was known to be harmless. */
  delivery: Schema.Literals(["NotSent", "Refused", "Unknown"]),
  message: Schema.String,
  /** From the beginning of the call. */
  afterMillis: Schema.Finite
})
/** Why a call was sent once more. */
export interface Repeat extends Schema.Schema.Type<typeof Repeat> {}

/** What became of one call, and how it came to its connection. */
export const CallRecord = Schema.Struct({
  /** Names it. Of no meaning beyond that. */
  id: Schema.String,
  /** When it began. */
  at: Schema.Finite,
  server: Schema.String,
  method: Schema.String,
  /** The tool or prompt. */
  name: Schema.optional(Schema.String),
  /** The program that has called, where calls are those of several. */
  by: Schema.optional(Schema.String),
  /** `opened`: the connection was opened for it. `reused`: others had used that before. Undefined: it was given none. */
  connection: Schema.optional(Schema.Literals(["opened", "reused"])),
  /** The process that it was last given to. */
  pid: Schema.optional(Schema.Int),
  /** What it had to wait for first. Undefined: nothing. */
  waitedFor: Schema.optional(WaitedFor),
  /** How long it was without a connection, all in all. */
  waitedMillis: Schema.optional(Schema.Finite),
  /** How often it was given to a connection. */
  attempts: Schema.Int,
  repeats: Schema.Array(Repeat),
  /**
   * `answered`: with a result. `tool error`: with a result that says so. `error`: with an error of the server. `failed`: see `reason` and
   * `delivery`. `cancelled`: its caller wanted it no more.
   */
  outcome: Schema.Literals(["running", "answered", "tool error", "error", "failed", "cancelled"]),
  /** Of one that has failed: whether it may have run. */
  delivery: Schema.optional(Schema.Literals(["NotSent", "Refused", "Unknown"])),
  reason: Schema.optional(Schema.String),
  message: Schema.optional(Schema.String),
  /** Until its end, or until now. */
  millis: Schema.Finite
})
/** One call, as it is remembered. */
export interface CallRecord extends Schema.Schema.Type<typeof CallRecord> {}

/** What a call would wait for now. */
export const Wait = Schema.Struct({
  what: WaitedFor,
  /** Until the next dial: of `backoff` and `quarantine`. */
  retryInMillis: Schema.optional(Schema.Finite),
  /** Why, in words: the last failure, how far a dial is, or which limit is reached. */
  because: Schema.optional(Schema.String)
})
/** Why a server is not ready at once. */
export interface Wait extends Schema.Schema.Type<typeof Wait> {}

/** A connection that is there. */
export const OpenConnection = Schema.Struct({
  state: Schema.String,
  /** Callers that have it now. */
  leases: Schema.Int,
  ageMillis: Schema.Finite,
  /** Since the last of them has given it back. 0: one has it. */
  idleMillis: Schema.Finite
})
/** One row of `Explanation.connections`. */
export interface OpenConnection extends Schema.Schema.Type<typeof OpenConnection> {}

/** A list that is not asked for again before its time is over: its server has said so, by `ttlMs`. */
export const KeptList = Schema.Struct({
  method: Schema.String,
  freshForMillis: Schema.Finite,
  /** `public`: other callers of the same url are given it, too. */
  cacheScope: Schema.Literals(["private", "public"])
})
/** One row of `Explanation.lists`. */
export interface KeptList extends Schema.Schema.Type<typeof KeptList> {}

/** The answer of `McpConnections.explain`. */
export const Explanation = Schema.Struct({
  server: Schema.String,
  /** `unused`: nothing is open, and nothing is waited for. */
  state: Schema.Literals(["unused", "connecting", "ready", "backing off", "quarantined"]),
  connections: Schema.Array(OpenConnection),
  /** Callers without a connection, and how long the first of them has waited. */
  waiting: Schema.Int,
  waitingMillis: Schema.Finite,
  /** Undefined: a call is served at once, or opens a connection. */
  waitsFor: Schema.optional(Wait),
  /** Those that are fresh. */
  lists: Schema.Array(KeptList),
  /** The last ones, the newest last. */
  tries: Schema.Array(Try),
  /** The last ones, the newest last. Those that are `running` are what holds the connections. */
  calls: Schema.Array(CallRecord)
})
/** All that a program's connections know of one server. */
export interface Explanation extends Schema.Schema.Type<typeof Explanation> {}

/** Whether a try has ended in a failure. */
export const isFailure = ({ outcome }: Pick<Try, "outcome">): boolean => outcome === "failed" || outcome === "lost"

/** What became of a try, in a few words: `failed at handshake (initialize)`. */
export const outcomeOf = ({ failedStep, outcome, steps }: Try): string => {
  const what = steps.at(-1)?.what
  return outcome === "failed" && failedStep !== undefined
    ? `failed at ${failedStep}${what === undefined ? "" : ` (${what})`}`
    : outcome
}

/** What is known of its end besides: `process 7, legacy, exit code 1`. */
export const factsOf = ({ code, era, exitCode, http, pid, signal }: Try): ReadonlyArray<string> =>
  [
    pid === undefined ? undefined : `process ${pid}`,
    era,
    exitCode === undefined ? undefined : `exit code ${exitCode}`,
    signal === undefined ? undefined : `signal ${signal}`,
    code === undefined ? undefined : `error ${code}`,
    http === undefined ? undefined : `HTTP ${http.status}`
  ].filter((fact) => fact !== undefined)

/** A step and its time: `handshake initialize 1.2 s`. */
export const stepOf = ({ millis, step, what }: Step): string =>
  `${step}${what === undefined ? "" : ` ${what}`} ${spanOf(millis)}`

/** A try in one line, without its words: when, what became of it, and how long its steps took. */
export const lineOf = (one: Try): string => {
  const facts = factsOf(one)
  return [
    `${new Date(one.at).toISOString()} ${outcomeOf(one)}`,
    ...(facts.length === 0 ? [] : [facts.join(", ")]),
    ...(one.steps.length === 0 ? [] : [one.steps.map(stepOf).join(", ")])
  ].join("; ")
}

/** How a call came to its connection, in a sentence: why it opened, reused, waited, was repeated. */
export const wordsOf = ({ attempts, connection, repeats, waitedFor, waitedMillis }: CallRecord): string => {
  const waited = waitedFor === undefined
    ? ""
    : `it waited ${waitedMillis === undefined ? "" : `${spanOf(waitedMillis)} `}for ${waits[waitedFor]}`
  const given = connection === "opened"
    ? "its connection was opened for it"
    : connection === "reused"
    ? "it was given a connection that was there"
    : "it was given no connection"
  const often = repeats.length === 0
    ? ""
    : `it was sent ${attempts} times: ${
      repeats.map(({ delivery, reason }) => `${reason} (${deliveries[delivery]})`).join(", ")
    }`
  return [waited, given, often].filter((clause) => clause !== "").join("; ")
}

const waits: Readonly<Record<WaitedFor, string>> = {
  queue: "a free connection",
  dial: "the dial",
  backoff: "the next dial",
  quarantine: "the end of the quarantine"
}

const deliveries: Readonly<Record<Repeat["delivery"], string>> = {
  NotSent: "not sent",
  Refused: "refused, it had not run",
  Unknown: "it may have run, and repeating it is harmless"
}

const spanOf = (millis: number): string =>
  millis < 1000 ? `${Math.round(millis)} ms` : `${Number((millis / 1000).toFixed(1))} s`
