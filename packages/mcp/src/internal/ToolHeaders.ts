/**
 * Arguments that a tool wants to see in headers as well, so that what stands between client and server can route a call without
 * reading it: a property of its input schema says `x-mcp-header: Region`, and a call with `region: "eu"` says `Mcp-Param-Region: eu`.
 *
 * A tool whose declaration breaks the rules is no tool that can be called over HTTP: it is left out of the list.
 *
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/transports
 */
import type * as Messages from "@holdfast/protocol/Messages"
import * as Result from "effect/Result"
import { inHeader } from "./HttpHeaders.ts"

/** One argument, by its path from the arguments, and its header. */
export interface Mirrored {
  readonly path: ReadonlyArray<string>
  readonly header: string
}

/** What a tool's input schema declares, or what is wrong with it. */
export const declaredBy = ({ inputSchema }: Messages.Tool): Result.Result<ReadonlyArray<Mirrored>, string> => {
  const found: Array<Mirrored> = []
  const fault = walk(inputSchema, [], true, found)
  if (fault !== undefined) return Result.fail(fault)
  const names = found.map(({ header }) => header.toLowerCase())
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  return twice === undefined
    ? Result.succeed(found)
    : Result.fail(`two arguments are to be sent as the header ${twice}`)
}

/** The headers of a call with these arguments. What is not given has none. */
export const headersOf = (declared: ReadonlyArray<Mirrored>, args: unknown): Readonly<Record<string, string>> =>
  Object.fromEntries(declared.flatMap(({ header, path }) => {
    let value = args
    for (const name of path) value = isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined
    const isSaid = typeof value === "string" || typeof value === "number" || typeof value === "boolean"
    return isSaid ? [[header, inHeader(String(value))]] : []
  }))

const key = "x-mcp-header"

/** Only what is reached by `properties` alone is there in every call that has it: a declaration elsewhere is none. */
const walk = (
  schema: unknown,
  path: ReadonlyArray<string>,
  isReachable: boolean,
  found: Array<Mirrored>
): string | undefined => {
  if (Array.isArray(schema)) {
    for (const item of schema) {
      const fault = walk(item, path, false, found)
      if (fault !== undefined) return fault
    }
    return undefined
  }
  if (!isObject(schema)) return undefined
  if (Object.hasOwn(schema, key)) {
    const name = schema[key]
    if (typeof name !== "string" || !/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name)) {
      return `${JSON.stringify(name)} is no name of a header`
    }
    if (!isReachable || path.length === 0) return `the header ${name} belongs to no argument that can be found`
    if (!["string", "integer", "boolean"].includes(String(schema["type"]))) {
      return `the header ${name} belongs to an argument of type ${JSON.stringify(schema["type"])}`
    }
    found.push({ path, header: `mcp-param-${name.toLowerCase()}` })
  }
  for (const [keyword, value] of Object.entries(schema)) {
    if (keyword === "properties" && isObject(value)) {
      for (const [name, property] of Object.entries(value)) {
        const fault = walk(property, [...path, name], isReachable, found)
        if (fault !== undefined) return fault
      }
    } else if (subschemas.has(keyword)) {
      const named = keyed.has(keyword) && isObject(value) ? Object.values(value) : value
      const fault = walk(named, path, false, found)
      if (fault !== undefined) return fault
    }
  }
  return undefined
}

/** Keywords that hold schemas by name. */
const keyed: ReadonlySet<string> = new Set(["$defs", "definitions", "patternProperties", "dependentSchemas"])

/** Keywords that hold schemas. Elsewhere (`default`, `examples`) the same word is data. */
const subschemas: ReadonlySet<string> = new Set([
  ...keyed,
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

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)
