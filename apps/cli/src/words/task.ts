/** `holdfast task`. */
import * as Argument from "effect/cli/Argument"
import * as CliCommand from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Ref from "effect/Ref"
import * as Help from "../Help.ts"
import { Outcome } from "../Outcome.ts"
import { deadline } from "./deadline.ts"
import { output } from "./result.ts"
import { root } from "./root.ts"

export const task = CliCommand.make(
  "task",
  {
    id: Argument.String("id").pipe(
      Argument.withDescription("What holdfast call --detach has printed; holdfast tasks lists them")
    ),
    wait: Flag.Boolean("wait").pipe(
      Flag.withDescription("Wait for the end, answer what it asks on a terminal, and print the result as call does"),
      Flag.withDefault(false)
    ),
    cancel: Flag.Boolean("cancel").pipe(Flag.withDescription("End it at the server"), Flag.withDefault(false)),
    output,
    deadline: deadline("Give up after this time; the task goes on in any case")
  },
  Effect.fnUntraced(function*(input) {
    const { json, "no-daemon": direct } = yield* root
    const { run } = yield* Effect.promise(() => import("../commands/task.ts"))
    yield* Ref.set(yield* Outcome, yield* run({ ...input, direct, json }))
  })
).pipe(
  CliCommand.withDescription("Show a task that was left at its server, wait for its result, or cancel it"),
  CliCommand.annotate(Help.Usage, "holdfast task [flags] <id>"),
  CliCommand.withExamples([
    { command: "holdfast task t1a2b3c4d", description: "How it stands" },
    { command: "holdfast task t1a2b3c4d --wait", description: "Its result, as holdfast call would have printed it" },
    { command: "holdfast task t1a2b3c4d --cancel", description: "End it" }
  ])
)
