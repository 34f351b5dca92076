/** `holdfast tools`. */
import * as Argument from "effect/cli/Argument"
import * as CliCommand from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import * as Help from "../Help.ts"
import { Outcome } from "../Outcome.ts"
import { deadline } from "./deadline.ts"
import { root } from "./root.ts"

export const tools = CliCommand.make(
  "tools",
  {
    server: Argument.String("server").pipe(
      Argument.withDescription("Only this server; server.tool shows one tool with its arguments"),
      Argument.optional
    ),
    deadline: deadline(
      "Give up on a server after this time from its start (15 s if all are listed, else the server's own limits)"
    ),
    concurrency: Flag.Int("concurrency").pipe(
      Flag.withMetavar("count"),
      Flag.withDescription("How many servers are started at once (two for each processor, at least four)"),
      Flag.filterMap(
        (count) => count > 0 ? Option.some(count) : Option.none(),
        () => "a count of at least 1"
      ),
      Flag.optional
    )
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
    { command: "holdfast tools fs.read_text_file", description: "One tool and its arguments" }
  ])
)
