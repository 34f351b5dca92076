/** `holdfast resources`. */
import * as Argument from "effect/cli/Argument"
import * as CliCommand from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Ref from "effect/Ref"
import * as Help from "../Help.ts"
import { Outcome } from "../Outcome.ts"
import { listing } from "./listing.ts"
import { root } from "./root.ts"

export const resources = CliCommand.make(
  "resources",
  {
    server: Argument.String("server").pipe(Argument.withDescription("Only this server"), Argument.optional),
    ...listing
  },
  Effect.fnUntraced(function*(input) {
    const { config, json, "no-daemon": direct } = yield* root
    const { run } = yield* Effect.promise(() => import("../commands/resources.ts"))
    yield* Ref.set(yield* Outcome, yield* run({ ...input, config, direct, json }))
  })
).pipe(
  CliCommand.withDescription("List what can be read, and the templates of more"),
  CliCommand.annotate(Help.Usage, "holdfast resources [flags] [server]"),
  CliCommand.withExamples([
    { command: "holdfast resources", description: "Of all servers" },
    { command: "holdfast resources docs --json", description: "Of one, for programs" }
  ])
)
