/**
 * OpenTelemetry's names for MCP, as spans and metrics of calls bear them.
 *
 * @see https://github.com/open-telemetry/semantic-conventions-genai/blob/main/docs/gen-ai/mcp.md
 */

/** Tells the attributes that name a call. `name`: of its tool or prompt. */
export const tellNames = (
  method: string,
  name: string | undefined,
  tell: { attribute(attribute: string, value: string): void }
): void => {
  tell.attribute("mcp.method.name", method)
  if (name === undefined) return
  if (method !== "tools/call") return tell.attribute("gen_ai.prompt.name", name)
  tell.attribute("gen_ai.operation.name", "execute_tool")
  tell.attribute("gen_ai.tool.name", name)
}

/** The attributes that name a call, as an object. */
export const namesOf = (method: string, name: string | undefined): Readonly<Record<string, string>> => {
  const names: Record<string, string> = {}
  tellNames(method, name, {
    attribute: (attribute, value) => {
      names[attribute] = value
    }
  })
  return names
}

/** The `error.type` of an answer by which a tool says that it has failed. */
export const toolError = "tool_error"

/** Whether this is such an answer. */
export const isToolError = (answer: unknown): boolean =>
  typeof answer === "object" && answer !== null && "isError" in answer && answer.isError === true
