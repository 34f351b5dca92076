/**
 * One process per user that holds servers for every program.
 *
 * Promises
 * - There is one: only the holder of the lock listens, and the kernel frees the lock with its holder.
 * - A client is admitted by its token, which is in a file that only this user can read.
 * - It ends `idleTimeout` after its last session: it stops listening, ends every process it holds, and frees the lock last, so
 *   that its successor starts no server twice.
 * - A socket that something has removed is made again, and its sessions go on. Without its lock the daemon ends: it may not be alone.
 * - What one client says or breaks is its own session's.
 */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberHandle from "effect/FiberHandle"
import * as FiberSet from "effect/FiberSet"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import type * as net from "node:net"
import { isNativeError } from "node:util/types"
import * as DaemonLock from "./DaemonLock.ts"
import * as DaemonPlace from "./DaemonPlace.ts"
import { DaemonRefusal } from "./DaemonRefusal.ts"
import * as Hello from "./Hello.ts"
import { firstLine } from "./internal/firstLine.ts"
import { listen } from "./internal/listener.ts"
import { isSameSecret, newSecret, processId } from "./internal/nodePlatform.ts"
import { resolveWish } from "./internal/resolveWish.ts"
import { serveControl } from "./internal/serveControl.ts"
import { serveServer } from "./internal/serveServer.ts"
import { version } from "./internal/version.ts"
import * as ServerPool from "./ServerPool.ts"

export interface DaemonOptions {
  readonly place: DaemonPlace.DaemonPlace
  /** Undefined: it stays until it is told to end. */
  readonly idleTimeout: Duration.Input | undefined
  /** Run once it listens. */
  readonly onReady?: Effect.Effect<void> | undefined
}

/** What `holdfast daemon status` shows. */
export interface DaemonStatus {
  readonly pid: number
  readonly version: string
  readonly directory: string
  readonly sessions: ReadonlyArray<SessionStatus>
  readonly servers: ReadonlyArray<ServerStatus>
}

/** A server's process that has been greeted. */
export interface ServerStatus {
  readonly name: string
  readonly pid: number
  /** How many use it now. */
  readonly sessions: number
}

/** A client, in its own words. */
export interface SessionStatus {
  readonly program: string
  readonly pid: number
  readonly directory: string
  readonly wants: string
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
    const { idleTimeout, place } = options
    const lock = yield* Effect.acquireRelease(takeLock(place), (lock) => Effect.sync(lock.release))
    const token = yield* trying(() => DaemonPlace.ensureToken(place, newSecret))
    const pid = yield* processId
    const stopped = Deferred.makeUnsafe<string>()
    const sessions = new Set<SessionStatus>()
    // Before the sessions, so that it outlives them: they give back what they hold.
    const pool = yield* ServerPool.make
    const idle = yield* FiberHandle.make<void, never>()
    const stop = (why: string): Effect.Effect<void> => Effect.asVoid(Deferred.succeed(stopped, why))
    const rest = Effect.suspend(() =>
      idleTimeout === undefined || sessions.size > 0
        ? FiberHandle.clear(idle)
        : Effect.asVoid(FiberHandle.run(idle, Effect.andThen(Effect.sleep(idleTimeout), stop("it was idle"))))
    )
    const status = Effect.sync((): DaemonStatus => ({
      pid,
      version,
      directory: place.directory,
      sessions: [...sessions],
      servers: pool.servers().map(({ mux, name, pid }) => ({ name, pid, sessions: mux.sessions }))
    }))

    const serve = (socket: net.Socket): Effect.Effect<void> =>
      Effect.gen(function*() {
        const line = yield* Effect.timeoutOption(firstLine(socket), helloPatience)
        if (line._tag === "None" || line.value === undefined) return
        const hello = Hello.decodeHello(line.value)
        const fault = faultOf(hello, token)
        if (fault !== undefined || typeof hello === "string") {
          const error = fault ?? { code: "BadWish" as const, message: String(hello) }
          yield* Effect.logWarning(`a client was refused: ${error.message}`)
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
                yield* answer(socket, { holdfast: Hello.protocol, version, pid })
                return yield* serveControl(socket, { version, status, stop: stop("it was told to") })
              }
              const wanted = yield* Effect.result(resolveWish(hello, wants))
              if (Result.isFailure(wanted)) {
                const { code, message } = wanted.failure
                return yield* answer(socket, { holdfast: Hello.protocol, error: { code, message } })
              }
              yield* answer(socket, { holdfast: Hello.protocol, version, pid })
              yield* serveServer(socket, pool, wanted.success)
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

    const runSession = yield* FiberSet.makeRuntime<never, void, never>()
    const listening = listen(place.socket, {
      onConnection: (socket) => void runSession(serve(socket)),
      onFault: ({ message }) => void runSession(Effect.logWarning(`a client could not be let in: ${message}`))
    })
    let listener = yield* listening
    yield* Effect.suspend(() => {
      if (!lock.isThere()) return stop("its lock was removed")
      if (listener.isThere()) return Effect.void
      return Effect.logWarning(`${place.socket} was removed, and is made again`).pipe(
        Effect.andThen(listening),
        Effect.map((next) => void (listener = next)),
        Effect.catch(({ message }) => Effect.logWarning(message))
      )
    }).pipe(
      Effect.provideService(Scope.Scope, yield* Effect.scope),
      Effect.repeat(Schedule.spaced(careInterval)),
      Effect.forkScoped
    )
    yield* Effect.logInfo(`daemon ${version} listens on ${place.socket} as process ${pid}`)
    yield* rest
    yield* options.onReady ?? Effect.void
    yield* Effect.logInfo(`the daemon ends: ${yield* Deferred.await(stopped)}`)
  }
)

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

const describe = ({ directory, pid, program, wants }: Hello.Hello): SessionStatus => ({
  program,
  pid,
  directory,
  wants: "daemon" in wants
    ? "the daemon"
    : "server" in wants
    ? wants.server
    : [wants.endpoint.command, ...wants.endpoint.args].join(" ")
})
