/** `holdfast why`. */
import * as Argument from "effect/cli/Argument"
import * as CliCommand from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Ref from "effect/Ref"
import * as Help from "../Help.ts"
import { Outcome } from "../Outcome.ts"
import { root } from "./root.ts"

export const why = CliCommand.make(
  "why",
  {
    server: Argument.String("server").pipe(
      Argument.withDescription("Its name, or the number of its process: see holdfast daemon status")
    )
  },
  Effect.fnUntraced(function*({ server }) {
    const { json } = yield* root
    const { run } = yield* Effect.promise(() => import("../commands/why.ts"))
    yield* Ref.set(yield* Outcome, yield* run(server, json))
  })
).pipe(
  CliCommand.withDescription("Say what keeps the processes of a server apart"),
  CliCommand.annotate(Help.Usage, "holdfast why <server>")
)
