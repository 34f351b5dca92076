/** `docs/cli-json.md`: every output of `--json` in words, from its schema. */
import type * as JsonSchema from "effect/JsonSchema"
import * as Schema from "effect/Schema"
import type { JsonOutput } from "./Outputs.ts"
import { ofEveryWord } from "./Outputs.ts"

type Json = JsonSchema.JsonSchema

const head = `# The JSON of every command

With \`--json\` a command prints its result on stdout as one line of JSON; one that goes on (\`-f\`, \`--watch\`) prints a line each time. Fields may be
added in a minor version, so ignore those that you do not know. Times are milliseconds since 1970, durations milliseconds, sizes bytes.

This page is made from the schemas in \`apps/cli/src/outputs\`, by which a test decodes what each command prints.
\`UPDATE=1 pnpm vitest run apps/cli/test/outputs.test.ts\` updates this page.
`

export const page = (outputs: ReadonlyArray<JsonOutput>): string => `${[head, ...outputs.map(section)].join("\n")}`

const section = ({ schema, words }: JsonOutput): string => {
  const { definitions, schema: root } = Schema.toJsonSchemaDocument(schema)
  const title = ofEveryWord.includes(words) ? `Of every command: ${words}` : `holdfast ${words}`
  const resolve = (one: Json): Json => {
    const { $ref } = one
    if (typeof $ref !== "string") return one
    const found = definitions[decodeURIComponent($ref.split("/").at(-1) ?? "")]
    return found === undefined ? one : { ...resolve(found), ...withoutRef(one) }
  }
  const lines = (one: Json, depth: number): ReadonlyArray<string> => {
    const whole = resolve(one)
    const pad = "  ".repeat(depth)
    const variants = alternatives(whole).map(resolve)
    if (variants.length > 1 && variants.some(hasFields)) {
      return variants.flatMap((each) => [`${pad}- either ${typeOf(each)}`, ...lines(each, depth + 1)])
    }
    const [inner = whole] = variants
    if (inner["type"] === "array" && isJson(inner["items"])) return lines(inner["items"], depth)
    const required = Array.isArray(inner["required"]) ? inner["required"] : []
    const properties: Readonly<Record<string, unknown>> = isJson(inner["properties"]) ? inner["properties"] : {}
    return Object.entries(properties).flatMap(([name, value]) => {
      if (!isJson(value)) return []
      const { description } = resolve(value)
      const said = typeof description === "string" ? `. ${description}` : ""
      const may = required.includes(name) ? "" : " (optional)"
      return [`${pad}- \`${name}\`${may}: ${typeOf(value)}${said}`, ...lines(value, depth + 1)]
    })
  }
  const typeOf = (one: Json): string => {
    const whole = resolve(one)
    if ("const" in whole) return `\`${JSON.stringify(whole["const"])}\``
    const { enum: values, type } = whole
    if (Array.isArray(values)) return values.map((each) => `\`${JSON.stringify(each)}\``).join(" or ")
    const variants = alternatives(whole)
    if (variants.length > 0) return [...new Set(variants.map(typeOf))].join(" or ")
    if (type === "array") return isJson(whole["items"]) ? `a list, each ${typeOf(whole["items"])}` : "a list"
    return names.get(String(type)) ?? "any JSON"
  }
  const { description } = resolve(root)
  const list = lines(root, 0)
  return [
    `## ${title}`,
    "",
    typeof description === "string" ? description : "",
    "",
    ...(list.length > 0 ? [`${capital(typeOf(root))}:`, "", ...list, ""] : [])
  ].join("\n")
}

const names: ReadonlyMap<string, string> = new Map([
  ["string", "text"],
  ["number", "number"],
  ["integer", "whole number"],
  ["boolean", "true or false"],
  ["object", "an object"],
  ["null", "null"]
])

const alternatives = (one: Json): ReadonlyArray<Json> => {
  const { anyOf, oneOf } = one
  const found = Array.isArray(anyOf) ? anyOf : Array.isArray(oneOf) ? oneOf : []
  // What is optional may be left out; JSON knows no other way.
  return found.filter(isJson).filter(({ type }) => type !== "null" || found.length === 1)
}

const hasFields = (one: Json): boolean => isJson(one["properties"]) && Object.keys(one["properties"]).length > 0

const isJson = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value)

const withoutRef = (one: Json): Json => Object.fromEntries(Object.entries(one).filter(([name]) => name !== "$ref"))

const capital = (text: string): string => text.slice(0, 1).toUpperCase() + text.slice(1)
