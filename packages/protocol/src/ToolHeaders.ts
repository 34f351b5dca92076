/**
 * What of a request is said in headers as well, so that what stands between client and server can route it without reading it: its method,
 * the name of what it is about, and the arguments that a tool asks for. A property of a tool's input schema says `x-mcp-header: Region`,
 * and a call with `region: "eu"` says `Mcp-Param-Region: eu`.
 *
 * A tool whose declaration breaks the rules is no tool that can be called over HTTP: clients leave it out of the list.
 *
 * @example
 * ```ts
 * import * as ToolHeaders from "@holdfast/protocol/ToolHeaders"
 * import * as Result from "effect/Result"
 *
 * const inputSchema = { type: "object", properties: { region: { type: "string", "x-mcp-header": "Region" } } }
 * export const headers = Result.map(
 *   ToolHeaders.declaredBy({ inputSchema }),
 *   (declared) => ToolHeaders.headersOf(declared, { region: "eu" })
 * )
 * ```
 *
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/transports
 */
import * as Result from "effect/Result"
import { Buffer } from "node:buffer"
import { keyed, maxDepth, plain } from "./internal/inputSchema.ts"
import { isObject, quoted } from "./internal/tolerant.ts"

/** One argument, by its path from the arguments, and its header. */
export interface Mirrored {
  readonly path: ReadonlyArray<string>
  readonly header: string
}

/** What a tool's input schema declares, or what is wrong with it. */
export const declaredBy = (
  { inputSchema }: { readonly inputSchema: unknown }
): Result.Result<ReadonlyArray<Mirrored>, string> => {
  const found: Array<Mirrored> = []
  const fault = walk(inputSchema, [], true, found, 0)
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
    const value = valueAt(path, args)
    return value === undefined ? [] : [[header, encode(String(value))]]
  }))

/** The header that does not say what the arguments say, if there is one: its name, and why. Headers have their names in lower case. */
export const faultIn = (
  declared: ReadonlyArray<Mirrored>,
  args: unknown,
  headers: Readonly<Record<string, string | undefined>>
): string | undefined => {
  for (const { header, path } of declared) {
    const value = valueAt(path, args)
    // An argument that is missing is expected in no header, and read from none.
    if (value === undefined) continue
    const fault = mismatch(header, headers[header], value)
    if (fault !== undefined) return fault
  }
  return undefined
}

/** Why a header does not say this value, if it does not. */
export const mismatch = (
  header: string,
  said: string | undefined,
  value: string | number | boolean
): string | undefined => {
  if (said === undefined) return `the header ${header} is missing`
  const decoded = decode(said.trim())
  if (decoded === undefined) return `the header ${header} is no base64 of a text`
  // 42 and 42.0 are the same number.
  const isSame = decoded === String(value) ||
    (typeof value === "number" && /^-?\d+(\.\d+)?$/.test(decoded) && Number(decoded) === value)
  return isSame ? undefined : `the header ${header} says something else than the body`
}

/** By which parameter a request names what it is about, and so its header `Mcp-Name`. */
export const namedBy: ReadonlyMap<string, string> = new Map([
  ["tools/call", "name"],
  ["prompts/get", "name"],
  ["resources/read", "uri"],
  ["tasks/get", "taskId"],
  ["tasks/update", "taskId"],
  ["tasks/cancel", "taskId"]
])

/** A value as a header can say it: as it is, or in base64 where that would not come through. */
export const encode = (value: string): string =>
  /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(value) && !/^=\?base64\?.*\?=$/.test(value)
    ? value
    : `=?base64?${Buffer.from(value).toString("base64")}?=`

/** What a header says. Undefined: it says that it is base64, and is not, or not of a text. */
export const decode = (said: string): string | undefined => {
  const base64 = /^=\?base64\?(.*)\?=$/.exec(said)?.[1]
  if (base64 === undefined) return said
  const bytes = Buffer.from(base64, "base64")
  // Node reads anything as base64; only what comes out the same was it.
  if (bytes.toString("base64") !== base64) return undefined
  const text = bytes.toString("utf8")
  return Buffer.from(text).equals(bytes) ? text : undefined
}

const valueAt = (path: ReadonlyArray<string>, args: unknown): string | number | boolean | undefined => {
  let value = args
  for (const name of path) value = isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? value : undefined
}

const key = "x-mcp-header"

/** Only what is reached by `properties` alone is there in every call that has it: a declaration elsewhere is none. */
const walk = (
  schema: unknown,
  path: ReadonlyArray<string>,
  isReachable: boolean,
  found: Array<Mirrored>,
  depth: number
): string | undefined => {
  if (depth > maxDepth) return "its input schema is nested too deeply"
  if (Array.isArray(schema)) {
    for (const item of schema) {
      const fault = walk(item, path, false, found, depth + 1)
      if (fault !== undefined) return fault
    }
    return undefined
  }
  if (!isObject(schema)) return undefined
  if (Object.hasOwn(schema, key)) {
    const name = schema[key]
    if (typeof name !== "string" || !/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name)) {
      return `${quoted(name)} is no name of a header`
    }
    if (!isReachable || path.length === 0) return `the header ${name} belongs to no argument that can be found`
    const { type } = schema
    if (type !== "string" && type !== "integer" && type !== "boolean") {
      return `the header ${name} belongs to an argument of type ${quoted(type)}`
    }
    found.push({ path, header: `mcp-param-${name.toLowerCase()}` })
  }
  for (const [keyword, value] of Object.entries(schema)) {
    if (keyword === "properties" && isObject(value)) {
      for (const [name, property] of Object.entries(value)) {
        const fault = walk(property, [...path, name], isReachable, found, depth + 1)
        if (fault !== undefined) return fault
      }
    } else if (keyed.has(keyword) || plain.has(keyword)) {
      const named = keyed.has(keyword) && isObject(value) ? Object.values(value) : value
      const fault = walk(named, path, false, found, depth + 1)
      if (fault !== undefined) return fault
    }
  }
  return undefined
}
