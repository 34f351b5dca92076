/** `holdfast completion`. */
import * as Argument from "effect/cli/Argument"
import * as CliCommand from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { scripts, shells } from "../CompletionScripts.ts"
import * as Help from "../Help.ts"
import { writeResult } from "../WriteResult.ts"

export const completion = CliCommand.make(
  "completion",
  { shell: Argument.Literals("shell", shells).pipe(Argument.withDescription("The shell that is to complete")) },
  Effect.fnUntraced(function*({ shell }) {
    yield* writeResult(scripts[shell])
  })
).pipe(
  CliCommand.withDescription("Print a script with which a shell completes words, servers, tools, arguments"),
  CliCommand.annotate(Help.Usage, "holdfast completion <bash | zsh | fish>"),
  CliCommand.withExamples([
    { command: "eval \"$(holdfast completion bash)\"", description: "In ~/.bashrc; for zsh the same in ~/.zshrc" },
    { command: "holdfast completion fish > ~/.config/fish/completions/holdfast.fish", description: "For fish" }
  ])
)
