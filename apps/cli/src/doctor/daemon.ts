/**
 * The daemon: whether its place is safe, whether it answers, and whether it is of this version.
 */
import * as DaemonControl from "@holdfast/daemon/DaemonControl"
import * as DaemonPlace from "@holdfast/daemon/DaemonPlace"
import type { DaemonStatus } from "@holdfast/daemon/DaemonStatus"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import { askingDaemon, inDaemonFiles } from "../AskingDaemon.ts"
import { Shell } from "../Shell.ts"
import { fault, type Finding, note, ok } from "./Finding.ts"

export interface Checked {
  readonly findings: ReadonlyArray<Finding>
  /** Undefined: there is none, or it does not answer. */
  readonly status: DaemonStatus | undefined
}

/** How long a daemon that is well may take at most. */
const patience = "10 seconds"

export const check: Effect.Effect<Checked, never, Shell | FileSystem.FileSystem> = Effect.gen(function*() {
  const { usesDaemon, version } = yield* Shell
  if (!usesDaemon) {
    const message = "not used, because HOLDFAST_NO_DAEMON is set: each command starts its servers anew"
    return { findings: [note("daemon", "daemon", message)], status: undefined }
  }
  const place = yield* inDaemonFiles(() => {
    const opened = DaemonPlace.open()
    DaemonPlace.openState(opened)
    return opened
  })
  const fs = yield* FileSystem.FileSystem
  const hasToken = yield* Effect.orElseSucceed(fs.exists(place.token), () => true)
  if (hasToken) yield* inDaemonFiles(() => DaemonPlace.readToken(place))
  const safe = ok("daemon", place.directory, `only this user may enter it${hasToken ? " and read the token" : ""}`)
  return yield* askingDaemon(() => DaemonControl.status(place)).pipe(
    Effect.map((status): Checked => ({ findings: [safe, ofStatus(status, version)], status })),
    Effect.catchIf(
      ({ reason }) => reason === "NotRunning",
      () =>
        Effect.succeed<Checked>({
          findings: [safe, ok("daemon", "daemon", "is not running; the next command starts it")],
          status: undefined
        })
    ),
    Effect.timeoutOrElse({
      duration: patience,
      orElse: () =>
        Effect.succeed<Checked>({
          findings: [
            safe,
            fault(
              "daemon",
              "daemon",
              `does not answer within ${patience} (socket ${place.socket}); its log is ${place.log}`,
              "Is it stopped, or busy? holdfast daemon restart; if that hangs, too, kill -9 the process that its log names"
            )
          ],
          status: undefined
        })
    })
  )
}).pipe(
  Effect.catch(({ message }) =>
    Effect.succeed<Checked>({
      findings: [fault("daemon", "daemon", message, "Until then commands start their servers themselves")],
      status: undefined
    })
  )
)

const ofStatus = ({ pid, servers, version: its }: DaemonStatus, version: string): Finding => {
  const count = servers.filter(({ pid }) => pid !== undefined).length
  const held = count === 1 ? "holds 1 process" : `holds ${count} processes`
  const message = `version ${its}, process ${pid}, ${held}`
  if (its === version) return ok("daemon", "daemon", message)
  return note(
    "daemon",
    "daemon",
    `${message}; this command is ${version}`,
    "holdfast daemon restart puts them on one version"
  )
}
