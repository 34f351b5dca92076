/**
 * Durations that callers say, read where they are said: one that is none is a mistake of the program, a `TypeError` that names the option
 * and says what is allowed.
 */
import * as Duration from "effect/Duration"

/** What may be said. */
export const allowed = "a duration such as \"30 seconds\", a number of milliseconds, or \"Infinity\""

/** In milliseconds; undefined for what is no duration. `Duration` itself takes NaN for zero. */
export const millisIn = (input: unknown): number | undefined => {
  if (input === null || Number.isNaN(input)) return undefined
  // The only way to ask whether a value is a duration is to let Effect try: the cast claims nothing that is relied on.
  const read = Duration.fromInput(input as Duration.Input)
  const millis = read._tag === "Some" ? Duration.toMillis(read.value) : -1
  return millis >= 0 ? millis : undefined
}

/** In milliseconds. Throws a `TypeError`. */
export const millisOf = (option: string, input: Duration.Input): number => {
  const millis = millisIn(input)
  if (millis === undefined) throw new TypeError(`${option}: ${shown(input)} is not ${allowed}`)
  return millis
}

/** What was said, in a message. */
export const shown = (input: unknown): string =>
  typeof input === "string" ? JSON.stringify(input) : typeof input === "object" ? JSON.stringify(input) : String(input)
