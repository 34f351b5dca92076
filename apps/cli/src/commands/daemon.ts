/**
 * `holdfast daemon run|status|stop|reset|drain|close`: the process that holds servers for all programs of this user.
 */
import * as DaemonControl from "@holdfast/daemon/DaemonControl"
import type { DaemonStatus, ServerStatus, SessionStatus } from "@holdfast/daemon/DaemonStatus"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import { askingDaemon } from "../AskingDaemon.ts"
import { ExitCode } from "../ExitCode.ts"
import { type Output, Shell } from "../Shell.ts"
import { printable, styleOf } from "../Style.ts"
import { table } from "../Table.ts"
import { writeResult } from "../WriteResult.ts"

/** Keeps the daemon in the foreground. The process is the daemon's from here on, signals and end included. */
export const run = Effect.flatMap(
  Effect.promise(() => import("@holdfast/daemon/DaemonProcess")),
  ({ foreground }) => Effect.andThen(Effect.sync(foreground), Effect.never)
)

/** Prints what the daemon holds, and those that have made way for it. */
export const status = Effect.fnUntraced(function*(json: boolean) {
  const state = yield* askingDaemon(() => DaemonControl.status())
  const former = yield* askingDaemon(() => DaemonControl.formerStatus())
  if (json) {
    yield* writeResult(`${JSON.stringify({ ...state, former })}\n`)
    return ExitCode.ok
  }
  const { stdout } = yield* Shell
  yield* writeResult([state, ...former].map((each) => described(each, stdout)).join("\n"))
  return ExitCode.ok
})

const described = (state: DaemonStatus, output: Pick<Output<unknown>, "columns" | "hasColor">): string => {
  const { dim } = styleOf(output)
  const tableOf = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): ReadonlyArray<string> =>
    rows.length === 0 ? [] : [
      "",
      table([head, ...rows], { width: output.columns, paint: (cell, row) => row === 0 ? dim(cell) : cell })
    ]
  const { failures, isLeaving, servers, sessions } = state
  const leaving = isLeaving ? ", makes way for a newer one" : ""
  const waiting = sessions.filter((session) =>
    session.wants !== "the daemon" && !servers.some(({ leases }) => leases.some((lease) => isSame(lease, session)))
  )
  return [
    `daemon ${state.version}, process ${state.pid}, in ${state.directory}${leaving}`,
    ...tableOf(["SERVER", "PROCESS", "ERA", "STATE", "SHARING", "SINCE", "USED BY"], servers.map(serverRow)),
    ...savings(servers),
    ...tableOf(["SESSION WITHOUT A SERVER", "PROGRAM"], waiting.map((each) => [each.wants, programOf(each)])),
    ...tableOf(
      ["LAST FAILURES", "SERVER", "WHY"],
      failures.slice(-mostFailures).map(({ at, message, server }) => [clockOf(at), server, message])
    ),
    ""
  ].join("\n")
}

/** Processes of legacy servers that differ in nothing but their hosts. */
const savings = (servers: ReadonlyArray<ServerStatus>): ReadonlyArray<string> => {
  const alike = Map.groupBy(
    servers.filter(({ era, instance, leases, sharing }) =>
      era === "legacy" && sharing === "exclusive" && instance === undefined && leases.length > 0
    ),
    ({ likeness }) => likeness
  )
  const lines = [...alike.values()].filter(({ length }) => length > 1).map(([first, ...others]) =>
    `${
      others.length + 1
    } processes of ${first?.name} differ in nothing but their hosts: holdfast share ${first?.pid} would save ${others.length}`
  )
  return lines.length === 0 ? [] : ["", ...lines]
}

/** More are in `--json`. */
const mostFailures = 5

const serverRow = (server: ServerStatus): ReadonlyArray<string> => [
  server.name,
  server.pid === undefined ? "-" : String(server.pid),
  server.era ?? "-",
  stateOf(server),
  server.sharing,
  server.startedAt === undefined ? "-" : clockOf(server.startedAt),
  server.leases.length === 0 ? "-" : server.leases.map(programOf).join(", ")
]

const stateOf = ({ retryInMillis, state, waiting }: ServerStatus): string => {
  const next = retryInMillis === undefined ? "" : `, next try in ${Math.ceil(retryInMillis / 1000)} s`
  return `${state}${next}${waiting === 0 ? "" : `, ${waiting} waiting`}`
}

const programOf = ({ directory, pid, program }: SessionStatus): string => `${program} (${pid}, ${directory})`

const isSame = (one: SessionStatus, other: SessionStatus): boolean => one.pid === other.pid && one.wants === other.wants

/** In the time of the user's zone, as `ps` shows the starts of processes. */
const clockOf = (millis: number): string =>
  DateTime.formatLocal(DateTime.makeUnsafe(millis), { hour12: false, timeStyle: "medium" })

/** `reset`, `drain` or `close` a server that the daemon holds. */
export const operate = Effect.fnUntraced(function*(operation: DaemonControl.Operation, server: string) {
  const { stderr } = yield* Shell
  const done = yield* askingDaemon(() => DaemonControl.operate(operation, server))
  yield* stderr.write(`${printable(done)}\n`)
  return ExitCode.ok
})

/** Ends the daemon, and every server that it holds. None is no failure: that is what was wanted. */
export const stop = Effect.fnUntraced(function*() {
  const { stderr } = yield* Shell
  yield* Effect.catchIf(
    askingDaemon(() => DaemonControl.stop()),
    (failure) => failure.reason === "NotRunning",
    () => stderr.write("no daemon is running\n")
  )
  return ExitCode.ok
})
