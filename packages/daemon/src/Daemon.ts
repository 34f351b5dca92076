/**
 * One process per user that holds servers for every program.
 *
 * Promises
 * - There is one: only the holder of the lock listens, and the kernel frees the lock with its holder.
 * - A client is admitted by its token, which is in a file that only this user can read.
 * - It ends `idleTimeout` after its last session, and after the last task of its servers: it stops listening, ends every process it holds, and
 *   frees the lock last, so that its successor starts no server twice.
 * - It makes way for a newer version, and for no other: it stops listening and frees the lock at once. A session keeps the process that
 *   is its alone; everything else it has from the newer daemon from then on, without a word to its host. What is in no use ends. The daemon
 *   itself ends with its last session. One in the foreground stays.
 * - A socket that something has removed is made again, and its sessions go on. Without its lock the daemon ends: it may not be alone.
 * - What one client says or breaks is its own session's.
 *
 * @example
 * ```ts
 * import { Daemon, DaemonPlace } from "@holdfast/daemon"
 * import * as Effect from "effect/Effect"
 *
 * export const program = Effect.scoped(Effect.gen(function*() {
 *   const place = yield* Effect.sync(() => DaemonPlace.open())
 *   yield* Daemon.run({
 *     place,
 *     idleTimeout: "10 minutes",
 *     version: "1.0.0",
 *     makesWay: true,
 *     limits: { processes: 100, perProgram: 20, starts: 4, memoryReserve: 256 * 1024 * 1024 }
 *   })
 * }))
 * ```
 */
import { Endpoint } from "@holdfast/mcp/Endpoint"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberHandle from "effect/FiberHandle"
import * as FiberSet from "effect/FiberSet"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import type * as net from "node:net"
import * as path from "node:path"
import { isNativeError } from "node:util/types"
import type { Limits } from "./Admission.ts"
import * as CatalogueFiles from "./CatalogueFiles.ts"
import * as DaemonClient from "./DaemonClient.ts"
import type * as DaemonControl from "./DaemonControl.ts"
import * as DaemonLock from "./DaemonLock.ts"
import * as DaemonPlace from "./DaemonPlace.ts"
import { DaemonRefusal } from "./DaemonRefusal.ts"
import type { DaemonStatus, SessionStatus } from "./DaemonStatus.ts"
import * as Hello from "./Hello.ts"
import * as CallLog from "./internal/callLog.ts"
import { Feed } from "./internal/Feed.ts"
import { firstLine } from "./internal/firstLine.ts"
import type { TakenPlace } from "./internal/Instances.ts"
import * as Journal from "./internal/Journal.ts"
import { keepLists } from "./internal/keepLists.ts"
import { listen } from "./internal/listener.ts"
import { availableMemory, isSameSecret, newSecret, processId } from "./internal/nodePlatform.ts"
import * as Overview from "./internal/overview.ts"
import { isNewer } from "./internal/ownVersion.ts"
import * as ParkedCalls from "./internal/ParkedCalls.ts"
import { plainUrl } from "./internal/plainUrl.ts"
import * as ProcessMemory from "./internal/processMemory.ts"
import { resolveWish } from "./internal/resolveWish.ts"
import * as Samples from "./internal/Samples.ts"
import type { ControlOptions } from "./internal/sdk/controlServer.ts"
import { serveControl } from "./internal/serveControl.ts"
import { serveServer } from "./internal/serveServer.ts"
import * as ToolCalls from "./internal/toolCalls.ts"
import type { UrlServers, WantedUrl } from "./internal/urlServers.ts"
import * as ServerPool from "./ServerPool.ts"
import type { WantedServer } from "./ServerTarget.ts"
import * as SharedServers from "./SharedServers.ts"

/** How one daemon runs: where it is, what it may hold, and when it ends. */
export interface DaemonOptions {
  readonly place: DaemonPlace.DaemonPlace
  /** Undefined: it stays until it is told to end. */
  readonly idleTimeout: Duration.Input | undefined
  /** That of this daemon. */
  readonly version: string
  /** False: it never makes way for a newer version, because its supervisor would only start it again. */
  readonly makesWay: boolean
  /** How many processes it may hold. */
  readonly limits: Limits
  /** The one that it has taken over from: what that one's hosts have is given to no other until it has ended. */
  readonly former?: DaemonControl.Former | undefined
  /** The last lines of its log. Default: none. */
  readonly log?: Feed<string> | undefined
  /** Writes records of calls to its log, lines without their ends. Default: they are not written. */
  readonly writeCalls?: ((lines: ReadonlyArray<string>) => void) | undefined
  /** Run once it listens. */
  readonly onReady?: Effect.Effect<void> | undefined
}

/** How often the daemon looks whether its files are there: some systems clean up old ones. */
const careInterval = "2 seconds"

/** How long a client may take for its first line. */
const helloPatience = "10 seconds"

/**
 * Serves until it is idle or told to end. Fails with `DaemonRefusal`: another daemon has the lock, or the place cannot be used.
 */
export const run = Effect.fnUntraced(
  function*(options: DaemonOptions): Effect.fn.Return<void, DaemonRefusal, Scope.Scope> {
    const { idleTimeout, makesWay, place, version } = options
    const lock = yield* Effect.acquireRelease(takeLock(place), (lock) => Effect.sync(lock.release))
    const token = yield* trying(() => DaemonPlace.ensureToken(place, newSecret))
    const pid = yield* processId
    const stopped = Deferred.makeUnsafe<string>()
    let isLeaving = false
    const sessions = new Set<SessionStatus>()
    // Before the sessions, so that it outlives them: they give back what they hold.
    const clock = yield* Clock.Clock
    const startedAt = clock.currentTimeMillisUnsafe()
    const journal = Journal.make(() => clock.currentTimeMillisUnsafe())
    const pool = yield* ServerPool.make({
      limits: options.limits,
      journal,
      availableMemory,
      onTasks: () => void runForDaemon(rest),
      digestOf: (server) => SharedServers.digestOf(place, server)
    })
    const calls = yield* CallLog.make(options.writeCalls ?? (() => {}), journal)
    const toolCalls = ToolCalls.make({ pool, version, makesWay })
    const scope = yield* Effect.scope
    const { former } = options
    if (former !== undefined) {
      const keepOnly = pool.instances.reserve(former.taken)
      let count = former.taken.length
      const follow = Effect.promise(() => former.fewer(count)).pipe(
        Effect.map((still) => {
          keepOnly(still)
          count = still.length
        }),
        Effect.repeat({ until: () => count === 0 })
      )
      if (count > 0) yield* Effect.forkScoped(follow)
    }
    let urlServers: UrlServers | undefined
    // Loaded when the first client asks for one.
    const urls = yield* Effect.cached(
      Effect.promise(() => import("./internal/urlServers.ts")).pipe(
        Effect.flatMap(({ make }) => make(journal)),
        Effect.tap((made) => Effect.sync(() => void (urlServers = made))),
        Scope.provide(scope)
      )
    )
    const known = CatalogueFiles.lister({ XDG_STATE_HOME: path.dirname(place.shared.directory) })
    /** For what outlives a session, such as a parked call. */
    /** Sessions to be told when it makes way. */
    const leaving = new Set<() => void>()
    const runForDaemon = yield* FiberSet.makeRuntime<never, void, never>()
    const idle = yield* FiberHandle.make<void, never>()
    const stop = (why: string): Effect.Effect<void> => Effect.asVoid(Deferred.succeed(stopped, why))
    const rest = Effect.suspend(() => {
      if (isLeaving) {
        // The newer one hears of the end by a session with this one.
        const isNeeded = [...sessions].some(({ wants }) => wants !== ofItself)
        return isNeeded ? FiberHandle.clear(idle) : stop("its last session has left")
      }
      if (sessions.size > 0 || pool.hasTasks()) return FiberHandle.clear(idle)
      if (idleTimeout === undefined) return Effect.void
      return Effect.asVoid(FiberHandle.run(idle, Effect.andThen(Effect.sleep(idleTimeout), stop("it was idle"))))
    })
    const parked = yield* ParkedCalls.make({
      journal,
      need: (session) => {
        sessions.add(session)
        runForDaemon(rest)
        return () => {
          if (sessions.delete(session)) runForDaemon(rest)
        }
      }
    })
    const held = Effect.map(pool.status, (rows) => [...rows, ...urlServers?.status() ?? []])
    const samples = yield* Samples.make({
      events: journal.events,
      servers: held,
      sessions: () => [...sessions].filter(({ wants }) => wants !== ofItself).length,
      memory: (pids) =>
        Effect.all({
          servers: Effect.map(
            Effect.promise(() => ProcessMemory.ofGroups(pids)),
            (found) => ProcessMemory.sum([...found.values()])
          ),
          own: Effect.promise(() => ProcessMemory.ofProcess(pid))
        })
    })
    const status = Effect.gen(function*(): Effect.fn.Return<DaemonStatus> {
      const rows = yield* held
      const pids = new Set(rows.flatMap((row) => row.pid ?? []))
      const memories = yield* Effect.promise(() => ProcessMemory.ofGroups(pids))
      const servers = rows.map((row) => ({ ...row, memory: row.pid === undefined ? undefined : memories.get(row.pid) }))
      return {
        pid,
        version,
        directory: place.directory,
        isLeaving,
        sessions: [...sessions],
        servers,
        failures: pool.failures(),
        startedAt,
        uptimeMillis: clock.currentTimeMillisUnsafe() - startedAt,
        memory: yield* Effect.promise(() => ProcessMemory.ofProcess(pid)),
        limits: options.limits,
        overview: Overview.make(servers, journal, known()),
        questions: parked.questions().length
      }
    })
    const control: ControlOptions = {
      version,
      status,
      log: options.log ?? new Feed({ most: 1 }),
      journal,
      samples,
      parked,
      nameOf: pool.nameOf,
      stop: stop("it was told to"),
      makeWay: (successor) => makeWay(successor),
      fewer: pool.instances.fewer,
      explain: pool.explain,
      operate: pool.operate
    }
    const accepted: Hello.Answer = {
      holdfast: Hello.protocol,
      version,
      pid,
      calls: true,
      tools: true,
      ...(!makesWay && { stays: true })
    }

    /** `isFormer`: by the socket of a daemon that has made way, where it is asked of itself only. */
    const serve = (socket: net.Socket, isFormer: boolean): Effect.Effect<void> =>
      Effect.gen(function*() {
        const line = yield* Effect.timeoutOption(firstLine(socket), helloPatience)
        if (line._tag === "None" || line.value === undefined) return
        // Without an answer the client asks the daemon that listens now.
        if (isLeaving && !isFormer) return
        const hello = Hello.decodeHello(line.value)
        const fault = faultOf(hello, token)
        if (fault !== undefined || typeof hello === "string") {
          const error = fault ?? { code: "BadWish" as const, message: String(hello) }
          yield* Effect.logWarning(`a client was refused: ${error.message}`)
          journal.tell({ event: "refused", reason: error.code, message: error.message })
          return yield* answer(socket, { holdfast: Hello.protocol, error })
        }
        const session = describe(hello)
        yield* Effect.acquireUseRelease(
          Effect.suspend(() => {
            sessions.add(session)
            return rest
          }),
          () =>
            Effect.gen(function*() {
              const { wants } = hello
              if ("daemon" in wants) {
                yield* answer(socket, accepted)
                return yield* serveControl(socket, control)
              }
              if (isFormer) return
              const wanted = yield* Effect.result(resolveWish(hello, wants))
              if (Result.isFailure(wanted)) {
                const { code, message } = wanted.failure
                journal.tell({ event: "refused", by: session, server: session.wants, reason: code, message })
                return yield* answer(socket, { holdfast: Hello.protocol, error: { code, message } })
              }
              const { name, origin } = wanted.success
              const { directory, environment } = hello
              if (origin !== undefined) {
                journal.named({
                  name,
                  origin,
                  isKnown: () => CatalogueFiles.isKnown({ wants, environment, directory })
                })
              }
              yield* answer(socket, accepted)
              const connect = () => DaemonClient.connect({ ...hello, wants, place, version, moves: undefined })
              const successor = { isThere: () => isLeaving, watchers: leaving, connect }
              yield* serveServer(socket, {
                pool,
                urls,
                wanted: yield* sharedIfSaid(place, hello, wanted.success),
                who: session,
                learn: hello.use === "once"
                  ? keepLists({ wants, environment, directory, onFault: notKept })
                  : undefined,
                isModernHost: hello.modern === true,
                successor,
                moves: hello.moves === true,
                calls,
                journal,
                parked,
                runForDaemon,
                toolCalls
              })
            }),
          () =>
            Effect.suspend(() => {
              sessions.delete(session)
              return rest
            })
        )
      }).pipe(
        Effect.ensuring(Effect.sync(() => socket.end())),
        Effect.catchCause((cause) => Effect.logError("a session has failed", cause))
      )

    const notKept = (message: string): void =>
      void runForDaemon(Effect.logWarning(`what servers list is not kept: ${message}`))
    const runSession = yield* FiberSet.makeRuntime<never, void, never>()
    const listening = (file: string, isFormer = false) =>
      listen(file, {
        onConnection: (socket) => void runSession(serve(socket, isFormer)),
        onFault: ({ message }) => void runSession(Effect.logWarning(`a client could not be let in: ${message}`))
      })
    /** Of all by which clients come in, and of the care for it. */
    const doors = yield* Scope.fork(scope)
    let listener = yield* Scope.provide(listening(place.socket), doors)
    yield* Effect.suspend(() => {
      if (!lock.isThere()) return stop("its lock was removed")
      if (listener.isThere()) return Effect.void
      return Effect.logWarning(`${place.socket} was removed, and is made again`).pipe(
        Effect.andThen(listening(place.socket)),
        Effect.map((next) => void (listener = next)),
        Effect.catch(({ message }) => Effect.logWarning(message))
      )
    }).pipe(
      Scope.provide(doors),
      Effect.repeat(Schedule.spaced(careInterval)),
      Effect.forkIn(doors)
    )

    const makeWay = (successor: string): Effect.Effect<ReadonlyArray<TakenPlace>, DaemonRefusal> =>
      Effect.gen(function*() {
        if (!makesWay) return yield* refuse("it is kept by a supervisor, and makes way for none")
        if (!isNewer(successor, version)) return yield* refuse(`it is ${version}, which is no older than ${successor}`)
        const taken = pool.instances.taken()
        if (isLeaving) return taken
        isLeaving = true
        yield* Effect.logInfo(`the daemon ${version} makes way for ${successor}`)
        journal.tell({ event: "leaving", version: successor })
        // First: the file is removed by this, and the next one is another daemon's.
        yield* Scope.close(doors, Exit.void)
        lock.release()
        yield* Effect.catch(
          Scope.provide(listening(DaemonPlace.formerSocket(place, pid), true), scope),
          ({ message }) => Effect.logWarning(message)
        )
        yield* Effect.forkIn(pool.drain, scope)
        for (const tell of [...leaving]) tell()
        // It may have no session. The answer to this is to arrive first.
        yield* Effect.forkIn(Effect.andThen(Effect.sleep("1 second"), rest), scope)
        return taken
      }).pipe(Effect.uninterruptible)

    yield* Effect.logInfo(`daemon ${version} listens on ${place.socket} as process ${pid}`)
    yield* rest
    yield* options.onReady ?? Effect.void
    yield* Effect.logInfo(`the daemon ends: ${yield* Deferred.await(stopped)}`)
  }
)

const refuse = (why: string): Effect.Effect<never, DaemonRefusal> =>
  Effect.fail(new DaemonRefusal("NotAdmitted", `the daemon stays: ${why}`))

/** By `holdfast share`, where nothing else was said. */
const sharedIfSaid = (place: DaemonPlace.DaemonPlace, hello: Hello.Hello, wanted: WantedServer | WantedUrl) =>
  Effect.try({
    try: () => {
      if ("config" in wanted || wanted.isShared || wanted.instances !== undefined || hello.shared !== undefined) {
        return wanted
      }
      const digest = SharedServers.digestOf(place, wanted)
      const isShared = SharedServers.list(place).some((each) => each.digest === digest)
      return { ...wanted, isShared }
    },
    catch: (error) => isNativeError(error) ? error.message : String(error)
  }).pipe(Effect.catch((why) => Effect.as(Effect.logWarning(why), wanted)))

const takeLock = (place: DaemonPlace.DaemonPlace): Effect.Effect<DaemonLock.DaemonLock, DaemonRefusal> =>
  Effect.filterOrFail(
    trying(() => DaemonLock.tryTake(place.lock)),
    (lock) => lock !== undefined,
    () => new DaemonRefusal("NotStarted", `another daemon has the lock ${place.lock}`)
  )

const trying = <A>(f: () => A): Effect.Effect<A, DaemonRefusal> =>
  Effect.try({
    try: f,
    catch: (error) =>
      error instanceof DaemonRefusal
        ? error
        : new DaemonRefusal("NoPlace", isNativeError(error) ? error.message : String(error))
  })

const faultOf = (
  hello: Hello.Hello | string,
  token: string
): { readonly code: "BadWish" | "NotAdmitted"; readonly message: string } | undefined => {
  if (typeof hello === "string") {
    return { code: "BadWish", message: `the client's first line is not understood: ${hello}` }
  }
  if (!isSameSecret(hello.token, token)) {
    return {
      code: "NotAdmitted",
      message: "the client's token is not the daemon's; it may have been replaced: try again"
    }
  }
  return hello.holdfast === Hello.protocol ? undefined : {
    code: "NotAdmitted",
    message:
      `the client speaks protocol ${hello.holdfast}, this daemon ${Hello.protocol}; holdfast daemon stop ends the daemon`
  }
}

const answer = (socket: net.Socket, line: Hello.Answer): Effect.Effect<void> =>
  Effect.sync(() => void socket.write(Hello.encode(line)))

/** What a session is for that is with the daemon itself. */
const ofItself = "the daemon"

const describe = ({ directory, pid, program, wants }: Hello.Hello): SessionStatus => ({
  program,
  pid,
  directory,
  wants: "daemon" in wants
    ? ofItself
    : "server" in wants
    ? wants.server
    : "http" in wants
    ? wants.name ?? plainUrl(Endpoint.http(wants.http))
    : [wants.endpoint.command, ...wants.endpoint.args].join(" ")
})
