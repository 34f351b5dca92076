/** Zed. Its folder is `~/.config/zed` on macOS, too. */
import { type Host, json, under, xdgConfig } from "./Host.ts"

export const zed: Host = {
  ...json,
  name: "zed",
  title: "Zed",
  documents: "https://zed.dev/docs/ai/mcp",
  timeout: "seconds",
  files: (place) => [
    { file: `${place.directory}/.zed/settings.json`, scope: "project" },
    {
      file: place.platform === "darwin"
        ? `${place.home}/.config/zed/settings.json`
        : place.platform === "win32"
        ? `${place.environment["APPDATA"] || `${place.home}/AppData/Roaming`}/Zed/settings.json`
        : `${xdgConfig(place)}/zed/settings.json`,
      scope: "user"
    }
  ],
  containers: under("context_servers"),
  adjust: (entry) => {
    const { command, ...rest } = entry
    if (command === undefined && rest["url"] === undefined) {
      return "it is an extension of Zed, which knows the command"
    }
    // Its older way.
    if (typeof command === "object" && command !== null && !Array.isArray(command)) {
      const { path, ...inner }: Readonly<Record<string, unknown>> = { ...command }
      return { entry: { ...rest, ...inner, command: path }, notes: [] }
    }
    return { entry: { ...rest, ...(command === undefined ? {} : { command }) }, notes: [] }
  }
}
