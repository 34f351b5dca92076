/**
 * A tool's arguments as words of a command line.
 *
 * | word          | means                                                              |
 * | ------------- | ------------------------------------------------------------------ |
 * | `key=text`    | the text, read as what the tool's schema says: a number, a list, … |
 * | `key=@file`   | the content of the file, likewise; `@-` is standard input          |
 * | `key:=json`   | the JSON value as it is                                            |
 * | `key:=@file`  | the JSON value in the file                                         |
 * | `-`           | a JSON object with arguments on standard input                     |
 *
 * A key given twice makes a list of two, where the tool takes a list. Later sources win over earlier ones: standard input,
 * `--args`, words.
 */
import { nearNames } from "@holdfast/mcp/NearNames"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Path from "effect/Path"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import { CliFailure } from "./CliFailure.ts"
import { ExitCode } from "./ExitCode.ts"
import { InputSchema, type Mismatch } from "./InputSchema.ts"
import { Shell } from "./Shell.ts"
import { table } from "./Style.ts"

export interface Sources {
  /** What follows the tool's name. */
  readonly words: ReadonlyArray<string>
  /** The value of `--args`. */
  readonly json: string | undefined
}

/** Reads the arguments for a tool and checks them against its schema. Nothing is sent before they fit. */
export const read = Effect.fnUntraced(function*(tool: string, inputSchema: unknown, sources: Sources) {
  const schema = new InputSchema(inputSchema)
  const mismatches: Array<Mismatch> = []
  // A map, because an argument may be called __proto__.
  const values = new Map<string, unknown>()
  const merge = (object: object) => {
    for (const [name, value] of Object.entries(object)) values.set(name, value)
  }

  const stdinWords = sources.words.filter((word) => word === "-")
  if (stdinWords.length > 0) merge(yield* parseObject("standard input", yield* stdin))
  if (sources.json !== undefined) merge(yield* parseObject("--args", sources.json))

  const given = new Set<string>()
  for (const word of sources.words) {
    if (word === "-") continue
    const { isJson, name, text } = yield* readWord(word)
    const argument = schema.find(name)
    if (isJson) {
      values.set(name, yield* parseJson(word, text))
      continue
    }
    const coerced = argument === undefined ? Result.succeed(text) : schema.coerce(argument.schema, text)
    if (Result.isFailure(coerced)) {
      mismatches.push({ path: name, problem: `expected ${coerced.failure}, got ${JSON.stringify(text)}` })
      continue
    }
    if (given.has(name)) {
      const before = values.get(name)
      if (argument !== undefined && schema.isList(argument.schema) && Array.isArray(before)) {
        values.set(name, [...before, ...(Array.isArray(coerced.success) ? coerced.success : [coerced.success])])
      } else mismatches.push({ path: name, problem: "given more than once" })
      continue
    }
    given.add(name)
    values.set(name, coerced.success)
  }

  if (!schema.isOpen) {
    const names = schema.arguments.map(({ name }) => name)
    for (const name of values.keys()) {
      if (schema.find(name) !== undefined) continue
      const near = nearNames(name, names)
      mismatches.push({
        path: name,
        problem: `no such argument${near.length > 0 ? `; did you mean ${near.join(" or ")}?` : ""}`
      })
    }
  }
  const result = Object.fromEntries(values)
  const failed = new Set(mismatches.map(({ path }) => path))
  // What could not be read is not missing.
  mismatches.push(...schema.check(inputSchema, result, "").filter(({ path }) => !failed.has(path)))
  return mismatches.length === 0 ? result : yield* refuse(tool, schema, mismatches)
})

/** Reads arguments without a schema: text stays text. */
export const readUnchecked = (sources: Sources) => read("", {}, sources)

/** The arguments of a tool as an aligned table; required ones are marked. */
export const argumentTable = (schema: InputSchema, width?: number): string =>
  schema.arguments.length === 0
    ? schema.isOpen ? "  any" : "  none"
    : table(
      schema.arguments.map(({ description, isRequired, name, type }) => [
        name,
        type,
        isRequired ? "required" : "",
        description
      ]),
      { indent: "  ", width }
    )

const refuse = (tool: string, schema: InputSchema, mismatches: ReadonlyArray<Mismatch>) =>
  Effect.flatMap(Shell, ({ stderr }) =>
    Effect.fail(
      new CliFailure({
        exitCode: ExitCode.usage,
        reason: "BadArguments",
        message: `${tool}: the arguments do not fit`,
        details: [
          table(mismatches.map(({ path, problem }) => [path === "" ? "(all)" : path, problem]), { indent: "  " }),
          "",
          `${tool} takes:`,
          argumentTable(schema, stderr.columns)
        ].join("\n")
      })
    ))

interface Word {
  readonly name: string
  readonly text: string
  readonly isJson: boolean
}

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
  const text = word.slice(equals + 1)
  const result: Word = { name, text: text.startsWith("@") ? yield* content(name, text.slice(1)) : text, isJson }
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
    try: (): unknown => JSON.parse(text),
    catch: (error) =>
      new CliFailure({
        exitCode: ExitCode.usage,
        reason: "BadArguments",
        message: `${source} is not JSON: ${error instanceof Error ? error.message : String(error)}`
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
