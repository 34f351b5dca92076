/**
 * The words of a command line that give a tool its arguments, read but not yet understood: what they mean is for the tool's
 * schema to say. Everything that is wrong with them whatever the tool is found here, before any server is started.
 *
 * | word          | means                                                              |
 * | ------------- | ------------------------------------------------------------------ |
 * | `key=text`    | the text, read as what the tool's schema says: a number, a list, … |
 * | `key=@file`   | the content of the file, likewise; `@-` is standard input          |
 * | `key:=json`   | the JSON value as it is                                            |
 * | `key:=@file`  | the JSON value in the file                                         |
 * | `-`           | a JSON object with arguments on standard input                     |
 */
import type { Given, Word } from "@holdfast/daemon/ArgumentReadings"
import * as ExactJson from "@holdfast/daemon/ExactJson"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Path from "effect/Path"
import * as Predicate from "effect/Predicate"
import { isNativeError } from "node:util/types"
import { CliFailure } from "./CliFailure.ts"
import { ExitCode } from "./ExitCode.ts"
import { Shell } from "./Shell.ts"

export type { Given, Word }

export interface Sources {
  /** What follows the tool's name. */
  readonly words: ReadonlyArray<string>
  /** The value of `--args`. */
  readonly json: string | undefined
}

/** Reads the words, and the files and the standard input that they name. */
export const read = Effect.fnUntraced(function*(sources: Sources) {
  const objects: Array<object> = []
  if (sources.words.includes("-")) objects.push(yield* parseObject("standard input", yield* stdin))
  if (sources.json !== undefined) objects.push(yield* parseObject("--args", sources.json))
  const words = yield* Effect.forEach(sources.words.filter((word) => word !== "-"), readWord)
  const given: Given = { objects, words }
  return given
})

const readWord = Effect.fnUntraced(function*(word: string) {
  const equals = word.indexOf("=")
  if (equals < 1 || word.startsWith(":=")) {
    return yield* usage(
      `cannot read ${
        JSON.stringify(word)
      }: arguments are key=value, key=@file, key:=json, or - for JSON on standard input`
    )
  }
  const isJson = word.charAt(equals - 1) === ":"
  const name = word.slice(0, isJson ? equals - 1 : equals)
  const said = word.slice(equals + 1)
  const text = said.startsWith("@") ? yield* content(name, said.slice(1)) : said
  const result: Word = isJson
    ? { _tag: "Value", name, value: yield* parseJson(word, text) }
    : { _tag: "Text", name, text }
  return result
})

const content = Effect.fnUntraced(function*(name: string, file: string) {
  if (file === "-") return yield* stdin
  const { directory } = yield* Shell
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  return yield* Effect.mapError(fs.readFileString(path.resolve(directory, file)), ({ reason }) =>
    new CliFailure({
      exitCode: ExitCode.usage,
      reason: "BadArguments",
      message: `${name}: cannot read the file ${file} (${reason._tag}); ` +
        `a text that begins with @ is written ${name}:='${JSON.stringify(`@${file}`)}'`
    }))
})

const stdin = Effect.flatMap(Shell, (shell) => Effect.catch(shell.stdin, ({ message }) => usage(message)))

const parseJson = (source: string, text: string): Effect.Effect<unknown, CliFailure> =>
  Effect.try({
    try: () => ExactJson.parse(text),
    catch: (error) =>
      new CliFailure({
        exitCode: ExitCode.usage,
        reason: "BadArguments",
        message: `${source} is not JSON: ${isNativeError(error) ? error.message : String(error)}`
      })
  })

const parseObject = (source: string, text: string): Effect.Effect<object, CliFailure> =>
  Effect.filterOrElse(
    parseJson(source, text),
    Predicate.isObject,
    () => usage(`${source} must be a JSON object with the arguments by name`)
  )

const usage = (message: string) =>
  Effect.fail(new CliFailure({ exitCode: ExitCode.usage, reason: "BadArguments", message }))
