/**
 * A line on stderr that says what a command waits for, once that takes longer than a second. Only on a terminal: a log has
 * no use for it, and a script even less. Of a call that tells how far it is the line has a bar, where the end is known.
 */
import * as Effect from "effect/Effect"
import type { Scope } from "effect/Scope"
import { Quiet } from "./Quiet.ts"
import { Shell } from "./Shell.ts"
import { eraseLine, styleOf } from "./Style.ts"
import { firstLine } from "./Table.ts"

/** How far something has come. */
export interface Progress {
  readonly progress: number
  /** Undefined: the end is not known. */
  readonly total?: number | undefined
  readonly message?: string | undefined
}

export interface Waiting {
  /** Says what is waited for from now on. */
  readonly say: (text: string) => void
  /** Says how far `what` has come. */
  readonly progress: (what: string, progress: Progress) => void
  /** Without the line, for what has the terminal to itself: a question. */
  readonly aside: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /** The line is there until this has ended, and no longer: what is written then has a line of its own. */
  readonly until: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

/** Shows the line until the Scope closes, if nothing ends it before, and leaves no trace of it. With `--quiet` there is none. */
export const make: Effect.Effect<Waiting, never, Shell | Scope> = Effect.gen(function*() {
  const { stderr } = yield* Shell
  let text = ""
  let asides = 0
  let isShown = false
  let isOver = false
  const erase = Effect.suspend(() => {
    if (!isShown) return Effect.void
    isShown = false
    return stderr.write(eraseLine)
  })
  if (stderr.isTerminal && !(yield* Quiet)) {
    const { dim } = styleOf(stderr)
    yield* Effect.addFinalizer(() => erase)
    const show = (seconds: number): Effect.Effect<never> =>
      Effect.andThen(
        Effect.sleep("1 second"),
        Effect.suspend(() => {
          const line = firstLine(`${text} (${seconds + 1} s)`, (stderr.columns ?? 80) - 1)
          if (isOver) return Effect.never
          if (asides > 0 || text === "") return show(seconds + 1)
          isShown = true
          return Effect.andThen(stderr.write(eraseLine + dim(line)), show(seconds + 1))
        })
      )
    yield* Effect.forkScoped(show(0))
  }
  return {
    say: (next) => {
      text = next
    },
    progress: (what, progress) => {
      text = `${what}: ${wordsOf(progress)}`
    },
    aside: (effect) =>
      Effect.suspend(() => {
        asides++
        return erase
      }).pipe(
        Effect.andThen(effect),
        Effect.ensuring(Effect.sync(() => void asides--))
      ),
    until: (effect) =>
      Effect.ensuring(
        effect,
        Effect.suspend(() => {
          isOver = true
          return erase
        })
      )
  }
})

const width = 20

/** `[#####               ] 25 % copying`, or without an end `12, copying`. */
export const wordsOf = ({ message, progress, total }: Progress): string => {
  const isKnown = total !== undefined && Number.isFinite(total) && total > 0
  const share = isKnown ? Math.min(1, Math.max(0, progress / total)) : 0
  const done = Math.floor(share * width)
  const bar = `[${"#".repeat(done)}${" ".repeat(width - done)}] ${Math.floor(share * 100)} %`
  if (message === undefined || message.trim() === "") return isKnown ? bar : String(progress)
  return isKnown ? `${bar} ${message}` : message
}
