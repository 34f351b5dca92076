/**
 * What many keys and many idle connections cost: the warm path must not feel the first, and nobody should feel the second.
 */
import * as ConnectionPool from "@holdfast/core/ConnectionPool"
import type * as Connector from "@holdfast/core/Connector"
import * as Effect from "effect/Effect"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

setFlagsFromString("--expose-gc")
// The flag above makes `gc` a function of every new context.
const collect = runInNewContext("gc") as () => void

const connector: Connector.Connector<string, number, Error> = {
  fingerprint: (key) => key,
  classify: () => "retryable",
  dial: () => Effect.succeed({ value: 1, closed: Effect.never, probe: Effect.void })
}

const median = (values: ReadonlyArray<number>): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN

const keysOf = (count: number) => Array.from({ length: count }, (_, i) => `key-${i}`)

/**
 * Median nanoseconds of a warm use, alternating: of ten keys in a pool of ten; of ten in a pool of a hundred thousand, which is what
 * the pool's own work costs; and of all hundred thousand in a scattered order, where every object comes from main memory.
 */
export const manyKeys = Effect.scoped(Effect.gen(function*() {
  const calls = 100_000
  const prepare = Effect.fnUntraced(function*(count: number) {
    const pool = yield* ConnectionPool.make(connector, { policy: { maxConnections: count + 1, idleTimeout: "1 hour" } })
    const keys = keysOf(count)
    for (const key of keys) yield* pool.use(key, () => Effect.void)
    return (used: number) => ({
      // A stride that is prime to the count visits every key, far from the last one.
      uses: Array.from({ length: used }, (_, i) => pool.use(keys[(i * 7919) % count] ?? "", () => Effect.void)),
      rounds: new Array<number>()
    })
  })
  const few = (yield* prepare(10))(10)
  const large = yield* prepare(100_000)
  const hot = large(10)
  const scattered = large(100_000)
  for (let round = 0; round < 8; round++) {
    for (const { rounds, uses } of [few, hot, scattered]) {
      const start = process.hrtime.bigint()
      for (let i = 0; i < calls; i += uses.length) for (const use of uses) yield* use
      // The first round warms up.
      if (round > 0) rounds.push(Number(process.hrtime.bigint() - start) / calls)
    }
  }
  return { few: median(few.rounds), hot: median(hot.rounds), scattered: median(scattered.rounds) }
}))

/** Ten thousand warm connections that are probed every 30 s, and nobody calls. */
export const manyIdle = Effect.scoped(Effect.gen(function*() {
  const count = 10_000
  const seconds = 5
  collect()
  const before = process.memoryUsage().heapUsed
  const pool = yield* ConnectionPool.make(connector, {
    policy: { maxConnections: count, keepaliveInterval: "30 seconds" }
  })
  for (const key of keysOf(count)) yield* pool.warm(key)
  yield* Effect.sleep("1 second")
  collect()
  const bytes = (process.memoryUsage().heapUsed - before) / count
  const timersBefore = process.getActiveResourcesInfo().filter((name) => name === "Timeout").length
  const cpu = process.cpuUsage()
  yield* Effect.sleep(`${seconds} seconds`)
  const { system, user } = process.cpuUsage(cpu)
  return { count, bytes, timers: timersBefore, cpuPercent: (system + user) / (seconds * 1e6) * 100 }
}))
