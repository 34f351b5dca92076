/** What may keep a server from answering, and what to do about it. */
import type { Endpoint } from "../../Endpoint.ts"

/** Why a server may be silent, as far as its command line or its stdout tells, and what to do about it. */
export const hintFor = (
  endpoint: Endpoint,
  noise: string | undefined
): { readonly hint?: string; readonly advice?: string } => {
  if (noise !== undefined) {
    return {
      hint: `on stdout it wrote ${noise}, which is no MCP message`,
      advice: "It may need another argument to speak MCP there, such as stdio."
    }
  }
  if (endpoint._tag !== "Stdio") return {}
  const words = [endpoint.command, ...endpoint.args]
  const launcher = words.map((word) => word.slice(Math.max(word.lastIndexOf("/"), word.lastIndexOf("\\")) + 1))
    .find((word) => launchers.includes(word.replace(/\.(cmd|exe)$/, "")))
  return launcher === undefined ? {} : { hint: `${launcher} may still be downloading` }
}

const launchers: ReadonlyArray<string> = [
  "npx",
  "pnpx",
  "bunx",
  "uvx",
  "uv",
  "pipx",
  "npm",
  "pnpm",
  "yarn",
  "docker",
  "podman"
]
