/**
 * `pnpm bench [core] [process] [mcp] [server]`: figures beside what they are compared with, in one run, with the gate each has to meet.
 *
 * Ratios mean something on any machine, nanoseconds only on this one. Figures of different runs are not to be compared.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import { deadlineCost } from "./core/DeadlineCost.ts"
import { leaseCost } from "./core/LeaseCost.ts"
import { manyConnections } from "./core/ManyConnections.ts"
import { manyKeys } from "./core/ManyKeys.ts"
import { spike } from "./core/Spike.ts"
import { httpCalls } from "./mcp/HttpCalls.ts"
import { reuseCost } from "./mcp/ReuseCost.ts"
import { stdioCalls } from "./mcp/StdioCalls.ts"
import { processBench } from "./process/ProcessBench.ts"
import { serverCalls } from "./server/ServerCalls.ts"

const benchmarks: Readonly<Record<string, ReadonlyArray<Effect.Effect<void, unknown>>>> = {
  core: [leaseCost, deadlineCost, spike, manyKeys, manyConnections],
  process: [processBench],
  mcp: [stdioCalls, httpCalls, reuseCost],
  server: [serverCalls]
}

const chosen = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(benchmarks)

const program = Effect.forEach(chosen, (name) => {
  const parts = benchmarks[name]
  if (parts === undefined) {
    return Effect.die(`there is no benchmark "${name}", there are: ${Object.keys(benchmarks).join(", ")}`)
  }
  return Effect.andThen(
    Effect.sync(() => console.log(`${name}: medians of ${process.version} on ${process.platform} ${process.arch}`)),
    Effect.forEach(parts, (part) => part, { discard: true })
  )
}, { discard: true })

NodeRuntime.runMain(program)
