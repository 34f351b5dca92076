/**
 * What the daemon holds, as text for people: a row for each process of a server, what waits, the last failures.
 */
import type { DaemonStatus, ServerStatus, SessionStatus } from "@holdfast/daemon/DaemonStatus"
import * as Sharing from "./Sharing.ts"
import type { Output } from "./Shell.ts"
import { clockOf, sizeOf, spanOf } from "./Sizes.ts"
import { styleOf } from "./Style.ts"
import { table } from "./Table.ts"

/** One daemon. Ends with a line feed. */
export const described = (state: DaemonStatus, output: Pick<Output<unknown>, "columns" | "hasColor">): string => {
  const { dim } = styleOf(output)
  const tableOf = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): ReadonlyArray<string> =>
    rows.length === 0 ? [] : [
      "",
      table([head, ...rows], { width: output.columns, paint: (cell, row) => row === 0 ? dim(cell) : cell })
    ]
  const { failures, questions = 0, servers, sessions } = state
  const waiting = sessions.filter((session) =>
    session.wants !== "the daemon" && !servers.some(({ leases }) => leases.some((lease) => isSame(lease, session)))
  )
  const savings = Sharing.savings(servers).map(Sharing.sentence)
  const asked = questions === 0 ? [] : ["", `${questions} waiting for an answer: holdfast questions`]
  return [
    headOf(state),
    ...tableOf(["SERVER", "PROCESS", "ERA", "STATE", "SHARING", "SINCE", "MEMORY", "USED BY"], servers.map(serverRow)),
    ...(savings.length === 0 ? [] : ["", ...savings]),
    ...asked,
    ...tableOf(["SESSION WITHOUT A SERVER", "PROGRAM"], waiting.map((each) => [each.wants, programOf(each)])),
    ...tableOf(
      ["LAST FAILURES", "SERVER", "WHY"],
      failures.slice(-mostFailures).map(({ at, message, server }) => [clockOf(at), server, message])
    ),
    ""
  ].join("\n")
}

const headOf = ({ directory, isLeaving, memory, pid, uptimeMillis, version }: DaemonStatus): string => {
  const up = uptimeMillis === undefined ? "" : `, up ${spanOf(uptimeMillis)}`
  const size = sizeIn(memory)
  const leaving = isLeaving ? ", makes way for a newer one" : ""
  return `daemon ${version}, process ${pid}${up}${size === undefined ? "" : `, ${size}`}, in ${directory}${leaving}`
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
  sizeIn(server.memory) ?? "-",
  server.leases.length === 0 ? "-" : server.leases.map(programOf).join(", ")
]

/** What it costs: shared parts counted once, where the system tells that. */
export const sizeIn = (memory: ServerStatus["memory"]): string | undefined =>
  memory === undefined ? undefined : sizeOf(memory.pss ?? memory.rss)

export const stateOf = ({ inFlight = 0, retryInMillis, state, waiting }: ServerStatus): string => {
  const next = retryInMillis === undefined ? "" : `, next try in ${Math.ceil(retryInMillis / 1000)} s`
  const open = inFlight === 0 ? "" : `, ${inFlight} in flight`
  return `${state}${next}${open}${waiting === 0 ? "" : `, ${waiting} waiting`}`
}

export const programOf = ({ directory, pid, program }: SessionStatus): string => `${program} (${pid}, ${directory})`

const isSame = (one: SessionStatus, other: SessionStatus): boolean => one.pid === other.pid && one.wants === other.wants
