/**
 * Begins effects from plain callbacks, in fibers that a Scope owns: its end interrupts them, and later ones with it.
 *
 * An effect runs at once, up to the first thing that it waits for. So what only logs is logged, also at the end of the Scope.
 *
 * **Gotchas**: the end of the Scope does not wait for the fibers. Some cannot be stopped, such as a close that a handler keeps from its end, and the
 * program must not wait for these.
 */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"

/** Begins an effect, and does not wait for it. */
export type Fork = <A, E>(effect: Effect.Effect<A, E>) => Fiber.Fiber<A, E>

/** The fibers have the services of the fiber that asks for this. */
export const scopedFork: Effect.Effect<Fork, never, Scope.Scope> = Effect.gen(function*() {
  const run = Effect.runForkWith(yield* Effect.context())
  // Most sessions have one of these, and few of them ever anything to wait for.
  let living: Set<Fiber.Fiber<unknown, unknown>> | undefined
  let isOver = false
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      isOver = true
      for (const fiber of living ?? []) fiber.interruptUnsafe()
    })
  )
  return (effect) => {
    const fiber = run(effect)
    if (isOver) fiber.interruptUnsafe()
    else if (fiber.pollUnsafe() === undefined) {
      const all = living ??= new Set()
      all.add(fiber)
      fiber.addObserver(() => void all.delete(fiber))
    }
    return fiber
  }
})
