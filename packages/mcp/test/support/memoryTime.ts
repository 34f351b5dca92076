/** Time for tests that have no world outside: it goes by only as long as something is still to happen. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"

/** Lets the test's time go by, a millisecond at a time and five seconds at most, until this is so. */
export const passing = (what: string, isTrue: () => boolean): Effect.Effect<void> => {
  const look = (left: number): Effect.Effect<void> =>
    Effect.suspend(() => {
      if (isTrue()) return Effect.void
      if (left === 0) return Effect.die(new Error(`never happened: ${what}`))
      return Effect.andThen(TestClock.adjust("1 millis"), look(left - 1))
    })
  return look(5000)
}

/** Runs an effect to its end while the test's time goes by. */
export const inTime = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
    yield* passing("its end", () => fiber.pollUnsafe() !== undefined)
    return yield* Fiber.join(fiber)
  })

/**
 * Lets everything happen that needs no time: a clock that leaps before would find a call still on its way. Callers of a pool, for example, go on
 * a turn of the scheduler after their connection is ready.
 */
export const settled: Effect.Effect<void> = Effect.forEach(Array.from({ length: 100 }), () => Effect.yieldNow, {
  discard: true
})
