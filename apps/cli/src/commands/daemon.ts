/**
 * `holdfast daemon run|status|stop`: the process that holds servers for all programs of this user.
 */
import * as DaemonControl from "@holdfast/daemon/DaemonControl"
import { DaemonRefusal } from "@holdfast/daemon/DaemonRefusal"
import * as Effect from "effect/Effect"
import { isNativeError } from "node:util/types"
import { CliFailure } from "../CliFailure.ts"
import { ExitCode } from "../ExitCode.ts"
import { Shell } from "../Shell.ts"
import { printable } from "../Style.ts"
import { table } from "../Table.ts"
import { writeResult } from "../WriteResult.ts"

/** Keeps the daemon in the foreground. The process is the daemon's from here on, signals and end included. */
export const run = Effect.flatMap(
  Effect.promise(() => import("@holdfast/daemon/DaemonProcess")),
  ({ foreground }) => Effect.andThen(Effect.sync(foreground), Effect.never)
)

/** Prints what the daemon holds. */
export const status = Effect.fnUntraced(function*(json: boolean) {
  const state = yield* asking(() => DaemonControl.status())
  if (json) {
    yield* writeResult(`${JSON.stringify(state)}\n`)
    return ExitCode.ok
  }
  const { stdout } = yield* Shell
  const others = state.sessions.filter(({ wants }) => wants !== "the daemon")
  const lines = [`daemon ${state.version}, process ${state.pid}, in ${state.directory}`]
  if (state.servers.length > 0) {
    const rows = state.servers.map((
      { name, pid, sessions }
    ) => [printable(name), `process ${pid}`, `${sessions} in use`])
    lines.push("", table(rows, { width: stdout.columns }))
  }
  if (others.length > 0) {
    const rows = others.map(({ directory, pid, program, wants }) =>
      [wants, program, String(pid), directory].map(printable)
    )
    lines.push("", table(rows, { width: stdout.columns }))
  }
  yield* writeResult(`${lines.join("\n")}\n`)
  return ExitCode.ok
})

/** Ends the daemon, and every server that it holds. None is no failure: that is what was wanted. */
export const stop = Effect.fnUntraced(function*() {
  const { stderr } = yield* Shell
  yield* Effect.catchIf(
    asking(() => DaemonControl.stop()),
    (failure) => failure.reason === "NotRunning",
    () => stderr.write("no daemon is running\n")
  )
  return ExitCode.ok
})

const asking = <A>(ask: () => Promise<A>): Effect.Effect<A, CliFailure> =>
  Effect.tryPromise({
    try: ask,
    catch: (error) =>
      new CliFailure({
        exitCode: error instanceof DaemonRefusal ? ExitCode.cannotConnect : ExitCode.internal,
        reason: error instanceof DaemonRefusal ? error.code : "Internal",
        message: isNativeError(error) ? error.message : String(error)
      })
  })
