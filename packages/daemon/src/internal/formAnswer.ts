/**
 * Whether an answer to a form is what the server has asked for: flat objects of texts, numbers, truths and choices.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/client/elicitation#requested-schema
 */
import * as RawMessage from "../RawMessage.ts"

/** A sentence. Undefined: it is. What the schema says besides is the server's to judge. */
export const faultIn = (schema: unknown, content: RawMessage.Members): string | undefined => {
  const { properties, required } = RawMessage.membersOf(schema)
  const fields = RawMessage.membersOf(properties)
  const missing = Array.isArray(required) ? required.map(String).filter((name) => content[name] === undefined) : []
  if (missing.length > 0) return `the answer lacks ${missing.join(", ")}`
  for (const [name, value] of Object.entries(content)) {
    const field = fields[name]
    if (field === undefined) {
      const known = Object.keys(fields).join(", ") || "nothing"
      return `the question has no field ${JSON.stringify(name)}; it asks for ${known}`
    }
    const { type } = RawMessage.membersOf(field)
    if (!isOfType(type, value)) return `${name} is to be of the type ${String(type)}, not ${JSON.stringify(value)}`
    const choices = choicesIn(RawMessage.membersOf(field))
    const chosen: ReadonlyArray<unknown> = Array.isArray(value) ? value : [value]
    const other = choices && chosen.find((each) => !choices.includes(each))
    if (other !== undefined) return `${name} is to be one of ${choices?.join(", ")}, not ${JSON.stringify(other)}`
  }
  return undefined
}

const isOfType = (type: unknown, value: unknown): boolean => {
  switch (type) {
    case "string":
    case "boolean":
    case "number":
      return typeof value === type
    case "integer":
      return Number.isInteger(value)
    case "array":
      return Array.isArray(value)
    default:
      return true
  }
}

/** Undefined: it is no choice. */
const choicesIn = (field: RawMessage.Members): ReadonlyArray<unknown> | undefined => {
  const { items } = field
  if (items !== undefined) return choicesIn(RawMessage.membersOf(items))
  if (Array.isArray(field["enum"])) return field["enum"]
  const titled = field["oneOf"] ?? field["anyOf"]
  return Array.isArray(titled) ? titled.map((each) => RawMessage.membersOf(each)["const"]) : undefined
}
