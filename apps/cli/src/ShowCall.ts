/**
 * The answer of a tool: its text on stdout, or on stderr if it says that it has failed. Succeeds with the exit code.
 */
import type * as Messages from "@holdfast/mcp/Messages"
import * as ModelView from "@holdfast/mcp/ModelView"
import * as Effect from "effect/Effect"
import { ExitCode } from "./ExitCode.ts"
import { whoseResult } from "./LostResult.ts"
import { Shell } from "./Shell.ts"
import * as ShowResult from "./ShowResult.ts"
import { printable, styleOf } from "./Style.ts"

export const show = Effect.fnUntraced(function*(
  { json, target }: Pick<ShowResult.ShowOptions, "json" | "target">,
  name: string,
  result: Messages.CallToolResult
) {
  const { stderr } = yield* Shell
  const isError = result.isError === true
  if (isError && !json) {
    const why = printable(ModelView.textOf(result)).trim() || "it does not say why"
    yield* stderr.write(`${styleOf(stderr).red("holdfast:")} ${name} failed: ${why}\n`)
    return ExitCode.toolError
  }
  yield* ShowResult.show({
    blocks: result.content,
    textOf: (isLeft) => ModelView.textOf({ ...result, content: result.content.filter(isLeft) }),
    toJson: (content) => ({ ...result, content })
  }, { json, target, lost: whoseResult(name) })
  return isError ? ExitCode.toolError : ExitCode.ok
})
