/**
 * The schemas of a tool's arguments, as far as sense allows: what cannot be read in one is taken for "anything", so that the tool
 * can be called and neither a validator nor the interface of a language model refuses it and all the others with it.
 *
 * Arguments are an object, so a root without `type: "object"` gets it. `null` is absence of a keyword, `[]` an empty map of schemas.
 * A schema in which nothing is wrong comes back as itself. Everything that is no question of form is the server's to judge.
 */
import { isObject, quoted, type Tell } from "./tolerant.ts"

/** Keywords that hold schemas by name. */
export const keyed: ReadonlySet<string> = new Set([
  "$defs",
  "definitions",
  "properties",
  "patternProperties",
  "dependentSchemas"
])

/** Other keywords that hold a schema or a list of them. Elsewhere (`default`, `examples`) the same word is data. */
export const plain: ReadonlySet<string> = new Set([
  "additionalItems",
  "additionalProperties",
  "allOf",
  "anyOf",
  "contains",
  "contentSchema",
  "else",
  "if",
  "items",
  "not",
  "oneOf",
  "prefixItems",
  "propertyNames",
  "then",
  "unevaluatedItems",
  "unevaluatedProperties"
])

/** No schema that is written by hand is deeper than this, and a walk must not run out of stack. */
export const maxDepth = 256

/** The schema of a tool's arguments. `owner` names the tool, for what is told. */
export const mendInputSchema = (
  schema: unknown,
  owner: () => string,
  tell: Tell
): Readonly<Record<string, unknown>> => {
  if (schema === undefined || schema === null) {
    tell(`${owner()} has no inputSchema: any arguments are taken`)
    return { type: "object" }
  }
  if (!isObject(schema)) {
    if (!Array.isArray(schema) || schema.length > 0) {
      tell(`inputSchema of ${owner()} is none: any arguments are taken`)
    }
    return { type: "object" }
  }
  const mended = mendSchema(schema, owner, tell, 0)
  const { type } = mended
  if (type === "object") return mended
  if (type !== undefined && !(Array.isArray(type) && type.includes("object"))) {
    tell(`inputSchema of ${owner()} is of type ${quoted(type)}: arguments are an object, so any are taken`)
  }
  return { ...mended, type: "object" }
}

const mendSchema = (
  schema: Readonly<Record<string, unknown>>,
  owner: () => string,
  tell: Tell,
  depth: number
): Readonly<Record<string, unknown>> => {
  if (depth > maxDepth) return schema
  // What is another now; undefined: what is not there any more.
  let changed: Map<string, unknown> | undefined
  for (const keyword in schema) {
    const said = schema[keyword]
    if (typeof said !== "object") continue
    const read = said === null
      ? keyword === "default" || keyword === "const" ? said : undefined
      : keyed.has(keyword)
      ? mendMap(said, owner, tell, depth)
      : !plain.has(keyword)
      ? said
      : Array.isArray(said)
      ? mendList(said, owner, tell, depth)
      : isObject(said)
      ? mendSchema(said, owner, tell, depth + 1)
      : said
    if (read !== said) (changed ??= new Map()).set(keyword, read)
  }
  return changed === undefined ? schema : withChanges(schema, changed)
}

const mendMap = (said: object, owner: () => string, tell: Tell, depth: number): object | undefined => {
  if (!isObject(said)) return Array.isArray(said) && said.length === 0 ? {} : undefined
  let changed: Map<string, unknown> | undefined
  for (const name in said) {
    const schema = said[name]
    if (typeof schema === "boolean") continue
    const read = isObject(schema) ? mendSchema(schema, owner, tell, depth + 1) : {}
    if (read === schema) continue
    if (!isObject(schema) && schema !== null) {
      tell(`${quoted(name)} in the inputSchema of ${owner()} is no schema: anything is taken there`)
    }
    changed ??= new Map()
    changed.set(name, read)
  }
  return changed === undefined ? said : withChanges(said, changed)
}

const mendList = (
  said: ReadonlyArray<unknown>,
  owner: () => string,
  tell: Tell,
  depth: number
): ReadonlyArray<unknown> | undefined => {
  const read = said.filter((each) => isObject(each) || typeof each === "boolean").map((each) =>
    isObject(each) ? mendSchema(each, owner, tell, depth + 1) : each
  )
  if (read.length === 0) return undefined
  return read.length === said.length && read.every((each, index) => each === said[index]) ? said : read
}

/** Entries, because an assignment to a member of a foreign name is none. */
const withChanges = (
  object: Readonly<Record<string, unknown>>,
  changed: ReadonlyMap<string, unknown>
): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    Object.entries(object).flatMap(([name, value]) => {
      const read = changed.has(name) ? changed.get(name) : value
      return read === undefined ? [] : [[name, read]]
    })
  )
