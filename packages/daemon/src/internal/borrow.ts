/**
 * A process of the pool for a session or a call: one that is of use, or why there is none.
 */
import type { PoolError } from "@holdfast/core"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import { isOfEra } from "../Catalogue.ts"
import type { Loss } from "../HostSession.ts"
import type { PooledServer, ServerFailure } from "../PooledServer.ts"
import type { ServerPool } from "../ServerPool.ts"
import type * as ServerTarget from "../ServerTarget.ts"

/** Why a process cannot be had. */
export type BorrowError = PoolError<ServerFailure> | Loss

/** The pool hears of a loss or a retirement in a fiber of its own: until then it may lend what is of no use any more. */
export const borrow = (
  pool: ServerPool,
  target: ServerTarget.ServerTarget,
  borrower: Parameters<ServerPool["lease"]>[1]
): Effect.Effect<PooledServer, BorrowError, Scope.Scope> =>
  Effect.flatMap(Effect.scope, (scope) => {
    const once = Effect.flatMap(Scope.fork(scope), (own) =>
      pool.lease(target, borrower).pipe(
        Scope.provide(own),
        Effect.filterOrFail((server) => isUsable(server, target), () => unusable),
        Effect.onError((cause) => Scope.close(own, Exit.failCause(cause)))
      ))
    return Effect.retry(once, { schedule: pause, while: (error) => error === unusable })
  })

const unusable: Loss = { reason: "ConnectionLost", message: "the server was lost" }

/** The pool needs a turn of the event loop. */
const pause = Schedule.spaced("5 millis")

const isUsable = (
  { isRetired, lost, mux }: PooledServer,
  { isShared }: ServerTarget.ServerTarget
): boolean => lost() === undefined && !isRetired() && (isShared || mux.isClean)

export const toLoss = (error: BorrowError): Loss => "_tag" in error ? lossOf(error) : error

/** Whether the server knows the other era only. */
export const isRefusedByEra = (error: BorrowError): boolean => {
  const { refusal } = toLoss(error)
  return refusal !== undefined && isOfEra(refusal)
}

/** The pool gives nothing any more. */
export const closed: Loss = { reason: "ShuttingDown", message: "the daemon ends" }

const lossOf = (error: PoolError<ServerFailure>): Loss => {
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
