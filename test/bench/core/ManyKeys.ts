/**
 * Whether the cost of a warm use grows with the number of keys. Two questions, because they have two answers:
 *
 * - the same ten keys in a pool of ten and in a pool of a hundred thousand: what the pool itself does more;
 * - all hundred thousand in a scattered order: what the memory of the machine does more, since nothing is in its caches. A bare
 *   `Map` and `RcMap` in the same order show how much of it nobody can avoid.
 */
import * as ConnectionPool from "@holdfast/core/ConnectionPool"
import * as Effect from "effect/Effect"
import * as RcMap from "effect/RcMap"
import * as Report from "../Report.ts"
import * as Contest from "./Contest.ts"
import { connector, keysOf, scatter } from "./Steady.ts"

const many = 100_000

const contendersOf = Effect.fnUntraced(function*(count: number) {
  const keys = keysOf(count)
  const pool = yield* ConnectionPool.make(connector, { policy: { maxConnections: count + 1, idleTimeout: "1 hour" } })
  const rcMap = yield* RcMap.make({ lookup: (key: string) => Effect.succeed(key.length), idleTimeToLive: "1 hour" })
  for (const key of keys) {
    yield* pool.use(key, () => Effect.void)
    yield* Effect.scoped(RcMap.get(rcMap, key))
  }
  const map = new Map(keys.map((key) => [key, { uses: 0 }]))
  const use = (key: string) => pool.use(key, () => Effect.void)
  const order = scatter(keys)
  return {
    hot: order.slice(0, 10).map(use),
    pool: order.map(use),
    rcMap: order.map((key) => Effect.scoped(RcMap.get(rcMap, key))),
    map: order.map((key) => Effect.sync(() => (map.get(key) ?? { uses: 0 }).uses++))
  }
})

export const manyKeys = Effect.scoped(Effect.gen(function*() {
  const few = yield* contendersOf(10)
  const large = yield* contendersOf(many)
  const { cost, row } = yield* Contest.run([
    { name: "use, few", effects: few.pool },
    { name: "use, hot", effects: large.hot },
    { name: "use, many", effects: large.pool },
    { name: "RcMap, few", effects: few.rcMap },
    { name: "RcMap, many", effects: large.rcMap },
    { name: "Map, few", effects: few.map },
    { name: "Map, many", effects: large.map }
  ])
  const line = (name: string, of: string, base: string, atMost?: number): Report.Line => {
    const value = cost(of) / cost(base)
    return row(of, () => `${Report.nanos(cost(of)).padStart(8)}${`${Report.round(value)} ×`.padStart(9)}`, {
      title: name,
      ...(atMost !== undefined && { gate: { atMost, value, unit: "×" } })
    })
  }
  Report.print(`A warm use, by the number of keys (${many} against 10)`, [
    line("use: ten keys of ten", "use, few", "use, few"),
    line("use: ten keys of 100 000", "use, hot", "use, few", 1.3),
    line("use: 100 000 keys, scattered", "use, many", "use, few", 1.3),
    line("  RcMap.get: ten keys of ten", "RcMap, few", "RcMap, few"),
    line("  RcMap.get: 100 000 keys, scattered", "RcMap, many", "RcMap, few"),
    line("  a bare Map: ten keys of ten", "Map, few", "Map, few"),
    line("  a bare Map: 100 000 keys, scattered", "Map, many", "Map, few")
  ])
}))
