/**
 * Ten thousand warm connections that nobody uses: what they weigh, and what it costs to keep them alive. Every window holds
 * exactly one probe of every connection; the compiler is cold in the first, so there are two. The mean counts.
 */
import * as ConnectionPool from "@holdfast/core/ConnectionPool"
import * as Effect from "effect/Effect"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import * as Report from "../Report.ts"
import { connector, keysOf } from "./Steady.ts"

setFlagsFromString("--expose-gc")
// The flag above makes `gc` a function of every new context.
const collect = runInNewContext("gc") as () => void

const count = 10_000
const seconds = 30

const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length

export const manyConnections = Effect.scoped(Effect.gen(function*() {
  collect()
  const before = process.memoryUsage().heapUsed
  const timersBefore = timers()
  let probes = 0
  const pool = yield* ConnectionPool.make({
    ...connector,
    dial: () => Effect.succeed({ value: 1, closed: Effect.never, probe: Effect.sync(() => probes++) })
  }, { policy: { maxConnections: count, keepaliveInterval: `${seconds} seconds` } })
  for (const key of keysOf(count)) yield* pool.warm(key)
  yield* Effect.sleep("1 second")
  // The timer that has just woken this fiber counts until its turn is over.
  yield* Effect.yieldNow
  collect()
  const bytes = (process.memoryUsage().heapUsed - before) / count
  const armed = timers() - timersBefore
  console.log(`\nwatching ${count} idle connections for ${2 * seconds} s …`)
  const percents: Array<number> = []
  for (let window = 0; window < 2; window++) {
    const cpu = process.cpuUsage()
    yield* Effect.sleep(`${seconds} seconds`)
    const { system, user } = process.cpuUsage(cpu)
    percents.push((system + user) / (seconds * 1e6) * 100)
  }
  const mean = percents.reduce((sum, percent) => sum + percent, 0) / percents.length
  Report.print(`${count} idle connections, each probed every ${seconds} s`, [
    {
      name: "processor, of one core, by window",
      figure: percents.map((percent) => `${percent.toFixed(2)} %`).join(", "),
      gate: { atMost: 1, value: mean, unit: "%" }
    },
    { name: "probes in that time", figure: String(probes) },
    {
      name: "timers of the pool",
      figure: String(armed),
      gate: { atMost: 1, value: armed, unit: "timer" }
    },
    { name: "heap per connection, key and monitor included", figure: `${(bytes / 1024).toFixed(1)} KiB` }
  ])
}))
