/**
 * A line on stderr that says what a command waits for, once that takes longer than a second. Only on a terminal: a log has
 * no use for it, and a script even less.
 */
import * as Effect from "effect/Effect"
import type { Scope } from "effect/Scope"
import { Quiet } from "./Quiet.ts"
import { Shell } from "./Shell.ts"
import { eraseLine, firstLine, styleOf } from "./Style.ts"

export interface Waiting {
  /** Says what is waited for from now on. */
  readonly say: (text: string) => void
}

/** Shows the line until the Scope closes, and then leaves no trace of it. */
export const make: Effect.Effect<Waiting, never, Shell | Scope> = Effect.gen(function*() {
  const { stderr } = yield* Shell
  let text = ""
  if (stderr.isTerminal && !(yield* Quiet)) {
    const { dim } = styleOf(stderr)
    let isShown = false
    yield* Effect.addFinalizer(() => Effect.suspend(() => isShown ? stderr.write(eraseLine) : Effect.void))
    const show = (seconds: number): Effect.Effect<never> =>
      Effect.andThen(
        Effect.sleep("1 second"),
        Effect.suspend(() => {
          isShown = true
          const line = firstLine(`${text} (${seconds + 1} s)`, (stderr.columns ?? 80) - 1)
          return Effect.andThen(stderr.write(eraseLine + dim(line)), show(seconds + 1))
        })
      )
    yield* Effect.forkScoped(show(0))
  }
  return {
    say: (next) => {
      text = next
    }
  }
})
