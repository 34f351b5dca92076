/**
 * A tool's arguments: what was given for it on the command line, understood by its schema.
 *
 * A word that can be read in several ways is read so that all arguments together fit. A key given twice makes a list of two, where the tool
 * takes a list. Later sources win over earlier ones: standard input, `--args`, words.
 */
import { nearNames } from "@holdfast/mcp/NearNames"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { isNativeError } from "node:util/types"
import type { ArgumentJudge } from "./ArgumentJudge.ts"
import { CliFailure, type Problem } from "./CliFailure.ts"
import { ExitCode } from "./ExitCode.ts"
import { InputSchema } from "./InputSchema.ts"
import { Shell } from "./Shell.ts"
import { table } from "./Table.ts"
import type * as ToolWords from "./ToolWords.ts"

/** The validator is loaded when it is first needed: `holdfast tools` never does. */
const judges = Effect.promise(() => import("./ArgumentJudge.ts"))

/** Loads the validator while something else is waited for. */
export const prepare: Effect.Effect<void> = Effect.asVoid(judges)

/** Makes the arguments of a tool and checks them against its schema. Nothing is sent before they fit. */
export const fit = Effect.fnUntraced(function*(tool: string, inputSchema: unknown, given: ToolWords.Given) {
  const schema = new InputSchema(inputSchema)
  const { problems, readings } = read(schema, given)
  const { make } = yield* judges
  const judged = yield* Effect.result(
    Effect.flatMap(Effect.fromResult(make(inputSchema)), (judge) =>
      Effect.try({
        try: () => choose(readings, judge),
        // A schema that refers to itself without end overflows the stack.
        catch: (error) => isNativeError(error) ? error.message : String(error)
      }))
  )
  if (Result.isFailure(judged)) {
    yield* Effect.logWarning(
      `${tool}: the server judges its arguments, because its schema cannot be used: ${judged.failure}`
    )
    return problems.length > 0 ? yield* refuse(tool, schema, problems) : first(readings)
  }
  problems.push(...unknown(schema, readings.keys()))
  const failed = new Set(problems.map(({ path }) => path))
  problems.push(...judged.success.problems.filter(({ path }) => !failed.has(path)))
  return problems.length === 0 ? judged.success.values : yield* refuse(tool, schema, problems)
})

/** The arguments without a schema: text stays text. */
export const unchecked = Effect.fnUntraced(function*(given: ToolWords.Given) {
  const { problems, readings } = read(undefined, given)
  return problems.length === 0 ? first(readings) : yield* refuse("", new InputSchema({}), problems)
})

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
      { indent: "  ", overflow: "wrap", width }
    )

/** For each argument all that it may be, the likeliest first. A map, because an argument may be called __proto__. */
type Readings = ReadonlyMap<string, ReadonlyArray<unknown>>

const read = (schema: InputSchema | undefined, { objects, words }: ToolWords.Given) => {
  const problems: Array<Problem> = []
  const readings = new Map<string, ReadonlyArray<unknown>>(
    objects.flatMap((object) => Object.entries(object).map(([name, value]) => [name, [value]] as const))
  )
  const texts = new Map<string, ReadonlyArray<string>>()
  for (const word of words) {
    const { name } = word
    if (word._tag === "Value") {
      readings.set(name, [word.value])
      continue
    }
    const before = texts.get(name) ?? []
    const schemas = schema?.schemasOf(name)
    texts.set(name, [...before, word.text])
    const own = schemas === undefined ? [word.text] : schema?.readings(schemas, word.text) ?? []
    if (before.length === 0) readings.set(name, own)
    else if (schemas !== undefined && schema?.isList(schemas) === true) {
      const [list] = readings.get(name) ?? []
      const more = own.find(Array.isArray) ?? own.slice(0, 1)
      readings.set(name, [[...(Array.isArray(list) ? list : [list]), ...more]])
    } else problems.push({ path: name, problem: "is given more than once" })
  }
  return { problems, readings }
}

const first = (readings: Readings): Record<string, unknown> =>
  Object.fromEntries([...readings].map(([name, [value]]) => [name, value]))

/** No tool has so many arguments of several meanings that more tries are worth it. */
const maxTries = 256

/** The first choice of readings that fits, or the faults of the likeliest. */
const choose = (readings: Readings, judge: ArgumentJudge) => {
  const values = first(readings)
  const problems = judge(values)
  if (problems.length === 0) return { values, problems }
  const open = [...readings].filter(([, options]) => options.length > 1)
  const tries = Math.min(maxTries, open.reduce((count, [, options]) => count * options.length, 1))
  for (let turn = 1; turn < tries; turn++) {
    let rest = turn
    const chosen = new Map(Object.entries(values))
    for (const [name, options] of open) {
      chosen.set(name, options[rest % options.length])
      rest = Math.floor(rest / options.length)
    }
    const others = Object.fromEntries(chosen)
    if (judge(others).length === 0) return { values: others, problems: [] }
  }
  return { values, problems }
}

const unknown = (schema: InputSchema, names: Iterable<string>): ReadonlyArray<Problem> => {
  if (schema.isOpen) return []
  const known = schema.arguments.map(({ name }) => name)
  return [...names].filter((name) => !known.includes(name)).map((name) => {
    const near = nearNames(name, known)
    return { path: name, problem: `is no argument${near.length > 0 ? `; did you mean ${near.join(" or ")}?` : ""}` }
  })
}

const refuse = (tool: string, schema: InputSchema, problems: ReadonlyArray<Problem>) =>
  Effect.flatMap(Shell, ({ stderr }) =>
    Effect.fail(
      new CliFailure({
        exitCode: ExitCode.usage,
        reason: "BadArguments",
        message: `${tool}: the arguments do not fit`,
        problems,
        details: `\n${tool} takes:\n${argumentTable(schema, stderr.columns)}`
      })
    ))
