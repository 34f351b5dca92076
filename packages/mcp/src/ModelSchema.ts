/**
 * The schema of a tool's arguments, as a language model's interface takes it. Pure, and loads nothing.
 *
 * Promises
 * - It has no `anyOf`, `oneOf`, `allOf` or `$ref` at its root, where such interfaces refuse them together with every other tool of the
 *   request.
 *
 * **Gotchas**: a schema without a combination at its root is the server's own; one with it says less than the server's, which still judges
 * the arguments.
 *
 * @example
 * ```ts
 * import * as ModelSchema from "@holdfast/mcp/ModelSchema"
 *
 * const byIdOrName = { anyOf: [{ properties: { id: {} } }, { properties: { name: {} } }] }
 * console.log(ModelSchema.of({ inputSchema: byIdOrName })["properties"]) // { id: {}, name: {} }
 * ```
 */

/** JSON Schema of an object. */
export type Schema = Readonly<Record<string, unknown>>

/**
 * The schema of a tool's arguments, without what models refuse at its root. Of alternatives all properties are there, and required is
 * what each of them requires.
 */
export const of = ({ inputSchema }: { readonly inputSchema: Schema }): Schema =>
  combinators.some((keyword) => keyword in inputSchema)
    ? flat(inputSchema, inputSchema, { left: mostParts })
    : inputSchema

const combinators = ["$ref", "allOf", "anyOf", "oneOf"]

/** More than these are those of a schema that refers to itself. */
const mostParts = 1000

/** The schema with its combinations dissolved into `properties` and `required`; the definitions they refer to stay. */
const flat = (schema: Schema, root: Schema, budget: { left: number }): Schema => {
  if (budget.left-- <= 0) return {}
  const { $ref, allOf, anyOf, oneOf, properties, required, ...rest } = schema
  const own = { properties: isObject(properties) ? properties : {}, required: textsOf(required) }
  const part = (each: unknown): Part => partOf(isObject(each) ? flat(each, root, budget) : {})
  const parts = [
    own,
    ...(typeof $ref === "string" ? [part(resolve($ref, root))] : []),
    ...listOf(allOf).map(part),
    ...[anyOf, oneOf].map(listOf).filter((options) => options.length > 0).map((options) => either(options.map(part)))
  ]
  const names = [...new Set(parts.flatMap((each) => each.required))]
  return {
    ...rest,
    type: "object",
    properties: Object.fromEntries(merged(parts)),
    ...(names.length > 0 && { required: names })
  }
}

interface Part {
  readonly properties: Schema
  readonly required: ReadonlyArray<string>
}

const partOf = ({ properties, required }: Schema): Part => ({
  properties: isObject(properties) ? properties : {},
  required: textsOf(required)
})

const either = (options: ReadonlyArray<Part>): Part => ({
  properties: Object.fromEntries(merged(options)),
  required: (options[0]?.required ?? []).filter((name) => options.every(({ required }) => required.includes(name)))
})

/** Every property of all parts; one that they describe differently may be what any of them says. */
const merged = (parts: ReadonlyArray<Part>): ReadonlyMap<string, unknown> => {
  const all = new Map<string, ReadonlyArray<unknown>>()
  for (const [name, schema] of parts.flatMap(({ properties }) => Object.entries(properties))) {
    const known = all.get(name) ?? []
    if (!known.some((each) => textOf(each) === textOf(schema))) all.set(name, [...known, schema])
  }
  return new Map([...all].map(([name, schemas]) => [name, schemas.length === 1 ? schemas[0] : { anyOf: schemas }]))
}

/** What a reference within the document means. */
const resolve = (reference: string, root: Schema): unknown =>
  reference.startsWith("#/")
    ? reference.slice(2).split("/").reduce<unknown>((inner, segment) => {
      const name = segment.replaceAll("~1", "/").replaceAll("~0", "~")
      return isObject(inner) && Object.hasOwn(inner, name) ? inner[name] : undefined
    }, root)
    : undefined

/** What is nested without end is like nothing else. */
const textOf = (value: unknown): unknown => {
  try {
    return JSON.stringify(value)
  } catch {
    return value
  }
}

const listOf = (value: unknown): ReadonlyArray<unknown> => Array.isArray(value) ? value : []

const textsOf = (value: unknown): ReadonlyArray<string> => listOf(value).filter((each) => typeof each === "string")

const isObject = (value: unknown): value is Schema =>
  typeof value === "object" && value !== null && !Array.isArray(value)
