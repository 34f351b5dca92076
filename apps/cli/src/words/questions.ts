/** `holdfast questions`. */
import * as Argument from "effect/cli/Argument"
import * as CliCommand from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Ref from "effect/Ref"
import * as Help from "../Help.ts"
import { Outcome } from "../Outcome.ts"
import { root } from "./root.ts"

export const questions = CliCommand.make(
  "questions",
  {
    id: Argument.String("id").pipe(
      Argument.withDescription("Only this one, with what it asks for"),
      Argument.optional
    )
  },
  Effect.fnUntraced(function*(input) {
    const { json } = yield* root
    const { run } = yield* Effect.promise(() => import("../commands/questions.ts"))
    yield* Ref.set(yield* Outcome, yield* run({ ...input, json }))
  })
).pipe(
  CliCommand.withDescription("List what servers have asked in calls that are kept (call --park)"),
  CliCommand.annotate(Help.Usage, "holdfast questions [flags] [id]"),
  CliCommand.withExamples([
    { command: "holdfast questions", description: "All that wait for an answer" }
  ])
)
