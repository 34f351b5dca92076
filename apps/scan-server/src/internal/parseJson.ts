/**
 * Reads JSON that a person has written: says in which line and column it is none, and quotes no more of it than one character.
 */
import * as Effect from "effect/Effect"
import { isNativeError } from "node:util/types"

export interface NotJson {
  /** From 1 on. */
  readonly line: number
  /** From 1 on. */
  readonly column: number
  readonly problem: string
}

/** What the text holds. */
export const parseJson = (text: string): Effect.Effect<unknown, NotJson> =>
  Effect.try({ try: (): unknown => JSON.parse(text), catch: () => placeOf(text) })

const placeOf = (text: string): NotJson => {
  const at = firstMistake(text)
  const before = text.slice(0, at)
  const [character] = text.slice(at)
  return {
    line: before.split("\n").length,
    column: before.length - before.lastIndexOf("\n"),
    problem: character === undefined
      ? "the JSON ends too soon; a bracket, a brace or a quote is not closed"
      : `${
        JSON.stringify(character)
      } is not expected here; see that what is before it ends in a comma, and has its quotes`
  }
}

/** Where a text stops being the beginning of some JSON. V8 does not always say; but of a beginning it only misses the rest. */
const firstMistake = (text: string): number => {
  let [good, bad] = [0, text.length + 1]
  while (bad - good > 1) {
    const middle = Math.floor((good + bad) / 2)
    if (isBeginning(text.slice(0, middle))) good = middle
    else bad = middle
  }
  return good
}

const isBeginning = (text: string): boolean => {
  try {
    JSON.parse(text)
    return true
  } catch (error) {
    const message = isNativeError(error) ? error.message : ""
    if (/end of JSON|Unterminated/.test(message)) return true
    return Number(/at position (\d+)/.exec(message)?.[1] ?? -1) >= text.length
  }
}
