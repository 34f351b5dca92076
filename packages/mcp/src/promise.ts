/**
 * Wraps the platform: the whole runtime for programs without Effect, as promises. No type here names anything of Effect.
 *
 * Promises
 * - Servers are connected when first needed, which is by the first `tools` or `call`: all of them, because a tool may be any server's.
 *   From then on they are kept connected, shared, and restarted when they die; `tools` and `call` never meet a closed session.
 * - A call is settled once. What fails rejects with an `McpRuntimeError` whose `reason` says what happened; a tool's own
 *   failure is an answer (`isError`), not a rejection. The error's stack is that of the caller. An aborted call rejects with the signal's reason, and the server is told.
 *   Arguments that are no JSON (a BigInt, a cycle, NaN) are a mistake of the program: a `TypeError`, and nothing is sent.
 * - Idle connections do not keep the program alive: it ends by itself, and everything it started ends with it. A call that is
 *   waited for keeps it alive.
 * - What the runtime logs (an outage is one warning) goes to stderr, or to a `logger` of your own: stdout is the program's.
 * - What is told as it happens (`notifications`, `events`, `subscribe`, `logs`) is an async iterable, which `break`, `return()` and an
 *   `AbortSignal` end.
 * - A duration that is none is a `TypeError` that says what is allowed.
 * - `close` (or `await using`) lets running calls finish for a while (`policy.drainTimeout`, 10 s), ends every server, and returns when
 *   they are gone. Calls from then on reject with `ShuttingDown`.
 *
 * @example
 * ```ts
 * import { openMcp } from "@holdfast/mcp/promise"
 *
 * export const main = async () => {
 *   await using mcp = await openMcp("mcp.json")
 *   const { tools, unavailable } = await mcp.tools({ within: "10 seconds" })
 *   for (const { error } of unavailable) console.warn(error.message)
 *   const { text } = await mcp.call(tools[0]?.name ?? "", { path: "README.md" }, { deadline: "30 seconds" })
 *   console.log(text)
 * }
 * ```
 */
import * as Effect from "effect/Effect"
import * as path from "node:path"
import * as Refusals from "./AuthorizationRefused.ts"
import * as Asked from "./ClientHandlers.ts"
import { workingDirectory } from "./internal/nodePlatform.ts"
import * as adapters from "./internal/promise/adapters.ts"
import type * as Contract from "./internal/promise/contract.ts"
import type * as Failures from "./internal/promise/failures.ts"
import { open } from "./internal/promise/open.ts"
import * as Errors from "./McpRuntimeError.ts"

export type {
  Asker,
  Authorizer,
  CallOptions,
  Challenge,
  Config,
  ConnectionEvent,
  ConnectionMoved,
  ConnectionState,
  Duration,
  DurationUnit,
  ElicitationResult,
  FlightRecorder,
  Handlers,
  HealthChanged,
  LeaseOverdue,
  LogEntry,
  LogLevel,
  Mcp,
  OAuthAuthorizer,
  OAuthOptions,
  OpenOptions,
  Policy,
  Reader,
  ReadOptions,
  Reconnect,
  ResourceUpdate,
  Root,
  SamplingResult,
  ServerLog,
  ServerLogLevel,
  ServerNotification,
  SlotMoved,
  SlotState,
  StandardResult,
  StandardSchema,
  TokenSource,
  Tool,
  ToolInput,
  ToolResult,
  TypedCallOptions,
  WaitOptions
} from "./internal/promise/contract.ts"
export type { Delivery, ProcessEnd, Reason, Step, Try } from "./internal/promise/failures.ts"
export type {
  AudioContent,
  Completion,
  CompletionRequest,
  ContentBlock,
  EmbeddedResource,
  ImageContent,
  OtherContent,
  OtherContentType,
  Progress,
  Prompt,
  PromptArgument,
  PromptMessage,
  PromptResult,
  Resource,
  ResourceContents,
  ResourceLink,
  ResourceTemplate,
  TextContent,
  ToolAnnotations
} from "./internal/promise/messages.ts"

/** The runtime's only error. `reason._tag` says what happened; `message` says it to people, and what to do. */
export type McpRuntimeError = Failures.McpRuntimeError

/**
 * The class of the runtime's errors, for `instanceof`.
 *
 * @example
 * ```ts
 * import { McpRuntimeError } from "@holdfast/mcp/promise"
 *
 * export const mayHaveRun = (error: unknown): boolean =>
 *   error instanceof McpRuntimeError && error.reason._tag === "OutcomeUnknown"
 * ```
 */
export const McpRuntimeError: abstract new(...fields: never) => Failures.McpRuntimeError = Errors.McpRuntimeError

/** A server's request is declined: thrown by `handlers`. */
export type RequestDeclined = Contract.RequestDeclined

/** Declines a server's request. `code` is JSON-RPC's; -1 means that the user said no. */
export const RequestDeclined: new(
  fields: { readonly code: number; readonly message: string }
) => Contract.RequestDeclined = Asked.RequestDeclined

/** There are no credentials that the server takes: thrown by authorizers. */
export type AuthorizationRefused = Contract.AuthorizationRefused

/** Says why there are no credentials. `description` is for people, and holds no secret. */
export const AuthorizationRefused: new(
  fields: { readonly description: string }
) => Contract.AuthorizationRefused = Refusals.AuthorizationRefused

/**
 * Reads the config and prepares its servers. Rejects with `ConfigInvalid`, before anything is started, when the file cannot be read; a server
 * whose entry is wrong is in `unavailable` of `tools`.
 */
export const openMcp = (config: Contract.Config, options: Contract.OpenOptions = {}): Promise<Contract.Mcp> =>
  open(config, options)

/**
 * An authorizer over a source of bearer tokens. A token is kept until the server refuses it; a source that answers with the refused one
 * is believed to have no better. Throws a `TypeError` for a timeout that is no duration.
 *
 * @example
 * ```ts
 * import { openMcp, tokens } from "@holdfast/mcp/promise"
 * import { readFile } from "node:fs/promises"
 *
 * export const mcp = openMcp("mcp.json", {
 *   authorizers: { docs: tokens({ token: (signal) => readFile("/run/secrets/docs", { encoding: "utf8", signal }) }) }
 * })
 * ```
 */
export const tokens = (source: Contract.TokenSource): Contract.Authorizer => adapters.tokens(source)

/**
 * An authorizer over an OAuth provider of the official SDK. The page that a user has to see is given to the provider's
 * `redirectToAuthorization`; `finish` takes the code that comes back. Throws a `TypeError` for a timeout that is no duration.
 */
export const oauth = (options: Contract.OAuthOptions): Contract.OAuthAuthorizer => adapters.oauth(options)

interface Shared {
  readonly mcp: Promise<Contract.Mcp>
  users: number
  /** Its last user has closed it. */
  closing: Promise<void> | undefined
}

const registry = Symbol.for("@holdfast/mcp/shared")

/**
 * One runtime per process and config, however often a module is evaluated (hot reload, script-rerun frameworks): all programs that ask for
 * the same config get the same servers. A file is the same by a relative and an absolute path, and a config whatever the order of its members.
 * `close` is counted: the last one closes, and a program that asks while it does waits for that. Options count when the runtime is made.
 */
export const shared = async (config: Contract.Config, options?: Contract.OpenOptions): Promise<Contract.Mcp> => {
  // Every copy of this module must meet the others, so the place is the global object's.
  const holder = globalThis as { [registry]?: Map<string, Shared> }
  const all = holder[registry] ??= new Map<string, Shared>()
  const key = keyOf(config)
  let entry = all.get(key)
  if (entry === undefined || entry.closing !== undefined) {
    const open = () => openMcp(config, options)
    entry = { mcp: entry?.closing?.then(open, open) ?? open(), users: 0, closing: undefined }
    all.set(key, entry)
  }
  const own = entry
  own.users++
  const forget = (): void => {
    if (all.get(key) === own) all.delete(key)
  }
  let mcp: Contract.Mcp
  try {
    mcp = await own.mcp
  } catch (error) {
    own.users--
    forget()
    throw error
  }
  let isClosed = false
  const close = async (): Promise<void> => {
    if (!isClosed) {
      isClosed = true
      own.users--
      if (own.users === 0) own.closing = mcp.close().finally(forget)
    }
    await own.closing
  }
  return { ...mcp, close, [Symbol.asyncDispose]: close }
}

/** Equal for configs that say the same. */
const keyOf = (config: Contract.Config): string =>
  typeof config === "string"
    ? `file ${path.resolve(Effect.runSync(workingDirectory), config)}`
    : JSON.stringify(config, (_, value: unknown) =>
      typeof value === "object" && value !== null && !Array.isArray(value)
        ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => a < b ? -1 : 1))
        : value)
