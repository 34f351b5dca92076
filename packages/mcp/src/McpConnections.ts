/**
 * Calls to MCP servers over pooled connections: opened when first needed, shared, healed, closed with the Scope.
 *
 * What it promises:
 * - ten callers of a cold server start it once; the connection is there for the eleventh;
 * - a call settles exactly once, never later than its deadline: with the server's answer, or with an `McpRuntimeError`
 *   whose reason says whether it may have run;
 * - a call that certainly did not run is sent again; one that may have run is sent again only if repeating it is harmless (it
 *   reads, its tool says so by `readOnlyHint` or `idempotentHint`, or the caller does), three times at most;
 * - an interrupted call tells the server and disturbs nobody else's;
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
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { Endpoint } from "./Endpoint.ts"
import * as McpConnector from "./internal/connector.ts"
import { packageVersion } from "./internal/nodePlatform.ts"
import { Replay } from "./internal/replay.ts"
import * as Targets from "./internal/target.ts"
import { McpConfig } from "./McpConfig.ts"
import type { CallFailure, McpConnection } from "./McpConnection.ts"
import { ConfigInvalid, InvalidAnswer, McpRuntimeError } from "./McpRuntimeError.ts"

/** How long to wait, and for what. */
export interface WaitOptions {
  /** Covers everything, waiting for a connection and repetitions included. Default: none beyond the server's own deadlines. */
  readonly deadline?: Duration.Input | undefined
  /** False fails at once with `NotReady` while the server is being restarted. Default: the policy's, true. */
  readonly waitForReady?: boolean | undefined
}

export interface CallOptions extends WaitOptions {
  /** True: running this call twice is as good as once, so it may be repeated when its outcome is unknown. Default: false. */
  readonly idempotent?: boolean | undefined
  /** Told about the call's progress, in order, before the call settles. */
  readonly onProgress?: ((progress: Messages.Progress) => void) | undefined
}

/** How to borrow a connection. */
export interface UseOptions {
  /** Shortens the wait for a connection. Default: the policy's `acquireTimeout`. */
  readonly timeout?: Duration.Input | undefined
  readonly waitForReady?: boolean | undefined
}

/** Which tool, with which arguments. */
export interface ToolCall {
  readonly name: string
  readonly arguments?: Readonly<Record<string, unknown>> | undefined
}

/** The servers of one application. A server is meant by its configured name, or by an endpoint. */
export class McpConnections extends Context.Service<McpConnections, {
  /** The configured servers that can be used. */
  readonly servers: ReadonlyArray<string>
  /** Calls a tool. Succeeds with whatever the tool answered, `isError` included. */
  readonly callTool: (
    server: string | Endpoint,
    call: ToolCall,
    options?: CallOptions
  ) => Effect.Effect<Messages.CallToolResult, McpRuntimeError>
  /** Every tool of a server, all pages. A server that offers no tools has none: that is no error. */
  readonly listTools: (
    server: string | Endpoint,
    options?: WaitOptions
  ) => Effect.Effect<ReadonlyArray<Messages.Tool>, McpRuntimeError>
  /** Borrows a connection while `f` runs, for what has no method here. `f` is run once: repeating is its own business. */
  readonly use: <A, E, R>(
    server: string | Endpoint,
    f: (connection: McpConnection) => Effect.Effect<A, E, R>,
    options?: UseOptions
  ) => Effect.Effect<A, E | McpRuntimeError, R>
  /** The pool at this instant. */
  readonly snapshot: Effect.Effect<PoolSnapshot.PoolSnapshot>
  /** Every transition of every connection from now on. */
  readonly events: Stream.Stream<PoolEvent.PoolEvent>
  /** Refuses new calls, lets running ones finish until `timeout` (default 10 s), then closes everything. */
  readonly drain: (timeout?: Duration.Input) => Effect.Effect<void>
}>()("@holdfast/mcp/McpConnections") {}

/** Options of the application as a whole. */
export interface LayerOptions {
  /** What servers are told about the client. Default: holdfast and its version. */
  readonly clientInfo?: { readonly name: string; readonly version: string; readonly title?: string } | undefined
  /** Limits over all servers (`maxConnections`, `drainTimeout`). What is said about a server in its config is the server's. */
  readonly policy?: PoolPolicy.PoolPolicyInput | undefined
}

/** Makes the service for as long as the Scope is open. Nothing is connected before it is needed. */
export const make = Effect.fnUntraced(function*(
  config: McpConfig,
  options: LayerOptions = {}
): Effect.fn.Return<McpConnections["Service"], McpRuntimeError, Scope.Scope> {
  const deadlines = yield* Deadlines.make
  const targets = yield* Targets.make(config)
  const clientInfo = options.clientInfo ?? { name: "holdfast", version: yield* packageVersion }
  const pool = yield* ConnectionPool.make(McpConnector.make({ clientInfo, deadlines }), {
    policy: options.policy,
    policyFor: McpConnector.poolPolicy,
    deadlines
  }).pipe(
    Effect.mapError(({ actual, expected, option }) =>
      new McpRuntimeError({
        reason: new ConfigInvalid({ file: config.file, path: `policy.${option}`, expected, actual })
      })
    )
  )
  const replay = new Replay(pool, deadlines)
  /** Tools by server that say of themselves that calling them twice does no harm. */
  const repeatable = new Map<string, ReadonlySet<string>>()
  const hints = new Map<string, Fiber.Fiber<void>>()
  const scope = yield* Effect.scope

  const remember = (target: Targets.Target, tools: ReadonlyArray<Messages.Tool>): void => {
    repeatable.set(target.fingerprint, new Set(tools.filter(isRepeatable).map(({ name }) => name)))
  }

  const listTools = (target: Targets.Target, options: WaitOptions) =>
    replay.run({
      target,
      method: "tools/list",
      limit: target.deadlines.read,
      deadline: options.deadline,
      waitForReady: options.waitForReady,
      send: (connection, left) => allPages(target.label, connection, left),
      mayRepeat: Effect.succeed(true)
    }).pipe(Effect.tap((tools) => Effect.sync(() => remember(target, tools))))

  /**
   * Asks for the hints once per server, beside its first call: whether a lost call may be repeated must be known when it is
   * lost. Where connections are shared this rides on the call's connection and survives its loss; an exclusive one is asked
   * itself, since another would be opened for the question; one that serves a single call is not asked.
   */
  const askForHints = (target: Targets.Target, connection: McpConnection): Effect.Effect<void> =>
    Effect.suspend(() => {
      const { deadlines, fingerprint, label, policy } = target
      if (!policy.reuse || repeatable.has(fingerprint) || hints.has(fingerprint)) return Effect.void
      const ask: Effect.Effect<ReadonlyArray<Messages.Tool>, CallFailure | McpRuntimeError> =
        policy.sharing === "shared"
          ? listTools(target, {})
          : allPages(label, connection, () => deadlines.read)
      return ask.pipe(
        Effect.map((tools) => remember(target, tools)),
        // Who cannot be asked has not said that repeating is harmless. The next call asks again.
        Effect.catch((failure) => Effect.logDebug(`${label}: no tool list for its hints: ${failure.message}`)),
        Effect.ensuring(Effect.sync(() => hints.delete(fingerprint))),
        Effect.forkIn(scope),
        Effect.map((fiber) => {
          hints.set(fingerprint, fiber)
        })
      )
    })

  const mayRepeatTool = (target: Targets.Target, name: string): Effect.Effect<boolean> =>
    Effect.suspend(() => {
      const known = repeatable.get(target.fingerprint)
      if (known !== undefined) return Effect.succeed(known.has(name))
      const asking = hints.get(target.fingerprint)
      if (asking === undefined) return Effect.succeed(false)
      return Fiber.await(asking).pipe(
        Effect.timeoutOption(hintTimeout),
        Effect.map(() => repeatable.get(target.fingerprint)?.has(name) ?? false)
      )
    })

  const callTool = (target: Targets.Target, call: ToolCall, options: CallOptions) =>
    replay.run({
      target,
      method: "tools/call",
      limit: target.deadlines.hard,
      deadline: options.deadline,
      waitForReady: options.waitForReady,
      send: (connection, left) => {
        const request = Effect.flatMap(
          connection.request("tools/call", { name: call.name, arguments: call.arguments ?? {} }, {
            idleDeadline: target.deadlines.idle,
            hardDeadline: left,
            onProgress: options.onProgress
          }),
          (answer) => fromAnswer(target.label, "tools/call", Messages.decodeCallToolResult(answer))
        )
        return options.idempotent === undefined ? Effect.andThen(askForHints(target, connection), request) : request
      },
      mayRepeat: options.idempotent === undefined
        ? mayRepeatTool(target, call.name)
        : Effect.succeed(options.idempotent)
    })

  return {
    servers: [...config.servers.keys()],
    callTool: (server, call, options = {}) =>
      Effect.flatMap(targets.find(server), (target) => callTool(target, call, options)),
    listTools: (server, options = {}) => Effect.flatMap(targets.find(server), (target) => listTools(target, options)),
    use: (server, f, options) => Effect.flatMap(targets.find(server), (target) => replay.once(target, f, options)),
    snapshot: pool.snapshot,
    events: pool.events,
    drain: pool.drain
  }
})

/** The service over a config. Fails with `ConfigInvalid` when the policy of the whole contradicts itself. */
export const layer = (config: McpConfig, options?: LayerOptions): Layer.Layer<McpConnections, McpRuntimeError> =>
  Layer.effect(McpConnections, make(config, options))

/**
 * The service over a config file. Needs nothing else on Node. Fails with `ConfigInvalid`, before anything is started.
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
export const layerFile = (file: string, options?: LayerOptions): Layer.Layer<McpConnections, McpRuntimeError> =>
  Layer.effect(McpConnections, Effect.flatMap(McpConfig.load(file), (config) => make(config, options)))

/** How long a lost call waits for a tool list that is on its way. */
const hintTimeout = "5 seconds"

/** A list that does not end is a fault of the server, not a reason to run out of memory. */
const maxPages = 1000

const isRepeatable = ({ annotations }: Messages.Tool): boolean =>
  annotations?.readOnlyHint === true || annotations?.idempotentHint === true

const methodNotFound = -32601

/** All pages from one connection: a cursor of one session means nothing to the next. */
const allPages = Effect.fnUntraced(function*(
  server: string,
  connection: McpConnection,
  left: () => number
): Effect.fn.Return<ReadonlyArray<Messages.Tool>, CallFailure> {
  const tools: Array<Messages.Tool> = []
  const cursors = new Set<string>()
  for (let cursor: string | undefined = undefined; cursors.size < maxPages;) {
    const page: Messages.ListToolsResult = yield* connection.request(
      "tools/list",
      cursor === undefined ? {} : { cursor },
      { hardDeadline: left }
    ).pipe(
      Effect.flatMap((answer) => fromAnswer(server, "tools/list", Messages.decodeListToolsResult(answer))),
      Effect.catchIf(
        (failure) =>
          failure._tag === "ServerError" && failure.code === methodNotFound &&
          connection.capabilities.tools === undefined,
        () => Effect.succeed({ tools: [] })
      )
    )
    for (const tool of page.tools) tools.push(tool)
    cursor = page.nextCursor
    if (cursor === undefined) return tools
    if (cursors.has(cursor)) break
    cursors.add(cursor)
  }
  const description = `the list of tools does not end (${tools.length} tools so far)`
  return yield* new InvalidAnswer({ server, method: "tools/list", description })
})

const fromAnswer = <A>(
  server: string,
  method: string,
  decoded: Result.Result<A, string>
): Effect.Effect<A, InvalidAnswer> =>
  Result.isSuccess(decoded)
    ? Effect.succeed(decoded.success)
    // A schema's complaint has a line per fault; a message is one line.
    : Effect.fail(new InvalidAnswer({ server, method, description: decoded.failure.replaceAll(/\s*\n\s*/g, " ") }))
