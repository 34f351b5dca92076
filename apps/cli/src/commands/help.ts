/**
 * `holdfast help agents`: the pages that are no command's help.
 */
import * as Effect from "effect/Effect"
import { agentsGuide } from "../AgentsGuide.ts"
import { CliFailure } from "../CliFailure.ts"
import { ExitCode } from "../ExitCode.ts"
import { printable } from "../Style.ts"
import { writeResult } from "../WriteResult.ts"

/** Prints the page, and succeeds with the exit code. */
export const run = Effect.fnUntraced(function*(page: string) {
  if (page !== "agents") {
    return yield* new CliFailure({
      exitCode: ExitCode.usage,
      reason: "Usage",
      message: printable(
        `there is no command ${page}; holdfast help lists them, and holdfast help agents is a page for agents`
      )
    })
  }
  yield* writeResult(agentsGuide)
  return ExitCode.ok
})
