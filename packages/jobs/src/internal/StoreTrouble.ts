/**
 * What the runner does with a store that is out of order: it goes on, tells it once, tries again, and says when all is well again.
 *
 * Gotchas: some things work while others do not, as reads on a full disk: trouble is over when there was none for a while.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type { JobError, StoreProblem } from "../JobError.ts"

/** What is wrong with the store at present. */
export interface Trouble {
  readonly problem: StoreProblem
  /** When it was first met, in milliseconds of the epoch. */
  readonly since: number
}

export interface StoreTrouble {
  /** `undefined`: none. */
  readonly present: () => Trouble | undefined
  /** For what is done again anyway: nothing ends it. */
  readonly attempted: (effect: Effect.Effect<void, JobError>) => Effect.Effect<void>
  /** Repeats what the store could not do until it can; interruptible while it waits. */
  readonly persist: <A>(effect: Effect.Effect<A, JobError>) => Effect.Effect<A>
}

/** Trouble is over when there was none for `calmMillis`. */
export const make = Effect.fnUntraced(function*(store: string, calmMillis: number) {
  const clock = yield* Clock.Clock
  const now = () => clock.currentTimeMillisUnsafe()
  let trouble: Trouble | undefined
  let lastMet = 0

  const troubled = (problem: StoreProblem, message: string) =>
    Effect.suspend(() => {
      lastMet = now()
      const isKnown = trouble !== undefined
      trouble = { problem, since: trouble?.since ?? lastMet }
      return isKnown ? Effect.void : Effect.logWarning(`${message}; it is tried again until it works`)
    })
  const failing = ({ message, reason }: JobError) =>
    troubled(reason._tag === "JobStoreUnavailable" ? reason.problem : "failed", message)
  const healed = Effect.suspend(() => {
    const calm = now() - lastMet
    // A clock that was set back says less than nothing.
    if (trouble === undefined || calm >= 0 && calm < calmMillis) return Effect.void
    trouble = undefined
    return Effect.logInfo(`job store ${store} works again`)
  })

  const made: StoreTrouble = {
    present: () => trouble,
    attempted: (effect) =>
      Effect.matchEffect(effect, { onFailure: failing, onSuccess: () => healed }).pipe(
        Effect.catchDefect((defect) => troubled("failed", `job store ${store} has broken: ${String(defect)}`))
      ),
    persist: (effect) =>
      effect.pipe(
        Effect.tapError((error) => isTransient(error) ? failing(error) : Effect.void),
        Effect.retry({ schedule: backOff, while: isTransient }),
        Effect.tap(() => healed),
        Effect.orDie
      )
  }
  return made
})

const isTransient = ({ reason }: JobError): boolean =>
  reason._tag === "JobStoreUnavailable" && reason.problem !== "corrupt" && reason.problem !== "unstorable"

const backOff = Schedule.exponential("100 millis").pipe(
  Schedule.modifyDelay(({ duration }) => Effect.succeed(Duration.min(duration, Duration.seconds(5)))),
  Schedule.jittered
)
