/** `holdfast dashboard`. */
import * as CliCommand from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Ref from "effect/Ref"
import * as Help from "../Help.ts"
import { Outcome } from "../Outcome.ts"
import { root } from "./root.ts"

export const dashboard = CliCommand.make(
  "dashboard",
  {
    port: Flag.Int("port").pipe(
      Flag.withMetavar("number"),
      Flag.withDescription("Of 127.0.0.1. Default: any that is free"),
      Flag.withDefault(0)
    ),
    "no-open": Flag.Boolean("no-open").pipe(
      Flag.withDescription("Print the address and open no browser"),
      Flag.withDefault(false)
    )
  },
  Effect.fnUntraced(function*({ port, ...flags }) {
    const { json } = yield* root
    const { run } = yield* Effect.promise(() => import("../commands/dashboard.ts"))
    yield* Ref.set(yield* Outcome, yield* run({ port, opens: !flags["no-open"], json }))
  })
).pipe(
  CliCommand.withDescription("Show the daemon as a page: servers, calls as they come, logs, failures, the last hour"),
  CliCommand.annotate(Help.Usage, "holdfast dashboard [--port N] [--no-open]"),
  CliCommand.withExamples([
    { command: "holdfast dashboard", description: "Opens a browser; until Ctrl-C" },
    { command: "holdfast dashboard --no-open --port 8800", description: "For ssh -L 8800:127.0.0.1:8800" }
  ])
)
