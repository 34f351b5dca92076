/**
 * A call of a tool as it can be pasted into a shell: every argument that must be given, with a value that fits its schema as far as one can tell.
 */
import type { Argument, InputSchema } from "@holdfast/daemon/InputSchema"
import { quoted } from "./Quoted.ts"

/** `target`: the words that say which tool. */
export const exampleOf = (target: ReadonlyArray<string>, schema: InputSchema): string => {
  const required = schema.arguments.filter(({ isRequired }) => isRequired)
  // Of a tool that needs nothing one argument is shown.
  const shown = required.length > 0 ? required : schema.arguments.slice(0, 1)
  return ["holdfast", "call", ...target.map(quoted), ...shown.map(wordOf)].join(" ")
}

const wordOf = ({ name, schemas, type }: Argument): string => {
  const said = schemas.flatMap(valuesIn)
  const [value] = said.length > 0 ? said : [sampleOf(name, type, schemas)]
  const word = typeof value === "string" && !value.startsWith("@")
    ? `${name}=${value}`
    : typeof value === "number" || typeof value === "boolean"
    ? `${name}=${value}`
    : `${name}:=${JSON.stringify(value)}`
  return quoted(word)
}

/** What the schema itself names: an example, the default, a choice. */
const valuesIn = (schema: unknown): ReadonlyArray<unknown> => {
  if (typeof schema !== "object" || schema === null) return []
  const { const: only, default: fallback, enum: choices, examples }: { readonly [name: string]: unknown } = {
    ...schema
  }
  return [...listOf(examples), fallback, only, ...listOf(choices)].filter((value) =>
    value !== undefined && value !== null
  )
}

const sampleOf = (name: string, type: string, schemas: ReadonlyArray<unknown>): unknown => {
  if (/\bstring\b/.test(type) && !type.startsWith("string[]")) return formatted.get(formatOf(schemas)) ?? name
  if (/^(?:number|integer)\b/.test(type)) return numberOf(schemas)
  if (type.startsWith("boolean")) return true
  if (type.endsWith("[]")) return type === "string[]" ? [name] : type === "number[]" || type === "integer[]" ? [1] : []
  return type === "any" ? name : {}
}

const formatted: ReadonlyMap<unknown, string> = new Map([
  ["uri", "https://example.org"],
  ["url", "https://example.org"],
  ["email", "a@example.org"],
  ["date", "2026-01-31"],
  ["date-time", "2026-01-31T12:00:00Z"],
  ["uuid", "00000000-0000-4000-8000-000000000000"]
])

const formatOf = (schemas: ReadonlyArray<unknown>): unknown =>
  schemas.map((schema) => membersOf(schema)["format"]).find((format) => format !== undefined)

const numberOf = (schemas: ReadonlyArray<unknown>): number => {
  const least = schemas.map((schema) => membersOf(schema)["minimum"]).find((each) => typeof each === "number") ?? 1
  return Math.max(1, Math.ceil(least))
}

const membersOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null ? { ...value } : {}

const listOf = (value: unknown): ReadonlyArray<unknown> => Array.isArray(value) ? value : []
