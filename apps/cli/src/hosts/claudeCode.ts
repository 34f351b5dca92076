/** Claude Code: the user's servers and those of one project in `~/.claude.json`, and the project's own file. */
import { isMembers } from "../configText/ConfigText.ts"
import { type Host, json } from "./Host.ts"

export const claudeCode: Host = {
  ...json,
  name: "claude-code",
  title: "Claude Code",
  documents: "https://code.claude.com/docs/en/mcp",
  files: ({ directory, environment, home }) => [
    { file: `${directory}/.mcp.json`, scope: "project" },
    { file: `${environment["CLAUDE_CONFIG_DIR"] || home}/.claude.json`, scope: "user" }
  ],
  containers: ({ directory }) => [
    { path: ["projects", directory, "mcpServers"], scope: "project" },
    { path: ["mcpServers"] }
  ],
  elsewhere: (document) => {
    const projects = isMembers(document) ? document["projects"] : undefined
    return isMembers(projects) ? Object.keys(projects).map((project) => ["projects", project, "mcpServers"]) : []
  }
}
