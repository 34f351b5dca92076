/** `holdfast logs`. */
import * as Argument from "effect/cli/Argument"
import * as CliCommand from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import * as Help from "../Help.ts"
import { Outcome } from "../Outcome.ts"
import { root } from "./root.ts"

export const logs = CliCommand.make(
  "logs",
  {
    server: Argument.String("server").pipe(
      Argument.withDescription("Its name, or the number of its process; without it the daemon's own log is shown"),
      Argument.optional
    ),
    follow: Flag.Boolean("follow").pipe(
      Flag.withAlias("f"),
      Flag.withDescription("Go on with what comes"),
      Flag.withDefault(false)
    ),
    lines: Flag.Int("lines").pipe(
      Flag.withAlias("n"),
      Flag.withMetavar("count"),
      Flag.withDescription("Only so many of the last lines"),
      Flag.filterMap((count) => count >= 0 ? Option.some(count) : Option.none(), () => "a count of at least 0"),
      Flag.optional
    )
  },
  Effect.fnUntraced(function*(input) {
    const { json } = yield* root
    const { run } = yield* Effect.promise(() => import("../commands/logs.ts"))
    yield* Ref.set(yield* Outcome, yield* run({ ...input, json }))
  })
).pipe(
  CliCommand.withDescription("Show what a server has written to stderr, or the daemon's log"),
  CliCommand.annotate(Help.Usage, "holdfast logs [-f] [-n <count>] [server]"),
  CliCommand.withExamples([
    { command: "holdfast logs fs -f", description: "Until Ctrl-C" },
    { command: "holdfast logs -n 20", description: "The end of the daemon's own log" }
  ])
)
