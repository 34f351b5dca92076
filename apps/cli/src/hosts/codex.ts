/** Codex: TOML, with names of variables in the place of their values. */
import { isMembers } from "../configText/ConfigText.ts"
import { type Host, under } from "./Host.ts"

export const codex: Host = {
  name: "codex",
  title: "Codex",
  documents: "https://developers.openai.com/codex/mcp",
  format: "toml",
  timeout: "seconds",
  command: "command",
  files: ({ directory, environment, home }) => [
    { file: `${directory}/.codex/config.toml`, scope: "project" },
    { file: `${environment["CODEX_HOME"] || `${home}/.codex`}/config.toml`, scope: "user" }
  ],
  containers: under("mcp_servers"),
  adjust: (entry) => {
    const { env, env_http_headers, env_vars, http_headers, ...rest } = entry
    const passed = Array.isArray(env_vars)
      ? env_vars.flatMap((each: unknown) => {
        const name = typeof each === "string" ? each : isMembers(each) ? each["name"] : undefined
        return typeof name === "string" ? [[name, `\${${name}}`]] : []
      })
      : []
    const named = isMembers(env_http_headers)
      ? Object.entries(env_http_headers).map(([header, name]) => [header, `\${${String(name)}}`])
      : []
    const variables = { ...Object.fromEntries(passed), ...(isMembers(env) ? env : {}) }
    const headers = { ...Object.fromEntries(named), ...(isMembers(http_headers) ? http_headers : {}) }
    return {
      entry: {
        ...rest,
        ...(Object.keys(variables).length === 0 ? {} : { env: variables }),
        ...(Object.keys(headers).length === 0 ? {} : { headers })
      },
      notes: []
    }
  }
}
