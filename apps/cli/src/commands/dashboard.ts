/**
 * `holdfast dashboard`: serves a page about the daemon on a port of this machine, until it is interrupted.
 *
 * This process serves it, not the daemon: it is there while the daemon is not, and costs nothing while it is not asked for.
 */
import * as DashboardAccess from "@holdfast/dashboard/DashboardAccess"
import * as DashboardListener from "@holdfast/dashboard/DashboardListener"
import * as Effect from "effect/Effect"
import { CliFailure } from "../CliFailure.ts"
import * as DaemonSource from "../dashboard/DaemonSource.ts"
import { ExitCode } from "../ExitCode.ts"
import { openBrowser } from "../internal/openBrowser.ts"
import type * as DashboardOutput from "../outputs/dashboard.ts"
import { note } from "../Quiet.ts"
import { Shell } from "../Shell.ts"
import { writeResult } from "../WriteResult.ts"

export interface DashboardInput {
  /** 0: any that is free. */
  readonly port: number
  readonly opens: boolean
  readonly json: boolean
}

/** Serves until it is interrupted. */
export const run = Effect.fnUntraced(function*({ json, opens, port }: DashboardInput) {
  if (!(port >= 0 && port <= 65_535)) {
    return yield* new CliFailure({
      exitCode: ExitCode.usage,
      reason: "Usage",
      message: `--port: a number from 0 to 65535 is needed, not ${port}`
    })
  }
  const { environment, platform, stdout } = yield* Shell
  const { access, token } = DashboardAccess.oneTime("run holdfast dashboard again for a new one")
  const bound = yield* DashboardListener.listen({ port, access, source: DaemonSource.make() }).pipe(
    Effect.mapError(({ code, message }) =>
      new CliFailure({
        exitCode: ExitCode.usage,
        reason: "ListenFailed",
        message: code === "EADDRINUSE"
          ? `another program listens on port ${port} already; leave --port out for a free one`
          : `port ${port} cannot be listened on: ${message}`
      })
    )
  )
  const url = `http://127.0.0.1:${bound}/#${token}`
  const answer: typeof DashboardOutput.Output.Type = { url, port: bound }
  yield* writeResult(json ? `${JSON.stringify(answer)}\n` : `${url}\n`)
  yield* note("The address works once, and for you alone. Ctrl-C ends the page; the daemon stays.\n")
  if (opens && !json && stdout.isTerminal && hasBrowser(platform, environment)) yield* openBrowser(platform, url)
  return yield* Effect.never
}, Effect.scoped)

/**
 * Whether a browser can be opened where the person is. On Linux without a display `xdg-open` opens one in this terminal; over ssh it is opened
 * at the other end.
 */
export const hasBrowser = (platform: string, environment: Readonly<Record<string, string | undefined>>): boolean =>
  (environment["SSH_CONNECTION"] ?? "") === "" &&
  (platform === "darwin" || platform === "win32" ||
    [environment["DISPLAY"], environment["WAYLAND_DISPLAY"]].some((display) => (display ?? "") !== ""))
