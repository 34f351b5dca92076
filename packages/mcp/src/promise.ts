/**
 * Wraps the platform: the whole runtime for programs without Effect, as promises.
 *
 * Promises
 * - Servers are connected when first needed, which is by the first `tools` or `call`: all of them, because a tool may be any server's.
 *   From then on they are kept connected, shared, and restarted when they die; `tools` and `call` never meet a closed session.
 * - A call is settled once. What fails rejects with an `McpRuntimeError` whose `reason` says what happened; a tool's own
 *   failure is an answer (`isError`), not a rejection. The error's stack is that of the caller. An aborted call rejects with the signal's reason, and the server is told.
 *   Arguments that are no JSON (a BigInt, a cycle, NaN) are a mistake of the program: a `TypeError`, and nothing is sent.
 * - Idle connections do not keep the program alive: it ends by itself, and everything it started ends with it. A call that is
 *   waited for keeps it alive.
 * - What the runtime logs (an outage is one warning) goes to stderr: stdout is the program's.
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
import type * as Messages from "@holdfast/protocol/Messages"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as path from "node:path"
import { Hold, HoldsProgram, unheldClock } from "./internal/Lifeline.ts"
import { workingDirectory } from "./internal/nodePlatform.ts"
import { McpConfig } from "./McpConfig.ts"
import { type LayerOptions, McpConnections } from "./McpConnections.ts"
import { McpRuntimeError, ShuttingDown } from "./McpRuntimeError.ts"
import * as ModelView from "./ModelView.ts"
import { type CatalogOptions, type CatalogTool, ToolCatalog } from "./ToolCatalog.ts"

export { McpRuntimeError } from "./McpRuntimeError.ts"

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
  readonly annotations?: Messages.ToolAnnotations | undefined
  /**
   * Calls the tool, with no arguments if none are given. Rejects with `McpRuntimeError`, and with the signal's reason when that is
   * aborted; `isError` is an answer.
   */
  readonly call: (input?: Readonly<Record<string, unknown>>, options?: CallOptions) => Promise<ToolResult>
}

/** What a tool answered. */
export interface ToolResult {
  /** Everything in it that can be read, in order, and what the rest is: see `ModelView.textOf`. */
  readonly text: string
  /** The tool failed, and says so in `text`. */
  readonly isError: boolean
  readonly content: ReadonlyArray<Messages.ContentBlock>
  /**
   * An object, or any JSON from servers of revision 2026-07-28. A whole number in it beyond 2^53 is a `JSON.rawJSON` object:
   * `JSON.stringify` writes it exactly, and its `rawJSON` member has the digits.
   */
  readonly structuredContent?: unknown
}

/** How one call is made. Nothing of it must be said. */
export interface CallOptions {
  /** Aborting it interrupts the call: the server is told. */
  readonly signal?: AbortSignal | undefined
  /** Told of each progress report of the server, in order. What it throws is told in the log. Default: progress is not asked for. */
  readonly onProgress?: ((progress: Messages.Progress) => void) | undefined
  /** Covers everything, waiting for the server included. Default: none beyond the server's own deadlines. */
  readonly deadline?: Duration.Input | undefined
  /** True: running it twice is as good as once, so it may be repeated when its outcome is unknown. Default: the tool's hints. */
  readonly idempotent?: boolean | undefined
}

/** The servers of one application. */
export interface Mcp extends AsyncDisposable {
  /**
   * The tools of all servers. Waits until every server has answered or failed, `within` at most (default: 30 seconds each). A server that has
   * not answered is in `unavailable`, with the reason.
   */
  readonly tools: (options?: { readonly within?: Duration.Input | undefined }) => Promise<{
    readonly tools: ReadonlyArray<Tool>
    readonly unavailable: ReadonlyArray<{ readonly server: string; readonly error: McpRuntimeError }>
  }>
  /** Calls a tool by its name in `tools`. */
  readonly call: (
    name: string,
    input?: Readonly<Record<string, unknown>>,
    options?: CallOptions
  ) => Promise<ToolResult>
  /** Ends the back-off or quarantine of a server that keeps failing, by its configured name: it is tried again now, if it is needed. */
  readonly reset: (server: string) => Promise<void>
  /** Ends every server and connection. A second call does nothing. */
  readonly close: () => Promise<void>
}

/** A config file's path, or what would be in it. */
export type Config = string | { readonly mcpServers: Readonly<Record<string, unknown>> }

/** The options of the connections and those of the catalog, in one object. */
export type OpenOptions = LayerOptions & CatalogOptions

/**
 * Reads the config and prepares its servers. Rejects with `ConfigInvalid`, before anything is started, when the file cannot be read; a server
 * whose entry is wrong is in `unavailable` of `tools`.
 */
export const openMcp = async (config: Config, options: OpenOptions = {}): Promise<Mcp> => {
  const hold = new Hold()
  const connections = Layer.effect(
    McpConnections,
    Effect.flatMap(
      typeof config === "string" ? McpConfig.load(config) : McpConfig.decode(config),
      (config) => McpConnections.make(config, options)
    )
  )
  const clock = unheldClock(Clock.Clock.defaultValue())
  const unheld = Layer.mergeAll(
    Layer.succeed(Clock.Clock, clock),
    Layer.succeed(HoldsProgram, false),
    Layer.succeed(Logger.LogToStderr, true)
  )
  const base = Layer.provideMerge(connections, unheld)
  const runtime = ManagedRuntime.make(base)
  // Making it connects the servers, so it is made by the first call that needs it.
  const catalog = ManagedRuntime.make(Layer.provideMerge(ToolCatalog.layer(options), base), {
    memoMap: runtime.memoMap
  })
  let closing: Promise<void> | undefined

  const over = (what: string) => new McpRuntimeError({ reason: new ShuttingDown({ server: what }) })
  const held = async <A>(
    what: string,
    start: () => Promise<Exit.Exit<A, McpRuntimeError>>,
    signal?: AbortSignal
  ): Promise<A> => {
    signal?.throwIfAborted()
    if (closing !== undefined) throw over(what)
    const caller: { readonly stack?: string } = {}
    Error.captureStackTrace(caller, held)
    hold.take()
    try {
      const exit = await start()
      if (Exit.isSuccess(exit)) return exit.value
      // An interruption by the signal is reported as the platform does it everywhere else.
      signal?.throwIfAborted()
      const error = Cause.squash(exit.cause)
      if (error instanceof McpRuntimeError) throw calledAt(caller, error)
      // What a call meets that is cut off by the end of its runtime is that end.
      throw Cause.hasInterruptsOnly(exit.cause) || closing !== undefined ? calledAt(caller, over(what)) : error
    } finally {
      hold.release()
    }
  }
  const resultOf = (result: Messages.CallToolResult): ToolResult => ({
    text: ModelView.textOf(result),
    isError: result.isError === true,
    content: result.content,
    structuredContent: result.structuredContent
  })
  const answer = (
    name: string,
    call: Effect.Effect<Messages.CallToolResult, McpRuntimeError, ToolCatalog>,
    signal: AbortSignal | undefined
  ) => held(name, () => catalog.runPromiseExit(Effect.map(call, resultOf), signal && { signal }), signal)
  const toolOf = ({ call, name, server, tool }: CatalogTool): Tool => ({
    name,
    server,
    title: tool.title,
    description: tool.description,
    inputSchema: tool.inputSchema,
    outputSchema: tool.outputSchema,
    annotations: tool.annotations,
    call: (input, { signal, ...options } = {}) => answer(name, call(input, options), signal)
  })
  const close = (): Promise<void> => {
    if (closing === undefined) {
      hold.take()
      closing = runtime.runPromise(McpConnections.use((mcp) => mcp.drain()))
        .finally(() => catalog.dispose()).finally(() => runtime.dispose()).finally(hold.release)
    }
    return closing
  }

  // What is wrong with the config is told here and not by the first call.
  await held("the config", () => runtime.runPromiseExit(Effect.void))
  return {
    tools: (options) =>
      held("the catalog", () =>
        catalog.runPromiseExit(Effect.map(
          ToolCatalog.use(({ ready }) => ready(options)),
          ({ tools, unavailable }) => ({ tools: tools.map(toolOf), unavailable })
        ))),
    call: (name, input, { signal, ...options } = {}) =>
      answer(name, ToolCatalog.use(({ call }) => call(name, input, options)), signal),
    reset: (server) => held(server, () => runtime.runPromiseExit(McpConnections.use(({ reset }) => reset(server)))),
    close,
    [Symbol.asyncDispose]: close
  }
}

/** The error with the stack of the call that failed: its own shows how the runtime came to know of it, which is no help to the caller. */
const calledAt = ({ stack = "" }: { readonly stack?: string }, { reason }: McpRuntimeError): McpRuntimeError => {
  // Others may be told the same.
  const error = new McpRuntimeError({ reason })
  const frames = stack.split("\n").filter((line) => line.startsWith("    at "))
  return Object.defineProperty(error, "stack", {
    value: [`${error.name}: ${error.message}`, ...frames].join("\n"),
    configurable: true,
    writable: true
  })
}

interface Shared {
  readonly mcp: Promise<Mcp>
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
export const shared = async (config: Config, options?: OpenOptions): Promise<Mcp> => {
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
  let mcp: Mcp
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
const keyOf = (config: Config): string =>
  typeof config === "string"
    ? `file ${path.resolve(Effect.runSync(workingDirectory), config)}`
    : JSON.stringify(config, (_, value: unknown) =>
      typeof value === "object" && value !== null && !Array.isArray(value)
        ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => a < b ? -1 : 1))
        : value)
