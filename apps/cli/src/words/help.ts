/** `holdfast help`. That of a word is the word's own `--help`: see `Program`. */
import * as Argument from "effect/cli/Argument"
import * as CliCommand from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Ref from "effect/Ref"
import * as Help from "../Help.ts"
import { Outcome } from "../Outcome.ts"

export const help = CliCommand.make(
  "help",
  {
    page: Argument.String("word").pipe(
      Argument.withDescription("A command, such as call or daemon stop, or agents: a page for language models")
    )
  },
  Effect.fnUntraced(function*({ page }) {
    const { run } = yield* Effect.promise(() => import("../commands/help.ts"))
    yield* Ref.set(yield* Outcome, yield* run(page))
  })
).pipe(
  CliCommand.withDescription("Explain a command, with examples"),
  CliCommand.annotate(Help.Usage, "holdfast help <command… | agents>"),
  CliCommand.withExamples([
    { command: "holdfast help call", description: "All about one command" },
    { command: "holdfast help agents >> AGENTS.md", description: "A page that tells a language model how to use this" }
  ])
)
