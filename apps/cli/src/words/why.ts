/** `holdfast why`. */
import * as Argument from "effect/cli/Argument"
import * as CliCommand from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Ref from "effect/Ref"
import * as Help from "../Help.ts"
import { Outcome } from "../Outcome.ts"
import { root } from "./root.ts"

export const why = CliCommand.make(
  "why",
  {
    server: Argument.String("server").pipe(
      Argument.withDescription("Its name, or the number of its process: see holdfast status"),
      Argument.optional
    ),
    call: Flag.String("call").pipe(
      Flag.withDescription("Of one call: why it opened, reused, waited or was repeated. holdfast events has the ids"),
      Flag.withMetavar("id"),
      Flag.optional
    )
  },
  Effect.fnUntraced(function*({ call, server }) {
    const { json } = yield* root
    const { run } = yield* Effect.promise(() => import("../commands/why.ts"))
    yield* Ref.set(yield* Outcome, yield* run({ server, call }, json))
  })
).pipe(
  CliCommand.withDescription("Say how the last tries and calls of a server went, and what keeps its processes apart"),
  CliCommand.annotate(Help.Usage, "holdfast why <server> | --call <id>"),
  CliCommand.withExamples([
    { command: "holdfast why fs", description: "Which step failed, its words on stderr, and what to do" },
    { command: "holdfast why fs --json | jq '.tries[-1]'", description: "The last try" },
    { command: "holdfast why --call c1a2b3c4", description: "What became of one call, and why" }
  ])
)
