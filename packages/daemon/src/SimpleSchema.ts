/**
 * Whether a value certainly fits a JSON Schema of the plain kind: types, members, elements, enumerations, bounds, forms, references within the
 * schema. Pure, and compiled once for a schema: it judges the arguments of every call through the daemon, without a validator.
 *
 * Promises
 * - What fits here fits by the whole standard, too, and the schema is one that a validator takes. Of everything else (a keyword that is
 *   not known here, a value that does not fit) nothing is said: a validator judges then, and has the words for it.
 * - A schema of a server cannot keep the daemon busy: it has no patterns here, which may take for ever to match.
 */
import * as ExactJson from "./ExactJson.ts"

/** True: the value fits. False: that is not known. */
export type Fits = (value: unknown) => boolean

/** Compiles a schema. */
export const compile = (schema: unknown): Fits => {
  const check = new Compiler(schema).compile(schema, 0)
  if (check === undefined) return () => false
  return (value) => {
    try {
      return check(ExactJson.plain(value))
    } catch (error) {
      // A schema that refers to itself without end.
      if (error instanceof RangeError) return false
      throw error
    }
  }
}

type Check = (value: unknown) => boolean

/** Undefined: what the schema says by the keyword is not understood here. */
type Keyword = (said: unknown, compile: (inner: unknown) => Check | undefined, schema: Members) => Check | undefined

/** Schemas written by hand are not as deep as this. */
const maxDepth = 20

class Compiler {
  readonly #root: unknown
  /** By what is referred to. Undefined: it is not understood. */
  readonly #references = new Map<string, { check: Check | undefined }>()

  constructor(root: unknown) {
    this.#root = root
  }

  compile(schema: unknown, depth: number): Check | undefined {
    if (typeof schema === "boolean") return () => schema
    if (!isMembers(schema) || depth > maxDepth) return undefined
    const checks: Array<Check> = []
    for (const [name, said] of Object.entries(schema)) {
      const check = name === "$ref"
        ? this.#refer(said, depth)
        : keywords.get(name)?.(said, (inner) => this.compile(inner, depth + 1), schema)
      if (check === undefined) return undefined
      if (check !== always) checks.push(check)
    }
    return (value) => checks.every((check) => check(value))
  }

  #refer(reference: unknown, depth: number): Check | undefined {
    if (typeof reference !== "string" || !/^#(?:\/|$)/.test(reference) || reference.includes("%")) return undefined
    const known = this.#references.get(reference)
    // One that is being compiled is known when it is used.
    if (known !== undefined) return known.check && ((value) => known.check?.(value) === true)
    let target = this.#root
    for (const segment of reference.split("/").slice(1)) {
      const name = segment.replaceAll("~1", "/").replaceAll("~0", "~")
      if (typeof target !== "object" || target === null || !Object.hasOwn(target, name)) return undefined
      target = Reflect.get(target, name)
    }
    const made: { check: Check | undefined } = { check: () => false }
    this.#references.set(reference, made)
    made.check = this.compile(target, depth + 1)
    return made.check
  }
}

const always: Check = () => true

/** Says nothing about whether a value fits. */
const note: Keyword = () => always

const isNumber = (said: unknown): said is number => typeof said === "number"
const isCount = (said: unknown): said is number => Number.isInteger(said) && Number(said) >= 0
const isScalar = (value: unknown): boolean => typeof value !== "object" || value === null

const bound = (holds: (said: number, value: number) => boolean): Keyword => (said) =>
  isNumber(said) ? (value) => typeof value !== "number" || holds(said, value) : undefined

const size =
  (of: (value: unknown) => number | undefined, holds: (said: number, size: number) => boolean): Keyword => (said) =>
    isCount(said)
      ? (value) => {
        const size = of(value)
        return size === undefined || holds(said, size)
      }
      : undefined

/** Characters are counted, not units. */
const textLength = (value: unknown): number | undefined => typeof value === "string" ? [...value].length : undefined
const listLength = (value: unknown): number | undefined => Array.isArray(value) ? value.length : undefined
const membersCount = (value: unknown): number | undefined => isMembers(value) ? Object.keys(value).length : undefined

const forms = (fits: (fitting: number, all: number) => boolean): Keyword => (said, compile) => {
  const checks = compileAll(said, compile)
  return checks && ((value) => fits(checks.filter((check) => check(value)).length, checks.length))
}

const compileAll = (
  said: unknown,
  compile: (inner: unknown) => Check | undefined
): ReadonlyArray<Check> | undefined => {
  if (!Array.isArray(said) || said.length === 0) return undefined
  const checks = said.map(compile)
  return checks.every((check) => check !== undefined) ? checks : undefined
}

const compileMembers = (
  said: unknown,
  compile: (inner: unknown) => Check | undefined
): ReadonlyArray<readonly [name: string, check: Check]> | undefined => {
  if (!isMembers(said)) return undefined
  const checks: Array<readonly [string, Check]> = []
  for (const [name, each] of Object.entries(said)) {
    const check = compile(each)
    if (check === undefined) return undefined
    checks.push([name, check])
  }
  return checks
}

const keywords: ReadonlyMap<string, Keyword> = new Map<string, Keyword>([
  ...["$schema", "$comment", "title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly"]
    .map((name) => [name, note] as const),
  // What nothing refers to counts for nothing.
  ...["$defs", "definitions"].map((name) =>
    [name, (said: unknown) => isMembers(said) && !hasNames(said) ? always : undefined] as const
  ),
  // Formats are the server's to judge.
  ["format", (said) => typeof said === "string" ? always : undefined],
  ["type", (said) => {
    const listed: ReadonlyArray<unknown> = Array.isArray(said) ? said : [said]
    const known = listed.filter((each) => typeof each === "string" && types.includes(each))
    return listed.length > 0 && known.length === listed.length
      ? (value) => known.some((type) => isOfType(type, value))
      : undefined
  }],
  ["enum", (said) => {
    const isKnown = Array.isArray(said) && said.length > 0 && said.every(isScalar) && new Set(said).size === said.length
    return isKnown ? (value) => said.includes(value) : undefined
  }],
  ["const", (said) => isScalar(said) ? (value) => value === said : undefined],
  ["properties", (said, compile) => {
    const checks = compileMembers(said, compile)
    return checks &&
      ((value) =>
        !isMembers(value) || checks.every(([name, check]) => !Object.hasOwn(value, name) || check(value[name])))
  }],
  ["required", (said) => {
    if (!Array.isArray(said) || !said.every((name) => typeof name === "string")) return undefined
    return (value) => !isMembers(value) || said.every((name) => Object.hasOwn(value, name))
  }],
  ["additionalProperties", (said, compile, { properties = {} }) => {
    const check = compile(said)
    if (check === undefined || !isMembers(properties)) return undefined
    return (value) =>
      !isMembers(value) ||
      Object.entries(value).every(([name, each]) => Object.hasOwn(properties, name) || check(each))
  }],
  ["items", (said, compile) => {
    const check = compile(said)
    return check && ((value) => !Array.isArray(value) || value.every((each) => check(each)))
  }],
  ["anyOf", forms((fitting) => fitting > 0)],
  ["oneOf", forms((fitting) => fitting === 1)],
  ["allOf", forms((fitting, all) => fitting === all)],
  ["minimum", bound((said, value) => value >= said)],
  ["maximum", bound((said, value) => value <= said)],
  ["exclusiveMinimum", bound((said, value) => value > said)],
  ["exclusiveMaximum", bound((said, value) => value < said)],
  ["minLength", size(textLength, (said, length) => length >= said)],
  ["maxLength", size(textLength, (said, length) => length <= said)],
  ["minItems", size(listLength, (said, length) => length >= said)],
  ["maxItems", size(listLength, (said, length) => length <= said)],
  ["minProperties", size(membersCount, (said, count) => count >= said)],
  ["maxProperties", size(membersCount, (said, count) => count <= said)]
])

/** Names that references might mean instead of a path. */
const hasNames = (definitions: Members): boolean =>
  /"\$(?:id|anchor|dynamic\w+|recursive\w+)"/.test(JSON.stringify(definitions))

const types = ["string", "boolean", "number", "integer", "null", "array", "object"]

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
