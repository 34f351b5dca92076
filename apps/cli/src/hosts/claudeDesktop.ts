/** Claude Desktop. */
import { type Host, json, settings, under } from "./Host.ts"

export const claudeDesktop: Host = {
  ...json,
  name: "claude-desktop",
  title: "Claude Desktop",
  documents: "https://modelcontextprotocol.io/quickstart/user",
  files: (place) => [{ file: settings(place, "Claude", "claude_desktop_config.json"), scope: "user" }],
  containers: under("mcpServers")
}
