/**
 * A session of a client with a server: the relay between its socket and a process of the pool.
 */
import type { PoolError } from "@holdfast/core"
import * as LineFraming from "@holdfast/protocol/LineFraming"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberSet from "effect/FiberSet"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import type * as net from "node:net"
import type { DaemonConnection } from "../DaemonClient.ts"
import type { SessionStatus } from "../DaemonStatus.ts"
import { HostSession, type Loss, type Opening } from "../HostSession.ts"
import type { PooledServer, ServerFailure, ServerPool } from "../ServerPool.ts"
import * as ServerTarget from "../ServerTarget.ts"
import { passOn } from "./passOn.ts"
import * as SocketLines from "./socketLines.ts"

export interface ServedSession {
  readonly pool: ServerPool
  readonly wanted: ServerTarget.WantedServer
  /** Whose it is. */
  readonly who: SessionStatus
  readonly successor: Successor
}

/** The newer daemon that this one has made way for, or will. */
export interface Successor {
  readonly isThere: () => boolean
  /** The same session there. */
  readonly connect: () => Promise<DaemonConnection>
}

/**
 * Serves until the client has gone.
 *
 * A session keeps a process that is its alone for as long as it can. It leaves one that it shares, and that others are not to be given any
 * more, in the first moment in which nothing of it is on the way: what comes next is another process, or the successor.
 */
export const serveServer = (
  socket: net.Socket,
  { pool, successor, wanted, who }: ServedSession
): Effect.Effect<void> =>
  Effect.scoped(Effect.gen(function*() {
    const run = yield* FiberSet.makeRuntime<never, void, never>()
    let leaveIfQuiet: () => void = ignore
    const session = new HostSession({
      toHost: (text) => {
        SocketLines.write(socket, `${text}\n`)
        leaveIfQuiet()
      },
      open: (initialize, opening) => {
        const next = (): void => void run(passOn(successor.connect, initialize, opening))
        if (successor.isThere()) return next()
        run(hold(pool, ServerTarget.make(wanted, initialize), who, {
          ...opening,
          // A process that was waited for when the successor came is had there.
          onLost: (loss) => loss === closed && successor.isThere() ? next() : opening.onLost(loss),
          onShared: (server) => {
            leaveIfQuiet = () => {
              if (server.isRetired() && session.pending === 0) opening.onLost(left)
            }
            return leaveIfQuiet
          }
        }))
      }
    })
    yield* Effect.addFinalizer(() => Effect.sync(() => session.hostEnded()))
    yield* Effect.callback<void>((resume) => {
      const hear = (line: string): void => {
        session.hostSaid(line)
        leaveIfQuiet()
      }
      const framing = LineFraming.make({
        onLine: hear,
        onFault: ({ _tag }) => hear(`"${_tag}"`)
      })
      const onData = (chunk: Buffer): void => framing.push(chunk)
      const onEnd = (): void => resume(Effect.void)
      socket.on("data", onData).once("end", onEnd).once("close", onEnd).resume()
      return Effect.sync(() => void socket.off("data", onData).off("end", onEnd).off("close", onEnd))
    })
  }))

/** Holds a process for the session for as long as both want it. */
const hold = (
  pool: ServerPool,
  target: ServerTarget.ServerTarget,
  who: SessionStatus,
  opening: Opening & { readonly onShared: (server: PooledServer) => () => void }
): Effect.Effect<void> =>
  usable(pool, target).pipe(
    Effect.flatMap((server) =>
      Effect.suspend(() => {
        const ended = Deferred.makeUnsafe<void>()
        const port = server.mux.attach(opening.onMessage)
        server.losses.add(opening.onLost)
        server.holders.add(who)
        const onRetired = target.isShared ? opening.onShared(server) : ignore
        server.retirements.add(onRetired)
        opening.onOpen({
          greeting: server.greeting,
          send: port.send,
          close: () => {
            server.losses.delete(opening.onLost)
            server.holders.delete(who)
            server.retirements.delete(onRetired)
            port.close()
            if (!target.isShared && !server.mux.isClean) server.retire()
            Deferred.doneUnsafe(ended, Effect.void)
          }
        })
        return Effect.raceFirst(Deferred.await(ended), Effect.asVoid(server.closed))
      })
    ),
    Effect.scoped,
    Effect.catch((error) => Effect.sync(() => opening.onLost(lossOf(error))))
  )

/** The pool hears of a loss or a retirement in a fiber of its own: until then it may lend what is of no use any more. */
const usable = (
  pool: ServerPool,
  target: ServerTarget.ServerTarget
): Effect.Effect<PooledServer, Unleased, Scope.Scope> =>
  Effect.flatMap(Effect.scope, (scope) => {
    const once = Effect.flatMap(Scope.fork(scope), (own) =>
      pool.lease(target).pipe(
        Scope.provide(own),
        Effect.filterOrFail((server) => isUsable(server, target), () => "unusable" as const),
        Effect.onError((cause) => Scope.close(own, Exit.failCause(cause)))
      ))
    return Effect.retry(once, { schedule: pause, while: (error) => error === "unusable" })
  })

type Unleased = PoolError<ServerFailure> | "unusable"

/** The pool needs a turn of the event loop. */
const pause = Schedule.spaced("5 millis")

const isUsable = (
  { isRetired, lost, mux }: PooledServer,
  { isShared }: ServerTarget.ServerTarget
): boolean => lost() === undefined && !isRetired() && (isShared || mux.isClean)

/** The pool gives nothing any more. */
const closed: Loss = { reason: "ShuttingDown", message: "the daemon ends" }

/** Nothing was on the way. */
const left: Loss = { reason: "ConnectionLost", message: "the process is to end" }

const lossOf = (error: Unleased): Loss => {
  if (error === "unusable") return { reason: "ConnectionLost", message: "the server was lost" }
  const { reason } = error
  if (reason._tag === "DialFailed") return reason.cause
  if (reason._tag === "PoolClosed") return closed
  return { reason: reasons[reason._tag] ?? "NotReady", message: error.message }
}

/** The pool's words as those of `McpRuntimeError`, which clients know. */
const reasons: Readonly<Record<string, string>> = {
  TooManyWaiters: "TooBusy",
  DialTimeout: "HandshakeTimeout",
  Quarantined: "Quarantined"
}

const ignore = (): void => {}
