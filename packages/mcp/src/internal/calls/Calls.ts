/**
 * Everything that `McpConnections` does, put together: the pool, what is known of servers, calls with their repetitions, lists,
 * subscriptions, and the taking of another config.
 */
import { ConnectionPool, Deadlines } from "@holdfast/core"
import * as Messages from "@holdfast/protocol/Messages"
import * as Prompts from "@holdfast/protocol/Prompts"
import * as Resources from "@holdfast/protocol/Resources"
import * as Tasks from "@holdfast/protocol/Tasks"
import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as PubSub from "effect/PubSub"
import * as Stream from "effect/Stream"
import type { Endpoint } from "../../Endpoint.ts"
import type { McpConfig } from "../../McpConfig.ts"
import { ConfigInvalid, McpRuntimeError, NotATask, ToolDisabled } from "../../McpRuntimeError.ts"
import * as ToolFilter from "../../ToolFilter.ts"
import { ConfigNews } from "../config/ConfigNews.ts"
import type { CallFailure, McpConnection } from "../connection/contract.ts"
import { guardedHandlers } from "../connection/guardedHandlers.ts"
import { millisOf } from "../durations.ts"
import { explain } from "../history/explain.ts"
import { scopedFork } from "../link/scopedFork.ts"
import * as ConnectionLog from "../pool/ConnectionLog.ts"
import * as McpConnector from "../pool/McpConnector.ts"
import type { PooledServer } from "../pool/PooledServer.ts"
import * as PooledServers from "../pool/PooledServer.ts"
import { ServerMemory } from "../pool/ServerMemory.ts"
import * as UnderNames from "../pool/underNames.ts"
import * as FlightRecorder from "../recording/FlightRecorder.ts"
import { HeldSubscriptions } from "../subscriptions/HeldSubscriptions.ts"
import { KeepOpen } from "../subscriptions/KeepOpen.ts"
import { readAgain, Subscriptions } from "../subscriptions/Subscriptions.ts"
import type { LogLevel } from "../subscriptions/SubscriptionSync.ts"
import { version } from "../version.ts"
import { CallRetries } from "./CallRetries.ts"
import { ClientMetrics } from "./ClientMetrics.ts"
import type {
  CallOptions,
  CallTool,
  CompletionRequest,
  LayerOptions,
  McpRequest,
  PromptCall,
  ServerNotification,
  ToolCall,
  TypedCallOptions,
  UseOptions,
  WaitOptions
} from "./contract.ts"
import { isRepeatable } from "./delivery.ts"
import { guardedListener } from "./guardedListener.ts"
import { ListCache } from "./ListCache.ts"
import { allPages, type Listing } from "./listing.ts"
import * as listings from "./listings.ts"
import { type Decode, Oddities } from "./Oddities.ts"
import { type Deadline, type DriveOptions, type TaskAt, TaskCalls } from "./TaskCalls.ts"
import type { AwaitOptions, StartOptions, TaskHandle, TaskOptions } from "./taskContract.ts"
import { toolEvents } from "./toolEvents.ts"
import { ToolHints } from "./ToolHints.ts"
import * as typedOutput from "./typedOutput.ts"

/** The service behind `McpConnections`, for as long as the Scope is open. */
export const make = Effect.fnUntraced(function*<R>(
  config: McpConfig,
  options: LayerOptions<R> = {}
) {
  const services = yield* Effect.context<R>()
  const deadlines = yield* Deadlines.make
  const clock = yield* Clock.Clock
  const targets = yield* PooledServers.make(config, options)
  const { onTry } = options
  const clientInfo = options.clientInfo ?? { name: "holdfast", version }
  const scope = yield* Effect.scope
  const notifications = yield* PubSub.sliding<ServerNotification>(1024)
  const reloads = yield* PubSub.sliding<void>(1)
  yield* Effect.addFinalizer(() => Effect.andThen(PubSub.shutdown(notifications), PubSub.shutdown(reloads)))
  const fork = yield* scopedFork
  const names = ({ fingerprint, label }: PooledServer) => targets.names(fingerprint, label)
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
  const metrics = new ClientMetrics(yield* Effect.context<never>())
  // Before the pool, so that it hears of the end of its connections.
  const recorder = options.recorder && (yield* FlightRecorder.make(options.recorder))
  const handlers = options.handlers && guardedHandlers(options.handlers, services)
  const lists = new ListCache(memory, deadlines.now)
  const connector = McpConnector.make({
    clientInfo,
    recorded: recorder?.wrap,
    memory,
    metrics,
    deadlines,
    handlers,
    logLevel: (target) => subscriptions.level(target),
    prepare: (target, connection) => {
      lists.greeted(target, connection)
      return subscriptions.serve(target, connection)
    },
    names,
    onTry: onTry && ((target, attempt) => {
      for (const server of names(target)) onTry(server, attempt)
    }),
    wall: () => clock.currentTimeMillisUnsafe(),
    onNotification: (target, method, params) => {
      tasks.heard(target, method, params)
      lists.heard(target, method)
      for (const server of names(target)) tell({ server, method, params })
    }
  })
  const pool = yield* ConnectionPool.make(connector, {
    policy: { reconnect: options.reconnect, ...options.policy },
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
  const retries = new CallRetries({ pool, deadlines, memory, metrics, recorder, progress: connector.progress })
  const keepOpen = new KeepOpen(pool, targets)
  const held = new HeldSubscriptions({ targets, subscriptions, retries, keepOpen, scope })
  const oddities = new Oddities()
  const tasks = new TaskCalls({ retries, deadlines, keepOpen, oddities, handlers: handlers ?? {}, scope })

  const list = <Page extends { readonly nextCursor?: string }, Item>(
    target: PooledServer,
    listing: Listing<Page, Item>,
    options: WaitOptions
  ): Effect.Effect<ReadonlyArray<Item>, McpRuntimeError> =>
    Effect.suspend(() => {
      const kept = lists.get<Item>(target, listing.method)
      return kept === undefined ? asked(target, listing, options) : Effect.succeed(kept.items)
    })
  const asked = <Page extends { readonly nextCursor?: string }, Item>(
    target: PooledServer,
    listing: Listing<Page, Item>,
    options: WaitOptions
  ) => {
    let changes = 0
    return retries.run({
      target,
      method: listing.method,
      limit: target.deadlines.read,
      deadline: options.deadline,
      waitForReady: options.waitForReady,
      send: (connection, left) => {
        const since = deadlines.now()
        changes = lists.changes(target, listing.method)
        return Effect.tap(allPages(listing, connection, left, deadlines.now), () =>
          Effect.sync(() => {
            memory.of(target.fingerprint).history.listed(connection, listing.method, deadlines.now() - since)
          }))
      },
      mayRepeat: Effect.succeed(true)
    }).pipe(
      Effect.flatMap((whole) => {
        lists.keep(target, listing.method, whole, changes)
        return Effect.as(oddities.tell(target.label, listing.method, whole.oddities), whole.items)
      })
    )
  }
  const listTools = (target: PooledServer, options: WaitOptions) =>
    list(target, target.endpoint._tag === "Http" ? listings.toolsOverHttp : listings.tools, options).pipe(
      Effect.tap((tools) => Effect.sync(() => hints.remember(target, tools))),
      Effect.tap((tools) => configNews.tell(ConfigNews.ofMissing(target, tools))),
      Effect.map((tools) => ToolFilter.offered(target.tools, tools))
    )
  const hints = new ToolHints(scope, memory, (target) => listTools(target, {}), (target) => lists.forget(target))

  const guardedBy = <A>(listener: ((value: A) => void) | undefined, what: string) =>
    listener && guardedListener(listener, (error) => void fork(Effect.logWarning(`${what} failed`, error)))

  const request = (target: PooledServer, { method, params }: McpRequest, options: CallOptions, wish?: TaskWish) => {
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
    const onProgress = guardedBy(options.onProgress, `${target.label}: onProgress of ${method}`)
    return retries.run({
      target,
      method,
      name: named ?? promptIn(method, params),
      limit: isTool ? target.deadlines.hard : target.deadlines.read,
      deadline: options.deadline,
      waitForReady: options.waitForReady,
      retry: options.retry,
      send: (connection, left) => {
        const saying = (headers: Readonly<Record<string, string>> | undefined, task?: object) =>
          connection.request(method, task === undefined ? params ?? {} : { ...params, task }, {
            hardDeadline: left,
            idleDeadline: isTool ? target.deadlines.idle : undefined,
            headers,
            takesTasks: wish && Tasks.areExtended(connection.capabilities),
            onLasting: wish?.onLasting,
            server: target.label,
            onProgress
          })
        const sent = named !== undefined && connection.era === "modern"
          ? hints.withHeaders(target, connection, { name: named, args: argumentsIn(params), left }, saying)
          : saying(undefined)
        const hinted = isTool && idempotent === undefined && !hints.areKnown(target)
          ? Effect.andThen(hints.ask(target, connection), sent)
          : sent
        if (wish === undefined || named === undefined) return hinted
        const { capabilities, era } = connection
        const { keep } = wish
        const untasked = wish.isNeeded ? refusedAsTask : hinted
        const begun = era === "modern"
          ? Tasks.areExtended(capabilities) ? hinted : untasked
          : Tasks.areOffered(capabilities)
          // What the tools of this server are may have to be asked.
          ? Effect.flatMap(
            hints.taskSupport(target, connection, named, left),
            (support) =>
              support === "required" || (support === "optional" && wish.isWanted)
                ? saying(undefined, wish.params)
                : untasked
          )
          : untasked
        return keep === undefined ? begun : Effect.flatMap(begun, (answer) => {
          const task = Tasks.newTaskIn(answer)
          return task === undefined ? Effect.succeed(answer) : keep(connection, task)
        })
      },
      mayRepeat: idempotent === undefined && named !== undefined
        ? hints.mayRepeat(target, named)
        : idempotent ?? isRepeatable(method)
        ? yes
        : no
    })
  }
  const ask = <A>(
    server: string | Endpoint,
    asked: McpRequest,
    options: CallOptions,
    decode: Decode<A>
  ) =>
    targets.at(server, (target) =>
      Effect.flatMap(
        request(target, asked, options),
        (answer) => oddities.read(target.label, asked, answer, decode)
      ))
  const { at } = targets

  const deadlineOf = ({ deadline }: WaitOptions): Deadline | undefined => {
    if (deadline === undefined) return undefined
    const afterMillis = millisOf("deadline", deadline)
    const began = deadlines.now()
    return { afterMillis, left: () => afterMillis - (deadlines.now() - began) }
  }
  const driveOptions = (
    target: PooledServer,
    { onTask, poll, ...waiting }: AwaitOptions
  ): DriveOptions => ({
    poll,
    onTask: guardedBy(onTask, `${target.label}: onTask`),
    deadline: deadlineOf(waiting)
  })
  const resultOf = (target: PooledServer, asked: McpRequest, answer: unknown) =>
    oddities.read(target.label, asked, answer, Messages.decodeCallToolResult)

  const callTool = (server: string | Endpoint, call: ToolCall, options: CallOptions) =>
    at(server, (target) => {
      const asked = { method: "tools/call", params: { name: call.name, arguments: call.arguments ?? {} } }
      const driving = driveOptions(target, options)
      let endOfProgress = (): void => {}
      const wish: TaskWish = {
        isWanted: options.task !== undefined && options.task !== false,
        isNeeded: false,
        params: typeof options.task === "object" ? paramsOfTask(options.task.ttl) : {},
        onLasting: (end) => {
          endOfProgress = end
        },
        ...(TaskCalls.isHeld(target) && {
          keep: (connection, answer) =>
            Effect.matchEffect(tasks.begun(server, target, call.name, answer), {
              onFailure: () => Effect.succeed(answer),
              onSuccess: (begun) =>
                Effect.map(
                  tasks.driveOn(connection, begun, begun.task, driving),
                  (exit) => new Kept(begun, exit)
                )
            })
        })
      }
      const settled = Effect.flatMap(request(target, asked, options, wish), (answer) => {
        if (answer instanceof Kept) return answer.exit ?? tasks.drive(answer.begun, undefined, driving)
        const task = Tasks.newTaskIn(answer)
        if (task === undefined) return resultOf(target, asked, answer)
        return Effect.flatMap(
          tasks.begun(server, target, call.name, task),
          (begun) => tasks.drive(begun, begun.task, driving)
        )
      })
      return options.onProgress === undefined ? settled : Effect.ensuring(settled, Effect.sync(() => endOfProgress()))
    })

  const callTyped = <A, R>(server: string | Endpoint, call: ToolCall, { output, ...options }: TypedCallOptions<A, R>) =>
    Effect.flatMap(
      callTool(server, call, options),
      (answer) =>
        typedOutput.read({ server: targets.current(server)?.label ?? String(server), tool: call.name }, output, answer)
    )

  const startTask = (server: string | Endpoint, call: ToolCall, { ttl, ...options }: StartOptions) =>
    at(server, (target) => {
      const { name: tool } = call
      const asked = { method: "tools/call", params: { name: tool, arguments: call.arguments ?? {} } }
      const wish: TaskWish = { isWanted: true, isNeeded: true, params: paramsOfTask(ttl) }
      return Effect.flatMap(request(target, asked, options, wish), (answer) => {
        const notATask = (result?: Messages.CallToolResult) =>
          Effect.fail(new McpRuntimeError({ reason: new NotATask({ server: target.label, tool, result }) }))
        if (answer === unsent) return notATask()
        const task = Tasks.newTaskIn(answer)
        return task === undefined
          ? Effect.flatMap(resultOf(target, asked, answer), notATask)
          : Effect.map(tasks.begun(server, target, tool, task), ({ handle }) => handle)
      })
    })

  /** What is meant by a handle. */
  const atTask = <A>(
    handle: TaskHandle,
    { server = handle.server }: TaskOptions,
    f: (at: TaskAt) => Effect.Effect<A, McpRuntimeError>
  ) => at(server, (target) => f({ server, target, handle }))

  return {
    get servers() {
      return targets.servers()
    },
    get unusable() {
      return targets.unusable()
    },
    reload: (next: McpConfig) =>
      Effect.flatMap(configNews.tell(next.warnings), () => {
        const gone = targets.replace(next)
        subscriptions.renew()
        // First the wish to keep them connected, or they would be opened again.
        return keepOpen.renew().pipe(
          Effect.andThen(Effect.forEach(gone, (target) => pool.discontinue(target), { discard: true })),
          Effect.andThen(Effect.asVoid(PubSub.publish(reloads, undefined)))
        )
      }),
    reloads: Stream.fromPubSub(reloads),
    // The overloads are what it does.
    callTool: ((server: string | Endpoint, call: ToolCall, options: CallOptions | TypedCallOptions<unknown> = {}) =>
      "output" in options && options.output !== undefined
        ? callTyped(server, call, options)
        : callTool(server, call, options)) as CallTool,
    callToolStream: (server: string | Endpoint, call: ToolCall, options: Omit<CallOptions, "onProgress"> = {}) =>
      toolEvents((onProgress) =>
        callTool(server, call, { ...options, onProgress })
      ),
    startTask: (server: string | Endpoint, call: ToolCall, options: StartOptions = {}) =>
      startTask(server, call, options),
    getTask: (handle: TaskHandle, options: TaskOptions = {}) => atTask(handle, options, (at) => tasks.get(at, options)),
    awaitTask: (handle: TaskHandle, options: AwaitOptions = {}) =>
      atTask(handle, options, (at) => tasks.await(at, driveOptions(at.target, options))),
    cancelTask: (handle: TaskHandle, options: TaskOptions = {}) =>
      atTask(handle, options, (at) => tasks.cancel(at, options)),
    listTasks: (server: string | Endpoint, options: WaitOptions = {}) =>
      at(server, (target) => list(target, listings.tasks, options)),
    listTools: (server: string | Endpoint, options: WaitOptions = {}) =>
      at(server, (target) => listTools(target, options)),
    listResources: (server: string | Endpoint, options: WaitOptions = {}) =>
      at(server, (target) => list(target, listings.resources, options)),
    listResourceTemplates: (server: string | Endpoint, options: WaitOptions = {}) =>
      at(server, (target) => list(target, listings.resourceTemplates, options)),
    readResource: (server: string | Endpoint, uri: string, options: WaitOptions = {}) =>
      ask(server, { method: "resources/read", params: { uri } }, options, Resources.decodeReadResourceResult),
    listPrompts: (server: string | Endpoint, options: WaitOptions = {}) =>
      at(server, (target) => list(target, listings.prompts, options)),
    getPrompt: (server: string | Endpoint, call: PromptCall, options: WaitOptions = {}) =>
      ask(
        server,
        { method: "prompts/get", params: { name: call.name, arguments: call.arguments ?? {} } },
        options,
        Prompts.decodeGetPromptResult
      ),
    complete: (server: string | Endpoint, params: CompletionRequest, options: WaitOptions = {}) =>
      ask(server, { method: "completion/complete", params }, options, Prompts.decodeCompleteResult),
    request: (server: string | Endpoint, asked: McpRequest, options: CallOptions = {}) =>
      at(server, (target) =>
        asked.method === "tools/list" && target.tools !== undefined
          ? Effect.map(request(target, asked, options), (answer) => ToolFilter.offeredIn(target.tools, answer))
          : request(target, asked, options)),
    subscribe: (server: string | Endpoint, uri: string, options: WaitOptions = {}) =>
      held.subscribe(server, uri, options),
    logLevel: (server: string | Endpoint, level: LogLevel, options: WaitOptions = {}) =>
      held.logLevel(server, level, options),
    notifications: Stream.fromPubSub(notifications),
    warm: (server: string | Endpoint) => keepOpen.keep(server),
    use: <A, E, R>(
      server: string | Endpoint,
      f: (connection: McpConnection) => Effect.Effect<A, E, R>,
      options?: UseOptions
    ) => at(server, (target) => retries.once(target, f, options)),
    explain: (server: string | Endpoint) =>
      at(server, (target) =>
        Effect.map(pool.snapshot, (snapshot) =>
          explain(target, {
            snapshot,
            history: memory.of(target.fingerprint).history,
            lists: lists.fresh(target),
            progress: connector.progress(target),
            now: deadlines.now(),
            wall: clock.currentTimeMillisUnsafe()
          }))),
    starting: (server: string | Endpoint) => at(server, (target) => Effect.sync(() => connector.progress(target))),
    reset: (server: string | Endpoint) =>
      at(server, (target) => {
        lists.forget(target)
        return Effect.andThen(pool.invalidate(target), pool.reset(target))
      }),
    snapshot: Effect.map(pool.snapshot, (snapshot) => UnderNames.snapshot(snapshot, targets.names)),
    events,
    drain: pool.drain
  }
})

/** A call may become a task of its server. */
interface TaskWish {
  /** It does where the tool leaves the choice. */
  readonly isWanted: boolean
  /** It is not to be made otherwise. */
  readonly isNeeded: boolean
  /** The `task` of a call of the legacy era. */
  readonly params: object
  readonly onLasting?: ((end: () => void) => void) | undefined
  /** Goes on with the task while the connection is held. Default: it is given back first. */
  readonly keep?: ((connection: McpConnection, task: object) => Effect.Effect<unknown>) | undefined
}

/** What has become of a task whose connection was held. */
class Kept {
  readonly begun: TaskAt
  /** Undefined: the connection was lost. */
  readonly exit: Exit.Exit<Messages.CallToolResult, McpRuntimeError> | undefined

  constructor(begun: TaskAt, exit: Kept["exit"]) {
    this.begun = begun
    this.exit = exit
  }
}

const yes = Effect.succeed(true)
const no = Effect.succeed(false)

/** In place of an answer: the call would not have been a task. */
const unsent = Symbol.for("@holdfast/mcp/unsent")

const refusedAsTask: Effect.Effect<unknown, CallFailure> = Effect.succeed(unsent)

const paramsOfTask = (ttl: Duration.Input | undefined): object => ttl === undefined ? {} : { ttl: millisOf("ttl", ttl) }

const promptIn = (method: string, params: object | undefined): string | undefined =>
  method === "prompts/get" && params !== undefined && "name" in params && typeof params.name === "string"
    ? params.name
    : undefined

const argumentsIn = (params: object | undefined): unknown =>
  params !== undefined && "arguments" in params ? params.arguments : undefined
