/** `holdfast prompts`. */
import * as Argument from "effect/cli/Argument"
import * as CliCommand from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Ref from "effect/Ref"
import * as Help from "../Help.ts"
import { Outcome } from "../Outcome.ts"
import { listing } from "./listing.ts"
import { root } from "./root.ts"

export const prompts = CliCommand.make(
  "prompts",
  {
    server: Argument.String("server").pipe(Argument.withDescription("Only this server"), Argument.optional),
    ...listing
  },
  Effect.fnUntraced(function*(input) {
    const { config, json, "no-daemon": direct } = yield* root
    const { run } = yield* Effect.promise(() => import("../commands/prompts.ts"))
    yield* Ref.set(yield* Outcome, yield* run({ ...input, config, direct, json }))
  })
).pipe(
  CliCommand.withDescription("List the prompts that servers offer"),
  CliCommand.annotate(Help.Usage, "holdfast prompts [flags] [server]"),
  CliCommand.withExamples([
    { command: "holdfast prompts", description: "Of all servers, with their arguments" }
  ])
)
