/** `holdfast prompt`. */
import * as Argument from "effect/cli/Argument"
import * as CliCommand from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Ref from "effect/Ref"
import * as Help from "../Help.ts"
import { Outcome } from "../Outcome.ts"
import * as CallFlags from "./callFlags.ts"
import { deadline } from "./deadline.ts"
import { output, rootFolder } from "./result.ts"
import { root } from "./root.ts"
import { source } from "./source.ts"

export const prompt = CliCommand.make(
  "prompt",
  {
    words: Argument.String("word").pipe(
      Argument.withDescription(
        "The server and the prompt (two words, or server.prompt), then its arguments: key=value, key=@file"
      ),
      Argument.variadic({ min: 1 })
    ),
    args: CallFlags.args(),
    output,
    root: rootFolder,
    deadline: deadline("Give up after this time, connecting included"),
    ...source
  },
  Effect.fnUntraced(function*(input) {
    const { config, json, "no-daemon": direct } = yield* root
    const { run } = yield* Effect.promise(() => import("../commands/prompt.ts"))
    yield* Ref.set(yield* Outcome, yield* run({ ...input, config, direct, json }))
  })
).pipe(
  CliCommand.withDescription("Print a prompt with its arguments filled in"),
  CliCommand.annotate(Help.Usage, "holdfast prompt [flags] <server> <name> [key=value…]"),
  CliCommand.withExamples([
    { command: "holdfast prompt code review file=main.ts", description: "Arguments as words" },
    { command: "holdfast prompt code.review diff=@changes.diff | llm", description: "Into another program" }
  ])
)
