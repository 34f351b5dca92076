/**
 * The tools of all configured servers, as one list that a language model can be given.
 *
 * What it promises:
 * - servers are asked in parallel and independently: one that is slow or dead does not delay the tools of the others;
 * - a tool obtained once stays valid: its server may be restarted any number of times in between;
 * - a server that is down keeps its tools in the list, and is named with the reason; it is asked again when it is back;
 * - the list follows what servers say (`notifications/tools/list_changed`) and every new connection, at once, with one question at a
 *   time per server, and what its server says is fresh for a while (`ttlMs`) when that is over, and not before; one that says so again and again is asked at most once a second, then ever more rarely, and told of once;
 * - a tool's name depends on its server and its own name alone: `server__tool`, with a digest where that would not be legal or not
 *   unique; no two tools share one;
 * - few servers are started at once, and the time of each counts from its own start.
 *
 * **Gotchas**: the servers are those of the config when the catalog is made. They are connected at once and kept connected; with
 * `keepOpen: false` only while they are used.
 */
import type * as Messages from "@holdfast/protocol/Messages"
import * as Cause from "effect/Cause"
import type * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberMap from "effect/FiberMap"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import { defective, kindOf } from "./internal/connection/defective.ts"
import { millisOf } from "./internal/durations.ts"
import { scopedFork } from "./internal/link/scopedFork.ts"
import * as ToolName from "./internal/ToolName.ts"
import {
  type CallKnownTool,
  type CallNamedTool,
  type CallOptions,
  type FileOptions,
  McpConnections
} from "./McpConnections.ts"
import { DeadlineExceeded, McpRuntimeError, ShuttingDown, UnknownTool } from "./McpRuntimeError.ts"
import { nearNames } from "./NearNames.ts"
import * as StartTurns from "./StartTurns.ts"

/** One tool of one server. */
export interface CatalogTool {
  /** Unique in the catalog, at most 64 of `A-Z a-z 0-9 _ -`: what a model is told. */
  readonly name: string
  readonly server: string
  /** As its server describes it, its own name included. */
  readonly tool: Messages.Tool
  /** Calls it, on whatever connection its server has by then; with an `output`, for a value of its type. */
  readonly call: CallKnownTool
}

/** A server whose tools are not known, or not known to be up to date, and why. */
export interface UnavailableServer {
  readonly server: string
  readonly error: McpRuntimeError
}

/** The catalog at one moment. Tools in the order of the config. */
export interface Catalog {
  readonly tools: ReadonlyArray<CatalogTool>
  readonly unavailable: ReadonlyArray<UnavailableServer>
}

/** The tools of all servers of the application. */
export class ToolCatalog extends Context.Service<ToolCatalog, {
  /**
   * Waits until every server has answered or failed, `within` at most (default: as long as it takes, which the deadline per server
   * bounds). A server that has not answered by then is unavailable, and comes later by itself. Never fails.
   */
  readonly ready: (options?: { readonly within?: Duration.Input | undefined }) => Effect.Effect<Catalog>
  /** The catalog now. */
  readonly current: Effect.Effect<Catalog>
  /** The catalog now, and whenever it has changed. */
  readonly changes: Stream.Stream<Catalog>
  /**
   * Calls a tool by its name in the catalog, and waits for the list of the server it may belong to. Fails with what keeps that server's
   * list away, and with `UnknownTool` when the server has answered and there is none of that name.
   */
  readonly call: CallNamedTool
}>()("@holdfast/mcp/ToolCatalog") {
  /** Makes the catalog for as long as the Scope is open, and begins to ask the servers. */
  static make(options?: CatalogOptions): Effect.Effect<ToolCatalog["Service"], never, McpConnections | Scope.Scope> {
    return makeCatalog(options)
  }

  /** The catalog over the connections of the application. */
  static layer(options?: CatalogOptions): Layer.Layer<ToolCatalog, never, McpConnections> {
    return Layer.effect(ToolCatalog, makeCatalog(options))
  }

  /**
   * The catalog and the connections over a config file. Fails with `ConfigInvalid`, before anything is started.
   *
   * @example
   * ```ts
   * import { ToolCatalog } from "@holdfast/mcp"
   * import * as Effect from "effect/Effect"
   *
   * export const program = Effect.gen(function*() {
   *   const catalog = yield* ToolCatalog
   *   const { tools, unavailable } = yield* catalog.ready({ within: "10 seconds" })
   *   yield* Effect.log(`${tools.length} tools, ${unavailable.length} servers unavailable`)
   *   return yield* catalog.call("fs__read_text_file", { path: "README.md" }, { deadline: "30 seconds" })
   * }).pipe(Effect.provide(ToolCatalog.layerFile("mcp.json")))
   * ```
   */
  static layerFile<R = never>(
    file: string | Config.Config<string>,
    options: CatalogOptions & FileOptions<R> = {}
  ): Layer.Layer<ToolCatalog | McpConnections, McpRuntimeError, Exclude<R, Scope.Scope>> {
    return Layer.provideMerge(ToolCatalog.layer(options), McpConnections.layerFile(file, options))
  }
}

/** Which tools are offered, and how their servers are asked. */
export interface CatalogOptions {
  /** Whether a tool is offered. Default: all are. */
  readonly filter?: ((server: string, tool: Messages.Tool) => boolean) | undefined
  /** Servers whose tools are left out. Default: none. */
  readonly exclude?: ReadonlyArray<string> | undefined
  /** How long one server may take to list its tools, from its own start on. Default: 30 seconds. */
  readonly deadline?: Duration.Input | undefined
  /** How many servers are started at once: see `StartTurns`. Default: two for each processor, at least four. */
  readonly concurrency?: number | undefined
  /** Connects all servers and keeps them connected as long as the catalog exists. Default: true. */
  readonly keepOpen?: boolean | undefined
}

interface ServerState {
  tools: ReadonlyArray<Messages.Tool>
  error: McpRuntimeError | undefined
  /** It has answered, or failed, at least once. */
  isAnswered: boolean
  /** Open when the catalog has that. */
  readonly known: Latch.Latch
  /** Open when the server has said that its tools have changed since it was last asked. */
  readonly changed: Latch.Latch
  /** What its fiber does. `listening`: it has an answer, and waits a while for a change of it. */
  phase: "idle" | "queued" | "asking" | "listening"
}

/** A change that comes so soon after a list is one of a row. */
const quiet = "10 seconds"

/** After a list that was asked for because of a change: the first change is seen at once, those that follow it ever later. */
const pace = Schedule.concat(
  Schedule.recurs(1),
  Schedule.min([Schedule.exponential("1 second"), Schedule.spaced("1 minute")])
)

/** A list is asked for again when its time is over, and no more often than this: a server may say a millisecond. */
const leastMillis = 1000

/** Timers are no longer. */
const mostMillis = 86_400_000

/** So many changes in a row are told of. */
const suspicious = 4

const makeCatalog = Effect.fnUntraced(function*(
  options: CatalogOptions = {}
): Effect.fn.Return<ToolCatalog["Service"], never, McpConnections | Scope.Scope> {
  const { concurrency, exclude = [], filter = () => true, keepOpen = true } = options
  const deadline = millisOf("deadline", options.deadline ?? "30 seconds")
  const mcp = yield* McpConnections
  const scope = yield* Effect.scope
  const fork = yield* scopedFork
  const states = new Map<string, ServerState>()
  const warmed = new Set<string>()
  const told = new Set<string>()
  const changed = yield* SubscriptionRef.make<Catalog>({ tools: [], unavailable: [] })
  const isComplete = Latch.makeUnsafe(false)
  const asking = yield* FiberMap.make<string>()
  const expiring = yield* FiberMap.make<string>()
  const turns = yield* StartTurns.make(concurrency)

  const toolOf = (server: string, tool: Messages.Tool): CatalogTool => {
    const call = (input?: Readonly<Record<string, unknown>>, options?: CallOptions) =>
      mcp.callTool(server, { name: tool.name, arguments: input }, options)
    // The overloads are those of `callTool`.
    return { name: ToolName.make(server, tool.name), server, tool, call: call as CallKnownTool }
  }

  const once = (line: string): Effect.Effect<void> =>
    Effect.suspend(() => {
      if (told.has(line)) return Effect.void
      told.add(line)
      return Effect.logWarning(line)
    })

  /** What the filter cannot decide is not offered, and said once. */
  const isFilterTold = new Set<string>()
  const isOffered = (server: string, tool: Messages.Tool): boolean => {
    try {
      return filter(server, tool)
    } catch (error) {
      const name = ToolName.make(server, tool.name)
      if (!isFilterTold.has(name)) fork(Effect.logError(`${name} is left out: the catalog's filter failed`, error))
      isFilterTold.add(name)
      return false
    }
  }
  const publish = Effect.suspend(() => {
    const tools = new Map<string, CatalogTool>()
    const unavailable: Array<UnavailableServer> = []
    const doubles: Array<string> = []
    for (const [server, state] of states) {
      for (const tool of state.tools) {
        if (!isOffered(server, tool)) continue
        const named = toolOf(server, tool)
        if (tools.has(named.name)) {
          doubles.push(`${server}: tool ${JSON.stringify(tool.name)} is there twice; the first is used`)
        } else tools.set(named.name, named)
      }
      if (state.error !== undefined) unavailable.push({ server, error: state.error })
    }
    for (const [server, reason] of mcp.unusable) {
      if (!exclude.includes(server)) unavailable.push({ server, error: new McpRuntimeError({ reason }) })
    }
    return Effect.andThen(
      Effect.forEach(doubles, once, { discard: true }),
      Effect.map(SubscriptionRef.set(changed, { tools: [...tools.values()], unavailable }), () => {
        // Afterwards: a waiter reads the catalog as soon as this opens.
        for (const { isAnswered, known } of states.values()) if (isAnswered) known.openUnsafe()
        if ([...states.values()].every(({ known }) => known.isOpen())) isComplete.openUnsafe()
      })
    )
  })

  const question = (server: string, state: ServerState, isWanted: boolean): Effect.Effect<void> => {
    const ask = Effect.gen(function*() {
      state.phase = "asking"
      state.changed.closeUnsafe()
      if (keepOpen && !warmed.has(server)) {
        warmed.add(server)
        yield* Effect.ignore(Scope.provide(mcp.warm(server), scope))
      }
      const answer = yield* Effect.result(Effect.catchDefect(
        mcp.listTools(server, { deadline }),
        (defect) =>
          Effect.andThen(
            Effect.logError(`${server}: its tools cannot be listed: ${kindOf(defect)}`),
            new McpRuntimeError({ reason: defective(server, defect) })
          )
      ))
      if (answer._tag === "Success") state.tools = answer.success
      state.error = answer._tag === "Success" ? undefined : answer.failure
      state.isAnswered = true
      state.phase = "listening"
      yield* publish
      yield* expire(server)
    })
    // One that has answered before is not started anew for this, and one that a caller waits for is started now.
    return Effect.suspend(() => state.isAnswered || isWanted ? ask : turns.take(ask))
  }

  /** Asks again when the list is stale. One that is not kept connected is asked when it is connected again. */
  const expire = (server: string): Effect.Effect<void> =>
    Effect.gen(function*() {
      if (!keepOpen) return
      const { lists } = yield* mcp.explain(server)
      const list = lists.find(({ method }) => method === "tools/list")
      if (list === undefined) return yield* FiberMap.remove(expiring, server)
      const millis = Math.min(mostMillis, Math.max(leastMillis, Math.ceil(list.freshForMillis)))
      const again = Effect.delay(Effect.suspend(() => refresh(server, "expired")), Duration.millis(millis))
      yield* FiberMap.run(expiring, server, again)
    }).pipe(
      // It was taken out of the config meanwhile.
      Effect.ignore
    )

  /** Asks, and asks again as long as changes follow. */
  const follow = (server: string, state: ServerState, isWanted: boolean): Effect.Effect<void> => {
    const isChanged = Effect.map(Effect.timeoutOption(state.changed.await, quiet), (change) => {
      if (Option.isSome(change)) return true
      state.phase = "idle"
      return false
    })
    const schedule = Schedule.tap(pace, ({ attempt }) =>
      attempt < suspicious
        ? Effect.void
        : once(`${server}: it says again and again that its tools have changed; it is asked ever more rarely`))
    return Effect.asVoid(Effect.repeat(Effect.andThen(question(server, state, isWanted), isChanged), {
      schedule,
      while: (isChanged) => isChanged
    })).pipe(
      // A fault of ours must not keep the server from being asked again.
      Effect.onExit((exit) =>
        Effect.sync(() => {
          if (Exit.isFailure(exit) && !Cause.hasInterruptsOnly(exit.cause)) state.phase = "idle"
        })
      )
    )
  }

  /** One question at a time per server: a change that is told meanwhile is asked for afterwards, once. */
  const refresh = (
    server: string,
    why: "changed" | "connected" | "configured" | "called" | "expired"
  ): Effect.Effect<void> =>
    Effect.suspend(() => {
      const state = states.get(server)
      const isWanted = why === "called"
      if (state === undefined || (state.phase === "queued") !== isWanted) return Effect.void
      // The question that opened a connection is asked over it anyway.
      if (state.phase === "asking" && why === "connected") return Effect.void
      if (state.phase === "asking" || (state.phase === "listening" && why === "changed")) {
        state.changed.openUnsafe()
        return Effect.void
      }
      state.phase = "queued"
      return Effect.asVoid(FiberMap.run(asking, server, follow(server, state, isWanted)))
    })

  yield* Effect.forkScoped(
    Stream.runForEach(
      Stream.filter(mcp.notifications, ({ method }) => method === "notifications/tools/list_changed"),
      ({ server }) => refresh(server, "changed")
    ),
    { startImmediately: true }
  )
  // A new connection may be that of a newer server.
  yield* Effect.forkScoped(
    Stream.runForEach(
      mcp.events,
      (event) => event._tag === "SlotMoved" && event.to === "Ready" ? refresh(event.key, "connected") : Effect.void
    ),
    { startImmediately: true }
  )
  /** Brings the catalog into line with the config: at first, and whenever another is taken. */
  const configure = Effect.gen(function*() {
    const servers = mcp.servers.filter((server) => !exclude.includes(server))
    for (const server of [...states.keys()]) {
      if (servers.includes(server)) continue
      states.delete(server)
      yield* FiberMap.remove(asking, server)
      yield* FiberMap.remove(expiring, server)
    }
    for (const server of servers) {
      if (states.has(server)) continue
      const [known, changed] = [Latch.makeUnsafe(false), Latch.makeUnsafe(false)]
      states.set(server, { tools: [], error: undefined, isAnswered: false, known, changed, phase: "idle" })
      isComplete.closeUnsafe()
    }
    yield* publish
    // A name may mean another server now.
    for (const server of servers) yield* refresh(server, "configured")
  })
  yield* Effect.forkScoped(Stream.runForEach(mcp.reloads, () => configure), { startImmediately: true })
  yield* configure
  let isClosed = false
  // The servers will answer no waiter any more.
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      isClosed = true
      for (const { known } of states.values()) known.openUnsafe()
      isComplete.openUnsafe()
    })
  )

  const current = SubscriptionRef.get(changed)
  const find = (name: string) => SubscriptionRef.getUnsafe(changed).tools.find((tool) => tool.name === name)
  const late = (server: string, millis: number, tool?: string): Effect.Effect<McpRuntimeError> =>
    Effect.map(Effect.orElseSucceed(mcp.starting(server), () => undefined), (start) => {
      const why = states.get(server)?.phase === "queued"
        ? "it waits for its turn to be started"
        : start ?? "it has not answered yet"
      return new McpRuntimeError({
        reason: new DeadlineExceeded({
          server,
          method: tool === undefined ? "tools/list" : "tools/call",
          tool,
          afterMillis: millis,
          kind: "caller",
          delivery: "NotSent",
          description: `${why}; its tools come as soon as it has answered`
        })
      })
    })

  /** Why there is no tool of this name, which one of these servers could have. */
  const lack = (name: string, owners: ReadonlyArray<string>, millis: number): Effect.Effect<McpRuntimeError> => {
    const { tools, unavailable } = SubscriptionRef.getUnsafe(changed)
    const unknown = owners.find((server) => states.get(server)?.known.isOpen() === false)
    if (unknown !== undefined) return late(unknown, millis, name)
    const [failed] = unavailable.filter(({ server }) => ToolName.mayBeOf(server, name))
      .toSorted((a, b) => b.server.length - a.server.length)
    if (failed !== undefined) return Effect.succeed(failed.error)
    const near = nearNames(name, tools.map((tool) => tool.name))
    return Effect.succeed(new McpRuntimeError({ reason: new UnknownTool({ tool: name, near }) }))
  }

  const callByName = (name: string, input?: Readonly<Record<string, unknown>>, options: CallOptions = {}) =>
    Effect.suspend(() => {
      const found = find(name)
      if (found !== undefined) return found.call(input, options)
      // Its server may not have answered yet.
      const owners = [...states.keys()].filter((server) => ToolName.mayBeOf(server, name))
      const answered = Effect.forEach(owners, (server) => states.get(server)?.known.await ?? Effect.void, {
        discard: true
      })
      const limit = options.deadline === undefined ? undefined : Duration.millis(millisOf("deadline", options.deadline))
      const wait = limit === undefined ? answered : Effect.timeoutOption(answered, limit)
      const start = Effect.forEach(owners, (server) => refresh(server, "called"), { discard: true })
      return Effect.flatMap(Effect.timed(Effect.andThen(start, wait)), ([spent]) => {
        const later = find(name)
        if (later === undefined) {
          if (isClosed) return Effect.fail(new McpRuntimeError({ reason: new ShuttingDown({ server: name }) }))
          return Effect.flip(lack(name, owners, limit === undefined ? 0 : Duration.toMillis(limit)))
        }
        // One deadline covers both.
        const left = limit && Duration.max(Duration.subtract(limit, spent), Duration.millis(1))
        return later.call(input, { ...options, deadline: left })
      })
    })

  return {
    ready: ({ within } = {}) => {
      if (within === undefined) return Effect.andThen(isComplete.await, current)
      return Effect.gen(function*() {
        const millis = millisOf("within", within)
        yield* Effect.timeoutOption(isComplete.await, millis)
        const { tools, unavailable } = yield* current
        const open = [...states].filter(([, { known }]) => !known.isOpen()).map(([server]) => server)
        const waiting = yield* Effect.forEach(
          open,
          (server) => Effect.map(late(server, millis), (error) => ({ server, error }))
        )
        return { tools, unavailable: [...unavailable, ...waiting] }
      })
    },
    current,
    changes: SubscriptionRef.changes(changed),
    // The overloads are those of the tool's own `call`.
    call: callByName as CallNamedTool
  }
})

/** `ToolCatalog.layer`, for programs that import the module as a namespace. */
export const layer = ToolCatalog.layer
