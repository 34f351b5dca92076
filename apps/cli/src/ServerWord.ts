/**
 * Which server and tool the words of a command mean: `fs read_file`, or `fs.read_file` as one word.
 *
 * Names of servers and of tools may contain dots. A word that is a server's name is that server; else the longest name of a
 * server that the word begins with, up to a dot, and the rest is the tool.
 */
import type { McpConfig } from "@holdfast/mcp/McpConfig"
import { UnknownServer } from "@holdfast/mcp/McpRuntimeError"
import { nearNames } from "@holdfast/mcp/NearNames"
import * as Result from "effect/Result"

export interface Meant {
  readonly server: string
  /** `undefined` when the word names a server only. */
  readonly tool: string | undefined
}

/** Splits a word by the servers that are configured. Fails with the names it may have been. */
export const split = (word: string, config: McpConfig): Result.Result<Meant, UnknownServer> => {
  const names = [...config.servers.keys(), ...config.unusable.keys()]
  if (names.includes(word)) return Result.succeed({ server: word, tool: undefined })
  for (let dot = word.lastIndexOf("."); dot > 0; dot = word.lastIndexOf(".", dot - 1)) {
    const server = word.slice(0, dot)
    if (names.includes(server)) return Result.succeed({ server, tool: word.slice(dot + 1) })
  }
  const [server = word] = word.split(".", 1)
  return Result.fail(new UnknownServer({ server, near: nearNames(server, names), configured: names }))
}
