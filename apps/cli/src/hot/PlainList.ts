/**
 * A list of tools as the daemon answers it, of which there is nothing to tell: the daemon has looked at each (`ToolsRequest`). Pure, and loads nothing.
 */
import type { ShownTool } from "../ToolsText.ts"
import { isMembers, membersIn } from "./Members.ts"

export type PlainTools = ReadonlyArray<ShownTool>

/** Reads a line. `odd`: it is the answer, and not plain. `another`: it is nothing to the request. */
export const read = (line: string, id: string): PlainTools | "odd" | "another" => {
  const message = membersIn(line)
  if (message["id"] !== id || message["method"] !== undefined) return "another"
  const { result } = message
  const tools = isMembers(result) ? result["tools"] : undefined
  if (/\d{16}/.test(line) || mended.test(line) || !Array.isArray(tools) || !tools.every(isTool)) return "odd"
  // Arguments are an object, which needs not be said.
  return tools.map((tool) =>
    tool.inputSchema["type"] === undefined ? { ...tool, inputSchema: { ...tool.inputSchema, type: "object" } } : tool
  )
}

/** What is read as something else: absence, or an empty map. Numbers that may not be what they were written as are not read here either. */
const mended =
  /"(?!default"|const")[^"]*"\s*:\s*null|"(?:\$defs|definitions|properties|patternProperties|dependentSchemas)"\s*:\s*\[/

/** What is shown of it was looked at by the daemon. */
const isTool = (tool: unknown): tool is ShownTool =>
  isMembers(tool) && typeof tool["name"] === "string" && isMembers(tool["inputSchema"])
