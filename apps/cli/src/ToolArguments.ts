/**
 * A tool's arguments: what was given for it on the command line, understood by its schema.
 *
 * A word that can be read in several ways is read so that all arguments together fit. A key given twice makes a list of two, where the tool
 * takes a list. Later sources win over earlier ones: standard input, `--args`, words.
 */
import * as ArgumentReadings from "@holdfast/daemon/ArgumentReadings"
import { InputSchema } from "@holdfast/daemon/InputSchema"
import { nearNames } from "@holdfast/mcp/NearNames"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { isNativeError } from "node:util/types"
import { argumentTable } from "./ArgumentTable.ts"
import { CliFailure, type Problem } from "./CliFailure.ts"
import { ExitCode } from "./ExitCode.ts"
import { Shell } from "./Shell.ts"
import { layout } from "./Table.ts"

/** The validator is loaded when it is first needed: `holdfast tools` never does. */
const judges = Effect.promise(() => import("./ArgumentJudge.ts"))

/** Loads the validator while something else is waited for. */
export const prepare: Effect.Effect<void> = Effect.asVoid(judges)

/** Makes the arguments of a tool and checks them against its schema. Nothing is sent before they fit. */
export const fit = Effect.fnUntraced(function*(tool: string, inputSchema: unknown, given: ArgumentReadings.Given) {
  const schema = new InputSchema(inputSchema)
  const { problems, readings } = ArgumentReadings.read(schema, given)
  const { make } = yield* judges
  const judged = yield* Effect.result(
    Effect.flatMap(Effect.fromResult(make(inputSchema)), (judge) =>
      Effect.try({
        try: () => ArgumentReadings.choose(readings, judge),
        // A schema that refers to itself without end overflows the stack.
        catch: (error) => isNativeError(error) ? error.message : String(error)
      }))
  )
  if (Result.isFailure(judged)) {
    yield* Effect.logWarning(
      `${tool}: the server judges its arguments, because its schema cannot be used: ${judged.failure}`
    )
    return problems.length > 0 ? yield* refuse(tool, schema, problems) : ArgumentReadings.first(readings)
  }
  problems.push(...unknown(schema, readings.keys()))
  const failed = new Set(problems.map(({ path }) => path))
  problems.push(...judged.success.problems.filter(({ path }) => !failed.has(path)))
  return problems.length === 0 ? judged.success.values : yield* refuse(tool, schema, problems)
})

/** Judges values for many calls: each schema is compiled once. */
export const judging = () => {
  const known = new Map<string, Result.Result<ArgumentReadings.Judge, string>>()
  return {
    judge: Effect.fnUntraced(function*(tool: string, inputSchema: unknown, values: object) {
      const { make } = yield* judges
      const judge = known.get(tool) ?? make(inputSchema)
      // One that does not compile is the server's to judge, and is told of once.
      if (Result.isFailure(judge) && !known.has(tool)) {
        yield* Effect.logWarning(
          `${tool}: the server judges its arguments, because its schema cannot be used: ${judge.failure}`
        )
      }
      known.set(tool, judge)
      if (Result.isFailure(judge)) return
      const schema = new InputSchema(inputSchema)
      const problems = [...unknown(schema, Object.keys(values))]
      const named = new Set(problems.map(({ path }) => path))
      problems.push(...judge.success(values).filter(({ path }) => !named.has(path)))
      if (problems.length > 0) return yield* refuse(tool, schema, problems)
    })
  }
}

/** The arguments without a schema: text stays text. */
export const unchecked = Effect.fnUntraced(function*(given: ArgumentReadings.Given) {
  const { problems, readings } = ArgumentReadings.read(undefined, given)
  return problems.length === 0 ? ArgumentReadings.first(readings) : yield* refuse("", new InputSchema({}), problems)
})

const unknown = (schema: InputSchema, names: Iterable<string>): ReadonlyArray<Problem> => {
  const known = schema.arguments.map(({ name }) => name)
  return ArgumentReadings.unknownNames(schema, names).map((name) => {
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
        details: `\n${tool} takes:\n${argumentTable(layout, schema, stderr.columns)}`
      })
    ))
