/** `holdfast doctor`. */
import * as CliCommand from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Ref from "effect/Ref"
import * as Help from "../Help.ts"
import { Outcome } from "../Outcome.ts"
import { deadline } from "./deadline.ts"
import { root } from "./root.ts"

export const doctor = CliCommand.make(
  "doctor",
  { deadline: deadline("Give up on a server after this time (20 s if it is not said)") },
  Effect.fnUntraced(function*(input) {
    const { config, json, "no-daemon": direct } = yield* root
    const { run } = yield* Effect.promise(() => import("../commands/doctor.ts"))
    yield* Ref.set(yield* Outcome, yield* run({ ...input, config, direct, json }))
  })
).pipe(
  CliCommand.withDescription("Look for everything that is wrong, and say what to do. Exits with 1 if something is"),
  CliCommand.annotate(Help.Usage, "holdfast doctor [--deadline <duration>]"),
  CliCommand.withExamples([
    { command: "holdfast doctor", description: "Programs, config files, servers, the daemon, what is left" },
    {
      command: "holdfast doctor --json | jq '.findings[] | select(.level == \"fault\")'",
      description: "Only what is to be done"
    }
  ])
)
