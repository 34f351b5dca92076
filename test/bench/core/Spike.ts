/**
 * HikariCP's "Welcome To The Jungle", on the real clock: five idle connections, a dial takes 150 ms, a use 2 ms, and fifty ask at
 * once.
 */
import * as ConnectionPool from "@holdfast/core/ConnectionPool"
import * as Effect from "effect/Effect"
import * as Pool from "effect/Pool"
import * as Report from "../Report.ts"
import { connector } from "./Steady.ts"

const callers = 50
const use = () => Effect.sleep("2 millis")

const timed = Effect.fnUntraced(function*<E>(borrow: Effect.Effect<void, E>, opened: () => number) {
  const start = performance.now()
  yield* Effect.all(Array.from({ length: callers }, () => borrow), { concurrency: "unbounded", discard: true })
  const millis = performance.now() - start
  // A dial begun during the spike ends after it.
  yield* Effect.sleep("300 millis")
  return { millis, opened: opened() }
})

const ours = Effect.scoped(Effect.gen(function*() {
  let opened = 0
  const dial = Effect.suspend(() => {
    opened++
    return Effect.as(Effect.sleep("150 millis"), { value: 1, closed: Effect.never })
  })
  const pool = yield* ConnectionPool.make({ ...connector, dial: () => dial }, {
    policy: { sharing: "exclusive", maxConnectionsPerKey: callers }
  })
  yield* Effect.all(Array.from({ length: 5 }, () => pool.use("db", () => Effect.sleep("10 millis"))), {
    concurrency: "unbounded"
  })
  return yield* timed(pool.use("db", use), () => opened)
}))

const effects = Effect.scoped(Effect.gen(function*() {
  let opened = 0
  const acquire = Effect.suspend(() => {
    opened++
    return Effect.sleep("150 millis")
  })
  const pool = yield* Pool.makeWithTTL({ acquire, min: 5, max: callers, timeToLive: "1 minute" })
  yield* Effect.sleep("300 millis")
  return yield* timed(Pool.use(pool, use), () => opened)
}))

export const spike = Effect.gen(function*() {
  const own = yield* ours
  const other = yield* effects
  Report.print("A spike of 50 callers on 5 idle connections (dial 150 ms, use 2 ms; ten rounds of 2 ms are ideal)", [
    {
      name: "ConnectionPool: opened",
      figure: String(own.opened),
      gate: { atMost: 6, value: own.opened, unit: "opened" }
    },
    { name: "ConnectionPool: makespan", figure: `${own.millis.toFixed(0)} ms` },
    { name: "Effect Pool (5 to 50): opened", figure: String(other.opened) },
    { name: "Effect Pool: makespan", figure: `${other.millis.toFixed(0)} ms` }
  ])
})
