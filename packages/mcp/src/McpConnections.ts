/**
 * Calls to MCP servers over pooled connections: opened when first needed, shared, healed, closed with the Scope.
 *
 * What it promises:
 * - ten callers of a cold server start it once; the connection is there for the eleventh;
 * - a call settles exactly once, never later than its deadline: with the server's answer, or with an `McpRuntimeError`
 *   whose reason says whether it may have run;
 * - a call that certainly did not run is sent again; one that may have run is sent again only if repeating it is harmless (it
 *   reads, its tool says so by `readOnlyHint` or `idempotentHint`, or the caller does), three times at most, and while the
 *   server's replay budget lasts;
 * - an interrupted call tells the server and disturbs nobody else's;
 * - a tool that the config switches off is in no list, and a call of it is refused before anything is sent;
 * - parts of the config that are not understood are told in the log, once;
 * - a subscription or a log level that is held keeps its server connected, and is asked for again of every new connection;
 * - two names of a config that mean one server share its connection, and each is told of it under its own name;
 * - an outage is told in the log: one warning when a server is lost or cannot be reached, one if it is quarantined, and one line
 *   at INFO when it is back; every move of every connection at DEBUG;
 * - when the layer's scope closes, every connection and every process it started is gone.
 *
 * A tool's `isError` result and the server's JSON-RPC errors are answers: the first is a success here, the second fails with
 * `ServerError`, neither is retried or held against the connection.
 *
 * **Gotchas**: whether a tool may be repeated is taken from the server's last tool list. If nobody has asked for one, the first
 * call does so beside itself, unless it states `idempotent`.
 */
import { ConnectionPool, Deadlines, type PoolEvent, type PoolPolicy, type PoolSnapshot } from "@holdfast/core"
import * as Messages from "@holdfast/protocol/Messages"
import * as Prompts from "@holdfast/protocol/Prompts"
import * as Resources from "@holdfast/protocol/Resources"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PubSub from "effect/PubSub"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { resolve } from "node:path"
import type { ClientHandlers } from "./ClientHandlers.ts"
import type { Endpoint } from "./Endpoint.ts"
import type { HttpAuthorizer } from "./HttpAuthorizer.ts"
import { Replay } from "./internal/calls/CallRetries.ts"
import type {
  CallOptions,
  CompletionRequest,
  PromptCall,
  Request,
  ServerNotification,
  ToolCall,
  ToolEvent,
  UseOptions,
  WaitOptions
} from "./internal/calls/contract.ts"
import { isRepeatable } from "./internal/calls/delivery.ts"
import { guardedListener } from "./internal/calls/guardedListener.ts"
import { allPages, type Listing } from "./internal/calls/listing.ts"
import * as listings from "./internal/calls/listings.ts"
import { type Decode, Oddities } from "./internal/calls/Oddities.ts"
import { toolEvents } from "./internal/calls/toolEvents.ts"
import { ToolHints } from "./internal/calls/ToolHints.ts"
import { ConfigNews } from "./internal/config/ConfigNews.ts"
import * as ConfigWatch from "./internal/config/ConfigWatch.ts"
import { guardedHandlers } from "./internal/connection/guardedHandlers.ts"
import type { SessionLostClassifier } from "./internal/http/SessionLost.ts"
import { scopedFork } from "./internal/link/scopedFork.ts"
import { workingDirectory } from "./internal/nodePlatform.ts"
import * as ConnectionLog from "./internal/pool/ConnectionLog.ts"
import * as McpConnector from "./internal/pool/McpConnector.ts"
import * as Targets from "./internal/pool/PooledServer.ts"
import { ServerMemory } from "./internal/pool/ServerMemory.ts"
import * as UnderNames from "./internal/pool/underNames.ts"
import { Holding } from "./internal/subscriptions/Holding.ts"
import { readAgain, Subscriptions } from "./internal/subscriptions/Subscriptions.ts"
import type { LogLevel } from "./internal/subscriptions/Teller.ts"
import { Warmth } from "./internal/subscriptions/Warmth.ts"
import { version } from "./internal/version.ts"
import { McpConfig } from "./McpConfig.ts"
import type { McpConnection } from "./McpConnection.ts"
import { ConfigInvalid, DeadlineExceeded, McpRuntimeError, ToolDisabled } from "./McpRuntimeError.ts"
import * as ToolFilter from "./ToolFilter.ts"

export type {
  CallOptions,
  CompletionRequest,
  PromptCall,
  Request,
  ServerNotification,
  ToolCall,
  ToolEvent,
  UseOptions,
  WaitOptions
}

export {
  /**
   * Marks a notification of the runtime's own (`params._meta[readAgain] === true`): a resource that is subscribed to was not heard of
   * for a while, because its connection was lost or replaced, and is heard of again now. Read it again.
   */
  readAgain
}

/** The servers of one application. A server is meant by its configured name, or by an endpoint. */
export class McpConnections extends Context.Service<McpConnections, {
  /** The configured servers that can be used, now. */
  readonly servers: ReadonlyArray<string>
  /** Servers that cannot be used (wrong in their entry, a placeholder without a value, switched off), with the reason. */
  readonly unusable: ReadonlyMap<string, ConfigInvalid>
  /**
   * Takes another config from now on: servers that are as they were keep their connections, those of changed or removed ones
   * finish their calls and close.
   */
  readonly reload: (config: McpConfig) => Effect.Effect<void>
  /** Tells whenever another config has been taken. */
  readonly reloads: Stream.Stream<void>
  /** Calls a tool. Succeeds with whatever the tool answered, `isError` included. */
  readonly callTool: (
    server: string | Endpoint,
    call: ToolCall,
    options?: CallOptions
  ) => Effect.Effect<Messages.CallToolResult, McpRuntimeError>
  /**
   * The same as a stream: the call's progress, in order, then its result. Interrupting the stream interrupts the call. A reader may be
   * 1024 reports behind; past that the newest takes the place of those before it, and says of how many (`skipped`).
   */
  readonly callToolStream: (
    server: string | Endpoint,
    call: ToolCall,
    options?: Omit<CallOptions, "onProgress">
  ) => Stream.Stream<ToolEvent, McpRuntimeError>
  /** Every tool of a server, all pages. A server that offers no tools has none: that is no error. The same for the other lists. */
  readonly listTools: (
    server: string | Endpoint,
    options?: WaitOptions
  ) => Effect.Effect<ReadonlyArray<Messages.Tool>, McpRuntimeError>
  readonly listResources: (
    server: string | Endpoint,
    options?: WaitOptions
  ) => Effect.Effect<ReadonlyArray<Resources.Resource>, McpRuntimeError>
  readonly listResourceTemplates: (
    server: string | Endpoint,
    options?: WaitOptions
  ) => Effect.Effect<ReadonlyArray<Resources.ResourceTemplate>, McpRuntimeError>
  readonly readResource: (
    server: string | Endpoint,
    uri: string,
    options?: WaitOptions
  ) => Effect.Effect<Resources.ReadResourceResult, McpRuntimeError>
  readonly listPrompts: (
    server: string | Endpoint,
    options?: WaitOptions
  ) => Effect.Effect<ReadonlyArray<Prompts.Prompt>, McpRuntimeError>
  readonly getPrompt: (
    server: string | Endpoint,
    call: PromptCall,
    options?: WaitOptions
  ) => Effect.Effect<Prompts.GetPromptResult, McpRuntimeError>
  readonly complete: (
    server: string | Endpoint,
    request: CompletionRequest,
    options?: WaitOptions
  ) => Effect.Effect<Prompts.CompleteResult, McpRuntimeError>
  /**
   * Any other request, by the same rules of delivery; the result is the server's own object, unchecked. What only reads is
   * repeatable; a tool's hints count for `tools/call`; everything else is not, unless `idempotent` says so.
   */
  readonly request: (
    server: string | Endpoint,
    request: Request,
    options?: CallOptions
  ) => Effect.Effect<unknown, McpRuntimeError>
  /**
   * Asks the server to tell about changes of a resource until the Scope closes: `notifications/resources/updated` in
   * `notifications`. The server is kept connected for it as by `warm`, so that a program may listen and do nothing else: a connection
   * that is lost is opened again, and every new one is asked again, that of the server that another config puts under its name
   * included. Counted, so that several may watch the same.
   *
   * What a server said while no connection was there is lost. Once the resource is heard of again, `notifications` says so, by one
   * `notifications/resources/updated` of the runtime's own that bears the mark `readAgain`: read the resource again.
   *
   * Succeeds when the server has said yes (one that serves revision 2026-07-28 by acknowledging it). Fails with `ServerError` when it
   * refuses, and as any request otherwise. One that refuses later, after a restart, is told in the log.
   */
  readonly subscribe: (
    server: string | Endpoint,
    uri: string,
    options?: WaitOptions
  ) => Effect.Effect<void, McpRuntimeError, Scope.Scope>
  /**
   * Asks the server for log messages from this level on until the Scope closes: `notifications/message` in `notifications`. Of
   * several levels asked for the most verbose is in force, so filter what comes. Holds its connection, and fails, as `subscribe` does.
   */
  readonly logLevel: (
    server: string | Endpoint,
    level: LogLevel,
    options?: WaitOptions
  ) => Effect.Effect<void, McpRuntimeError, Scope.Scope>
  /**
   * What all servers say from now on, under the names that they were asked for by. A reader that falls 1024 behind misses the oldest,
   * which the log tells once.
   */
  readonly notifications: Stream.Stream<ServerNotification>
  /** Connects ahead of the first call and keeps the connection, redialled when lost, until the Scope closes. Does not wait. */
  readonly warm: (server: string | Endpoint) => Effect.Effect<void, McpRuntimeError, Scope.Scope>
  /** Borrows a connection while `f` runs, for what has no method here. `f` is run once: repeating is its own business. */
  readonly use: <A, E, R>(
    server: string | Endpoint,
    f: (connection: McpConnection) => Effect.Effect<A, E, R>,
    options?: UseOptions
  ) => Effect.Effect<A, E | McpRuntimeError, R>
  /**
   * How far the start of a server is that is under way: what it waits for, in a clause, with the server's own words. Undefined when it
   * is not being started.
   */
  readonly starting: (server: string | Endpoint) => Effect.Effect<string | undefined, McpRuntimeError>
  /**
   * Begins anew with the server, now: ends its back-off or quarantine, and gives nobody else the connections it has, ready ones
   * included. Calls in flight end on them. It is connected at once if anybody waits, or else when it is next called.
   */
  readonly reset: (server: string | Endpoint) => Effect.Effect<void, McpRuntimeError>
  /** The pool at this instant. A connection that two names share is told of under both; its fingerprint is the same. */
  readonly snapshot: Effect.Effect<PoolSnapshot.PoolSnapshot>
  /** Every transition of every connection from now on, told of as in `snapshot`. */
  readonly events: Stream.Stream<PoolEvent.PoolEvent>
  /** Refuses new calls, lets running ones finish until `timeout` (default 10 s), then closes everything. */
  readonly drain: (timeout?: Duration.Input) => Effect.Effect<void>
}>()("@holdfast/mcp/McpConnections") {}

/** Options of the application as a whole. */
export interface LayerOptions {
  /** What servers are told about the client. Default: holdfast and its version. */
  readonly clientInfo?: { readonly name: string; readonly version: string; readonly title?: string } | undefined
  /** What is offered to the servers: roots, sampling, elicitation. Default: nothing. */
  readonly handlers?: ClientHandlers | undefined
  /** Where the credentials of configured HTTP servers come from, by the server's name: see `OAuth`. Default: their headers. */
  readonly authorizers?: Readonly<Record<string, HttpAuthorizer>> | undefined
  /**
   * Which responses of configured HTTP servers mean that the session is lost, by the server's name: see `HttpLinkOptions`. Default: 404,
   * and any refusal that says so.
   */
  readonly isSessionLost?: Readonly<Record<string, SessionLostClassifier>> | undefined
  /** Limits over all servers (`maxConnections`, `drainTimeout`). What is said about a server in its config is the server's. */
  readonly policy?: PoolPolicy.PoolPolicyInput | undefined
}

/** Options of a config that is a file. */
export interface FileOptions extends LayerOptions {
  /**
   * Takes the file anew whenever something else is in it: see `reload`. At once where the system tells of changes; where it does not
   * (too many watchers, a network file system), within one second or ten, and the log says so. What is no config leaves the last one in
   * force, and is told of once. Default: false.
   */
  readonly watch?: boolean | undefined
}

/** Makes the service for as long as the Scope is open. Nothing is connected before it is needed. */
export const make = Effect.fnUntraced(function*(
  config: McpConfig,
  options: LayerOptions = {}
): Effect.fn.Return<McpConnections["Service"], McpRuntimeError, Scope.Scope> {
  const deadlines = yield* Deadlines.make
  const targets = yield* Targets.make(config, options)
  const clientInfo = options.clientInfo ?? { name: "holdfast", version }
  const scope = yield* Effect.scope
  const notifications = yield* PubSub.sliding<ServerNotification>(1024)
  const reloads = yield* PubSub.sliding<void>(1)
  yield* Effect.addFinalizer(() => Effect.andThen(PubSub.shutdown(notifications), PubSub.shutdown(reloads)))
  const fork = yield* scopedFork
  const names = ({ fingerprint, label }: Targets.Target) => targets.names(fingerprint, label)
  let isLossTold = false
  const tell = (notification: ServerNotification): void => {
    if (PubSub.publishUnsafe(notifications, notification) || PubSub.isShutdownUnsafe(notifications)) return
    // Full means that a reader is behind: then its oldest is dropped, which takes an effect.
    fork(PubSub.publish(notifications, notification))
    if (isLossTold) return
    isLossTold = true
    fork(Effect.logWarning("a reader of the notifications of servers is more than 1024 behind and misses the oldest"))
  }
  const subscriptions = new Subscriptions({
    current: targets.current,
    onGap: (server, uri) => {
      tell({ server, method: "notifications/resources/updated", params: { uri, _meta: { [readAgain]: true } } })
    }
  })
  const memory = new ServerMemory()
  const connector = McpConnector.make({
    clientInfo,
    memory,
    deadlines,
    handlers: options.handlers && guardedHandlers(options.handlers),
    logLevel: (target) => subscriptions.level(target),
    prepare: (target, connection) => subscriptions.serve(target, connection),
    names,
    onNotification: (target, method, params) => {
      for (const server of names(target)) tell({ server, method, params })
    }
  })
  const pool = yield* ConnectionPool.make(connector, {
    policy: options.policy,
    policyFor: (target) => McpConnector.poolPolicy(target, targets.isGone(target)),
    deadlines
  }).pipe(
    Effect.mapError(({ actual, expected, option }) =>
      new McpRuntimeError({
        reason: new ConfigInvalid({ file: config.file, path: `policy.${option}`, expected, actual })
      })
    )
  )
  const configNews = new ConfigNews()
  yield* configNews.tell(config.warnings)
  const events = UnderNames.events(pool.events, targets.names)
  yield* Effect.forkScoped(ConnectionLog.follow(events, () => deadlines.now()), { startImmediately: true })
  const replay = new Replay({ pool, deadlines, memory, progress: connector.progress })
  const warmth = new Warmth(pool, targets)
  const holding = new Holding({ targets, subscriptions, replay, warmth, scope })
  const oddities = new Oddities()

  const list = <Page extends { readonly nextCursor?: string }, Item>(
    target: Targets.Target,
    listing: Listing<Page, Item>,
    options: WaitOptions
  ) =>
    replay.run({
      target,
      method: listing.method,
      limit: target.deadlines.read,
      deadline: options.deadline,
      waitForReady: options.waitForReady,
      send: (connection, left) => allPages(listing, connection, left),
      mayRepeat: Effect.succeed(true)
    }).pipe(
      Effect.flatMap(({ items, oddities: odd }) => Effect.as(oddities.tell(target.label, listing.method, odd), items))
    )
  const listTools = (target: Targets.Target, options: WaitOptions) =>
    list(target, target.endpoint._tag === "Http" ? listings.toolsOverHttp : listings.tools, options).pipe(
      Effect.tap((tools) => Effect.sync(() => hints.remember(target, tools))),
      Effect.tap((tools) => configNews.tell(ConfigNews.ofMissing(target, tools))),
      Effect.map((tools) => ToolFilter.offered(target.tools, tools))
    )
  const hints = new ToolHints(scope, memory, (target) => listTools(target, {}))

  const request = (target: Targets.Target, { method, params }: Request, options: CallOptions) => {
    const isTool = method === "tools/call"
    const named = isTool && params !== undefined && "name" in params && typeof params.name === "string"
      ? params.name
      : undefined
    const hiding = named === undefined ? undefined : ToolFilter.hiding(target.tools, named)
    if (hiding !== undefined && named !== undefined) {
      const reason = new ToolDisabled({ server: target.label, tool: named, said: hiding.said })
      return Effect.fail(new McpRuntimeError({ reason }))
    }
    const { idempotent } = options
    const onProgress = options.onProgress &&
      guardedListener(
        options.onProgress,
        (error) => void fork(Effect.logWarning(`${target.label}: onProgress of ${method} failed`, error))
      )
    return replay.run({
      target,
      method,
      limit: isTool ? target.deadlines.hard : target.deadlines.read,
      deadline: options.deadline,
      waitForReady: options.waitForReady,
      send: (connection, left) => {
        const saying = (headers: Readonly<Record<string, string>> | undefined) =>
          connection.request(method, params ?? {}, {
            hardDeadline: left,
            ...(isTool && { idleDeadline: target.deadlines.idle }),
            ...(headers !== undefined && { headers }),
            server: target.label,
            onProgress
          })
        const sent = named !== undefined && connection.era === "modern"
          ? hints.withHeaders(target, connection, { name: named, args: argumentsIn(params), left }, saying)
          : saying(undefined)
        return isTool && idempotent === undefined ? Effect.andThen(hints.ask(target, connection), sent) : sent
      },
      mayRepeat: idempotent === undefined && named !== undefined
        ? hints.mayRepeat(target, named)
        : Effect.succeed(idempotent ?? isRepeatable(method))
    }).pipe(Effect.mapError((error) => named === undefined ? error : ofTool(error, named)))
  }
  const ask = <A>(
    server: string | Endpoint,
    asked: Request,
    options: CallOptions,
    decode: Decode<A>
  ) =>
    targets.at(server, (target) =>
      Effect.flatMap(
        request(target, asked, options),
        (answer) => oddities.read(target.label, asked, answer, decode)
      ))
  const callTool = (server: string | Endpoint, call: ToolCall, options: CallOptions) =>
    ask(
      server,
      { method: "tools/call", params: { name: call.name, arguments: call.arguments ?? {} } },
      options,
      Messages.decodeCallToolResult
    )

  const { at } = targets

  return {
    get servers() {
      return targets.servers()
    },
    get unusable() {
      return targets.unusable()
    },
    reload: (next) =>
      Effect.flatMap(configNews.tell(next.warnings), () => {
        const gone = targets.replace(next)
        subscriptions.renew()
        // First the wish to keep them connected, or they would be opened again.
        return warmth.renew().pipe(
          Effect.andThen(Effect.forEach(gone, (target) => pool.discontinue(target), { discard: true })),
          Effect.andThen(Effect.asVoid(PubSub.publish(reloads, undefined)))
        )
      }),
    reloads: Stream.fromPubSub(reloads),
    callTool: (server, call, options = {}) => callTool(server, call, options),
    callToolStream: (server, call, options = {}) =>
      toolEvents((onProgress) => callTool(server, call, { ...options, onProgress })),
    listTools: (server, options = {}) => at(server, (target) => listTools(target, options)),
    listResources: (server, options = {}) => at(server, (target) => list(target, listings.resources, options)),
    listResourceTemplates: (server, options = {}) =>
      at(server, (target) => list(target, listings.resourceTemplates, options)),
    readResource: (server, uri, options = {}) =>
      ask(server, { method: "resources/read", params: { uri } }, options, Resources.decodeReadResourceResult),
    listPrompts: (server, options = {}) => at(server, (target) => list(target, listings.prompts, options)),
    getPrompt: (server, call, options = {}) =>
      ask(
        server,
        { method: "prompts/get", params: { name: call.name, arguments: call.arguments ?? {} } },
        options,
        Prompts.decodeGetPromptResult
      ),
    complete: (server, params, options = {}) =>
      ask(server, { method: "completion/complete", params }, options, Prompts.decodeCompleteResult),
    request: (server, asked, options = {}) =>
      at(server, (target) =>
        asked.method === "tools/list" && target.tools !== undefined
          ? Effect.map(request(target, asked, options), (answer) => ToolFilter.offeredIn(target.tools, answer))
          : request(target, asked, options)),
    subscribe: (server, uri, options = {}) => holding.subscribe(server, uri, options),
    logLevel: (server, level, options = {}) => holding.logLevel(server, level, options),
    notifications: Stream.fromPubSub(notifications),
    warm: (server) => warmth.keep(server),
    use: (server, f, options) => at(server, (target) => replay.once(target, f, options)),
    starting: (server) => at(server, (target) => Effect.sync(() => connector.progress(target))),
    reset: (server) => at(server, (target) => Effect.andThen(pool.invalidate(target), pool.reset(target))),
    snapshot: Effect.map(pool.snapshot, (snapshot) => UnderNames.snapshot(snapshot, targets.names)),
    events,
    drain: pool.drain
  }
})

const argumentsIn = (params: object | undefined): unknown =>
  params !== undefined && "arguments" in params ? params.arguments : undefined

/** The service over a config. Fails with `ConfigInvalid` when the policy of the whole contradicts itself. */
export const layer = (config: McpConfig, options?: LayerOptions): Layer.Layer<McpConnections, McpRuntimeError> =>
  Layer.effect(McpConnections, make(config, options))

/**
 * The service over a config file. Needs nothing else on Node. Fails with `ConfigInvalid`, before anything is started, when the file cannot be
 * read; a server whose entry is wrong is in `unusable`.
 *
 * @example
 * ```ts
 * import { layerFile, McpConnections } from "@holdfast/mcp"
 * import * as Effect from "effect/Effect"
 *
 * export const program = Effect.gen(function*() {
 *   const mcp = yield* McpConnections
 *   return yield* mcp.callTool("fs", { name: "read_text_file", arguments: { path: "README.md" } }, { deadline: "30 seconds" })
 * }).pipe(Effect.provide(layerFile("mcp.json")))
 * ```
 */
export const layerFile = (file: string, options: FileOptions = {}): Layer.Layer<McpConnections, McpRuntimeError> =>
  Layer.effect(
    McpConnections,
    Effect.gen(function*() {
      const path = resolve(yield* workingDirectory, file)
      // Before the config is read: what is written meanwhile is another one.
      const seen = options.watch === true ? yield* ConfigWatch.textOf(path) : undefined
      const mcp = yield* make(yield* McpConfig.load(file), options)
      if (options.watch === true) {
        yield* ConfigWatch.follow({ file, path, seen, load: McpConfig.load(file), take: mcp.reload })
      }
      return mcp
    })
  )

/** Many tools are called by one method: which of them was late is what a caller asks first. */
const ofTool = (error: McpRuntimeError, tool: string): McpRuntimeError =>
  error.reason._tag === "DeadlineExceeded"
    ? new McpRuntimeError({ reason: new DeadlineExceeded({ ...error.reason, tool }) })
    : error
