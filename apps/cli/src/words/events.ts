/** `holdfast events`. */
import * as CliCommand from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Ref from "effect/Ref"
import * as Help from "../Help.ts"
import { Outcome } from "../Outcome.ts"
import { root } from "./root.ts"

export const events = CliCommand.make(
  "events",
  {
    follow: Flag.Boolean("follow").pipe(
      Flag.withAlias("f"),
      Flag.withDescription("Go on with what comes"),
      Flag.withDefault(false)
    )
  },
  Effect.fnUntraced(function*(input) {
    const { json } = yield* root
    const { run } = yield* Effect.promise(() => import("../commands/events.ts"))
    yield* Ref.set(yield* Outcome, yield* run({ ...input, json }))
  })
).pipe(
  CliCommand.withDescription("Show what has happened to servers: starts, losses, calls, refusals"),
  CliCommand.annotate(Help.Usage, "holdfast events [-f]"),
  CliCommand.withExamples([
    { command: "holdfast events -f", description: "Until Ctrl-C" },
    {
      command: "holdfast events -f --json | jq --unbuffered 'select(.event == \"lost\")'",
      description: "Every process that ends by itself"
    }
  ])
)
