/** `holdfast tasks`. */
import * as Argument from "effect/cli/Argument"
import * as CliCommand from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Ref from "effect/Ref"
import * as Help from "../Help.ts"
import { Outcome } from "../Outcome.ts"
import { deadline } from "./deadline.ts"
import { root } from "./root.ts"

export const tasks = CliCommand.make(
  "tasks",
  {
    server: Argument.String("server").pipe(
      Argument.withDescription("Only those of this server"),
      Argument.optional
    ),
    deadline: deadline("Wait so long for each server to say how its tasks stand. Default: 10s")
  },
  Effect.fnUntraced(function*(input) {
    const { json, "no-daemon": direct } = yield* root
    const { run } = yield* Effect.promise(() => import("../commands/tasks.ts"))
    yield* Ref.set(yield* Outcome, yield* run({ ...input, direct, json }))
  })
).pipe(
  CliCommand.withDescription("List the tasks that were left at their servers (call --detach), and how they stand"),
  CliCommand.annotate(Help.Usage, "holdfast tasks [flags] [server]"),
  CliCommand.withExamples([
    { command: "id=$(holdfast call scanner.scan path=. --detach)", description: "Leave one" },
    { command: "holdfast tasks", description: "All of them, whatever config their servers are in" }
  ])
)
