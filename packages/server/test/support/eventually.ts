/** Waits for what must become true, for five seconds at most. */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"

export const eventually = (what: string, condition: () => boolean): Effect.Effect<void> =>
  Effect.sync(condition).pipe(
    Effect.repeat({ schedule: Schedule.spaced("5 millis"), until: (isTrue) => isTrue }),
    Effect.asVoid,
    Effect.timeoutOrElse({ duration: "5 seconds", orElse: () => Effect.die(new Error(`never happened: ${what}`)) })
  )
