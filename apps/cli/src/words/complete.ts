/** `holdfast complete`. */
import * as Argument from "effect/cli/Argument"
import * as CliCommand from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Ref from "effect/Ref"
import * as Help from "../Help.ts"
import { Outcome } from "../Outcome.ts"
import { deadline } from "./deadline.ts"
import { root } from "./root.ts"
import { source } from "./source.ts"

export const complete = CliCommand.make(
  "complete",
  {
    words: Argument.String("word").pipe(
      Argument.withDescription(
        "The server, a prompt or a resource template, what is known already (key=value), and last the argument to complete"
      ),
      Argument.variadic({ min: 1 })
    ),
    deadline: deadline("Give up after this time, connecting included"),
    ...source
  },
  Effect.fnUntraced(function*(input) {
    const { config, json, "no-daemon": direct } = yield* root
    const { run } = yield* Effect.promise(() => import("../commands/complete.ts"))
    yield* Ref.set(yield* Outcome, yield* run({ ...input, config, direct, json }))
  })
).pipe(
  CliCommand.withDescription("Ask a server what an argument may be"),
  CliCommand.annotate(Help.Usage, "holdfast complete <server> <prompt or template> [key=value…] arg=prefix"),
  CliCommand.withExamples([
    { command: "holdfast complete code review language=ty", description: "Of a prompt" },
    { command: "holdfast complete docs 'docs://{page}' page=in", description: "Of a resource template" }
  ])
)
