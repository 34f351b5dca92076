/**
 * A command line as one text, as people type it into a shell: words apart by blanks, quotes, backslashes. Nothing else of a shell:
 * no variables, no patterns, no pipes.
 */
import * as Result from "effect/Result"

/** The words. Fails with what is wrong: a quote without its end, or no word at all. */
export const split = (text: string): Result.Result<readonly [command: string, ...args: Array<string>], string> => {
  const words: Array<string> = []
  let word: string | undefined
  let quote: "'" | "\"" | undefined
  for (let index = 0; index < text.length; index++) {
    const char = text.charAt(index)
    if (quote === undefined && /\s/.test(char)) {
      if (word !== undefined) words.push(word)
      word = undefined
    } else if (quote === undefined && (char === "'" || char === "\"")) {
      quote = char
      word ??= ""
    } else if (char === quote) quote = undefined
    else if (char === "\\" && quote !== "'" && index + 1 < text.length) {
      const next = text.charAt(index + 1)
      // Between double quotes a backslash is one, unless it stands before what it protects.
      if (quote === undefined || next === "\"" || next === "\\") index++
      word = (word ?? "") + text.charAt(index)
    } else word = (word ?? "") + char
  }
  if (quote !== undefined) return Result.fail(`a ${quote} has no end`)
  if (word !== undefined) words.push(word)
  const [command, ...args] = words
  return command === undefined || command === ""
    ? Result.fail("it names no command")
    : Result.succeed([command, ...args])
}
