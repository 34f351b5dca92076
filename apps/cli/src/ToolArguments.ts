/**
 * A tool's arguments: what was given for it on the command line, understood by its schema.
 *
 * A key given twice makes a list of two, where the tool takes a list. Later sources win over earlier ones: standard input,
 * `--args`, words.
 */
import { nearNames } from "@holdfast/mcp/NearNames"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { CliFailure } from "./CliFailure.ts"
import { ExitCode } from "./ExitCode.ts"
import { InputSchema, type Mismatch } from "./InputSchema.ts"
import { Shell } from "./Shell.ts"
import { table } from "./Table.ts"
import type * as ToolWords from "./ToolWords.ts"

/** Makes the arguments of a tool and checks them against its schema. Nothing is sent before they fit. */
export const fit = Effect.fnUntraced(function*(tool: string, inputSchema: unknown, given: ToolWords.Given) {
  const schema = new InputSchema(inputSchema)
  const mismatches: Array<Mismatch> = []
  // A map, because an argument may be called __proto__.
  const values = new Map<string, unknown>(given.objects.flatMap((object) => Object.entries(object)))

  const seen = new Set<string>()
  for (const word of given.words) {
    const { name } = word
    if (word._tag === "Value") {
      values.set(name, word.value)
      continue
    }
    const { text } = word
    const argument = schema.find(name)
    const coerced = argument === undefined ? Result.succeed(text) : schema.coerce(argument.schema, text)
    if (Result.isFailure(coerced)) {
      mismatches.push({ path: name, problem: `expected ${coerced.failure}, got ${JSON.stringify(text)}` })
      continue
    }
    if (seen.has(name)) {
      const before = values.get(name)
      if (argument !== undefined && schema.isList(argument.schema) && Array.isArray(before)) {
        values.set(name, [...before, ...(Array.isArray(coerced.success) ? coerced.success : [coerced.success])])
      } else mismatches.push({ path: name, problem: "given more than once" })
      continue
    }
    seen.add(name)
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

/** The arguments without a schema: text stays text. */
export const unchecked = (given: ToolWords.Given) => fit("", {}, given)

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

const refuse = (tool: string, schema: InputSchema, mismatches: ReadonlyArray<Mismatch>) =>
  Effect.flatMap(Shell, ({ stderr }) =>
    Effect.fail(
      new CliFailure({
        exitCode: ExitCode.usage,
        reason: "BadArguments",
        message: `${tool}: the arguments do not fit`,
        problems: mismatches,
        details: `\n${tool} takes:\n${argumentTable(schema, stderr.columns)}`
      })
    ))
