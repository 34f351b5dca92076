/**
 * When something is drawn: at once if a person waits for it, and else not more often than that is worth. What has come meanwhile is one drawing.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"

export interface Redraw<E, R> {
  /** There is something new. */
  readonly soon: () => void
  /** A person waits for it. */
  readonly now: () => void
  /** Draws for ever, the first time at once. */
  readonly run: Effect.Effect<never, E, R>
}

/** `atMostEvery`: the time between two drawings that no person waits for. */
export const make = <E, R>(draw: Effect.Effect<void, E, R>, atMostEvery: Duration.Input): Redraw<E, R> => {
  const isNews = Latch.makeUnsafe(true)
  const isUrgent = Latch.makeUnsafe(false)
  return {
    soon: () => void isNews.openUnsafe(),
    now: () => {
      isNews.openUnsafe()
      isUrgent.openUnsafe()
    },
    run: isNews.await.pipe(
      // Before it is drawn: what comes while it is, is drawn next.
      Effect.andThen(Effect.sync(() => {
        isNews.closeUnsafe()
        isUrgent.closeUnsafe()
      })),
      Effect.andThen(draw),
      Effect.andThen(Effect.timeoutOption(isUrgent.await, atMostEvery)),
      Effect.forever
    )
  }
}
