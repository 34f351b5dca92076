/** opencode. Its folder is `~/.config/opencode` on every system. */
import { isMembers } from "../configText/ConfigText.ts"
import { type Host, json, under, xdgConfig } from "./Host.ts"

export const opencode: Host = {
  ...json,
  name: "opencode",
  title: "opencode",
  documents: "https://opencode.ai/docs/mcp-servers",
  files: (place) => [
    { file: `${place.directory}/opencode.json`, scope: "project" },
    { file: `${place.directory}/opencode.jsonc`, scope: "project" },
    { file: `${xdgConfig(place)}/opencode/opencode.json`, scope: "user" },
    { file: `${xdgConfig(place)}/opencode/opencode.jsonc`, scope: "user" }
  ],
  containers: under("mcp"),
  adjust: (entry) => {
    const { environment, timeout, ...rest } = entry
    if (rest["command"] === undefined && rest["url"] === undefined) {
      return "it only switches a server on or off that another file has"
    }
    return {
      entry: {
        ...rest,
        ...(environment === undefined ? {} : { env: environment }),
        // A number is what the list of tools may take.
        ...(isMembers(timeout) ? { timeout: timeout["request"], connectionTimeout: timeout["startup"] } : {})
      },
      notes: typeof timeout === "number" ? ["left out: timeout, which is for the list of tools there"] : []
    }
  }
}
