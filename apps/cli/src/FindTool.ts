/**
 * The tool of a name, or the names it may have been.
 */
import type * as Messages from "@holdfast/mcp/Messages"
import { nearNames } from "@holdfast/mcp/NearNames"
import * as Effect from "effect/Effect"
import { CliFailure } from "./CliFailure.ts"
import { ExitCode } from "./ExitCode.ts"

export const findTool = (
  server: string,
  name: string,
  tools: ReadonlyArray<Messages.Tool>
): Effect.Effect<Messages.Tool, CliFailure> => {
  const tool = tools.find((each) => each.name === name)
  if (tool !== undefined) return Effect.succeed(tool)
  const names = tools.map((each) => each.name)
  const near = nearNames(name, names)
  const hint = near.length > 0
    ? `did you mean ${near.join(" or ")}?`
    : names.length > 0
    ? `it has ${names.join(", ")}`
    : "it has no tools"
  return Effect.fail(
    new CliFailure({
      exitCode: ExitCode.usage,
      reason: "UnknownTool",
      message: `${server} has no tool ${JSON.stringify(name)}; ${hint}`
    })
  )
}
