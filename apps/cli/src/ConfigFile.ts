/**
 * Which config a command uses: the one named by `--config`, or the first of `.mcp.json` and `mcp.json` in the working
 * directory. What was looked for is said when there is none.
 */
import { McpConfig } from "@holdfast/mcp/McpConfig"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Path from "effect/Path"
import { CliFailure } from "./CliFailure.ts"
import { ExitCode } from "./ExitCode.ts"
import { Shell } from "./Shell.ts"

/** The names looked for, in this order. */
export const fileNames = [".mcp.json", "mcp.json"] as const

/** Finds and reads the config. */
export const load = Effect.fnUntraced(function*(named: Option.Option<string>) {
  if (Option.isSome(named)) return yield* McpConfig.load(named.value)
  const { directory } = yield* Shell
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  for (const name of fileNames) {
    // A file that is there but cannot be looked at is for `load` to complain about.
    const isThere = yield* Effect.orElseSucceed(fs.exists(path.join(directory, name)), () => true)
    if (isThere) return yield* McpConfig.load(name)
  }
  return yield* new CliFailure({
    exitCode: ExitCode.config,
    reason: "ConfigNotFound",
    message: `no config: there is neither ${fileNames.join(" nor ")} in ${directory}`,
    details: `  Name one with --config, or write ${fileNames[0]}:\n` +
      `  {"mcpServers": {"fs": {"command": "npx", "args": ["-y", "@modelcontextprotocol/server-filesystem", "."]}}}`
  })
})
