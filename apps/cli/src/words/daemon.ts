/** `holdfast daemon`. */
import type { Operation } from "@holdfast/daemon/DaemonControl"
import * as Argument from "effect/cli/Argument"
import * as CliCommand from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Ref from "effect/Ref"
import * as Help from "../Help.ts"
import { Outcome } from "../Outcome.ts"
import { root } from "./root.ts"

const daemonRun = CliCommand.make(
  "run",
  {},
  Effect.fnUntraced(function*() {
    const { run } = yield* Effect.promise(() => import("../commands/daemon.ts"))
    return yield* run
  })
).pipe(CliCommand.withDescription("Keep the daemon in the foreground, for containers, systemd and launchd"))

const daemonStatus = CliCommand.make(
  "status",
  {},
  Effect.fnUntraced(function*() {
    const { json } = yield* root
    const { status } = yield* Effect.promise(() => import("../commands/daemon.ts"))
    yield* Ref.set(yield* Outcome, yield* status(json))
  })
).pipe(CliCommand.withDescription("Show what the daemon holds"))

const daemonStop = CliCommand.make(
  "stop",
  {},
  Effect.fnUntraced(function*() {
    const { stop } = yield* Effect.promise(() => import("../commands/daemon.ts"))
    yield* Ref.set(yield* Outcome, yield* stop())
  })
).pipe(CliCommand.withDescription("End the daemon and every server it holds"))

const operation = (name: Operation, description: string) =>
  CliCommand.make(
    name,
    {
      server: Argument.String("server").pipe(
        Argument.withDescription("Its name, or the number of its process: see holdfast daemon status")
      )
    },
    Effect.fnUntraced(function*({ server }) {
      const { operate } = yield* Effect.promise(() => import("../commands/daemon.ts"))
      yield* Ref.set(yield* Outcome, yield* operate(name, server))
    })
  ).pipe(
    CliCommand.withDescription(description),
    CliCommand.annotate(Help.Usage, `holdfast daemon ${name} <server>`)
  )

const daemonReset = operation("reset", "Forget the failures of a server, and try it again at once")
const daemonDrain = operation("drain", "Give a server's processes to no new user: each ends when its last user leaves")
const daemonClose = operation("close", "End a server's processes now; their users go on with new ones")

export const daemon = CliCommand.make("daemon").pipe(
  CliCommand.withDescription("The process that holds servers for all programs of this user"),
  CliCommand.annotate(Help.Usage, "holdfast daemon <run | status | stop | reset | drain | close>"),
  CliCommand.withSubcommands([daemonRun, daemonStatus, daemonStop, daemonReset, daemonDrain, daemonClose])
)
