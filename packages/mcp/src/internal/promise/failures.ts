/**
 * The runtime's errors for programs without Effect: the classes of `McpRuntimeError`, as interfaces that name nothing of Effect.
 *
 * Types alone. That they say what the classes say is checked by the compiler, where `promise.ts` exports the class under this type.
 */

/** What is known of a call that got no answer. `NotSent`, `Refused`: it did not run. `Unknown`: it may have run. */
export type Delivery = "NotSent" | "Refused" | "Unknown"

/** How a server's process ended, as far as is known, and what it wrote to stderr. */
export interface ProcessEnd {
  readonly code: number | null
  readonly signal: string | null
  readonly uptimeMillis: number
  readonly stderrTail: string
}

interface Failure<Tag extends string> {
  readonly _tag: Tag
  /** For people: what failed, on which server, why, what to do. */
  readonly message: string
}

interface OfServer<Tag extends string> extends Failure<Tag> {
  readonly server: string
}

/** The configuration cannot be read, or does not say what it must. */
export interface ConfigInvalid extends Failure<"ConfigInvalid"> {
  readonly file: string
  /** Into the document: `mcpServers.fs.command`. */
  readonly path: string
  readonly expected: string
  readonly actual?: string | undefined
  readonly problem?: string | undefined
  readonly line?: number | undefined
  readonly column?: number | undefined
}

/** No server of this name is configured. `near` holds the names that look alike. */
export interface UnknownServer extends OfServer<"UnknownServer"> {
  readonly near: ReadonlyArray<string>
  readonly configured: ReadonlyArray<string>
}

/** No tool of this name is in the catalog. `near` holds the names that look alike. */
export interface UnknownTool extends Failure<"UnknownTool"> {
  readonly tool: string
  readonly near: ReadonlyArray<string>
}

/** The configuration switches this tool off. Nothing was sent. */
export interface ToolDisabled extends OfServer<"ToolDisabled"> {
  readonly tool: string
  readonly said: string
}

/** The tool says that it has failed, where an `output` was asked for. `text` is what it says. */
export interface ToolFailed extends OfServer<"ToolFailed"> {
  readonly tool: string
  readonly text: string
}

/** What the tool has answered is not the `output` that was asked for. The call has run. */
export interface OutputInvalid extends OfServer<"OutputInvalid"> {
  readonly tool: string
  readonly description: string
}

/** The command is not there. */
export interface CommandNotFound extends OfServer<"CommandNotFound"> {
  readonly command: string
  readonly searched: string
}

/** The operating system refused to start the process. */
export interface SpawnFailed extends OfServer<"SpawnFailed"> {
  readonly command: string
  readonly code: string
  readonly description: string
  readonly retryable: boolean
}

/** The server's process ended before the handshake was finished. */
export interface ServerExited extends OfServer<"ServerExited"> {
  readonly command: string
  readonly end: ProcessEnd
}

/** No answer to the handshake within `connectTimeout`. */
export interface HandshakeTimeout extends OfServer<"HandshakeTimeout"> {
  readonly timeoutMillis: number
  readonly hint?: string | undefined
  readonly advice?: string | undefined
  readonly stderrTail?: string | undefined
}

/** The handshake was answered with an error, with nonsense, or with an unknown revision. */
export interface HandshakeFailed extends OfServer<"HandshakeFailed"> {
  readonly description: string
  readonly stderrTail?: string | undefined
}

/** Nothing answers at the url. */
export interface Unreachable extends OfServer<"Unreachable"> {
  readonly url: string
  readonly description: string
}

/** An HTTP status that is not an MCP answer. */
export interface HttpRejected extends OfServer<"HttpRejected"> {
  readonly url: string
  readonly status: number
  readonly description: string
  readonly retryAfterMillis?: number | undefined
}

/** The connection was lost and the call was not executed. Safe to send again. */
export interface ConnectionLost extends OfServer<"ConnectionLost"> {
  readonly method?: string | undefined
  readonly delivery: "NotSent" | "Refused"
  readonly description: string
  readonly end?: ProcessEnd | undefined
}

/** The call was handed over and then its connection was lost: it may have run. */
export interface OutcomeUnknown extends OfServer<"OutcomeUnknown"> {
  readonly method: string
  readonly description: string
  readonly attempts: number
  readonly end?: ProcessEnd | undefined
  readonly status?: number | undefined
  readonly mayRepeat?: boolean | undefined
}

/** The deadline passed. `delivery` says whether the server may have seen the call. */
export interface DeadlineExceeded extends OfServer<"DeadlineExceeded"> {
  readonly method: string
  readonly afterMillis: number
  readonly kind: "acquire" | "idle" | "hard" | "caller"
  readonly delivery: Delivery
  readonly tool?: string | undefined
  readonly description?: string | undefined
  /** Of a wait for a task that goes on without the caller. */
  readonly taskId?: string | undefined
  readonly attempts?: number | undefined
}

/** The tool was to run as a task, and does not. Without `result` nothing was sent; with it, it is the tool's answer. */
export interface NotATask extends OfServer<"NotATask"> {
  readonly tool: string
  readonly result?: unknown
}

/** The server does not know the task any more. `keptMillis`: it has kept it for as long as it had said. */
export interface TaskNotFound extends OfServer<"TaskNotFound"> {
  readonly taskId: string
  readonly tool?: string | undefined
  readonly description: string
  readonly keptMillis?: number | undefined
}

/** The task was cancelled, by this program or another one. */
export interface TaskCancelled extends OfServer<"TaskCancelled"> {
  readonly taskId: string
  readonly tool?: string | undefined
  readonly description?: string | undefined
}

/** The server answered with a JSON-RPC error. */
export interface ServerError extends OfServer<"ServerError"> {
  readonly method: string
  readonly code: number
  readonly description: string
  readonly data?: unknown
}

/** The server's answer does not have the shape that the protocol prescribes. */
export interface InvalidAnswer extends OfServer<"InvalidAnswer"> {
  readonly method: string
  readonly description: string
}

/** Too many callers or calls at once. Nothing was sent. */
export interface TooBusy extends OfServer<"TooBusy"> {
  readonly description: string
}

/** The server keeps crashing and is left alone for a while. */
export interface Quarantined extends OfServer<"Quarantined"> {
  readonly retryInMillis: number
  readonly description: string
}

/** The caller asked not to wait, and there is no connection now. Nothing was sent. */
export interface NotReady extends OfServer<"NotReady"> {
  readonly retryInMillis: number
  readonly description: string
}

/** The runtime is shutting down: no new calls. */
export interface ShuttingDown extends OfServer<"ShuttingDown"> {}

/** Why something failed. Told apart by `_tag`; each has a page `docs/errors/<_tag>.md`: its meaning, and what to do. */
export type Reason =
  | ConfigInvalid
  | UnknownServer
  | UnknownTool
  | ToolDisabled
  | ToolFailed
  | OutputInvalid
  | CommandNotFound
  | SpawnFailed
  | ServerExited
  | HandshakeTimeout
  | HandshakeFailed
  | Unreachable
  | HttpRejected
  | ConnectionLost
  | OutcomeUnknown
  | DeadlineExceeded
  | NotATask
  | TaskNotFound
  | TaskCancelled
  | ServerError
  | InvalidAnswer
  | TooBusy
  | Quarantined
  | NotReady
  | ShuttingDown

/** The runtime's only error. `reason` says what happened; `message` is the reason's. */
export interface McpRuntimeError extends Error {
  readonly _tag: "McpRuntimeError"
  readonly reason: Reason
  /**
   * The last tries to connect to the server at the moment of failure, the newest last. Not of answers of the server, and of what failed
   * before one was looked for.
   */
  readonly history?: ReadonlyArray<Try> | undefined
  /** The message, the last tries beneath it, and what to do: several lines. */
  readonly details: string
}

/** One step of a try. */
export interface Step {
  readonly step: "spawn" | "connect" | "handshake" | "list" | "call" | "life"
  /** Of a handshake what was asked, of a list its method, of a call its tool. */
  readonly what?: string | undefined
  readonly millis: number
}

/** One try to open a connection. */
export interface Try {
  /** When it began. Milliseconds since 1970. */
  readonly at: number
  readonly pid?: number | undefined
  readonly era?: "legacy" | "modern" | undefined
  /** `other era`: the server was asked in the other era next. `lost`: it was ready, and ended by itself. */
  readonly outcome: "ready" | "other era" | "failed" | "lost"
  readonly steps: ReadonlyArray<Step>
  readonly failedStep?: Step["step"] | undefined
  /** The tag of the reason. */
  readonly reason?: string | undefined
  readonly message?: string | undefined
  /** Of an error that the server has answered with. */
  readonly code?: number | undefined
  readonly exitCode?: number | undefined
  readonly signal?: string | undefined
  /** The first and the last words on stderr. */
  readonly stderr?: string | undefined
  /** What a server behind a url has answered. */
  readonly http?: { readonly status: number; readonly body?: string | undefined } | undefined
  /** What to do. */
  readonly advice?: string | undefined
  /** The page of the reason. */
  readonly page?: string | undefined
}
