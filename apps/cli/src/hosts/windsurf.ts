/** Windsurf. */
import { type Host, json, under } from "./Host.ts"

export const windsurf: Host = {
  ...json,
  name: "windsurf",
  title: "Windsurf",
  documents: "https://docs.windsurf.com/windsurf/cascade/mcp",
  files: ({ home }) => [{ file: `${home}/.codeium/windsurf/mcp_config.json`, scope: "user" }],
  containers: under("mcpServers")
}
