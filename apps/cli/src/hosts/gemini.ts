/** Gemini CLI. */
import { valueAt } from "../configText/ConfigText.ts"
import { type Host, json, under } from "./Host.ts"

export const gemini: Host = {
  ...json,
  name: "gemini",
  title: "Gemini CLI",
  documents: "https://github.com/google-gemini/gemini-cli/blob/main/docs/tools/mcp-server.md",
  readsDollar: true,
  files: ({ directory, home }) => [
    { file: `${directory}/.gemini/settings.json`, scope: "project" },
    { file: `${home}/.gemini/settings.json`, scope: "user" }
  ],
  containers: under("mcpServers"),
  isOff: (document, server) => {
    const allowed = valueAt(document, ["mcp", "allowed"])
    const excluded = valueAt(document, ["mcp", "excluded"])
    return (Array.isArray(allowed) && !allowed.includes(server)) ||
      (Array.isArray(excluded) && excluded.includes(server))
  },
  // A plain `url` is one of SSE there.
  adjust: ({ httpUrl, url, ...rest }) => ({
    entry: {
      ...rest,
      ...(httpUrl === undefined
        ? url === undefined ? {} : { type: rest["type"] ?? "sse", url }
        : { type: "http", url: httpUrl })
    },
    notes: []
  })
}
