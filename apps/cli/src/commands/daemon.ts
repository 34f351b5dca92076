/**
 * `holdfast daemon run|stop|restart`, and `holdfast reset|drain|close`: the process that holds servers for all programs of this user.
 */
import * as DaemonClient from "@holdfast/daemon/DaemonClient"
import * as DaemonControl from "@holdfast/daemon/DaemonControl"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { askingDaemon } from "../AskingDaemon.ts"
import { CliFailure } from "../CliFailure.ts"
import { ExitCode } from "../ExitCode.ts"
import type * as DaemonOutput from "../outputs/daemon-stop.ts"
import type * as OperationOutput from "../outputs/reset.ts"
import { note } from "../Quiet.ts"
import { Shell } from "../Shell.ts"
import { printable } from "../Style.ts"
import * as Waiting from "../Waiting.ts"
import { writeResult } from "../WriteResult.ts"

/** Keeps the daemon in the foreground. The process is the daemon's from here on, signals and end included. */
export const run = Effect.flatMap(
  Effect.promise(() => import("@holdfast/daemon/DaemonProcess")),
  ({ foreground }) => Effect.andThen(Effect.sync(foreground), Effect.never)
)

/** `reset`, `drain` or `close` a server that the daemon holds. */
export const operate = Effect.fnUntraced(
  function*(operation: DaemonControl.Operation, server: string, json: boolean) {
    const message = yield* askingDaemon(() => DaemonControl.operate(operation, server))
    const answer: typeof OperationOutput.Output.Type = { operation, server, message }
    yield* json ? writeResult(`${JSON.stringify(answer)}\n`) : note(`${printable(message)}\n`)
    return ExitCode.ok
  }
)

/** Ends the daemon, and every server that it holds. None is no failure: that is what was wanted. */
export const stop = Effect.fnUntraced(function*(json: boolean) {
  const former = yield* stopped
  const answer: typeof DaemonOutput.Output.Type = { was: former?.daemon }
  if (json) yield* writeResult(`${JSON.stringify(answer)}\n`)
  else if (former === undefined) yield* note("no daemon is running\n")
  else if (former.stays) {
    yield* note(
      "the daemon was kept by a supervisor, which may start it again: end it there, as with systemctl --user stop\n"
    )
  }
  return ExitCode.ok
})

interface Former {
  readonly daemon: { readonly pid: number; readonly version: string }
  /** A supervisor keeps it, and starts the next one. */
  readonly stays: boolean
}

/** Ends it, and gives what it was. Undefined: there was none. */
const stopped = Effect.scoped(Effect.gen(function*() {
  const waiting = yield* Waiting.make
  waiting.say("waiting for the daemon and its servers to end")
  const former = yield* look
  yield* askingDaemon(() => DaemonControl.stop()).pipe(
    // It, or one that has made way for it, has ended by itself in the meantime.
    Effect.catchIf(({ reason }) => reason === "NotRunning", () => Effect.void)
  )
  return former
}))

/** What the daemon says of itself. `start`: one that is not there is started. */
const greeting = (start: boolean): Effect.Effect<Former, CliFailure> =>
  Effect.scoped(Effect.map(
    Effect.acquireRelease(
      askingDaemon(() => DaemonClient.connect({ wants: { daemon: true }, program: "holdfast", start })),
      ({ socket }) => Effect.sync(() => socket.destroy())
    ),
    ({ daemon: { pid, stays, version } }) => ({ daemon: { pid, version }, stays: stays === true })
  ))

/** The daemon that is there. None is started. */
const look: Effect.Effect<Former | undefined, CliFailure> = greeting(false).pipe(
  Effect.catchIf(({ reason }) => reason === "NotRunning", () => Effect.undefined)
)

/** Ends it, and starts the next one. One that a supervisor keeps is started by that, and waited for. */
export const restart = Effect.fnUntraced(function*(json: boolean) {
  const { usesDaemon } = yield* Shell
  if (!usesDaemon) return yield* forbidden
  const former = yield* stopped
  const next = yield* former?.stays === true ? supervised : greeting(true)
  const answer: typeof DaemonOutput.Output.Type = { was: former?.daemon, is: next.daemon }
  yield* json
    ? writeResult(`${JSON.stringify(answer)}\n`)
    : note(`the daemon is process ${next.daemon.pid} of version ${next.daemon.version} now\n`)
  return ExitCode.ok
})

const supervised: Effect.Effect<Former, CliFailure, Shell> = Effect.scoped(Effect.gen(function*() {
  const waiting = yield* Waiting.make
  waiting.say("waiting for the supervisor of the daemon to start it again")
  return yield* Effect.retry(greeting(false), {
    schedule: Schedule.spaced("200 millis").pipe(Schedule.upTo({ duration: "15 seconds" })),
    while: ({ reason }) => reason === "NotRunning"
  })
})).pipe(
  Effect.catchIf(({ reason }) => reason === "NotRunning", () =>
    Effect.fail(
      new CliFailure({
        exitCode: ExitCode.cannotConnect,
        reason: "NotRunning",
        message: "the daemon has ended, but its supervisor has not started it again within 15 s",
        details:
          "  Restart it there: systemctl --user restart holdfast, or launchctl kickstart -k gui/$UID/dev.holdfast.daemon"
      })
    ))
)

const forbidden = Effect.fail(
  new CliFailure({
    exitCode: ExitCode.usage,
    reason: "Usage",
    message: "HOLDFAST_NO_DAEMON forbids a daemon; unset it to start one"
  })
)
