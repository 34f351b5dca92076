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
import { HostSession, type Loss, type Opening } from "../HostSession.ts"
import type { PooledServer, ServerFailure, ServerPool } from "../ServerPool.ts"
import * as ServerTarget from "../ServerTarget.ts"
import * as SocketLines from "./socketLines.ts"

/** Serves until the client has gone. */
export const serveServer = (
  socket: net.Socket,
  pool: ServerPool,
  wanted: ServerTarget.WantedServer
): Effect.Effect<void> =>
  Effect.scoped(Effect.gen(function*() {
    const run = yield* FiberSet.makeRuntime<never, void, never>()
    const session = new HostSession({
      place: "daemon",
      toHost: (text) => SocketLines.write(socket, `${text}\n`),
      open: (initialize, opening) => void run(hold(pool, ServerTarget.make(wanted, initialize), opening))
    })
    yield* Effect.addFinalizer(() => Effect.sync(() => session.hostEnded()))
    yield* Effect.callback<void>((resume) => {
      const framing = LineFraming.make({
        onLine: (line) => session.hostSaid(line),
        onFault: ({ _tag }) => session.hostSaid(`"${_tag}"`)
      })
      const onData = (chunk: Buffer): void => framing.push(chunk)
      const onEnd = (): void => resume(Effect.void)
      socket.on("data", onData).once("end", onEnd).once("close", onEnd).resume()
      return Effect.sync(() => void socket.off("data", onData).off("end", onEnd).off("close", onEnd))
    })
  }))

/** Holds a process for the session for as long as both want it. */
const hold = (pool: ServerPool, target: ServerTarget.ServerTarget, opening: Opening): Effect.Effect<void> =>
  usable(pool, target).pipe(
    Effect.flatMap((server) =>
      Effect.suspend(() => {
        const closed = Deferred.makeUnsafe<void>()
        const port = server.mux.attach(opening.onMessage)
        server.losses.add(opening.onLost)
        opening.onOpen({
          greeting: server.greeting,
          send: port.send,
          close: () => {
            server.losses.delete(opening.onLost)
            port.close()
            if (!target.isShared && !server.mux.isClean) server.retire()
            Deferred.doneUnsafe(closed, Effect.void)
          }
        })
        return Effect.raceFirst(Deferred.await(closed), Effect.asVoid(server.closed))
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

const isUsable = ({ lost, mux }: PooledServer, { isShared }: ServerTarget.ServerTarget): boolean =>
  lost() === undefined && (isShared || mux.isClean)

const lossOf = (error: Unleased): Loss => {
  if (error === "unusable") return { reason: "ConnectionLost", message: "the server was lost" }
  const { reason } = error
  if (reason._tag === "DialFailed") return reason.cause
  return { reason: reasons[reason._tag] ?? "NotReady", message: error.message }
}

/** The pool's words as those of `McpRuntimeError`, which clients know. */
const reasons: Readonly<Record<string, string>> = {
  TooManyWaiters: "TooBusy",
  DialTimeout: "HandshakeTimeout",
  Quarantined: "Quarantined",
  PoolClosed: "ShuttingDown"
}
