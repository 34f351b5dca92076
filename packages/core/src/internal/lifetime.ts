/**
 * The two effects at the ends of a connection's life: its dial, and the closing of all it acquired.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import type { Connector, Dialled } from "../Connector.ts"
import type { Connection } from "./connection.ts"

/** Opens the connection, in its own Scope. */
export const dialling = <K, C, E>(
  connector: Connector<K, C, E>,
  { entry, scope }: Connection<K, C, E>
): Effect.Effect<Dialled<C, E>, E> => {
  // The caller with the oldest demand has caused it. A dial without a caller, for a key kept warm, is of no trace.
  const [first] = entry.waiters
  const parent = first?.waiting?.span
  // A connector that throws instead of failing must not escape into the caller's stack.
  const dial = Effect.withSpan(Effect.suspend(() => connector.dial(entry.key)), "holdfast.pool.dial", {
    attributes: { key: entry.label, attempt: entry.penalties.failures + 1 },
    captureStackTrace: false,
    ...(parent && { parent })
  })
  return Effect.provideService(dial, Scope.Scope, scope)
}

/** Ends the connection's fibers, then runs its finalizers. One that fails is told in the log. */
export const closing = <K, C, E>({ dial, entry, fibers, id, scope }: Connection<K, C, E>): Effect.Effect<void> =>
  // What a dial acquired is in the scope only after the dial has ended: wait for it, then close.
  (dial === undefined ? Effect.void : Fiber.interrupt(dial)).pipe(
    Effect.andThen(Scope.close(fibers, Exit.void)),
    Effect.andThen(Scope.close(scope, Exit.void)),
    Effect.catchCause((defect) => Effect.logWarning(`${entry.label}: a finalizer of connection ${id} failed`, defect))
  )
