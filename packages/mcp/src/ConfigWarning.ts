/**
 * Something in a config that is not understood, or not as it should be, and that keeps no server from being used.
 *
 * Nothing in a config is ignored in silence: a part without effect is said to have none. Each is told once, in the log of
 * `McpConnections`, and is in `McpConfig.warnings`. No message holds a value that may be a secret.
 *
 * @example
 * ```ts
 * import { McpConfig } from "@holdfast/mcp"
 * import * as Effect from "effect/Effect"
 *
 * export const warnings = Effect.map(McpConfig.load("mcp.json"), ({ warnings }) => warnings.map(({ message }) => message))
 * ```
 */
import * as Data from "effect/Data"

/** One part of a config that has no effect, or another one than its author may expect. `message` says which, and where it stands. */
export class ConfigWarning extends Data.Class<{
  readonly file: string
  /** From 1. `undefined` for what was not read from a text. */
  readonly line: number | undefined
  /** From 1, in UTF-16 units as editors count them. */
  readonly column: number | undefined
  /** `mcpServers.fs.headers.Authorization`; empty for the whole file. */
  readonly path: string
  /** The server it is about. `undefined`: the file as a whole. */
  readonly server: string | undefined
  readonly problem: string
}> {
  get message(): string {
    return `${placeInWords(this)}: ${this.problem}`
  }
}

/** `.mcp.json:4:7: mcpServers.fs.cmd`: how an editor or a terminal finds a place, and what a reader looks for there. */
export const placeInWords = (
  { column, file, line, path }: {
    readonly file: string
    readonly line?: number | undefined
    readonly column?: number | undefined
    readonly path: string
  }
): string => {
  const at = line === undefined ? file : `${file}:${line}:${column ?? 1}`
  return path === "" ? at : `${at}: ${path}`
}
