/** Goose: YAML, where servers are extensions, and secrets are in the keyring under the names of `env_keys`. */
import { isMembers } from "../configText/ConfigText.ts"
import { type Host, under, xdgConfig } from "./Host.ts"

export const goose: Host = {
  name: "goose",
  title: "Goose",
  documents: "https://block.github.io/goose/docs/guides/config-files",
  format: "yaml",
  timeout: "seconds",
  command: "cmd",
  files: (place) => [{
    file: place.platform === "win32"
      ? `${place.environment["APPDATA"] || `${place.home}/AppData/Roaming`}/Block/goose/config/config.yaml`
      : `${xdgConfig(place)}/goose/config.yaml`,
    scope: "user"
  }],
  containers: under("extensions"),
  adjust: (entry) => {
    const { available_tools, cmd, env_keys, envs, type, uri, ...rest } = entry
    if (cmd === undefined && uri === undefined) return "it is built into Goose"
    const keys = Array.isArray(env_keys) ? env_keys.map(String) : []
    const env = { ...Object.fromEntries(keys.map((key) => [key, `\${${key}}`])), ...(isMembers(envs) ? envs : {}) }
    return {
      entry: {
        ...rest,
        ...(cmd === undefined ? { type: type === "sse" ? "sse" : "http", url: uri } : { command: cmd }),
        ...(Object.keys(env).length === 0 || cmd === undefined ? {} : { env }),
        ...(Array.isArray(available_tools) && available_tools.length > 0 ? { enabledTools: available_tools } : {})
      },
      notes: keys.length === 0 ? [] : [`${keys.join(", ")}: in Goose's keyring; set as environment variables`]
    }
  }
}
