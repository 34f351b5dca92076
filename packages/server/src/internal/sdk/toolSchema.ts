/**
 * An Effect schema as the SDK (version 1) wants the schemas of tools.
 *
 * The SDK takes a zod schema, shows its JSON form to clients, and checks by it. This one shows the JSON form of the Effect schema, and lets every
 * object through: the Effect schema checks, because it can say more, and because zod reads no JSON schema that refers to itself.
 */
import type * as JsonSchema from "effect/JsonSchema"
import * as Schema from "effect/Schema"
import { z } from "zod"

/** What the SDK shows, and does not check by. */
export type ToolSchema = z.ZodObject<{}, z.core.$loose>

/** The schema's JSON form, with all that it refers to in it and an object at its root, as the protocol has it. */
export const toolSchema = (schema: Schema.Constraint): ToolSchema => {
  const everything = z.looseObject({})
  const text = JSON.stringify(typed(shown(Schema.toJsonSchemaDocument(Schema.toCodecJson(schema)))))
  // Zod empties what it is given: each time it gets another.
  everything._zod.toJSONSchema = (): unknown => JSON.parse(text)
  return everything
}

const shown = ({ definitions, schema }: JsonSchema.Document<"draft-2020-12">): object => {
  const { $ref, ...said } = schema
  const named = typeof $ref === "string" ? definitions[nameIn($ref)] : undefined
  // A struct without fields would allow everything, arrays too.
  const isEmpty = "not" in said && said["type"] === undefined
  return {
    ...named,
    ...(isEmpty ? { properties: {} } : said),
    type: "object",
    ...(Object.keys(definitions).length > 0 && { $defs: definitions })
  }
}

/** Keywords beside those that say something of a value. */
const annotations: ReadonlySet<string> = new Set(["title", "description", "default", "examples", "$comment"])

const anyJson = ["object", "array", "string", "number", "boolean", "null"].map((type) => ({ type }))

/** A member that may be any JSON says so: clients refuse, or warn of, a schema that says nothing. */
const typed = (schema: unknown): unknown => {
  if (Array.isArray(schema)) return schema.map(typed)
  if (!isObject(schema)) return schema
  if (Object.keys(schema).every((keyword) => annotations.has(keyword))) return { ...schema, anyOf: anyJson }
  return Object.fromEntries(
    Object.entries(schema).map(([keyword, value]) => {
      if (["properties", "patternProperties", "$defs"].includes(keyword) && isObject(value)) {
        return [keyword, Object.fromEntries(Object.entries(value).map(([name, member]) => [name, typed(member)]))]
      }
      return [keyword, ["items", "prefixItems", "anyOf", "oneOf", "allOf"].includes(keyword) ? typed(value) : value]
    })
  )
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** Of a definition that is referred to. */
const nameIn = (ref: string): string =>
  decodeURIComponent(ref.slice("#/$defs/".length)).replaceAll("~1", "/").replaceAll("~0", "~")
