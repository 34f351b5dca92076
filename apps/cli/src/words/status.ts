/** `holdfast status`. */
import * as CliCommand from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Ref from "effect/Ref"
import * as Help from "../Help.ts"
import { Outcome } from "../Outcome.ts"
import { root } from "./root.ts"

export const status = CliCommand.make(
  "status",
  {
    watch: Flag.Boolean("watch").pipe(
      Flag.withAlias("w"),
      Flag.withDescription("Go on, and show it again whenever it has changed"),
      Flag.withDefault(false)
    )
  },
  Effect.fnUntraced(function*({ watch }) {
    const { json } = yield* root
    const { run } = yield* Effect.promise(() => import("../commands/status.ts"))
    yield* Ref.set(yield* Outcome, yield* run({ json, watch }))
  })
).pipe(
  CliCommand.withDescription("Show the processes that the daemon holds, their users and the last failures"),
  CliCommand.annotate(Help.Usage, "holdfast status [--watch]"),
  CliCommand.withExamples([
    { command: "holdfast status --watch", description: "Until Ctrl-C" },
    {
      command: "holdfast status --json | jq '.servers[] | {name, pid, state}'",
      description: "For programs"
    }
  ])
)
