/** `holdfast import`. */
import * as Argument from "effect/cli/Argument"
import * as CliCommand from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Ref from "effect/Ref"
import * as Help from "../Help.ts"
import { hostNames } from "../hosts/hostNames.ts"
import { Outcome } from "../Outcome.ts"
import { root } from "./root.ts"
import { to, user } from "./target.ts"

/** `import` is a word of the language. */
export const importing = CliCommand.make(
  "import",
  {
    host: Argument.String("host").pipe(
      Argument.withDescription(`Only this program: ${hostNames.join(", ")}`),
      Argument.optional
    ),
    write: Flag.Boolean("write").pipe(
      Flag.withDescription("Write what is new; else it is only shown"),
      Flag.withDefault(false)
    ),
    to,
    user
  },
  Effect.fnUntraced(function*(input) {
    const { config, json } = yield* root
    const { run } = yield* Effect.promise(() => import("../commands/import.ts"))
    yield* Ref.set(yield* Outcome, yield* run({ ...input, config, json }))
  })
).pipe(
  CliCommand.withDescription("Show the servers that other programs have, and write them to a config"),
  CliCommand.annotate(Help.Usage, "holdfast import [flags] [host]"),
  CliCommand.withExamples([
    { command: "holdfast import", description: "Everything that is found on this machine" },
    { command: "holdfast import cursor --write --user", description: "Those of Cursor, for all directories" }
  ])
)
