/** `holdfast daemon`. */
import * as CliCommand from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Ref from "effect/Ref"
import * as Help from "../Help.ts"
import { Outcome } from "../Outcome.ts"
import { ofDaemon } from "./operations.ts"
import { root } from "./root.ts"

const daemonRun = CliCommand.make(
  "run",
  {},
  Effect.fnUntraced(function*() {
    const { run } = yield* Effect.promise(() => import("../commands/daemon.ts"))
    return yield* run
  })
).pipe(
  CliCommand.withDescription("Keep the daemon in the foreground, for containers, systemd and launchd"),
  CliCommand.withExamples([{ command: "holdfast daemon run", description: "Until a signal, or holdfast daemon stop" }])
)

const daemonStatus = CliCommand.make(
  "status",
  {},
  Effect.fnUntraced(function*() {
    const { json } = yield* root
    const { run } = yield* Effect.promise(() => import("../commands/status.ts"))
    yield* Ref.set(yield* Outcome, yield* run({ json, watch: false }))
  })
).pipe(
  CliCommand.withDescription("Show what the daemon holds: the same as holdfast status"),
  CliCommand.withExamples([{ command: "holdfast daemon status", description: "Its processes, and the last failures" }])
)

const daemonStop = CliCommand.make(
  "stop",
  {},
  Effect.fnUntraced(function*() {
    const { json } = yield* root
    const { stop } = yield* Effect.promise(() => import("../commands/daemon.ts"))
    yield* Ref.set(yield* Outcome, yield* stop(json))
  })
).pipe(
  CliCommand.withDescription("End the daemon and every server it holds, and wait until all of it is gone"),
  CliCommand.withExamples([{ command: "holdfast daemon stop", description: "None is left when this returns" }])
)

const daemonRestart = CliCommand.make(
  "restart",
  {},
  Effect.fnUntraced(function*() {
    const { json } = yield* root
    const { restart } = yield* Effect.promise(() => import("../commands/daemon.ts"))
    yield* Ref.set(yield* Outcome, yield* restart(json))
  })
).pipe(
  CliCommand.withDescription("End the daemon with its servers, and start one of this version"),
  CliCommand.withExamples([{ command: "holdfast daemon restart", description: "After an update, or when it hangs" }])
)

const daemonUnit = CliCommand.make(
  "unit",
  {
    systemd: Flag.Boolean("systemd").pipe(
      Flag.withDescription("A unit of the user's systemd (the default on Linux)"),
      Flag.withDefault(false)
    ),
    launchd: Flag.Boolean("launchd").pipe(
      Flag.withDescription("An agent of launchd (the default on macOS)"),
      Flag.withDefault(false)
    )
  },
  Effect.fnUntraced(function*(input) {
    const { json } = yield* root
    const { run } = yield* Effect.promise(() => import("../commands/daemonUnit.ts"))
    yield* Ref.set(yield* Outcome, yield* run({ ...input, json }))
  })
).pipe(
  CliCommand.withDescription("Print a unit with which systemd or launchd keeps the daemon"),
  CliCommand.annotate(Help.Usage, "holdfast daemon unit [--systemd | --launchd]"),
  CliCommand.withExamples([
    {
      command: "holdfast daemon unit > ~/.config/systemd/user/holdfast.service",
      description: "For systemd; what to do next is said in it"
    },
    {
      command: "holdfast daemon unit > ~/Library/LaunchAgents/dev.holdfast.daemon.plist",
      description: "For launchd"
    }
  ])
)

export const daemon = CliCommand.make("daemon").pipe(
  CliCommand.withDescription("The process that holds servers for all programs of this user"),
  CliCommand.annotate(
    Help.Usage,
    "holdfast daemon <run | status | stop | restart | unit | reset | drain | close>"
  ),
  CliCommand.withSubcommands([daemonRun, daemonStatus, daemonStop, daemonRestart, daemonUnit, ...ofDaemon])
)
