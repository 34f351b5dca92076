/** VS Code: its own file, and the settings in which it had servers before. */
import { type Host, json, settings } from "./Host.ts"

export const vscode: Host = {
  ...json,
  name: "vscode",
  title: "VS Code",
  documents: "https://code.visualstudio.com/docs/copilot/reference/mcp-configuration",
  files: (place) => [
    { file: `${place.directory}/.vscode/mcp.json`, scope: "project" },
    { file: `${place.directory}/.vscode/settings.json`, scope: "project" },
    { file: settings(place, "Code", "User", "mcp.json"), scope: "user" },
    { file: settings(place, "Code", "User", "settings.json"), scope: "user" }
  ],
  containers: () => [{ path: ["servers"] }, { path: ["mcp", "servers"] }]
}
