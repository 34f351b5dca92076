/** Roo Code. */
import { type Host, json, settings, under } from "./Host.ts"

export const roo: Host = {
  ...json,
  name: "roo",
  title: "Roo Code",
  documents: "https://docs.roocode.com/features/mcp/using-mcp-in-roo",
  timeout: "seconds",
  files: (place) => [
    { file: `${place.directory}/.roo/mcp.json`, scope: "project" },
    {
      file: settings(place, "Code/User/globalStorage/rooveterinaryinc.roo-cline/settings/mcp_settings.json"),
      scope: "user"
    }
  ],
  containers: under("mcpServers")
}
