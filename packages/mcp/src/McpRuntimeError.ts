/**
 * Everything the runtime can fail with, on the way to a server and during a call.
 *
 * One outer error, `McpRuntimeError`, with a tagged `reason`: match on it with
 * `Effect.catchReason("McpRuntimeError", "OutcomeUnknown", …)`. Messages are written for the person who reads them: what
 * failed, on which server, why as far as is known, what to do. Each reason has a page, `docs/errors/<reason>.md`.
 *
 * Gotchas: a tool's `isError` result is an *answer* and never appears here; secrets never appear in a message. Most of what is in
 * an error was said by a peer, so its numbers are not checked: an error that cannot be made is a call that is never settled.
 *
 * @example
 * ```ts
 * import { McpConnections } from "@holdfast/mcp"
 * import * as Effect from "effect/Effect"
 *
 * export const program = McpConnections.use((mcp) => mcp.callTool("mail", { name: "send" })).pipe(
 *   Effect.catchReason("McpRuntimeError", "OutcomeUnknown", ({ message }) => Effect.logWarning(message))
 * )
 * ```
 */
// @effect-diagnostics schemaNumber:off
import * as Schema from "effect/Schema"
import { placeInWords } from "./ConfigWarning.ts"
import { isFailure, lineOf, Try } from "./Explanation.ts"
import { quoteStderr } from "./internal/connection/quoteStderr.ts"

const id = (name: string) => `@holdfast/mcp/McpRuntimeError/${name}`

/** What is known of a call that got no answer: never left our queue, refused before execution, or handed over and lost. */
export const Delivery = Schema.Literals(["NotSent", "Refused", "Unknown"])
/** `NotSent` and `Refused`: the call did not run. `Unknown`: it may have run. */
export type Delivery = typeof Delivery.Type

/** How a server's process ended, as far as is known, and what it wrote to stderr: its first and its last words. */
export const ProcessEnd = Schema.Struct({
  code: Schema.NullOr(Schema.Number),
  signal: Schema.NullOr(Schema.String),
  uptimeMillis: Schema.Number,
  stderrTail: Schema.String
})
/** `uptimeMillis`: how long the process lived. `code` and `signal`: one of them is `null`. */
export type ProcessEnd = typeof ProcessEnd.Type

/** The configuration cannot be read or does not say what it must. `path` points into the document: `mcpServers.fs.command`. */
export class ConfigInvalid extends Schema.Error<ConfigInvalid>(id("ConfigInvalid"))({
  _tag: Schema.tag("ConfigInvalid"),
  file: Schema.String,
  path: Schema.String,
  expected: Schema.String,
  actual: Schema.optional(Schema.String),
  /** What is wrong in one clause, where "expected this, got that" is no way to say it. */
  problem: Schema.optional(Schema.String),
  /** Where it is written, both from 1. Only of what was read from a text. */
  line: Schema.optional(Schema.Int),
  column: Schema.optional(Schema.Int)
}) {
  override get message(): string {
    const got = this.actual === undefined ? "" : `, got ${this.actual}`
    return `${placeInWords(this)}: ${this.problem ?? `expected ${this.expected}${got}`}`
  }
}

/** No server of this name is configured. `near` holds the names that look alike. */
export class UnknownServer extends Schema.Error<UnknownServer>(id("UnknownServer"))({
  _tag: Schema.tag("UnknownServer"),
  server: Schema.String,
  near: Schema.Array(Schema.String),
  configured: Schema.Array(Schema.String)
}) {
  override get message(): string {
    const hint = this.near.length > 0
      ? `did you mean ${this.near.join(" or ")}?`
      : this.configured.length > 0
      ? `configured: ${this.configured.join(", ")}`
      : "no server is configured"
    return `unknown server "${this.server}"; ${hint}`
  }
}

/** No tool of this name is in the catalog. `near` holds the names that look alike. */
export class UnknownTool extends Schema.Error<UnknownTool>(id("UnknownTool"))({
  _tag: Schema.tag("UnknownTool"),
  tool: Schema.String,
  near: Schema.Array(Schema.String)
}) {
  override get message(): string {
    const hint = this.near.length > 0
      ? `did you mean ${this.near.join(" or ")}?`
      : "no server offers it now"
    return `unknown tool "${this.tool}"; ${hint}`
  }
}

/** The configuration of the server switches this tool off. Nothing was sent. `said` is the list that does. */
export class ToolDisabled extends Schema.Error<ToolDisabled>(id("ToolDisabled"))({
  _tag: Schema.tag("ToolDisabled"),
  server: Schema.String,
  tool: Schema.String,
  said: Schema.String
}) {
  override get message(): string {
    return `${this.server}: the tool ${JSON.stringify(this.tool)} is switched off by ${this.said}. ` +
      "Change that list to call it."
  }
}

/** The tool says that it has failed (`isError`), where the caller has asked for an `output`. `text` is all that it says. */
export class ToolFailed extends Schema.Error<ToolFailed>(id("ToolFailed"))({
  _tag: Schema.tag("ToolFailed"),
  server: Schema.String,
  tool: Schema.String,
  text: Schema.String
}) {
  override get message(): string {
    const words = this.text.trim() === "" ? "it does not say why" : said(this.text)
    return `${this.server}: the tool ${JSON.stringify(this.tool)} has failed: ${words}`
  }
}

/** What the tool has answered does not fit the `output` that the caller has asked for. The call has run. */
export class OutputInvalid extends Schema.Error<OutputInvalid>(id("OutputInvalid"))({
  _tag: Schema.tag("OutputInvalid"),
  server: Schema.String,
  tool: Schema.String,
  description: Schema.String
}) {
  override get message(): string {
    return `${this.server}: the answer of the tool ${JSON.stringify(this.tool)} is not the output that was asked for: ${
      said(this.description)
    }. The call has run; compare the output with the tool's outputSchema.`
  }
}

/** The command is not in PATH or the file does not exist. Permanent: never retried. */
export class CommandNotFound extends Schema.Error<CommandNotFound>(id("CommandNotFound"))({
  _tag: Schema.tag("CommandNotFound"),
  server: Schema.String,
  command: Schema.String,
  searched: Schema.String
}) {
  override get message(): string {
    const what = `${this.server}: command not found: ${this.command}`
    const [program = "", ...args] = this.command.trim().split(/\s+/)
    // A program's path may have blanks; a bare name has none, and what follows it are arguments.
    if (args.length > 0 && !/["'/\\]/.test(program)) {
      const split = /["']/.test(this.command)
        ? "the program alone in \"command\", and each argument by itself in \"args\""
        : `"command": ${JSON.stringify(program)}, "args": [${args.map((arg) => JSON.stringify(arg)).join(", ")}]`
      return `${what}. No shell reads it: write ${split}.`
    }
    return `${what} (searched ${this.searched}). Install it, or give its full path in the config.`
  }
}

/** The operating system refused to start the process: not executable, bad working directory, out of processes or files. */
export class SpawnFailed extends Schema.Error<SpawnFailed>(id("SpawnFailed"))({
  _tag: Schema.tag("SpawnFailed"),
  server: Schema.String,
  command: Schema.String,
  code: Schema.String,
  description: Schema.String,
  retryable: Schema.Boolean
}) {
  override get message(): string {
    return `${this.server}: could not start ${this.command}: ${said(this.description)} (${this.code})`
  }
}

/** The server's process ended before the handshake was finished. */
export class ServerExited extends Schema.Error<ServerExited>(id("ServerExited"))({
  _tag: Schema.tag("ServerExited"),
  server: Schema.String,
  command: Schema.String,
  end: ProcessEnd
}) {
  override get message(): string {
    const after = seconds(this.end.uptimeMillis)
    return `${this.server}: ${this.command} ${
      describeEnd(this.end)
    } after ${after}, before it answered the handshake; ` +
      `${wordsOf(this.end)} Run it by hand to see why.`
  }
}

/** No answer to the handshake within `connectTimeout`. */
export class HandshakeTimeout extends Schema.Error<HandshakeTimeout>(id("HandshakeTimeout"))({
  _tag: Schema.tag("HandshakeTimeout"),
  server: Schema.String,
  timeoutMillis: Schema.Number,
  hint: Schema.optional(Schema.String),
  /** What to do. Default: to give it more time. */
  advice: Schema.optional(Schema.String),
  stderrTail: Schema.optional(Schema.String)
}) {
  override get message(): string {
    const hint = this.hint === undefined ? "" : `; ${this.hint}`
    const words = this.stderrTail === undefined || this.stderrTail === ""
      ? ""
      : ` (stderr: ${quoteStderr(this.stderrTail)})`
    return `${this.server}: no handshake in ${seconds(this.timeoutMillis)}${hint}${words}. ` +
      (this.advice ?? "Raise holdfast.connectTimeout in the config if the server needs longer.")
  }
}

/** The server answered the handshake with an error, with nonsense, or with a protocol revision we do not speak. */
export class HandshakeFailed extends Schema.Error<HandshakeFailed>(id("HandshakeFailed"))({
  _tag: Schema.tag("HandshakeFailed"),
  server: Schema.String,
  description: Schema.String,
  stderrTail: Schema.optional(Schema.String)
}) {
  override get message(): string {
    const words = this.stderrTail === undefined || this.stderrTail === ""
      ? ""
      : ` (stderr: ${quoteStderr(this.stderrTail)})`
    return `${this.server}: handshake failed: ${said(this.description)}${words}`
  }
}

/** Nothing answers at the url: name not found, connection refused, TLS failure. */
export class Unreachable extends Schema.Error<Unreachable>(id("Unreachable"))({
  _tag: Schema.tag("Unreachable"),
  server: Schema.String,
  url: Schema.String,
  description: Schema.String
}) {
  override get message(): string {
    return `${this.server}: cannot reach ${this.url}: ${
      said(this.description)
    }. Is the server running, and the url right?`
  }
}

/** The HTTP server answered a request with a status that is not an MCP answer. 401, 403 and 404 are permanent at connect. */
export class HttpRejected extends Schema.Error<HttpRejected>(id("HttpRejected"))({
  _tag: Schema.tag("HttpRejected"),
  server: Schema.String,
  url: Schema.String,
  status: Schema.Number,
  description: Schema.String,
  retryAfterMillis: Schema.optional(Schema.Number)
}) {
  override get message(): string {
    const todo = this.status === 401 || this.status === 403
      ? ` Check the headers and credentials configured for ${this.server}.`
      : this.status === 404
      ? " Check the path of the url."
      : this.retryAfterMillis !== undefined && this.retryAfterMillis > 0
      ? ` It may be asked again in ${seconds(this.retryAfterMillis)}.`
      : ""
    return `${this.server}: ${this.url} answered HTTP ${this.status}: ${said(this.description)}.${todo}`
  }
}

/**
 * The connection was lost and the call had not been executed: it was never handed over, or refused. Safe to send again.
 * Without `method` it is the loss itself, told of a connection rather than of a call.
 */
export class ConnectionLost extends Schema.Error<ConnectionLost>(id("ConnectionLost"))({
  _tag: Schema.tag("ConnectionLost"),
  server: Schema.String,
  method: Schema.optional(Schema.String),
  delivery: Schema.Literals(["NotSent", "Refused"]),
  description: Schema.String,
  end: Schema.optional(ProcessEnd)
}) {
  override get message(): string {
    const fate = this.delivery === "NotSent" ? "was not sent" : "was refused unexecuted"
    const call = this.method === undefined ? "" : `, ${this.method} ${fate}`
    return `${this.server}: connection lost${call}: ${said(this.description)}.${lastWords(this.end)}`
  }
}

/** The call was handed over and then its connection was lost: it may have run. Never repeated behind the caller's back. */
export class OutcomeUnknown extends Schema.Error<OutcomeUnknown>(id("OutcomeUnknown"))({
  _tag: Schema.tag("OutcomeUnknown"),
  server: Schema.String,
  method: Schema.String,
  description: Schema.String,
  attempts: Schema.Number,
  end: Schema.optional(ProcessEnd),
  /** The HTTP status that was there instead of an answer. */
  status: Schema.optional(Schema.Number),
  /** True of a call that was known to do no harm when it is repeated: it was, or the budget for that was spent. */
  mayRepeat: Schema.optional(Schema.Boolean)
}) {
  override get message(): string {
    const often = this.attempts > 1 ? `, and it was tried ${this.attempts} times` : ""
    const todo = this.mayRepeat === true
      ? "Repeating it is harmless: call again when the server is back."
      : "Check its effect before calling again; mark the call idempotent if repeating it is harmless."
    return `${this.server}: ${this.method} may have run: ${said(this.description)} after it was sent${often}.${
      lastWords(this.end)
    } ${todo}`
  }
}

/** The deadline passed. `delivery` says whether the server may have seen the call. */
export class DeadlineExceeded extends Schema.Error<DeadlineExceeded>(id("DeadlineExceeded"))({
  _tag: Schema.tag("DeadlineExceeded"),
  server: Schema.String,
  method: Schema.String,
  afterMillis: Schema.Number,
  kind: Schema.Literals(["acquire", "idle", "hard", "caller"]),
  delivery: Delivery,
  /** Which tool, if it was a tool that was called. */
  tool: Schema.optional(Schema.String),
  description: Schema.optional(Schema.String),
  /** Of a wait for a task that goes on without the caller. */
  taskId: Schema.optional(Schema.String),
  /** How often the call was sent before, where the deadline passed while it was not with the server: there was no request to cancel. */
  attempts: Schema.optional(Schema.Number)
}) {
  override get message(): string {
    const which = {
      acquire: "acquireTimeout",
      idle: "idle deadline",
      hard: "hard deadline",
      caller: "the caller's deadline"
    }
    const seen = {
      NotSent: "it was not sent",
      Refused: "the server had refused it, it has not run",
      Unknown: this.attempts === undefined
        ? "the server was told to cancel, it may have run"
        : `it was sent ${this.attempts === 1 ? "once" : `${this.attempts} times`} before, and may have run`
    }
    const why = this.description === undefined ? "" : ` (${said(this.description)})`
    if (this.taskId !== undefined) {
      return `${this.server}: the task ${this.taskId}${
        this.tool === undefined ? "" : ` of ${this.tool}`
      } has not ended ` +
        `in ${seconds(this.afterMillis)} (${which[this.kind]}); it goes on at the server${why}`
    }
    const what = this.tool === undefined ? this.method : `${this.method} of ${this.tool}`
    return `${this.server}: ${what} got no answer in ${seconds(this.afterMillis)} (${which[this.kind]}); ${
      seen[this.delivery]
    }${why}`
  }
}

/**
 * The tool was to run as a task, and does not. Without `result` nothing was sent: the server or the tool has no tasks. With it the server has answered at
 * once, as servers of 2026-07-28 may.
 */
export class NotATask extends Schema.Error<NotATask>(id("NotATask"))({
  _tag: Schema.tag("NotATask"),
  server: Schema.String,
  tool: Schema.String,
  /** The tool's answer, a `CallToolResult`. */
  result: Schema.optional(Schema.Unknown)
}) {
  override get message(): string {
    return this.result === undefined
      ? `${this.server}: ${this.tool} does not run as a task, and was not called. Call it without a task.`
      : `${this.server}: ${this.tool} has answered at once, so that there is no task. Its answer is in the error's result.`
  }
}

/** The server does not know the task: its time is over, or the server was restarted without a store of its tasks, or it is another user's. */
export class TaskNotFound extends Schema.Error<TaskNotFound>(id("TaskNotFound"))({
  _tag: Schema.tag("TaskNotFound"),
  server: Schema.String,
  taskId: Schema.String,
  tool: Schema.optional(Schema.String),
  /** The server's words. */
  description: Schema.String,
  /** For so many milliseconds the server has promised to keep it, and they are over. */
  keptMillis: Schema.optional(Schema.Number)
}) {
  override get message(): string {
    const of = this.tool === undefined ? "" : ` of ${this.tool}`
    return this.keptMillis === undefined
      ? `${this.server}: the server does not know the task ${this.taskId}${of}: ${said(this.description)}. ` +
        "It may have been restarted, and have lost its tasks with that: what the task has done is unknown. " +
        "Check its effect before calling the tool again."
      : `${this.server}: the task ${this.taskId}${of} is gone: the server has kept it for ${
        seconds(this.keptMillis)
      }, as it said. Ask for the result sooner, or ask for a longer ttl.`
  }
}

/** The task was cancelled, by this program or another one. */
export class TaskCancelled extends Schema.Error<TaskCancelled>(id("TaskCancelled"))({
  _tag: Schema.tag("TaskCancelled"),
  server: Schema.String,
  taskId: Schema.String,
  tool: Schema.optional(Schema.String),
  /** The server's words. */
  description: Schema.optional(Schema.String)
}) {
  override get message(): string {
    const of = this.tool === undefined ? "" : ` of ${this.tool}`
    const why = this.description === undefined ? "" : `: ${said(this.description)}`
    return `${this.server}: the task ${this.taskId}${of} was cancelled${why}`
  }
}

/** The server answered with a JSON-RPC error. An answer: never retried, never harms the connection. */
export class ServerError extends Schema.Error<ServerError>(id("ServerError"))({
  _tag: Schema.tag("ServerError"),
  server: Schema.String,
  method: Schema.String,
  /** The server's own: any finite number. -32603 where it gave none. */
  code: Schema.Number,
  description: Schema.String,
  data: Schema.optional(Schema.Unknown)
}) {
  override get message(): string {
    return `${this.server}: ${this.method} was answered with an error: ${said(this.description)} (code ${this.code})`
  }
}

/** The server's answer does not have the shape the protocol prescribes. */
export class InvalidAnswer extends Schema.Error<InvalidAnswer>(id("InvalidAnswer"))({
  _tag: Schema.tag("InvalidAnswer"),
  server: Schema.String,
  method: Schema.String,
  description: Schema.String
}) {
  override get message(): string {
    return `${this.server}: ${this.method} was answered with something that is no MCP result: ${said(this.description)}`
  }
}

/** Too many callers or calls at once: `maxWaiters` or `maxInFlight` is reached. Nothing was sent. */
export class TooBusy extends Schema.Error<TooBusy>(id("TooBusy"))({
  _tag: Schema.tag("TooBusy"),
  server: Schema.String,
  description: Schema.String
}) {
  override get message(): string {
    return `${this.server}: ${said(this.description)}`
  }
}

/** The server keeps crashing and is left alone until `retryInMillis` have passed. */
export class Quarantined extends Schema.Error<Quarantined>(id("Quarantined"))({
  _tag: Schema.tag("Quarantined"),
  server: Schema.String,
  retryInMillis: Schema.Number,
  description: Schema.String
}) {
  override get message(): string {
    return `${this.server}: keeps failing, next try in ${seconds(this.retryInMillis)}: ${said(this.description)}`
  }
}

/** The caller asked not to wait (`waitForReady: false`), and there is no connection until the next dial. Nothing was sent. */
export class NotReady extends Schema.Error<NotReady>(id("NotReady"))({
  _tag: Schema.tag("NotReady"),
  server: Schema.String,
  retryInMillis: Schema.Number,
  description: Schema.String
}) {
  override get message(): string {
    return `${this.server}: not connected, next try in ${seconds(this.retryInMillis)}: ${said(this.description)}`
  }
}

/** The runtime is shutting down: no new calls. */
export class ShuttingDown extends Schema.Error<ShuttingDown>(id("ShuttingDown"))({
  _tag: Schema.tag("ShuttingDown"),
  server: Schema.String
}) {
  override get message(): string {
    return `${this.server}: the runtime is shutting down`
  }
}

/** Every reason that `McpRuntimeError` can have, as a Schema. Each has a page `docs/errors/<tag>.md`: its meaning, and what to do. */
export const Reason = Schema.Union([
  ConfigInvalid,
  UnknownServer,
  UnknownTool,
  ToolDisabled,
  ToolFailed,
  OutputInvalid,
  CommandNotFound,
  SpawnFailed,
  ServerExited,
  HandshakeTimeout,
  HandshakeFailed,
  Unreachable,
  HttpRejected,
  ConnectionLost,
  OutcomeUnknown,
  DeadlineExceeded,
  NotATask,
  TaskNotFound,
  TaskCancelled,
  ServerError,
  InvalidAnswer,
  TooBusy,
  Quarantined,
  NotReady,
  ShuttingDown
])
/** Why a call, a connection or a config failed. Distinguished by `_tag`; `Effect.catchReason` handles one of them. */
export type Reason = typeof Reason.Type

/** Every reason that an attempt to connect can fail with, as a Schema. */
export const ConnectReason = Schema.Union([
  CommandNotFound,
  SpawnFailed,
  ServerExited,
  HandshakeTimeout,
  HandshakeFailed,
  Unreachable,
  HttpRejected,
  ConnectionLost
])
/** What an attempt to connect can fail with: the error type of the MCP connector. */
export type ConnectReason = typeof ConnectReason.Type

/** The runtime's only error. `reason` says what happened; `message` is the reason's. */
export class McpRuntimeError extends Schema.TaggedError<McpRuntimeError>("@holdfast/mcp/McpRuntimeError")(
  "McpRuntimeError",
  {
    reason: Reason,
    /**
     * The last tries to connect to the server at the moment of failure, the newest last: their steps, what was answered, how the process
     * ended. Not of answers of the server, and of what failed before one was looked for.
     */
    history: Schema.optional(Schema.Array(Try))
  }
) {
  override get message(): string {
    return this.reason.message
  }

  /**
   * The long form, of several lines: the message, the last tries, and of the last one that failed its words and what to do. What
   * `console.log` shows, with the stack; the message of one line is for lists and for a model.
   */
  get details(): string {
    const { history = [] } = this
    if (history.length === 0) return this.message
    const last = history.findLast(isFailure)
    const words = last === undefined ? [] : [
      ...(last.message === undefined || this.message.includes(last.message.slice(last.message.indexOf(": ") + 1))
        ? []
        : [`      ${last.message}`]),
      ...(last.stderr === undefined
        ? []
        : ["      stderr:", ...last.stderr.trimEnd().split("\n").map((line) => `        ${line}`)]),
      ...(last.advice === undefined ? [] : [`      → ${last.advice}`]),
      ...(last.page === undefined ? [] : [`      → ${last.page} says more`])
    ]
    return [
      this.message,
      "  the last tries to connect:",
      ...history.flatMap((each) => [`    ${lineOf(each)}`, ...(each === last ? words : [])])
    ].join("\n")
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    const stack = this.stack ?? ""
    const lines = stack.split("\n").filter((line) => /^\s+at /.test(line))
    return [`${this.name}: ${this.details}`, ...lines].join("\n")
  }
}

const seconds = (millis: number): string =>
  millis === Number.POSITIVE_INFINITY
    ? "unlimited time"
    : millis < 1000
    ? `${Math.round(millis)} ms`
    : `${Number((millis / 1000).toFixed(1))} s`

/** A message is read by people: what a peer says at length is cut. */
const said = (text: string): string =>
  text.length > mostSaid ? `${text.slice(0, mostSaid)}… (${text.length} characters)` : text

const mostSaid = 2000

const describeEnd = (end: ProcessEnd): string =>
  end.signal !== null ? `was killed by ${end.signal}` : `exited with code ${end.code ?? "unknown"}`

const lastWords = (end: ProcessEnd | undefined): string =>
  end === undefined
    ? ""
    : ` The server ${describeEnd(end)} after ${seconds(end.uptimeMillis)}; ${wordsOf(end)}`

const wordsOf = ({ stderrTail }: ProcessEnd): string =>
  stderrTail.trim() === "" ? "it wrote nothing to stderr." : `stderr: ${quoteStderr(stderrTail)}.`
