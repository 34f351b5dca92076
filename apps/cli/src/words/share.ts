/** `holdfast share`. */
import * as Argument from "effect/cli/Argument"
import * as CliCommand from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Ref from "effect/Ref"
import * as Help from "../Help.ts"
import { Outcome } from "../Outcome.ts"
import { root } from "./root.ts"

export const share = CliCommand.make(
  "share",
  {
    server: Argument.String("server").pipe(
      Argument.withDescription("A server of the config, or the name or number of a process that the daemon has")
    ),
    undo: Flag.Boolean("undo").pipe(Flag.withDescription("Forget it again"), Flag.withDefault(false))
  },
  Effect.fnUntraced(function*(input) {
    const { config, json } = yield* root
    const { run } = yield* Effect.promise(() => import("../commands/share.ts"))
    yield* Ref.set(yield* Outcome, yield* run({ ...input, config, json }))
  })
).pipe(
  CliCommand.withDescription("Let hosts share one process of a server, though its protocol may keep state for each"),
  CliCommand.annotate(Help.Usage, "holdfast share [--undo] <server>"),
  CliCommand.withExamples([
    { command: "holdfast share fs", description: "From the next host on, all hosts have one process" },
    { command: "holdfast share --undo fs", description: "As it was before" }
  ])
)
