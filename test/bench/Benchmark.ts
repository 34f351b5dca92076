/** One benchmark as a whole: whatever becomes of it, the next ones are run. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { reasonOf } from "./InTurn.ts"
import * as Report from "./Report.ts"

/** Longer than any takes with all the limits of its rounds. */
const limit = Duration.minutes(30)

/** That it fails, or does not end, is a row of its own, and counts as a gate that is not met. */
export const whole = (name: string, benchmark: Effect.Effect<void, unknown>): Effect.Effect<void> =>
  Effect.flatMap(Effect.exit(Effect.timeoutOption(begun(name, benchmark), limit)), (exit) =>
    Effect.sync(() => {
      if (Exit.isSuccess(exit) && exit.value._tag === "Some") return
      const figure = Exit.isFailure(exit)
        ? `failed: ${reasonOf(exit.cause)}`
        : `failed after ${Duration.toSeconds(limit)} s: it did not end`
      Report.print(name, [{ name, figure, isMissed: true, isFailed: true }])
    }))

const begun = <A, E>(name: string, benchmark: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.andThen(Effect.sync(() => Report.begin(name)), benchmark)
