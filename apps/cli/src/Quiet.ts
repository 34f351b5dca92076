/**
 * What a command says besides its result: notes on stderr, for people. `--quiet` leaves them out. Failures are no notes.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { Shell } from "./Shell.ts"

/** The user wants no words but those of failures. */
export const Quiet = Context.Reference<boolean>("holdfast/Quiet", { defaultValue: () => false })

/** The reader is a program: it gets lines of JSON, on stderr too. */
export const ForPrograms = Context.Reference<boolean>("holdfast/ForPrograms", { defaultValue: () => false })

/** Writes lines on stderr, unless the user wants none. */
export const note = (text: string): Effect.Effect<void, never, Shell> =>
  Effect.gen(function*() {
    if (yield* Quiet) return
    const { stderr } = yield* Shell
    const message = text.replace(/^holdfast: /, "").trim()
    yield* stderr.write((yield* ForPrograms) ? `${JSON.stringify({ log: { level: "info", message } })}\n` : text)
  })
