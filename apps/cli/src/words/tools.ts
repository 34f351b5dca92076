/** `holdfast tools`. */
import * as Argument from "effect/cli/Argument"
import * as CliCommand from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Ref from "effect/Ref"
import * as Help from "../Help.ts"
import { Outcome } from "../Outcome.ts"
import { listing } from "./listing.ts"
import { root } from "./root.ts"

export const tools = CliCommand.make(
  "tools",
  {
    server: Argument.String("server").pipe(
      Argument.withDescription("Only this server; server.tool shows one tool with its arguments"),
      Argument.optional
    ),
    ...listing
  },
  Effect.fnUntraced(function*(input) {
    const { config, json, "no-daemon": direct } = yield* root
    const { run } = yield* Effect.promise(() => import("../commands/tools.ts"))
    yield* Ref.set(yield* Outcome, yield* run({ ...input, config, direct, json }))
  })
).pipe(
  CliCommand.withDescription("List the tools of all configured servers, or of one"),
  CliCommand.annotate(Help.Usage, "holdfast tools [flags] [server[.tool]]"),
  CliCommand.withExamples([
    { command: "holdfast tools", description: "Everything that can be called" },
    { command: "holdfast tools fs.read_text_file", description: "One tool, its arguments and an example" },
    {
      command: "holdfast tools --stdio \"npx -y @modelcontextprotocol/server-everything\"",
      description: "Without a config"
    }
  ])
)
