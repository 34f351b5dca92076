/**
 * `holdfast help agents`: the pages that are no command's help.
 */
import * as Effect from "effect/Effect"
import { agentsGuide } from "../AgentsGuide.ts"
import { CliFailure } from "../CliFailure.ts"
import { ExitCode } from "../ExitCode.ts"
import { pages } from "../HelpPages.ts"
import { writeResult } from "../WriteResult.ts"

/** Prints the page, and succeeds with the exit code. */
export const run = Effect.fnUntraced(function*(page: string) {
  if (!pages.includes(page)) {
    return yield* new CliFailure({
      exitCode: ExitCode.usage,
      reason: "Usage",
      message: `there is no page ${page}; there is ${pages.join(", ")}, and holdfast help lists the commands`
    })
  }
  yield* writeResult(agentsGuide)
  return ExitCode.ok
})
