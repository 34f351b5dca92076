/**
 * `pnpm bench [core] [process] [mcp] [server] [daemon] [cli] [jobs] [scan]`: figures beside what they are compared with, in one run, with the gate each has
 * to meet.
 *
 * Ratios mean something on any machine, nanoseconds only on this one. Figures of different runs are not to be compared.
 *
 * A contender that fails or hangs is told and left out, a benchmark that fails is told, and the others go on. Ends with 1 if a gate of ours
 * was not met.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
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
import { exactNumbers } from "./mcp/ExactNumbers.ts"
import { httpCalls } from "./mcp/HttpCalls.ts"
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
import { serverCalls } from "./server/ServerCalls.ts"

const benchmarks: Readonly<Record<string, Readonly<Record<string, Effect.Effect<void, unknown>>>>> = {
  core: { leaseCost, deadlineCost, spike, manyKeys, scatteredKeys, manyConnections },
  process: { spawnCost, closeCost, reaperCost },
  mcp: { stdioCalls, httpCalls, lostSession, reuseCost, exactNumbers, traceCost },
  server: { serverCalls },
  daemon: { callCost, relayCost, shimCost },
  cli: { commandCost },
  jobs: { jobRates },
  scan: { scanRates, scanPrecision }
}

const chosen = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(benchmarks)

const program = Effect.forEach(chosen, (name) => {
  const parts = benchmarks[name]
  if (parts === undefined) {
    return Effect.die(`there is no benchmark "${name}", there are: ${Object.keys(benchmarks).join(", ")}`)
  }
  return Effect.andThen(
    Effect.sync(() => console.log(`${name}: medians of ${process.version} on ${process.platform} ${process.arch}`)),
    Effect.forEach(Object.entries(parts), ([part, benchmark]) => whole(part, benchmark), { discard: true })
  )
}, { discard: true })

// A contender that hung may still hold this process.
const end = Effect.sync(() => process.exit(Report.missed() === 0 ? 0 : 1))

NodeRuntime.runMain(Effect.andThen(program, end))
