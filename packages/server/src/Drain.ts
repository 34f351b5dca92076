/** Drains, and says so: an operator wants to see when it began, what it waits for and how it ended. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { DrainReport, SessionRegistry } from "./SessionRegistry.ts"

export const drainAloud = (
  registry: SessionRegistry["Service"],
  deadline: Duration.Input = registry.policy.drainTimeout
): Effect.Effect<DrainReport> =>
  Effect.gen(function*() {
    const { inFlight, sessions } = yield* registry.snapshot
    const most = Duration.format(Duration.fromInputUnsafe(deadline))
    yield* Effect.logInfo(
      `draining: ${count(inFlight, "request")} in flight, ${count(sessions.length, "session")}, at most ${most}`
    )
    const [took, report] = yield* Effect.timed(registry.drain(deadline))
    const { closed, cutOff } = report
    const seconds = `${(Duration.toMillis(took) / 1000).toFixed(1)} s`
    yield* cutOff > 0
      ? Effect.logWarning(
        `drained in ${seconds}: ${count(closed, "session")} closed, ${count(cutOff, "request")} cut off at the deadline`
      )
      : Effect.logInfo(`drained in ${seconds}: ${count(closed, "session")} closed`)
    return report
  })

const count = (number: number, what: string): string => `${number} ${what}${number === 1 ? "" : "s"}`
