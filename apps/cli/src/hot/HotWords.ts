/**
 * The words of a `holdfast call`, or a `holdfast tools`, of the usual kind. Loads nothing.
 *
 * Promises: what is read here is what the whole command line reads. A word that is not of the usual kind, or wrong, makes all of it
 * `undefined`: the whole program reads it again, and says what is wrong. JSON is read by the daemon, which is as strict.
 */
import type { WrittenWord } from "@holdfast/daemon/CallRequest"

export interface HotWords {
  /** As it was given. */
  readonly config: string | undefined
  readonly isJson: boolean
  /** What `--args` said. */
  readonly objects: ReadonlyArray<string>
  /** Server and tool, in one word or two, and what follows. */
  readonly words: ReadonlyArray<string>
}

/** Reads what follows `holdfast call`, or `holdfast tools`, which takes no arguments of a tool. */
export const read = (argv: ReadonlyArray<string>, isCall = true): HotWords | undefined => {
  let config: string | undefined
  let isJson = false
  const objects: Array<string> = []
  const words: Array<string> = []
  for (let index = 0; index < argv.length; index++) {
    const word = argv[index] ?? ""
    if (!word.startsWith("-") && word !== "") {
      words.push(word)
      continue
    }
    const value = argv[index + 1]
    if (word === "--json" && !isJson) isJson = true
    else if ((word === "--config" || word === "-c") && config === undefined && isValue(value)) {
      config = value
      index++
    } else if (!isCall) return undefined
    else if (word === "--args" && objects.length === 0 && isValue(value)) {
      objects.push(value)
      index++
      // What it changes is what becomes of a loss, which is not judged here.
    } else if (word !== "--idempotent") return undefined
  }
  return { config, isJson, objects, words }
}

/** A word with an argument. `contentOf` reads a file, and may throw. */
export const argumentOf = (word: string, contentOf: (file: string) => string): WrittenWord | undefined => {
  const equals = word.indexOf("=")
  if (equals < 1 || word.startsWith(":=")) return undefined
  const isValue = word.charAt(equals - 1) === ":"
  const said = word.slice(equals + 1)
  if (said === "@-") return undefined
  const text = said.startsWith("@") ? contentOf(said.slice(1)) : said
  return isValue ? ["json", word.slice(0, equals - 1), text] : ["text", word.slice(0, equals), text]
}

const isValue = (word: string | undefined): word is string => word !== undefined && word !== "" && !word.startsWith("-")
