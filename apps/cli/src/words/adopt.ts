/** `holdfast adopt`. */
import * as Argument from "effect/cli/Argument"
import * as CliCommand from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Ref from "effect/Ref"
import * as Help from "../Help.ts"
import { hostNames } from "../hosts/hostNames.ts"
import { Outcome } from "../Outcome.ts"
import { root } from "./root.ts"

export const adopt = CliCommand.make(
  "adopt",
  {
    host: Argument.String("host").pipe(
      Argument.withDescription(`The program: ${hostNames.join(", ")}`)
    ),
    write: Flag.Boolean("write").pipe(
      Flag.withDescription("Write it; else the changes are only shown"),
      Flag.withDefault(false)
    ),
    undo: Flag.Boolean("undo").pipe(
      Flag.withDescription(
        "Take it back: the file is as it was before, byte for byte where nothing else has changed it"
      ),
      Flag.withDefault(false)
    ),
    project: Flag.Boolean("project").pipe(
      Flag.withDescription("The files of this project, too, which others may share"),
      Flag.withDefault(false)
    ),
    program: Flag.String("program").pipe(
      Flag.withMetavar("path"),
      Flag.withDescription("What the host starts (default: holdfast, from its path)"),
      Flag.optional
    )
  },
  Effect.fnUntraced(function*(input) {
    const { json } = yield* root
    const { run } = yield* Effect.promise(() => import("../commands/adopt.ts"))
    yield* Ref.set(yield* Outcome, yield* run({ ...input, json }))
  })
).pipe(
  CliCommand.withDescription("Put holdfast in front of the servers of another program's config"),
  CliCommand.annotate(Help.Usage, "holdfast adopt [flags] <host>"),
  CliCommand.withExamples([
    { command: "holdfast adopt cursor", description: "What would change" },
    { command: "holdfast adopt cursor --write" },
    { command: "holdfast adopt cursor --undo" }
  ])
)
