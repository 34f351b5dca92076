/** Cline: one file for all of its programs, and the one of the extension before. */
import { type Host, json, settings, under } from "./Host.ts"

export const cline: Host = {
  ...json,
  name: "cline",
  title: "Cline",
  documents: "https://docs.cline.bot/cli/configuration",
  timeout: "seconds",
  files: (place) => [
    { file: `${place.home}/.cline/data/settings/cline_mcp_settings.json`, scope: "user" },
    {
      file: settings(
        place,
        "Code/User/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json"
      ),
      scope: "user"
    }
  ],
  containers: under("mcpServers")
}
