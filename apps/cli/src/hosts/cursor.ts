/** Cursor. */
import { type Host, json, under } from "./Host.ts"

export const cursor: Host = {
  ...json,
  name: "cursor",
  title: "Cursor",
  documents: "https://docs.cursor.com/context/model-context-protocol",
  files: ({ directory, home }) => [
    { file: `${directory}/.cursor/mcp.json`, scope: "project" },
    { file: `${home}/.cursor/mcp.json`, scope: "user" }
  ],
  containers: under("mcpServers")
}
