/**
 * Wraps the platform: the configs that a hot word finds, and what it says to the daemon first.
 */
import * as DaemonPlace from "@holdfast/daemon/DaemonPlace"
import * as Hello from "@holdfast/daemon/Hello"
import { readFileSync } from "node:fs"
import * as path from "node:path"
import * as ConfigPlaces from "../ConfigPlaces.ts"
import { version } from "../internal/version.ts"
import type * as PlainConfig from "./PlainConfig.ts"

/** After this the whole program goes on, in milliseconds: at a terminal it says what is waited for, and elsewhere it knows the deadlines. */
export const patience = { atTerminal: 900, elsewhere: 30_000 }

export const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const

/** False: the user has forbidden it. */
export const isAllowed = (): boolean => (process.env["HOLDFAST_NO_DAEMON"] ?? "") === ""

/** The config that is named, or those that are found. */
export const configs = (named: string | undefined): ReadonlyArray<PlainConfig.PlainFile> => {
  const places = named === undefined
    ? ConfigPlaces.found({ directory: process.cwd() })
    : [{ file: path.resolve(named), needsTrust: false }]
  return places.map(({ file, needsTrust }) => ({
    file,
    read: () => readFileSync(file, "utf8"),
    isTrusted: () => !needsTrust || ConfigPlaces.trustOf(file) === "trusted"
  }))
}

/** The first line for a server. May throw. */
export const helloFor = (
  place: DaemonPlace.DaemonPlace,
  { args, command, cwd, env, name }: PlainConfig.PlainServer
): string =>
  Hello.encode({
    holdfast: Hello.protocol,
    token: DaemonPlace.readToken(place),
    program: "holdfast",
    pid: process.pid,
    directory: process.cwd(),
    // Every variable that is there has a text.
    environment: process.env as Readonly<Record<string, string>>,
    wants: { endpoint: { command, args, cwd, env, inheritEnv: false }, name },
    use: "once"
  })

/** This program, for a server, and for a daemon that may be older. */
export const client = (): { readonly name: string; readonly version: string } => ({
  name: "holdfast",
  version: process.env["HOLDFAST_DAEMON_VERSION"] || version
})
