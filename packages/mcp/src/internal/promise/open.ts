/** Wraps the platform: the runtime behind `Mcp`, and the calls into it as promises. */
import type * as Messages from "@holdfast/protocol/Messages"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { McpConfig } from "../../McpConfig.ts"
import { type LayerOptions, McpConnections, readAgain } from "../../McpConnections.ts"
import { McpRuntimeError, ShuttingDown } from "../../McpRuntimeError.ts"
import * as ModelView from "../../ModelView.ts"
import { type CatalogTool, ToolCatalog } from "../../ToolCatalog.ts"
import { millisOf } from "../durations.ts"
import { Hold, HoldsProgram } from "../Lifeline.ts"
import { logLevels } from "../subscriptions/SubscriptionSync.ts"
import * as adapters from "./adapters.ts"
import type {
  CallOptions,
  Config,
  Mcp,
  OpenOptions,
  Reader,
  ReadOptions,
  ResourceUpdate,
  ServerLog,
  ServerLogLevel,
  ServerNotification,
  StandardSchema,
  Tool,
  ToolInput,
  ToolResult,
  WaitOptions
} from "./contract.ts"
import { Reading } from "./Reading.ts"

/** What a call may be given. The overloads of `Mcp` say what it comes to. */
interface AnyCallOptions extends CallOptions {
  readonly output?: StandardSchema | undefined
}

/** Opens the runtime. `services`: what it finds around it, such as a `LinkOpener`. Default: nothing. */
export const open = async (
  config: Config,
  options: OpenOptions,
  services: Layer.Layer<never> = Layer.empty
): Promise<Mcp> => {
  if (options.deadline !== undefined) millisOf("deadline", options.deadline)
  const hold = new Hold()
  const base = Layer.provideMerge(
    connectionsOf(config, options),
    Layer.mergeAll(adapters.unheld, Layer.succeed(HoldsProgram, false), adapters.logging(options), services)
  )
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
  const ask = <A>(
    what: string,
    effect: () => Effect.Effect<A, McpRuntimeError>,
    signal?: AbortSignal
  ): Promise<A> => held(what, () => runtime.runPromiseExit(Effect.suspend(effect), signal && { signal }), signal)
  const askCatalog = <A>(
    what: string,
    f: (catalog: ToolCatalog["Service"]) => Effect.Effect<A, McpRuntimeError>,
    signal?: AbortSignal
  ): Promise<A> => held(what, () => catalog.runPromiseExit(ToolCatalog.use(f), signal && { signal }), signal)

  const toolOf = ({ call, name, server, tool }: CatalogTool): Tool => {
    const known = (input?: ToolInput, { signal, ...options }: AnyCallOptions = {}) =>
      askCatalog(name, () => answerOf(call(input, options), options), signal)
    return {
      name,
      server,
      title: tool.title,
      description: tool.description,
      inputSchema: tool.inputSchema,
      outputSchema: tool.outputSchema,
      annotations: tool.annotations,
      // The overloads are what `answerOf` does.
      call: known as Tool["call"]
    }
  }
  const byName = (name: string, input?: ToolInput, { signal, ...options }: AnyCallOptions = {}) =>
    askCatalog(name, ({ call }) => answerOf(call(name, input, options), options), signal)
  const byServer = (server: string, tool: string, input?: ToolInput, { signal, ...options }: AnyCallOptions = {}) =>
    ask(server, () => answerOf(mcp.callTool(server, { name: tool, arguments: input }, options), options), signal)
  const read = <A>(
    stream: Stream.Stream<A>,
    { onEnd, signal }: ReadOptions & { readonly onEnd?: () => Promise<void> } = {}
  ): Reader<A> => {
    if (closing !== undefined) throw over("the runtime")
    return new Reading(Stream.toAsyncIterableWith(stream, context)[Symbol.asyncIterator](), { hold, signal, onEnd })
  }
  /** A reading of what a server is asked to tell, for as long as it lasts. */
  const readHeld = async <A>(
    what: string,
    stream: Stream.Stream<A>,
    begin: () => Effect.Effect<void, McpRuntimeError, Scope.Scope>,
    signal: AbortSignal | undefined
  ): Promise<Reader<A>> => {
    const scope = Scope.forkUnsafe(runtime.scope)
    // It listens before the server is asked, so that nothing is missed.
    const reading = read(stream, { signal, onEnd: () => Effect.runPromise(Scope.close(scope, Exit.void)) })
    try {
      await ask(what, () => Scope.provide(begin(), scope), signal)
      return reading
    } catch (error) {
      await reading.return()
      throw error
    }
  }
  const close = (): Promise<void> => {
    if (closing === undefined) {
      hold.take()
      closing = runtime.runPromise(mcp.drain())
        .finally(() => catalog.dispose()).finally(() => runtime.dispose()).finally(hold.release)
    }
    return closing
  }

  // What is wrong with the config is told here and not by the first call.
  await held("the config", () => runtime.runPromiseExit(Effect.void))
  const context = await runtime.context()
  const mcp = Context.get(context, McpConnections)
  return {
    servers: () => mcp.servers,
    tools: ({ signal, within } = {}) =>
      askCatalog("the catalog", ({ ready }) =>
        Effect.map(
          ready({ within }),
          ({ tools, unavailable }) => ({ tools: tools.map(toolOf), unavailable })
        ), signal),
    // The overloads are what `answerOf` does.
    call: byName as Mcp["call"],
    // As above.
    callTool: byServer as Mcp["callTool"],
    listResources: (server, { signal, ...options } = {}) =>
      ask(server, () => mcp.listResources(server, options), signal),
    listResourceTemplates: (server, { signal, ...options } = {}) =>
      ask(server, () => mcp.listResourceTemplates(server, options), signal),
    readResource: (server, uri, { signal, ...options } = {}) =>
      ask(server, () => Effect.map(mcp.readResource(server, uri, options), ({ contents }) => contents), signal),
    listPrompts: (server, { signal, ...options } = {}) => ask(server, () => mcp.listPrompts(server, options), signal),
    getPrompt: (server, name, args, { signal, ...options } = {}) =>
      ask(server, () => mcp.getPrompt(server, { name, arguments: args }, options), signal),
    complete: (server, request, { signal, ...options } = {}) =>
      ask(server, () => Effect.map(mcp.complete(server, request, options), ({ completion }) => completion), signal),
    request: (server, method, params, { signal, ...options } = {}) =>
      ask(server, () => mcp.request(server, { method, params }, options), signal),
    subscribe: (server, uri, { signal, ...options }: WaitOptions = {}) =>
      readHeld(
        server,
        Stream.filterMap(mcp.notifications, updateOf(server, uri)),
        () => mcp.subscribe(server, uri, options),
        signal
      ),
    logs: (server, level, { signal, ...options }: WaitOptions = {}) =>
      readHeld(
        server,
        Stream.filterMap(mcp.notifications, logOf(server, level)),
        () => mcp.logLevel(server, level, options),
        signal
      ),
    notifications: (options) => read(mcp.notifications, options),
    events: (options) => read(mcp.events, options),
    reset: (server) => ask(server, () => mcp.reset(server)),
    close,
    [Symbol.asyncDispose]: close
  }
}

const connectionsOf = (
  config: Config,
  { authorizers = {}, clientInfo, handlers, isSessionLost, policy, reconnect, recorder, watch }: OpenOptions
): Layer.Layer<McpConnections, McpRuntimeError> => {
  const options: LayerOptions = {
    clientInfo,
    handlers: handlers && adapters.handlers(handlers),
    authorizers: Object.fromEntries(
      Object.entries(authorizers).map(([server, authorizer]) => [server, adapters.authorizer(authorizer)])
    ),
    isSessionLost,
    policy,
    reconnect: reconnect && adapters.reconnect(reconnect),
    recorder: recorder && adapters.recorder(recorder)
  }
  return typeof config === "string"
    ? McpConnections.layerFile(config, { ...options, watch })
    : Layer.effect(
      McpConnections,
      Effect.flatMap(McpConfig.decode(config), (config) => McpConnections.make(config, options))
    )
}

/** With an `output` it is of that type already. */
const answerOf = (
  call: Effect.Effect<Messages.CallToolResult, McpRuntimeError>,
  { output }: AnyCallOptions
): Effect.Effect<unknown, McpRuntimeError> => output === undefined ? Effect.map(call, resultOf) : call

const resultOf = (result: Messages.CallToolResult): ToolResult => ({
  text: ModelView.textOf(result),
  isError: result.isError === true,
  content: result.content,
  structuredContent: result.structuredContent
})

/** The changes of one resource, out of all that servers say. */
const updateOf = (server: string, uri: string) => (said: ServerNotification): Result.Result<ResourceUpdate, void> => {
  const { params } = said
  if (said.server !== server || said.method !== "notifications/resources/updated") return Result.failVoid
  if (!Predicate.isObject(params) || params["uri"] !== uri) return Result.failVoid
  const { _meta } = params
  return Result.succeed({ uri, isMissed: Predicate.isObject(_meta) && _meta[readAgain] === true })
}

/** The log of one server from a level on, out of all that servers say. A level that is none of the protocol's is let through. */
const logOf = (server: string, level: ServerLogLevel) => (said: ServerNotification): Result.Result<ServerLog, void> => {
  const { params } = said
  if (said.server !== server || said.method !== "notifications/message") return Result.failVoid
  if (!Predicate.isObject(params) || typeof params["level"] !== "string") return Result.failVoid
  const severity = levels.indexOf(params["level"])
  if (severity >= 0 && severity < levels.indexOf(level)) return Result.failVoid
  const { data, level: own, logger } = params
  return Result.succeed({ level: own, data, ...(typeof logger === "string" && { logger }) })
}

const levels: ReadonlyArray<string> = logLevels

/** The error with the stack of the call that failed: its own shows how the runtime came to know of it, which is no help to the caller. */
const calledAt = (
  { stack = "" }: { readonly stack?: string },
  { history, reason }: McpRuntimeError
): McpRuntimeError => {
  // Others may be told the same.
  const error = new McpRuntimeError({ reason, ...(history !== undefined && { history }) })
  const frames = stack.split("\n").filter((line) => line.startsWith("    at "))
  return Object.defineProperty(error, "stack", {
    value: [`${error.name}: ${error.message}`, ...frames].join("\n"),
    configurable: true,
    writable: true
  })
}
