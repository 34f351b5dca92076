/** `holdfast servers`. */
import * as CliCommand from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Ref from "effect/Ref"
import * as Help from "../Help.ts"
import { Outcome } from "../Outcome.ts"
import { root } from "./root.ts"

export const servers = CliCommand.make(
  "servers",
  {},
  Effect.fnUntraced(function*() {
    const { config, json } = yield* root
    const { run } = yield* Effect.promise(() => import("../commands/servers.ts"))
    yield* Ref.set(yield* Outcome, yield* run({ config, json }))
  })
).pipe(
  CliCommand.withDescription("List the servers: where each comes from, its state, era, tools and memory"),
  CliCommand.annotate(Help.Usage, "holdfast servers"),
  CliCommand.withExamples([
    { command: "holdfast servers", description: "Nothing is started for this" },
    {
      command: "holdfast servers --json | jq -r '.files[].file'",
      description: "The config files that are there"
    }
  ])
)
