/**
 * The contract of the entry for programs without Effect: types alone, none of which names anything of Effect. `promise.ts` makes them
 * public.
 */
import type { OAuthClientProvider } from "../sdk/OAuthClientProvider.ts"
import type { McpRuntimeError } from "./failures.ts"
import type {
  Completion,
  CompletionRequest,
  ContentBlock,
  Progress,
  Prompt,
  PromptResult,
  Resource,
  ResourceContents,
  ResourceTemplate,
  ToolAnnotations
} from "./messages.ts"

/** The units of a duration in words. */
export type DurationUnit =
  | `milli${"" | "s"}`
  | `second${"" | "s"}`
  | `minute${"" | "s"}`
  | `hour${"" | "s"}`
  | `day${"" | "s"}`
  | `week${"" | "s"}`

/** The flight recorder of a program. Only `to` must be said. */
export interface FlightRecorder {
  /** A folder for a file of each failure, which no other user may read; or a function that is given the text of such a file. */
  readonly to: string | ((recording: string) => void)
  /** Keeps what is in the messages, not only their heads, so that the recording can be replayed. Default: false. */
  readonly bodies?: boolean | undefined
  /** Events that are kept of each connection, 32 at least. Default: 512. */
  readonly maxEvents?: number | undefined
  /** Characters of bodies that are kept of each connection. Default: 1 048 576. */
  readonly maxBodies?: number | undefined
  /** Files that are kept in the folder: past it the oldest is removed. Default: 20. */
  readonly keep?: number | undefined
  /** Values to be kept out, beside those that the config redacts. Default: none. */
  readonly secrets?: ReadonlyArray<string> | undefined
}

/** How long: `"30 seconds"`, a number of milliseconds, or `"Infinity"`. Anything else is refused where it is said, by a `TypeError`. */
export type Duration = number | `${number} ${DurationUnit}` | "Infinity"

/**
 * A schema of any library that keeps the Standard Schema: zod, valibot, ArkType, Effect's `Schema.toStandardSchemaV1`.
 *
 * @see https://standardschema.dev
 */
export interface StandardSchema<Output = unknown> {
  readonly "~standard": {
    readonly version: 1
    readonly vendor: string
    /** Checks a value, and makes of it what the schema says. */
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined
  }
}

/** What a Standard Schema makes of a value. */
export type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | {
    readonly issues: ReadonlyArray<{
      readonly message: string
      readonly path?: ReadonlyArray<PropertyKey | { readonly key: PropertyKey }> | undefined
    }>
  }

/** One tool of one server. */
export interface Tool {
  /** Unique, and legal for the interfaces of language models: what `call` wants. */
  readonly name: string
  readonly server: string
  readonly title?: string | undefined
  readonly description?: string | undefined
  /** JSON Schema, as the server says it: `ModelView.schemaOf` makes one that every model takes. */
  readonly inputSchema: Readonly<Record<string, unknown>>
  readonly outputSchema?: Readonly<Record<string, unknown>> | undefined
  readonly annotations?: ToolAnnotations | undefined
  /** Calls the tool, with no arguments if none are given: see `Mcp.call`. */
  readonly call: {
    <Output>(input: ToolInput | undefined, options: TypedCallOptions<Output>): Promise<Output>
    (input?: ToolInput, options?: CallOptions): Promise<ToolResult>
  }
}

/** The arguments of a tool, by their names. */
export type ToolInput = Readonly<Record<string, unknown>>

/** What a tool answered. */
export interface ToolResult {
  /** Everything in it that can be read, in order, and what the rest is: see `ModelView.textOf`. */
  readonly text: string
  /** The tool failed, and says so in `text`. */
  readonly isError: boolean
  readonly content: ReadonlyArray<ContentBlock>
  /**
   * An object, or any JSON from servers of revision 2026-07-28. A whole number in it beyond 2^53 is a `JSON.rawJSON` object:
   * `JSON.stringify` writes it exactly, and its `rawJSON` member has the digits.
   */
  readonly structuredContent?: unknown
}

/** How long to wait, and for what. Nothing of it must be said. */
export interface WaitOptions {
  /** Aborting it ends the wait: the promise rejects with the signal's reason, and the server is told. */
  readonly signal?: AbortSignal | undefined
  /** Covers everything, waiting for the server included. Default: none beyond the server's own deadlines. */
  readonly deadline?: Duration | undefined
  /** False fails at once with `NotReady` while the server is being restarted. Default: the policy's, true. */
  readonly waitForReady?: boolean | undefined
}

/** How one call is made. Nothing of it must be said. */
export interface CallOptions extends WaitOptions {
  /** Told of each progress report of the server, in order. What it throws is told in the log. Default: progress is not asked for. */
  readonly onProgress?: ((progress: Progress) => void) | undefined
  /** True: running it twice is as good as once, so it may be repeated when its outcome is unknown. Default: the tool's hints. */
  readonly idempotent?: boolean | undefined
}

/** A call whose answer has a type: that of the schema. */
export interface TypedCallOptions<Output> extends CallOptions {
  /**
   * What the tool's structured content is; where there is none, the JSON of its one text. The promise is of that value. It rejects with
   * `ToolFailed` when the tool says that it has failed, and with `OutputInvalid` when its answer does not fit.
   *
   * @example
   * ```ts
   * import { openMcp } from "@holdfast/mcp/promise"
   * import { z } from "zod"
   *
   * const Forecast = z.object({ city: z.string(), celsius: z.number() })
   *
   * export const main = async () => {
   *   await using mcp = await openMcp("mcp.json")
   *   const { celsius } = await mcp.callTool("weather", "today", { city: "Oslo" }, { output: Forecast })
   *   console.log(celsius)
   * }
   * ```
   */
  readonly output: StandardSchema<Output>
}

/**
 * What is told from now on, in order. Read it with `for await`. It ends when `return` is called (leaving the loop does), when its signal
 * is aborted, and when the runtime is closed. While it is waited for it keeps the program alive, and the rest of the time it does not. A
 * reader that is 1024 behind misses the oldest; the log tells so, once.
 */
export interface Reader<A> extends AsyncIterableIterator<A, undefined, undefined>, AsyncDisposable {
  /** Ends it. What waits for the next value is told that there is none. */
  readonly return: () => Promise<IteratorReturnResult<undefined>>
}

/** How something is listened to. */
export interface ReadOptions {
  /** Aborting it ends the reading: the loop is left, without an error. */
  readonly signal?: AbortSignal | undefined
}

/** Something a server said of its own accord. `params` is its own, unchecked. */
export interface ServerNotification {
  /** Its configured name. */
  readonly server: string
  /** For example `notifications/tools/list_changed`, `notifications/message`, `notifications/resources/updated`. */
  readonly method: string
  readonly params: unknown
}

/** A resource that is subscribed to has changed, or may have. */
export interface ResourceUpdate {
  readonly uri: string
  /**
   * True: the server has not said so. Its connection was away for a while, and what it may have said meanwhile is lost: read the resource
   * again.
   */
  readonly isMissed: boolean
}

/** The levels of log messages, from the least to the most severe (RFC 5424). */
export type ServerLogLevel =
  | "debug"
  | "info"
  | "notice"
  | "warning"
  | "error"
  | "critical"
  | "alert"
  | "emergency"

/** A log message of a server. `data` is its own, unchecked. */
export interface ServerLog {
  readonly level: string
  readonly logger?: string | undefined
  readonly data: unknown
}

/** The state of one place for a connection. */
export type SlotState = "Idle" | "Connecting" | "Ready" | "Backoff" | "Quarantined" | "Closed"

/** The state of one connection. */
export type ConnectionState = "Opening" | "Open" | "Draining" | "Closing" | "Closed"

interface OfConnections {
  /** The server, by its configured name. */
  readonly key: string
  /** Equal for names that share connections. */
  readonly fingerprint: string
  readonly slot: number
}

/** A place for a connection changed its state: a server is connected, lost, or left alone for a while. */
export interface SlotMoved extends OfConnections {
  readonly _tag: "SlotMoved"
  readonly from: SlotState
  readonly to: SlotState
  readonly attempt: number
  readonly durationMillis: number
  /** Of a move to `Backoff` or `Quarantined`: until the next try, if it is wanted then. */
  readonly retryInMillis: number | undefined
  /** Why, where known: a reason of `McpRuntimeError`, or words. */
  readonly cause: unknown
}

/** A connection changed its state. */
export interface ConnectionMoved extends OfConnections {
  readonly _tag: "ConnectionMoved"
  readonly connection: number
  readonly from: ConnectionState
  readonly to: ConnectionState
  readonly durationMillis: number
  readonly cause: unknown
}

/** Probes of an open connection failed, or it showed signs of life again. */
export interface HealthChanged extends OfConnections {
  readonly _tag: "HealthChanged"
  readonly connection: number
  readonly health: "healthy" | "suspect"
}

/** A connection is lent for longer than `policy.leakWarningThreshold`. */
export interface LeaseOverdue extends OfConnections {
  readonly _tag: "LeaseOverdue"
  readonly connection: number
  readonly holder: string
  readonly heldMillis: number
}

/** What happens to connections. */
export type ConnectionEvent = SlotMoved | ConnectionMoved | HealthChanged | LeaseOverdue

/** The servers of one application. */
export interface Mcp extends AsyncDisposable {
  /** The configured servers that can be used, now. */
  readonly servers: () => ReadonlyArray<string>
  /**
   * The tools of all servers. Waits until every server has answered or failed, `within` at most (default: 30 seconds each). A server that has
   * not answered is in `unavailable`, with the reason.
   */
  readonly tools: (
    options?: { readonly within?: Duration | undefined; readonly signal?: AbortSignal | undefined }
  ) => Promise<{
    readonly tools: ReadonlyArray<Tool>
    readonly unavailable: ReadonlyArray<{ readonly server: string; readonly error: McpRuntimeError }>
  }>
  /**
   * Calls a tool by its name in `tools`, with no arguments if none are given. Rejects with `McpRuntimeError`, and with the signal's reason
   * when that is aborted; `isError` is an answer, unless an `output` is asked for.
   */
  readonly call: {
    <Output>(name: string, input: ToolInput | undefined, options: TypedCallOptions<Output>): Promise<Output>
    (name: string, input?: ToolInput, options?: CallOptions): Promise<ToolResult>
  }
  /** The same for a tool by its server and by its own name. No other server is started for it. */
  readonly callTool: {
    <Output>(
      server: string,
      tool: string,
      input: ToolInput | undefined,
      options: TypedCallOptions<Output>
    ): Promise<Output>
    (server: string, tool: string, input?: ToolInput, options?: CallOptions): Promise<ToolResult>
  }
  /** Every resource of a server. A server that offers none has none: that is no error. The same for the other lists. */
  readonly listResources: (server: string, options?: WaitOptions) => Promise<ReadonlyArray<Resource>>
  /** Every resource template of a server. */
  readonly listResourceTemplates: (server: string, options?: WaitOptions) => Promise<ReadonlyArray<ResourceTemplate>>
  /** The contents of a resource, by its uri. Rejects with `ServerError` when the server refuses it. */
  readonly readResource: (
    server: string,
    uri: string,
    options?: WaitOptions
  ) => Promise<ReadonlyArray<ResourceContents>>
  /** Every prompt of a server. */
  readonly listPrompts: (server: string, options?: WaitOptions) => Promise<ReadonlyArray<Prompt>>
  /** A prompt, filled in with the arguments. Rejects with `ServerError` when the server refuses it. */
  readonly getPrompt: (
    server: string,
    name: string,
    args?: Readonly<Record<string, string>>,
    options?: WaitOptions
  ) => Promise<PromptResult>
  /** Values that the server proposes for an argument of a prompt, or for a variable of a resource template. */
  readonly complete: (server: string, request: CompletionRequest, options?: WaitOptions) => Promise<Completion>
  /**
   * Any other request of the protocol, by the same rules; the answer is the server's own object, unchecked. What may have run is repeated
   * only where `idempotent` says so, or its method only reads.
   */
  readonly request: (server: string, method: string, params?: object, options?: CallOptions) => Promise<unknown>
  /**
   * Asks a server to tell of changes of a resource, until the reader is ended. Settles when the server has said yes, and rejects with
   * `ServerError` when it refuses. The server is kept connected for it: a connection that is lost is opened again, and asked again.
   *
   * @example
   * ```ts
   * import { openMcp } from "@holdfast/mcp/promise"
   *
   * export const main = async () => {
   *   await using mcp = await openMcp("mcp.json")
   *   for await (const { uri } of await mcp.subscribe("notes", "note://today")) {
   *     console.log(await mcp.readResource("notes", uri))
   *   }
   * }
   * ```
   */
  readonly subscribe: (server: string, uri: string, options?: WaitOptions) => Promise<Reader<ResourceUpdate>>
  /** Asks a server for its log messages from this level on, until the reader is ended: as `subscribe` does. */
  readonly logs: (server: string, level: ServerLogLevel, options?: WaitOptions) => Promise<Reader<ServerLog>>
  /** What all servers say of their own accord, from now on. */
  readonly notifications: (options?: ReadOptions) => Reader<ServerNotification>
  /** What happens to connections, from now on. */
  readonly events: (options?: ReadOptions) => Reader<ConnectionEvent>
  /** Ends the back-off or quarantine of a server that keeps failing, by its configured name: it is tried again now, if it is needed. */
  readonly reset: (server: string) => Promise<void>
  /** Ends every server and connection. A second call does nothing. */
  readonly close: () => Promise<void>
}

/** A config file's path, or what would be in it. */
export type Config = string | { readonly mcpServers: Readonly<Record<string, unknown>> }

/** Which server asks, and whether it still waits. */
export interface Asker {
  /** Its configured name. */
  readonly server: string
  /** Aborted when the server takes its request back, and when its connection ends. */
  readonly signal: AbortSignal
}

/** A directory or file that servers may work in. `uri` is a `file://` URI. */
export interface Root {
  readonly uri: string
  readonly name?: string | undefined
}

/** The answer to `sampling/createMessage`: what the model has said. */
export interface SamplingResult {
  readonly role: "assistant" | "user"
  readonly content: object
  readonly model: string
  readonly stopReason?: string | undefined
}

/** The answer to `elicitation/create`: what the user has said. */
export interface ElicitationResult {
  readonly action: "accept" | "decline" | "cancel"
  /** Of `accept`: the filled-in form. */
  readonly content?: Readonly<Record<string, unknown>> | undefined
}

/**
 * What is offered to the servers. What has no handler is not advertised. A handler that throws a `RequestDeclined` declines the request;
 * whatever else it throws is told to the server as an internal error, and is in the log. `params` is the server's own, unchecked.
 *
 * @example
 * ```ts
 * import { openMcp, RequestDeclined } from "@holdfast/mcp/promise"
 * import { createInterface } from "node:readline/promises"
 *
 * export const main = async () => {
 *   await using mcp = await openMcp("mcp.json", {
 *     handlers: {
 *       roots: () => [{ uri: "file:///home/ada/project" }],
 *       elicitation: async (params, { server, signal }) => {
 *         if (!process.stdin.isTTY) throw new RequestDeclined({ code: -1, message: "there is no user" })
 *         const terminal = createInterface({ input: process.stdin, output: process.stderr })
 *         const answer = await terminal.question(`${server} asks ${JSON.stringify(params)} (y/n) `, { signal })
 *         terminal.close()
 *         return { action: answer === "y" ? "accept" : "decline" }
 *       }
 *     }
 *   })
 *   console.log((await mcp.tools()).tools.length)
 * }
 * ```
 */
export interface Handlers {
  /** Answers `roots/list`. */
  readonly roots?: ((asker: Asker) => ReadonlyArray<Root> | Promise<ReadonlyArray<Root>>) | undefined
  /** Answers `sampling/createMessage`: asks a model on the server's behalf. Show the user what is asked first. */
  readonly sampling?: ((params: unknown, asker: Asker) => SamplingResult | Promise<SamplingResult>) | undefined
  /** Answers `elicitation/create`: asks the user. Never for secrets. */
  readonly elicitation?: ((params: unknown, asker: Asker) => ElicitationResult | Promise<ElicitationResult>) | undefined
  /** Which questions `elicitation` takes: forms, pages to open in a browser. Default: forms. */
  readonly elicitationModes?: ReadonlyArray<"form" | "url"> | undefined
}

/** A server's request is declined. `code` is JSON-RPC's; -1 means that the user said no. */
export interface RequestDeclined extends Error {
  readonly _tag: "RequestDeclined"
  readonly code: number
}

/** There are no credentials that the server takes. */
export interface AuthorizationRefused extends Error {
  readonly _tag: "AuthorizationRefused"
  /** For people: what is wrong, and what to do where that is known. */
  readonly description: string
}

/** A response that asks for other credentials. */
export interface Challenge {
  /** 401, or 403 when more rights are needed. */
  readonly status: number
  /** The response's `WWW-Authenticate`, if it has one. */
  readonly wwwAuthenticate: string | undefined
  /** The headers that the refused request was given by `headers`. */
  readonly sent: Readonly<Record<string, string>>
}

/** Where credentials come from, in a way of one's own. What it returns is sent, and shown nowhere. */
export interface Authorizer {
  /** The identity that acts: connections of one endpoint and one identity are shared. Never a token. */
  readonly identity: string
  /** For the next request. Empty while there is no token. What it throws is what the caller is told, if it is an `AuthorizationRefused`. */
  readonly headers: (
    signal: AbortSignal
  ) => Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>>
  /**
   * The server refuses the credentials. Returns when the request is worth sending again, once, with new `headers`; throws an
   * `AuthorizationRefused` with what to tell the caller. Default: it is refused.
   */
  readonly onChallenge?: ((challenge: Challenge, signal: AbortSignal) => void | Promise<void>) | undefined
}

/** A bearer token that is not fetched by OAuth: from a file, a vault, the command of a cloud. */
export interface TokenSource {
  /** Asked for the first token, and again when the server refuses the last one. */
  readonly token: (signal: AbortSignal) => string | Promise<string>
  /** As for `Authorizer`. Default: one of its own. */
  readonly identity?: string | undefined
  /** How long it may take. Default: 30 seconds. */
  readonly timeout?: Duration | undefined
}

/** OAuth, with the provider of the official SDK. */
export interface OAuthOptions {
  /** The url of the MCP server, which says where its authorization server is. */
  readonly serverUrl: string | URL
  /** The SDK's interface: where tokens are kept and the user is sent. */
  readonly provider: OAuthClientProvider
  /** As for `Authorizer`. Default: one of its own. */
  readonly identity?: string | undefined
  /** How long one renewal may take, discovery included. Default: 30 seconds. */
  readonly timeout?: Duration | undefined
}

/** An authorizer whose user may have to act. */
export interface OAuthAuthorizer extends Authorizer {
  /** Ends what the provider's `redirectToAuthorization` began: exchanges the code of the redirection for tokens. */
  readonly finish: (authorizationCode: string) => Promise<void>
}

/** How severe a line of the log is. */
export type LogLevel = "fatal" | "error" | "warn" | "info" | "debug" | "trace"

/** A line of the runtime's log. */
export interface LogEntry {
  readonly level: LogLevel
  readonly message: string
  readonly date: Date
  /** The server it is about, by its configured name, where it is about one. */
  readonly server?: string | undefined
  /** What was thrown, where something was. */
  readonly error?: unknown
}

/** Limits of the runtime as a whole. What is said of a server in its config is the server's. */
export interface Policy {
  /** Over all servers. At the limit the least recently used idle connection is closed. Default: 256. */
  readonly maxConnections?: number | undefined
  /** How long `close` waits for running calls. Default: 10 seconds. */
  readonly drainTimeout?: Duration | undefined
  /** A connection that is lent for longer is told of. Default: none. */
  readonly leakWarningThreshold?: Duration | undefined
}

/** How the pauses between tries grow, and when they end. */
export interface Reconnect {
  /** The first pause. Default: 250 ms. */
  readonly initial?: Duration | undefined
  /** By which each is longer than the one before. Default: 1.6. */
  readonly factor?: number | undefined
  /** The longest pause. Default: 30 seconds. */
  readonly max?: Duration | undefined
  /** The fraction by which a pause varies to both sides. Default: 0.2. */
  readonly jitter?: number | undefined
  /** After so many tries the failure is final: its callers are told at once. Default: no end. */
  readonly times?: number | undefined
}

/** How everything is done. Nothing of it must be said. */
export interface OpenOptions {
  /** What servers are told about the client. Default: holdfast and its version. */
  readonly clientInfo?: { readonly name: string; readonly version: string; readonly title?: string } | undefined
  /** What is offered to the servers: roots, sampling, elicitation. Default: nothing. */
  readonly handlers?: Handlers | undefined
  /** Where the credentials of HTTP servers come from, by the server's name: `oauth`, `tokens` or your own. Default: their headers. */
  readonly authorizers?: Readonly<Record<string, Authorizer>> | undefined
  /** Which responses of HTTP servers mean that the session is lost, by the server's name. Default: 404, and any refusal that says so. */
  readonly isSessionLost?: Readonly<Record<string, (status: number, body: string) => boolean>> | undefined
  /** Limits over all servers. */
  readonly policy?: Policy | undefined
  /**
   * The pauses between tries to connect, after one that failed or a connection that was lost. Default: 250 ms, growing by 1.6 to 30 s,
   * over HTTP to 5 s, a fifth more or less, without an end.
   */
  readonly reconnect?: Reconnect | undefined
  /**
   * Keeps the last messages of each connection, and writes them out when a call fails, as a recording (`holdfast replay`). Default: nothing is
   * kept, because only the program knows where its files may go, and what may be in them.
   */
  readonly recorder?: FlightRecorder | undefined
  /** Whether a tool is offered. Default: all are. */
  readonly filter?:
    | ((server: string, tool: { readonly name: string; readonly description?: string }) => boolean)
    | undefined
  /** Servers whose tools are left out of `tools`. Default: none. */
  readonly exclude?: ReadonlyArray<string> | undefined
  /** How long one server may take to list its tools, from its own start on. Default: 30 seconds. */
  readonly deadline?: Duration | undefined
  /** How many servers are started at once. Default: two for each processor, at least four. */
  readonly concurrency?: number | undefined
  /** Connects all servers, once one tool is asked for, and keeps them connected. Default: true. */
  readonly keepOpen?: boolean | undefined
  /** Takes a config file anew whenever something else is in it. Default: false. */
  readonly watch?: boolean | undefined
  /** Told each line of the runtime's log, instead of stderr. What it throws is on stderr. */
  readonly logger?: ((entry: LogEntry) => void) | undefined
  /** The least severe lines that are told. Default: `info`. */
  readonly logLevel?: LogLevel | "none" | undefined
}
