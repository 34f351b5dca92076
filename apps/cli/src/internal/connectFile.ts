/**
 * Wraps the platform: the config that `holdfast connect` means, without Effect. As `ConfigSearch` has it: the nearest file with the server's name.
 */
import { readFileSync } from "node:fs"
import * as ConfigPlaces from "../ConfigPlaces.ts"

/** Where servers are in a document, as far as one of the files that are searched has them there. */
export const containers: ReadonlyArray<ReadonlyArray<string>> = [
  ["mcpServers"],
  ["servers"],
  ["mcp", "servers"],
  ["mcp", "mcpServers"],
  ["context_servers"],
  ["mcp"],
  []
]

export interface Chosen {
  /** Undefined: no file that may be used. */
  readonly file: string | undefined
  /** Files that are not trusted and may have the server. */
  readonly untrusted: ReadonlyArray<ConfigPlaces.Place>
}

/** Chooses the file. One that cannot be read is chosen, too: the daemon says why it cannot. */
export const choose = async (server: string, directory: string): Promise<Chosen> => {
  const found = ConfigPlaces.found({ directory })
  const untrusted = found.filter((place) => place.needsTrust && !isTrusted(place.file))
  const usable = found.filter((place) => !untrusted.includes(place))
  if (usable.length < 2) return { file: usable[0]?.file, untrusted }
  for (const { file } of usable) {
    if (await mayHave(file, server)) return { file, untrusted }
  }
  return { file: usable[0]?.file, untrusted }
}

const isTrusted = (file: string): boolean => {
  try {
    return ConfigPlaces.trustOf(file) === "trusted"
  } catch {
    // The daemon says why it cannot be read.
    return true
  }
}

const mayHave = async (file: string, server: string): Promise<boolean> => {
  let text: string
  try {
    text = readFileSync(file, "utf8")
  } catch {
    // As above.
    return true
  }
  // It is in UTF-16, which is rare: the daemon reads it.
  if (text.includes("\0")) return true
  // Few have several files, and of those few need this.
  const { parse } = await import("#jsonc-parser")
  const document: unknown = parse(text, [], { allowTrailingComma: true })
  return containers.some((path) => {
    const servers = path.reduce<unknown>((value, name) => isMembers(value) ? value[name] : undefined, document)
    return isMembers(servers) && Object.hasOwn(servers, server) && isMembers(servers[server])
  })
}

const isMembers = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)
