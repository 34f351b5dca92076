/**
 * What strangers' code threw: told in the log with its stack, once, however often it comes.
 *
 * A defect that repeats is most often met again at every retry. It is told again when `quietMillis` have passed, with the number
 * of times since.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"

/** How long a defect that was told is not told again. */
export const quietMillis = 600_000

/** Different defects are few. Past this many the oldest is forgotten, and told again if it comes. */
const mostKnown = 256

interface Known {
  readonly toldAt: number
  untold: number
}

export class Defects {
  private readonly known = new Map<string, Known>()
  private readonly fork: <A, X>(effect: Effect.Effect<A, X>) => Fiber.Fiber<A, X>
  private readonly now: () => number
  private readonly later: (log: () => void) => void

  constructor(options: {
    readonly fork: <A, X>(effect: Effect.Effect<A, X>) => Fiber.Fiber<A, X>
    readonly now: () => number
    /** Runs it when strangers' code may run: a logger is one. */
    readonly later: (log: () => void) => void
  }) {
    this.fork = options.fork
    this.now = options.now
    this.later = options.later
  }

  /** `what` is a sentence's beginning: whose code broke, and what becomes of it. */
  tell(what: string, defect: unknown): void {
    const name = `${what}\n${placeOf(defect)}`
    const known = this.known.get(name)
    if (known !== undefined && this.now() - known.toldAt < quietMillis) {
      known.untold++
      return
    }
    this.known.delete(name)
    this.known.set(name, { toldAt: this.now(), untold: 0 })
    for (const oldest of this.known.keys()) {
      if (this.known.size <= mostKnown) break
      this.known.delete(oldest)
    }
    const again = known === undefined || known.untold === 0 ? "" : ` (and ${known.untold} times since it was last told)`
    this.log(Effect.logError(`${what}${again}`, Cause.isCause(defect) ? defect : Cause.die(defect)))
  }

  /** Writes a line to the log, which may break as well: there is nothing left to tell that to. */
  log(line: Effect.Effect<void>): void {
    this.later(() => {
      try {
        this.fork(line)
      } catch {
        // The log is where a defect is told, and it is the log that broke.
      }
    })
  }
}

/** Where it was thrown, and the caller of that: the same for each time, also where the message tells of the attempt. */
const placeOf = (defect: unknown): string => {
  try {
    const thrown = Cause.isCause(defect) ? Cause.squash(defect) : defect
    if (typeof thrown !== "object" || thrown === null || !("stack" in thrown)) return String(thrown)
    const frames = String(thrown.stack).split("\n").filter((line) => line.trimStart().startsWith("at "))
    return frames.length === 0 ? String(thrown) : frames.slice(0, 2).join("\n")
  } catch {
    return ""
  }
}
