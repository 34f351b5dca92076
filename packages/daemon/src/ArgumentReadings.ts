/**
 * What the words for a tool's arguments may mean together: every reading of each by the tool's schema, and the first choice of them that
 * fits. Pure: the daemon reads the words of a call by this, and so does a program that calls a tool without it.
 */
import type { InputSchema } from "./InputSchema.ts"

/** An argument by name: text for the schema to read, or a value. */
export type Word =
  | { readonly _tag: "Text"; readonly name: string; readonly text: string }
  | { readonly _tag: "Value"; readonly name: string; readonly value: unknown }

/** What was given, the weakest first: objects of arguments, then words, which win over them. */
export interface Given {
  readonly objects: ReadonlyArray<object>
  readonly words: ReadonlyArray<Word>
}

/** One thing that is wrong, and where: the name of an argument, or a path in its value. */
export interface Problem {
  readonly path: string
  readonly problem: string
}

/** Everything that does not fit; empty when all does. */
export type Judge = (value: unknown) => ReadonlyArray<Problem>

/** For each argument all that it may be, the likeliest first. A map, because an argument may be called __proto__. */
export type Readings = ReadonlyMap<string, ReadonlyArray<unknown>>

/** Reads what was given. Without a schema a text stays one. */
export const read = (schema: InputSchema | undefined, { objects, words }: Given) => {
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

/** The likeliest reading of each. */
export const first = (readings: Readings): Record<string, unknown> =>
  Object.fromEntries([...readings].map(([name, [value]]) => [name, value]))

/** No tool has so many arguments of several meanings that more tries are worth it. */
const maxTries = 256

/** The first choice of readings that fits, or the faults of the likeliest. */
export const choose = (readings: Readings, judge: Judge) => {
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

/** The names that the tool does not take. */
export const unknownNames = (schema: InputSchema, names: Iterable<string>): ReadonlyArray<string> => {
  if (schema.isOpen) return []
  const known = new Set(schema.arguments.map(({ name }) => name))
  return [...names].filter((name) => !known.has(name))
}
