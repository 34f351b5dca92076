/** `holdfast remove`. */
import * as Argument from "effect/cli/Argument"
import * as CliCommand from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Ref from "effect/Ref"
import * as Help from "../Help.ts"
import { Outcome } from "../Outcome.ts"
import { root } from "./root.ts"

export const remove = CliCommand.make(
  "remove",
  {
    name: Argument.String("name").pipe(Argument.withDescription("The server's name")),
    to: Flag.String("from").pipe(
      Flag.withMetavar("file"),
      Flag.withDescription("The file it is taken out of (default: the nearest that has it)"),
      Flag.optional
    ),
    user: Flag.Boolean("user").pipe(
      Flag.withDescription("The file is your own, for all directories: ~/.config/holdfast/mcp.json"),
      Flag.withDefault(false)
    )
  },
  Effect.fnUntraced(function*(input) {
    const { config, json } = yield* root
    const { run } = yield* Effect.promise(() => import("../commands/remove.ts"))
    yield* Ref.set(yield* Outcome, yield* run({ ...input, config, json }))
  })
).pipe(
  CliCommand.withDescription("Take a server out of a config, and leave the rest of it as it is"),
  CliCommand.annotate(Help.Usage, "holdfast remove [flags] <name>"),
  CliCommand.withExamples([{ command: "holdfast remove fs", description: "From the nearest config that has it" }])
)
