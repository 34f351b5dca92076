/**
 * What the demo prints: plain lines of at most 80 columns. On a terminal, where nothing was said for a while, a last line tells what
 * goes on just now; it is gone when it is told.
 */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"

const isTerminal = process.stdout.isTTY
const wrapped = (on: number) => (text: string) => isTerminal ? `\u001B[${on}m${text}\u001B[0m` : text

export const bold = wrapped(1)
const dim = wrapped(2)

const write = (text: string): void => void process.stdout.write(text)
const eraseLine = "\r\u001B[2K"

/** Ticks since the last line. */
let quiet = 0

/** Prints a line. */
export const say = (text = "") =>
  Effect.sync(() => {
    quiet = 0
    write(`${isTerminal ? eraseLine : ""}${text.trimEnd()}\n`)
  })

export const chapter = (title: string) => Effect.andThen(say(), say(bold(title)))

/** Prints one row of a table whose columns have these widths: the first to the left, the others to the right. */
export const row = (widths: ReadonlyArray<number>) => (...cells: ReadonlyArray<string>) =>
  say(`  ${
    widths.map((width, column) => {
      const cell = cells[column] ?? ""
      return column === 0 ? cell.padEnd(width) : cell.padStart(width)
    }).join("  ")
  }`)

/** Runs an effect, and tells on a terminal what is going on in it. */
export const meanwhile = <A, E, R>(what: () => string, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => {
  if (!isTerminal) return effect
  let ticks = 0
  const tick = Effect.sync(() => {
    ticks++
    quiet++
    if (quiet > 2) write(eraseLine + dim(`  ${what()} (${Math.floor(ticks / 4)} s)`))
  })
  return Effect.scoped(Effect.gen(function*() {
    yield* Effect.addFinalizer(() => Effect.sync(() => write(eraseLine)))
    yield* Effect.forkScoped(Effect.repeat(tick, Schedule.spaced("250 millis")))
    return yield* effect
  }))
}
