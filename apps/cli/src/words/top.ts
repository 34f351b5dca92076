/** `holdfast top`. */
import * as CliCommand from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Ref from "effect/Ref"
import * as Help from "../Help.ts"
import { Outcome } from "../Outcome.ts"
import { root } from "./root.ts"

export const top = CliCommand.make(
  "top",
  {
    once: Flag.Boolean("once").pipe(
      Flag.withDescription("Print one frame as plain text, all rows of it, and end"),
      Flag.withDefault(false)
    )
  },
  Effect.fnUntraced(function*({ once }) {
    const { json } = yield* root
    const { run } = yield* Effect.promise(() => import("../commands/top.ts"))
    const { layer } = yield* Effect.promise(() => import("../internal/nodeScreen.ts"))
    yield* Ref.set(yield* Outcome, yield* Effect.provide(run({ json, once }), layer))
  })
).pipe(
  CliCommand.withDescription("Watch servers, calls and failures on the whole terminal, and act on them"),
  CliCommand.annotate(Help.Usage, "holdfast top [--once]"),
  CliCommand.annotate(Help.Notes, [{
    title: "KEYS",
    rows: [
      ["up down, k j", "Choose a server; PgUp PgDn g G go further"],
      ["Enter", "Why it is so: its history, its last calls, its log"],
      ["r d c", "reset, drain, close; close asks once more"],
      ["/ s", "Filter; sort by name, state, memory, in flight"],
      ["? q", "Help; quit"]
    ]
  }]),
  CliCommand.withExamples([
    { command: "holdfast top", description: "Until q. Without a terminal it is one frame" },
    { command: "holdfast top --once | head -20", description: "One frame, for a script" }
  ])
)
