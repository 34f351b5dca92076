/**
 * OpenTelemetry's names for MCP, as spans and metrics of calls bear them.
 *
 * @see https://github.com/open-telemetry/semantic-conventions-genai/blob/main/docs/gen-ai/mcp.md
 */

/** The attributes that name a call. `name`: of its tool or prompt. */
export const namesOf = (method: string, name: string | undefined): Readonly<Record<string, string>> => ({
  "mcp.method.name": method,
  ...(name !== undefined && (method === "tools/call"
    ? { "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": name }
    : { "gen_ai.prompt.name": name }))
})

/** The `error.type` of an answer by which a tool says that it has failed. */
export const toolError = "tool_error"

/** Whether this is such an answer. */
export const isToolError = (answer: unknown): boolean =>
  typeof answer === "object" && answer !== null && "isError" in answer && answer.isError === true
