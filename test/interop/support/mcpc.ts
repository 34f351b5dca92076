/**
 * mcpc, a command: each word is a process of its own. Between them a bridge process holds the connection. Its payments are not installed: see
 * `mcpcWithoutPayments.ts`.
 */
import { execFile } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { promisify } from "node:util"
import type { Client, Connected, Place } from "./contract.ts"
import { textOf } from "./textOf.ts"

const folder = path.join(import.meta.dirname, "../../node_modules/@apify/mcpc")
const preload = new URL("mcpcWithoutPayments.ts", import.meta.url)

const open = async (place: Place): Promise<Connected> => {
  const home = fs.mkdtempSync(path.join(os.tmpdir(), "hf-mcpc-"))
  // The bridge gets this environment, too. It is started by the name `node`.
  const env = {
    HOME: home,
    MCPC_HOME_DIR: home,
    NODE_OPTIONS: `--import ${preload.href}`,
    PATH: [path.dirname(process.execPath), process.env["PATH"] ?? ""].join(path.delimiter)
  }
  const say = async (...words: ReadonlyArray<string>): Promise<unknown> => {
    const args = [path.join(folder, "bin/mcpc"), "--json", ...words]
    const { stdout } = await promisify(execFile)(process.execPath, args, { env, cwd: home, maxBuffer: 64 << 20 })
    return JSON.parse(stdout)
  }
  const close = () => say("@host", "close").finally(() => fs.rmSync(home, { recursive: true, force: true }))
  /** What a list's entries have under this name. */
  const named = async (word: string, key: string): Promise<ReadonlyArray<string>> => {
    const listed = await say("@host", word)
    return Array.isArray(listed) ? listed.map((entry: Record<string, unknown>) => String(entry[key])) : []
  }
  try {
    if (place._tag === "Stdio") {
      const config = path.join(home, "mcp.json")
      const { args, command } = place
      fs.writeFileSync(config, JSON.stringify({ mcpServers: { host: { command, args } } }))
      await say("connect", `${config}:host`, "@host")
    } else await say("connect", place.url.href, "@host")
  } catch (cause) {
    // There is a bridge, or nothing to be closed.
    await close().catch(() => {})
    throw cause
  }
  return {
    tools: async () => {
      const listed = await say("@host", "tools-list")
      return Array.isArray(listed)
        ? Object.fromEntries(
          listed.map((tool: { readonly name: string; readonly inputSchema: unknown }) => [tool.name, tool.inputSchema])
        )
        : {}
    },
    call: async (name, args) => textOf(await say("@host", "tools-call", name, JSON.stringify(args))),
    ping: () => say("@host", "ping"),
    resources: () => named("resources-list", "uri"),
    read: (uri) => say("@host", "resources-read", uri),
    prompts: () => named("prompts-list", "name"),
    prompt: (name, args) => say("@host", "prompts-get", name, JSON.stringify(args)),
    close: async () => void (await close())
  }
}

export const mcpc: Client = { name: "mcpc", transports: { http: open, stdio: open } }
