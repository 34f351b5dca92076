/**
 * What a command line needs to know of a tool's JSON Schema: which arguments there are, and what a word for one of them may mean.
 *
 * Arguments are found wherever the schema names them: in `properties`, behind `$ref`, in the branches of `allOf`, `anyOf`, `oneOf`,
 * `if`, `then`, `else` and `dependentSchemas`. Whether a value fits is for `SimpleSchema` to say, or for a validator. Pure.
 *
 * @example
 * ```ts
 * import { InputSchema } from "@holdfast/daemon/InputSchema"
 *
 * const schema = new InputSchema({ type: "object", properties: { path: { type: "string" } }, required: ["path"] })
 * console.log(schema.find("path")?.isRequired)
 * ```
 */
import * as ExactJson from "./ExactJson.ts"

/** A JSON Schema, as unchecked as it came. `true` and `{}` allow everything. */
export type JsonSchema = unknown

/** One argument of a tool. */
export interface Argument {
  readonly name: string
  /** Every schema that some branch has for it. */
  readonly schemas: ReadonlyArray<JsonSchema>
  readonly type: string
  /** Needed whichever branch is meant. */
  readonly isRequired: boolean
  readonly description: string
}

type Resolved = Readonly<Record<string, unknown>>

/** A schema that counts for the value, and whether it always does. */
interface Branch {
  readonly schema: Resolved
  readonly isCertain: boolean
}

/** The schema of a tool's input. */
export class InputSchema {
  readonly root: JsonSchema
  /** In the tool's order. */
  readonly arguments: ReadonlyArray<Argument>
  /** True when arguments are allowed that the schema does not name. */
  readonly isOpen: boolean
  readonly #open: ReadonlyArray<Resolved>

  constructor(root: JsonSchema) {
    this.root = root
    const branches = this.#branches(root)
    this.#open = branches.map(({ schema }) => schema)
    const found = new Map<string, Array<JsonSchema>>()
    const required = new Set<string>()
    for (const { isCertain, schema } of branches) {
      const { properties } = schema
      for (const [name, each] of isObject(properties) ? Object.entries(properties) : []) {
        found.set(name, [...found.get(name) ?? [], each])
      }
      for (const name of stringsOf(schema["required"])) {
        if (!found.has(name)) found.set(name, [])
        if (isCertain) required.add(name)
      }
    }
    this.arguments = [...found].map(([name, schemas]) => ({
      name,
      schemas,
      type: this.typeName(schemas),
      isRequired: required.has(name),
      description: this.#describe(schemas)
    }))
    // A tool that names its arguments means these; the standard's permission for any others is rarely meant.
    this.isOpen = branches.some(({ schema }) => {
      const { additionalProperties: extra, patternProperties, unevaluatedProperties } = schema
      return extra === true || isObject(extra) || isObject(patternProperties) ||
        unevaluatedProperties === true || isObject(unevaluatedProperties) || isElsewhere(schema)
    }) || (found.size === 0 && branches.every(({ schema }) => schema["additionalProperties"] !== false))
  }

  /** The argument of this name. Undefined: the schema does not name it, though it may allow it (`isOpen`). */
  find(name: string): Argument | undefined {
    return this.arguments.find((argument) => argument.name === name)
  }

  /** The schemas for an argument, named or not. `undefined`: nothing is said of it, and a text stays one. */
  schemasOf(name: string): ReadonlyArray<JsonSchema> | undefined {
    const named = this.find(name)?.schemas ?? []
    const matched = this.#open.flatMap(({ patternProperties }) =>
      isObject(patternProperties)
        ? Object.entries(patternProperties).flatMap(([pattern, schema]) => isMatch(pattern, name) ? [schema] : [])
        : []
    )
    if (named.length + matched.length > 0) return [...named, ...matched]
    if (this.find(name) !== undefined) return []
    const others = this.#open.flatMap(({ additionalProperties, unevaluatedProperties }) =>
      [additionalProperties, unevaluatedProperties].filter((each) => isObject(each) && Object.keys(each).length > 0)
    )
    return others.length > 0 ? others : undefined
  }

  /** All that a word may mean, the likeliest first. A word that fits no type is itself, for the judge to refuse. */
  readings(schemas: ReadonlyArray<JsonSchema>, text: string, depth = 0): ReadonlyArray<unknown> {
    const alternatives = this.#alternatives(schemas)
    const options = alternatives.flatMap(({ schema }) => [
      ...(Array.isArray(schema["enum"]) ? schema["enum"] : []),
      ...("const" in schema ? [schema["const"]] : [])
    ])
    const meant = options.filter((option) => typeof option !== "object" && String(option) === text)
    const read = alternatives
      .toSorted((a, b) => preference(a.type) - preference(b.type))
      .flatMap(({ schema, type }) => this.#read(type, schema, text, depth))
    const all = [...meant, ...read]
    return all.length === 0
      ? [text]
      : all.filter((each, index) => all.findIndex((other) => isSame(other, each)) === index)
  }

  /** True when a word for this argument is one element of a list, and may be given again for the next. */
  isList(schemas: ReadonlyArray<JsonSchema>): boolean {
    return this.#alternatives(schemas).some(({ type }) => type === "array")
  }

  /** `string`, `number[]`, `"a" | "b"`: a type as people write it. */
  typeName(schemas: ReadonlyArray<JsonSchema>, depth = 0): string {
    const names = this.#alternatives(schemas).map(({ schema: each, type }) => {
      if (Array.isArray(each["enum"])) return each["enum"].map((option) => JSON.stringify(option)).join(" | ")
      if ("const" in each) return JSON.stringify(each["const"])
      if (type !== "array") return type ?? "any"
      const item = depth > maxDepth ? "any" : this.typeName(itemsOf(each), depth + 1)
      return item.includes(" | ") ? `(${item})[]` : `${item}[]`
    })
    return [...new Set(names)].join(" | ") || "any"
  }

  #describe(schemas: ReadonlyArray<JsonSchema>): string {
    const resolved = schemas.map((schema) => this.#resolve(schema))
    const text = resolved.map(({ description }) => description).find((description) => typeof description === "string")
    const fallback = resolved.map((schema) => schema["default"]).find((value) => value !== undefined)
    const rest = fallback === undefined ? "" : `(default ${JSON.stringify(fallback)})`
    return [text ?? "", rest].filter((part) => part !== "").join(" ")
  }

  #read(type: string | undefined, schema: Resolved, text: string, depth: number): ReadonlyArray<unknown> {
    switch (type) {
      case "string":
        return [text]
      case "number":
      case "integer": {
        const value = readNumber(text)
        const isWhole = typeof value === "number" ? Number.isInteger(value) : !/[.e]/i.test(text)
        return value === undefined || (type === "integer" && !isWhole) ? [] : [value]
      }
      case "boolean":
        return text === "true" ? [true] : text === "false" ? [false] : []
      case "null":
        return text === "null" ? [null] : []
      case "array": {
        const list = text.trimStart().startsWith("[") ? parse(text) : []
        if (list.length > 0 || depth > maxDepth) return list
        // An element by itself.
        return this.readings(itemsOf(schema), text, depth + 1).map((item) => [item])
      }
      case "object":
        return parse(text).filter(isObject)
      default: {
        const value = parse(text)
        return value.length > 0 ? [...value, text] : [text]
      }
    }
  }

  /** The schemas as a list of alternatives with at most one type each. */
  #alternatives(
    schemas: ReadonlyArray<JsonSchema>
  ): ReadonlyArray<{ readonly type: string | undefined; readonly schema: Resolved }> {
    const branches = schemas.flatMap((schema) => this.#branches(schema))
    const typed = branches.flatMap(({ schema }) => {
      const { type } = schema
      const types = typeof type === "string" ? [type] : stringsOf(type)
      if (types.length > 0) return types.map((type) => ({ type, schema }))
      const options = Array.isArray(schema["enum"]) ? schema["enum"] : "const" in schema ? [schema["const"]] : undefined
      if (options === undefined) return []
      return [...new Set(options.map(typeOf))].map((type) => ({ type, schema }))
    })
    return typed.length > 0 ? typed : [{ type: undefined, schema: {} }]
  }

  /** The schema itself and every branch of it that may count for the same value, each once: schemas refer to each other in circles. */
  #branches(schema: JsonSchema, isCertain = true, seen = new Set<unknown>()): ReadonlyArray<Branch> {
    const key = keyOf(schema)
    if (seen.has(key)) return []
    seen.add(key)
    const resolved = this.#resolve(schema)
    const inner = (each: JsonSchema, isCertain: boolean) => this.#branches(each, isCertain, seen)
    const { allOf, anyOf, dependentSchemas, oneOf } = resolved
    return [
      { schema: resolved, isCertain },
      ...(Array.isArray(allOf) ? allOf.flatMap((each) => inner(each, isCertain)) : []),
      ...[anyOf, oneOf].flatMap((each) => Array.isArray(each) ? each.flatMap((one) => inner(one, false)) : []),
      ...["if", "then", "else"].flatMap((name) => name in resolved ? inner(resolved[name], false) : []),
      ...(isObject(dependentSchemas)
        ? Object.values(dependentSchemas).flatMap((each) => inner(each, false))
        : [])
    ]
  }

  /** Follows `$ref` within the document; what stands beside it counts, too. What cannot be followed allows everything. */
  #resolve(schema: JsonSchema): Resolved {
    let current = schema
    const beside: Array<object> = []
    for (let steps = 0; steps < 32 && isObject(current); steps++) {
      const { $ref: reference, ...rest }: Resolved = { ...current }
      if (typeof reference !== "string" || !reference.startsWith("#")) break
      beside.unshift(rest)
      current = reference.slice(1).split("/").slice(1).reduce<unknown>(
        (inner, segment) =>
          isObject(inner) || Array.isArray(inner) ? Reflect.get(inner, unescaped(segment)) : undefined,
        this.root
      )
    }
    return Object.assign({}, isObject(current) ? current : {}, ...beside)
  }
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const isMatch = (pattern: string, name: string): boolean => {
  try {
    return new RegExp(pattern, "u").test(name)
  } catch {
    // A pattern that is none hits nothing here; the judge tells of it.
    return false
  }
}

const unescaped = (segment: string): string => {
  try {
    return decodeURIComponent(segment).replaceAll("~1", "/").replaceAll("~0", "~")
  } catch {
    // A lone percent sign is a percent sign.
    return segment
  }
}

/** References to the same are the same, unless they say something besides. */
const keyOf = (schema: JsonSchema): unknown =>
  isObject(schema) && "$ref" in schema && Object.keys(schema).length === 1 ? schema.$ref : schema

/** The rest of it is in another document. */
const isElsewhere = ({ $ref }: Resolved): boolean => typeof $ref === "string" && !$ref.startsWith("#")

/** What the elements of a list may be. */
const itemsOf = ({ items, prefixItems }: Resolved): ReadonlyArray<JsonSchema> => {
  const listed = [items, prefixItems].flatMap((each) => Array.isArray(each) ? each : [])
  const every = items === undefined || Array.isArray(items) ? [] : [items]
  return [...listed, ...every]
}

/** Of lists in lists, which may have no end. */
const maxDepth = 1

/** From the most to the least particular: a word can always be text. */
const order = ["number", "integer", "boolean", "array", "object", undefined, "string", "null"]

const preference = (type: string | undefined): number => {
  const index = order.indexOf(type)
  return index === -1 ? order.indexOf(undefined) : index
}

const readNumber = (text: string): unknown => {
  if (!/^[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?$/.test(text)) return undefined
  // As JSON writes it: no sign and no zeros in front, a digit on both sides of the point.
  const literal = text.replace(/^\+/, "").replace(/^(-?)0+(?=\d)/, "$1").replace(/^(-?)\./, "$10.").replace(
    /\.(?!\d)/,
    ""
  )
  return ExactJson.numberOf(literal)
}

const parse = (text: string): ReadonlyArray<unknown> => {
  try {
    return [ExactJson.parse(text)]
  } catch {
    // Not JSON: then it is not a value of this type.
    return []
  }
}

const typeOf = (value: unknown): string => value === null ? "null" : Array.isArray(value) ? "array" : typeof value

const stringsOf = (value: unknown): ReadonlyArray<string> =>
  Array.isArray(value) ? value.filter((each) => typeof each === "string") : []

const isSame = (a: unknown, b: unknown): boolean => typeof a === typeof b && JSON.stringify(a) === JSON.stringify(b)
