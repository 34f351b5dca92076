/** Gemini CLI. */
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
