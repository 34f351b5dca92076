/** `holdfast answer`. */
import * as Argument from "effect/cli/Argument"
import * as CliCommand from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Ref from "effect/Ref"
import * as Help from "../Help.ts"
import { Outcome } from "../Outcome.ts"
import * as CallFlags from "./callFlags.ts"
import { deadline } from "./deadline.ts"
import { output } from "./result.ts"
import { root } from "./root.ts"

export const answer = CliCommand.make(
  "answer",
  {
    id: Argument.String("id").pipe(
      Argument.withDescription("Of a question, or of a call whose result is to be fetched: see holdfast questions")
    ),
    words: Argument.String("word").pipe(
      Argument.withDescription("The answer: key=value, key=@file, key:=json, - for a JSON object on standard input"),
      Argument.variadic()
    ),
    args: CallFlags.args("The answer as a JSON object; key=value words win over it"),
    decline: Flag.Boolean("decline").pipe(Flag.withDescription("Say no to the question"), Flag.withDefault(false)),
    cancel: Flag.Boolean("cancel").pipe(Flag.withDescription("Say neither yes nor no"), Flag.withDefault(false)),
    output,
    deadline: deadline("Wait so long for the result of the call, which goes on in any case")
  },
  Effect.fnUntraced(function*(input) {
    const { json } = yield* root
    const { run } = yield* Effect.promise(() => import("../commands/answer.ts"))
    yield* Ref.set(yield* Outcome, yield* run({ ...input, json }))
  })
).pipe(
  CliCommand.withDescription("Answer the question of a server, and print the result of its call"),
  CliCommand.annotate(Help.Usage, "holdfast answer [flags] <id> [key=value…]"),
  CliCommand.withExamples([
    { command: "holdfast answer q1a2b3c confirm=true", description: "The answer as words; on a terminal it is asked" },
    { command: "holdfast answer q1a2b3c --decline", description: "No" }
  ])
)
