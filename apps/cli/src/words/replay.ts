/** `holdfast replay`. */
import * as Argument from "effect/cli/Argument"
import * as CliCommand from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Ref from "effect/Ref"
import * as Help from "../Help.ts"
import { Outcome } from "../Outcome.ts"

export const replay = CliCommand.make(
  "replay",
  {
    file: Argument.String("file").pipe(Argument.withDescription("A recording of holdfast record, or of the runtime's")),
    server: Flag.String("server").pipe(
      Flag.withMetavar("name"),
      Flag.withDescription("Which server of the recording, if it has several"),
      Flag.optional
    ),
    timed: Flag.Boolean("timed").pipe(
      Flag.withDescription("Take as long for each answer as the server did (default: answer at once)"),
      Flag.withDefault(false)
    )
  },
  Effect.fnUntraced(function*(input) {
    const { run } = yield* Effect.promise(() => import("../commands/replay.ts"))
    yield* Ref.set(yield* Outcome, yield* run(input))
  })
).pipe(
  CliCommand.withDescription("Be a server to a host, over stdin and stdout, that answers as a recording did"),
  CliCommand.annotate(Help.Usage, "holdfast replay [flags] <file>"),
  CliCommand.withExamples([
    { command: "holdfast replay fs.ndjson", description: "In a host's config, as the command of the server" },
    {
      command: "holdfast call --stdio \"holdfast replay fs.ndjson\" read_text_file path=a.md",
      description: "A recorded call again; what was not recorded is refused"
    }
  ])
)
