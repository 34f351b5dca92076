/**
 * `pnpm bench [core] [process] [mcp] [server] [daemon] [cli] [jobs] [scan]`, or a part of one, as `leaseCost`: figures beside what they are compared with, in one run, with the gate each has
 * to meet.
 *
 * Ratios mean something on any machine, nanoseconds only on this one. Figures of different runs are not to be compared.
 *
 * A contender that fails or hangs is told and left out, a benchmark that fails is told, and the others go on. At the end a table says what is
 * met: of every row with a gate its figure, gate and goal. Ends with 1 if a gate of ours was not met. `--json FILE` writes the figures.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import { parseArgs } from "node:util"
import { whole } from "./Benchmark.ts"
import { commandCost } from "./cli/CommandCost.ts"
import { deadlineCost } from "./core/DeadlineCost.ts"
import { leaseCost } from "./core/LeaseCost.ts"
import { manyConnections } from "./core/ManyConnections.ts"
import { manyKeys } from "./core/ManyKeys.ts"
import { scatteredKeys } from "./core/ScatteredKeys.ts"
import { spike } from "./core/Spike.ts"
import { callCost } from "./daemon/CallCost.ts"
import { relayCost } from "./daemon/RelayCost.ts"
import { shimCost } from "./daemon/ShimCost.ts"
import { jobRates } from "./jobs/JobRates.ts"
import * as Machine from "./Machine.ts"
import { coldStart } from "./mcp/ColdStart.ts"
import { exactNumbers } from "./mcp/ExactNumbers.ts"
import { hostileBody } from "./mcp/HostileBody.ts"
import { httpCalls } from "./mcp/HttpCalls.ts"
import { importCost } from "./mcp/ImportCost.ts"
import { lostSession } from "./mcp/LostSession.ts"
import { reuseCost } from "./mcp/ReuseCost.ts"
import { stdioCalls } from "./mcp/StdioCalls.ts"
import { traceCost } from "./mcp/TraceCost.ts"
import { closeCost } from "./process/CloseCost.ts"
import { reaperCost } from "./process/ReaperCost.ts"
import { spawnCost } from "./process/SpawnCost.ts"
import * as Report from "./Report.ts"
import { scanPrecision } from "./scan/ScanPrecision.ts"
import { scanRates } from "./scan/ScanRates.ts"
import { idleSessions } from "./server/IdleSessions.ts"
import { serverCalls } from "./server/ServerCalls.ts"
import * as Summary from "./Summary.ts"

const benchmarks: Readonly<Record<string, Readonly<Record<string, Effect.Effect<void, unknown>>>>> = {
  core: { leaseCost, deadlineCost, spike, manyKeys, scatteredKeys, manyConnections },
  process: { spawnCost, closeCost, reaperCost },
  mcp: { stdioCalls, httpCalls, coldStart, hostileBody, lostSession, reuseCost, exactNumbers, traceCost, importCost },
  server: { serverCalls, idleSessions },
  daemon: { callCost, relayCost, shimCost },
  cli: { commandCost },
  jobs: { jobRates },
  scan: { scanRates, scanPrecision }
}

const { positionals: names, values: { json } } = parseArgs({
  allowPositionals: true,
  options: { json: { type: "string" } }
})

/** Of every benchmark its group, its own name, and what it does. */
const parts = Object.entries(benchmarks).flatMap(([group, of]) =>
  Object.entries(of).map(([part, benchmark]) => ({ group, part, benchmark, name: `${group} ${part}` }))
)
const unknown = names.filter((name) => !parts.some(({ group, part }) => name === group || name === part))
if (unknown.length > 0) {
  console.error(`there is no benchmark "${unknown[0]}", there are:\n  ${parts.map(({ name }) => name).join("\n  ")}`)
  process.exit(2)
}

const isChosen = ({ group, part }: typeof parts[number]): boolean =>
  names.length === 0 || names.includes(group) || names.includes(part)

const program = Effect.forEach(parts.filter(isChosen), ({ benchmark, name }) =>
  Effect.andThen(
    Effect.sync(() => console.log(`\n${name}: medians of ${process.version} on ${process.platform} ${process.arch}`)),
    whole(name, benchmark)
  ), { discard: true })

// A contender that hung may still hold this process.
const end = Effect.sync(() => {
  const notRun = parts.filter((part) => !isChosen(part)).map(({ name }) => name)
  const summary = Summary.summarise(Report.printed(), notRun)
  console.log(`\n${Summary.linesOf(summary).join("\n")}`)
  if (json !== undefined) {
    fs.writeFileSync(json, `${JSON.stringify({ ...Machine.here(), ...summary, lines: Report.printed() }, null, 2)}\n`)
    console.log(`written to ${json}`)
  }
  process.exit(Report.missed() === 0 ? 0 : 1)
})

NodeRuntime.runMain(Effect.andThen(program, end))
