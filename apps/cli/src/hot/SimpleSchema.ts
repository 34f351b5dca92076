/**
 * Whether a value certainly fits a JSON Schema of the plain kind: types, members, elements, enumerations, bounds. Loads no validator.
 *
 * Promises: what fits here fits by the whole standard, too, and the schema is one that the validator takes. Of everything else (a keyword that
 * is not known here, a value that does not fit) nothing is said: the validator judges then, and has the words for it.
 */
import * as ExactJson from "../ExactJson.ts"

/** True: it fits. False: that is not known. */
export const fits = (schema: unknown, value: unknown): boolean =>
  isKnown(schema, 0) && check(schema, ExactJson.plain(value))

interface Keyword {
  /** Whether what the schema says by it is understood here. */
  readonly isKnown: (said: unknown, depth: number) => boolean
  /** Whether the value fits. Asked only if it is understood. */
  readonly holds: (said: unknown, value: unknown, schema: Members) => boolean
}

/** Schemas written by hand are not as deep as this. */
const maxDepth = 20

const isKnown = (schema: unknown, depth: number): boolean =>
  typeof schema === "boolean" || (isMembers(schema) && depth < maxDepth &&
    Object.entries(schema).every(([name, said]) => keywords.get(name)?.isKnown(said, depth + 1) === true))

const check = (schema: unknown, value: unknown): boolean =>
  schema === true || (isMembers(schema) &&
    Object.entries(schema).every(([name, said]) => keywords.get(name)?.holds(said, value, schema) === true))

const isNumber = (said: unknown): said is number => typeof said === "number"
const isCount = (said: unknown): said is number => Number.isInteger(said) && Number(said) >= 0
const isList = (said: unknown): said is ReadonlyArray<unknown> => Array.isArray(said)
const isOneOf = (said: unknown, value: unknown): boolean => isList(said) && said.includes(value)
const isScalar = (value: unknown): boolean => typeof value !== "object" || value === null

/** Says nothing about whether a value fits. */
const note: Keyword = { isKnown: () => true, holds: () => true }

const bound = (holds: (said: number, value: number) => boolean): Keyword => ({
  isKnown: isNumber,
  holds: (said, value) => isNumber(said) && (typeof value !== "number" || holds(said, value))
})

const size = (of: (value: unknown) => number | undefined, holds: (said: number, size: number) => boolean): Keyword => ({
  isKnown: isCount,
  holds: (said, value) => {
    const size = of(value)
    return isNumber(said) && (size === undefined || holds(said, size))
  }
})

const textLength = (value: unknown): number | undefined => typeof value === "string" ? value.length : undefined
const listLength = (value: unknown): number | undefined => Array.isArray(value) ? value.length : undefined

const keywords: ReadonlyMap<string, Keyword> = new Map<string, Keyword>([
  ...["$schema", "$comment", "title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly"]
    .map((name) => [name, note] as const),
  // Formats are the server's to judge.
  ["format", { isKnown: (said) => typeof said === "string", holds: () => true }],
  ["type", {
    isKnown: (said) => isList(said) ? said.length > 0 && said.every(isType) : isType(said),
    holds: (said, value) => [said].flat().some((type) => isOfType(type, value))
  }],
  ["enum", {
    isKnown: (said) => isList(said) && said.length > 0 && said.every(isScalar) && new Set(said).size === said.length,
    holds: isOneOf
  }],
  ["const", { isKnown: isScalar, holds: (said, value) => said === value }],
  ["properties", {
    isKnown: (said, depth) => isMembers(said) && Object.values(said).every((each) => isKnown(each, depth)),
    holds: (said, value) =>
      !isMembers(said) || !isMembers(value) ||
      Object.entries(said).every(([name, each]) => !Object.hasOwn(value, name) || check(each, value[name]))
  }],
  ["required", {
    isKnown: (said) => isList(said) && said.every((name) => typeof name === "string"),
    holds: (said, value) =>
      !isMembers(value) || !isList(said) || said.every((name) => Object.hasOwn(value, String(name)))
  }],
  ["additionalProperties", {
    isKnown,
    holds: (said, value, { properties = {} }) =>
      !isMembers(value) || !isMembers(properties) ||
      Object.entries(value).every(([name, each]) => Object.hasOwn(properties, name) || check(said, each))
  }],
  ["items", { isKnown, holds: (said, value) => !Array.isArray(value) || value.every((each) => check(said, each)) }],
  ["anyOf", {
    isKnown: (said, depth) => isList(said) && said.length > 0 && said.every((each) => isKnown(each, depth)),
    holds: (said, value) => isList(said) && said.some((each) => check(each, value))
  }],
  ["minimum", bound((said, value) => value >= said)],
  ["maximum", bound((said, value) => value <= said)],
  ["exclusiveMinimum", bound((said, value) => value > said)],
  ["exclusiveMaximum", bound((said, value) => value < said)],
  // Characters are counted, of which a text has half as many as units at least.
  ["minLength", size(textLength, (said, length) => length >= said * 2)],
  ["maxLength", size(textLength, (said, length) => length <= said)],
  ["minItems", size(listLength, (said, length) => length >= said)],
  ["maxItems", size(listLength, (said, length) => length <= said)]
])

const types = ["string", "boolean", "number", "integer", "null", "array", "object"]

const isType = (said: unknown): boolean => isOneOf(types, said)

const isOfType = (type: unknown, value: unknown): boolean => {
  switch (type) {
    case "integer":
      return Number.isInteger(value)
    case "null":
      return value === null
    case "array":
      return Array.isArray(value)
    case "object":
      return isMembers(value)
    default:
      return typeof value === type
  }
}

type Members = Readonly<Record<string, unknown>>

const isMembers = (value: unknown): value is Members =>
  typeof value === "object" && value !== null && !Array.isArray(value)
