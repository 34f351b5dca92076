/**
 * Few servers are started at once: each start takes a turn, first come, first served.
 *
 * A server that starts keeps a processor busy; forty of them at once keep each other from answering in time. A turn lasts until the
 * server has answered, five seconds at most: one that hangs holds the others up no longer than that.
 *
 * @example
 * ```ts
 * import * as StartTurns from "@holdfast/mcp/StartTurns"
 * import * as Effect from "effect/Effect"
 *
 * export const all = Effect.flatMap(StartTurns.make(4), (turns) =>
 *   Effect.forEach(["a", "b", "c"], (name) => turns.take(Effect.log(name)), { concurrency: "unbounded" }))
 * ```
 */
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import { processors } from "./internal/nodePlatform.ts"

/** The turns of one application. */
export interface StartTurns {
  /** Runs a start when its turn comes. What it measures as its own time begins then. */
  readonly take: <A, E, R>(start: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

/** A start that takes longer goes on without its turn. */
const patience = "5 seconds"

/** `atOnce`: how many are started at once. Default: two for each processor, at least four, as most of a start is waiting. */
export const make = (atOnce?: number): Effect.Effect<StartTurns> =>
  Effect.gen(function*() {
    const turns = yield* Semaphore.make(Math.max(1, atOnce ?? Math.max(4, 2 * (yield* processors))))
    const turn = Effect.acquireRelease(
      Effect.map(turns.take(1), () => {
        let isOver = false
        return Effect.suspend(() => {
          if (isOver) return Effect.void
          isOver = true
          return Effect.asVoid(turns.release(1))
        })
      }),
      (end) => end,
      { interruptible: true }
    )
    return {
      take: (start) =>
        Effect.scoped(Effect.flatMap(turn, (end) =>
          Effect.andThen(Effect.forkScoped(Effect.andThen(Effect.sleep(patience), end)), start)))
    }
  })
