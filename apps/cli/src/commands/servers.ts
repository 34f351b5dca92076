/**
 * `holdfast servers`: every server of the configs here and of the daemon, where it comes from, how it is, and what it costs. Starts nothing.
 */
import type { ServerOverview } from "@holdfast/daemon/ControlContract"
import * as DaemonControl from "@holdfast/daemon/DaemonControl"
import type { DaemonStatus } from "@holdfast/daemon/DaemonStatus"
import { Endpoint } from "@holdfast/mcp/Endpoint"
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import { askingDaemon } from "../AskingDaemon.ts"
import type * as ConfigSearch from "../ConfigSearch.ts"
import { ExitCode } from "../ExitCode.ts"
import { lookAtConfigs } from "../lookAtConfigs.ts"
import type * as ServersOutput from "../outputs/servers.ts"
import { note } from "../Quiet.ts"
import { Shell } from "../Shell.ts"
import { sizeIn } from "../StatusText.ts"
import { printable, styleOf } from "../Style.ts"
import { table } from "../Table.ts"
import { writeResult } from "../WriteResult.ts"

export interface ServersInput {
  readonly config: Option.Option<string>
  readonly json: boolean
}

type Answer = typeof ServersOutput.Output.Type
type Row = Answer["servers"][number]

/** Runs the command and succeeds with its exit code. */
export const run = Effect.fnUntraced(function*({ config: named, json }: ServersInput) {
  const { stdout } = yield* Shell
  const search = yield* lookAtConfigs(named)
  const { failures, overview: held = [] } = yield* asked
  const answer: Answer = {
    files: filesIn(search),
    servers: serversIn(search.config, held).map((row) => withFailure(row, failures))
  }
  if (json) yield* writeResult(`${JSON.stringify(answer)}\n`)
  else if (answer.servers.length > 0) {
    const { bold, dim } = styleOf(stdout)
    const rows = [["SERVER", "FROM", "STATE", "ERA", "TOOLS", "MEMORY", "WHAT IT IS"], ...answer.servers.map(rowOf)]
    const paint = (cell: string, row: number, column: number): string =>
      row === 0 ? dim(cell) : column === 0 ? bold(cell) : cell
    yield* writeResult(`${table(rows, { width: stdout.columns, paint })}\n`)
  }
  if (!json) yield* tell(answer)
  const { fault } = search.config
  return fault === undefined ? ExitCode.ok : yield* fault
})

type Held = Pick<DaemonStatus, "failures" | "overview">

/** A daemon that does not run has no servers. Nor has one that this user may not ask, which `doctor` tells of. */
const asked: Effect.Effect<Held, never, Shell> = Effect.flatMap(
  Shell,
  ({ usesDaemon }) => {
    const none: Held = { failures: [] }
    if (!usesDaemon) return Effect.succeed(none)
    return askingDaemon((): Promise<Held> => DaemonControl.status()).pipe(
      Effect.catchIf(({ reason }) => reason === "NotRunning", () => Effect.succeed(none)),
      Effect.catch(({ message }) =>
        Effect.as(note(`holdfast: ${printable(message)}; holdfast doctor says more\n`), none)
      )
    )
  }
)

/** One without a process that has failed is not just "not started". */
const withFailure = (row: Row, failures: DaemonStatus["failures"]): Row => {
  const last = row.state === "not started" ? failures.findLast(({ server }) => server === row.name) : undefined
  return last === undefined ? row : { ...row, state: "failed", problem: last.message }
}

const filesIn = ({ places }: ConfigSearch.ConfigSearch): Answer["files"] =>
  places.flatMap(({ outcome, shown: file }): Answer["files"] => {
    switch (outcome._tag) {
      case "Absent":
        return []
      case "Read":
        return [{ file, outcome: "read", servers: outcome.config.servers.size }]
      case "Faulty":
        return [{ file, outcome: "faulty", servers: 0, problem: outcome.fault.message }]
      case "Untrusted":
        return [{ file, outcome: "untrusted", servers: 0 }]
      case "Behind":
        return [{ file, outcome: "behind", servers: 0 }]
    }
  })

const serversIn = (
  config: ConfigSearch.FoundConfig,
  held: ReadonlyArray<ServerOverview>
): ReadonlyArray<Row> => {
  const rows = [...config.origins].map(([name, { file, shown }]): Row => {
    const daemon = held.find((each) =>
      each.name === name && each.origin?.from === "config" && each.origin.file === file
    )
    const entry = config.servers.get(name)
    const unusable = config.unusable.get(name)
    if (entry === undefined) {
      const isOff = config.switchedOff.has(name)
      return {
        name,
        from: shown,
        transport: "unknown",
        state: isOff ? "switched off" : "unusable",
        ...(!isOff && { problem: unusable?.message })
      }
    }
    return { name, from: shown, ...kindOf(entry.endpoint), ...heldOf(daemon) }
  })
  const others = held.filter((each) =>
    !rows.some(({ daemon }) => daemon === each) && (each.processes.length > 0 || each.waiting > 0)
  )
  return [
    ...rows,
    ...others.map((daemon): Row => ({
      name: daemon.name,
      ...(daemon.origin?.from === "config" && { from: daemon.origin.file }),
      transport: "stdio",
      target: daemon.processes[0]?.command,
      ...heldOf(daemon)
    }))
  ]
}

const kindOf = (endpoint: Endpoint): Pick<Row, "transport" | "target"> => ({
  transport: transports[endpoint._tag],
  target: Endpoint.describe(endpoint)
})

const transports = { Stdio: "stdio", Http: "http", Sse: "sse" } as const

const heldOf = (daemon: ServerOverview | undefined): Pick<Row, "state" | "problem" | "daemon"> => {
  if (daemon === undefined) return { state: "not started" }
  const states = Map.groupBy(daemon.processes, ({ state }) => state)
  const state = [...states].map(([state, all]) => all.length === 1 ? state : `${all.length} ${state}`).join(", ")
  const problem = daemon.processes.find(({ lastFailure }) => lastFailure !== undefined)?.lastFailure
  return { state: state || "not started", ...(problem !== undefined && { problem }), daemon }
}

const rowOf = ({ daemon, from, name, state, target = "" }: Row): ReadonlyArray<string> => [
  name,
  from ?? "a program",
  state,
  daemon === undefined || daemon.eras.length === 0 ? "-" : daemon.eras.join(", "),
  daemon?.tools === undefined ? "-" : String(daemon.tools),
  sizeIn(daemon?.memory) ?? "-",
  target
]

/** Below the table, on stderr: files that do not count, and what is wrong. */
const tell = Effect.fnUntraced(function*({ files, servers }: Answer) {
  const left = files.filter(({ outcome }) => outcome === "untrusted" || outcome === "behind")
  for (const { file, outcome } of left) {
    const why = outcome === "untrusted" ? "you have not trusted it; --trust uses it" : "a nearer file cannot be read"
    yield* note(`holdfast: ${printable(file)} is left out: ${why}\n`)
  }
  for (const { daemon, name, problem, state } of servers) {
    if (problem === undefined) continue
    const words = problem.startsWith(`${name}: `) ? problem : `${name}: ${problem}`
    const next = daemon === undefined && state !== "failed" ? "" : `\n  holdfast why ${name} shows its tries`
    yield* note(`holdfast: ${printable(words + next)}\n`)
  }
  if (servers.length === 0 && left.length === 0) {
    yield* note(
      "no servers: there is no config here, and the daemon has none\n" +
        "  holdfast add writes one, holdfast import reads those of other programs\n"
    )
  }
})
