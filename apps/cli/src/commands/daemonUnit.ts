/**
 * `holdfast daemon unit`: a unit with which systemd or launchd keeps the daemon. Writes no file: where it belongs is said in it.
 */
import * as Effect from "effect/Effect"
import { CliFailure } from "../CliFailure.ts"
import * as DaemonUnit from "../DaemonUnit.ts"
import { ExitCode } from "../ExitCode.ts"
import type * as UnitOutput from "../outputs/daemon-unit.ts"
import { note } from "../Quiet.ts"
import { Shell } from "../Shell.ts"
import { writeResult } from "../WriteResult.ts"

export interface UnitInput {
  readonly systemd: boolean
  readonly launchd: boolean
  readonly json: boolean
}

/** Runs the command and succeeds with its exit code. */
export const run = Effect.fnUntraced(function*({ json, launchd, systemd }: UnitInput) {
  if (launchd && systemd) {
    return yield* new CliFailure({
      exitCode: ExitCode.usage,
      reason: "Usage",
      message: "a unit is for one supervisor: say --systemd or --launchd"
    })
  }
  const { environment, node, platform } = yield* Shell
  const kind = launchd || (!systemd && platform === "darwin") ? "launchd" : "systemd"
  const print = kind === "launchd" ? DaemonUnit.launchd : DaemonUnit.systemd
  const text = print({ environment, node: node.path, main: node.main })
  const file = kind === "launchd"
    ? `~/Library/LaunchAgents/${DaemonUnit.label}.plist`
    : "~/.config/systemd/user/holdfast.service"
  const answer: typeof UnitOutput.Output.Type = { kind, file, text }
  yield* writeResult(json ? `${JSON.stringify(answer)}\n` : text)
  if (node.main.includes("/_npx/")) {
    yield* note(
      "holdfast: this program is in the cache of npx, which may be emptied: install holdfast, and print the unit again\n"
    )
  }
  return ExitCode.ok
})
