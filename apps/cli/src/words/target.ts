/** Flags that name the file that is written. */
import * as Flag from "effect/cli/Flag"

export const to = Flag.String("to").pipe(
  Flag.withMetavar("file"),
  Flag.withDescription("The file that is written (default: .mcp.json here, or mcp.json where only that is there)"),
  Flag.optional
)

export const user = Flag.Boolean("user").pipe(
  Flag.withDescription("The file that is written is your own, for all directories: ~/.config/holdfast/mcp.json"),
  Flag.withDefault(false)
)
