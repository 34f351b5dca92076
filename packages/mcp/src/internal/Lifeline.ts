/**
 * Wraps the platform: timers that do not keep a program alive, and one that does.
 *
 * A program without Effect ends when nothing is left to do. An idle connection is nothing to do, so processes, sockets and
 * timers of the runtime must not hold it; a call with a waiting caller must, even while its server is being restarted and
 * nothing but a back-off runs.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"

/** Whether connections keep the program alive. Default: true, as everything does in Node. */
export const HoldsProgram = Context.Reference<boolean>("@holdfast/mcp/HoldsProgram", { defaultValue: () => true })

/** The clock it is given, but a sleep on it does not keep the program alive. */
export const unheldClock = (clock: Clock.Clock): Clock.Clock => {
  const sleep = (duration: Duration.Duration): Effect.Effect<void> =>
    Effect.callback((resume) => {
      const timer = setTimeout(() => resume(Effect.void), Math.min(Duration.toMillis(duration), longest)).unref()
      return Effect.sync(() => clearTimeout(timer))
    })
  const unheld: Clock.Clock = Object.assign(Object.create(clock), { sleep })
  return unheld
}

// What a timer can wait at most; no sleep here lasts for weeks.
const longest = 2 ** 31 - 1

/** Keeps the program alive while something is pending. */
export class Hold {
  #pending = 0
  #timer: NodeJS.Timeout | undefined

  readonly take = (): void => {
    if (this.#pending++ === 0) this.#timer = setInterval(() => {}, longest)
  }

  readonly release = (): void => {
    if (--this.#pending === 0) clearInterval(this.#timer)
  }
}
