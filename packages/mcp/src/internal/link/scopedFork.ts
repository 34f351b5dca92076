/**
 * Runs effects from inside events, in fibers that belong to the Scope: what has not ended when it closes is interrupted then.
 *
 * It is the last to close of what the Scope holds from here on: a fiber may still do what the closing of a link asks of it.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"

/** An effect that is run from inside an event. A log line in it that fails, as with a logger that throws, fails by itself. */
export type Fork = <A, E>(effect: Effect.Effect<A, E>) => Fiber.Fiber<A, E>

/** With the services that are here: their logger, their clock. */
export const scopedFork: Effect.Effect<Fork, never, Scope.Scope> = Effect.gen(function*() {
  const owner = yield* Scope.fork(yield* Effect.scope)
  const run = Effect.runForkWith(yield* Effect.context<never>())
  return (effect) => Fiber.runIn(run(effect), owner)
})
