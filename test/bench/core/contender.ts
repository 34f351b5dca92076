/**
 * One contender of the benchmarks of the core, named by its first argument, in a process of its own: what the compiler learns of one is
 * no part of another.
 *
 * Told how often, it runs its effects one after the other, several times over, and answers the processor's nanoseconds for one in the best of them.
 */
import * as ConnectionPool from "@holdfast/core/ConnectionPool"
import * as Effect from "effect/Effect"
import * as Pool from "effect/Pool"
import * as RcMap from "effect/RcMap"
import type * as Scope from "effect/Scope"
import type { Failed } from "../ContenderProcess.ts"
import { connector, keysOf, scatter } from "./Steady.ts"

export interface Task {
  /** Effects in one go, in all. */
  readonly times: number
  /** Of which the best one counts. */
  readonly goes: number
}

export const many = 100_000

type Work = Effect.Effect<ReadonlyArray<Effect.Effect<unknown, unknown>>, unknown, Scope.Scope>

const oneOf = (make: Effect.Effect<Effect.Effect<unknown, unknown>, unknown, Scope.Scope>): Work =>
  Effect.map(make, (one) => [one])

const pool = ConnectionPool.make(connector)
const effectPool = Pool.make({ acquire: Effect.succeed(1), size: 1 })

const rcMap = RcMap.make({ lookup: (key: string) => Effect.succeed(key.length), idleTimeToLive: "5 minutes" })

/** A warm use of so many keys, each in its turn, far from the last. */
const keyed = (count: number): Work =>
  Effect.gen(function*() {
    const keys = keysOf(count)
    const keyed = yield* ConnectionPool.make(connector, {
      policy: { maxConnections: count + 1, idleTimeout: "1 hour" }
    })
    for (const key of keys) yield* keyed.use(key, () => Effect.void)
    return scatter(keys).map((key) => keyed.use(key, () => Effect.void))
  })

const mapped = (count: number): Work =>
  Effect.sync(() => {
    const keys = keysOf(count)
    const map = new Map(keys.map((key) => [key, { uses: 0 }]))
    return scatter(keys).map((key) => Effect.sync(() => (map.get(key) ?? { uses: 0 }).uses++))
  })

/** Two callers take turns on one connection that only one may have at a time: each use is a hand-off to the other. */
const handOff: Work = oneOf(
  Effect.map(
    ConnectionPool.make(connector, { policy: { sharing: "exclusive", maxConnectionsPerKey: 1 } }),
    (exclusive) => {
      const one = exclusive.use("a", () => Effect.yieldNow)
      return Effect.all([one, one], { concurrency: "unbounded", discard: true })
    }
  )
)

const works: Readonly<Record<string, Work>> = {
  use: oneOf(Effect.map(pool, (pool) => pool.use("a", () => Effect.void))),
  lease: oneOf(Effect.map(pool, (pool) => Effect.scoped(pool.lease("a")))),
  "Pool.use": oneOf(Effect.map(effectPool, (pool) => Pool.use(pool, () => Effect.void))),
  "Pool.get": oneOf(Effect.map(effectPool, (pool) => Effect.scoped(Pool.get(pool)))),
  "RcMap.get": oneOf(Effect.map(rcMap, (map) => Effect.scoped(RcMap.get(map, "a")))),
  "use, few": keyed(10),
  "use, many": keyed(many),
  "Map, few": mapped(10),
  "Map, many": mapped(many),
  "hand-off": handOff
}

const measure = Effect.fnUntraced(function*(
  effects: ReadonlyArray<Effect.Effect<unknown, unknown>>,
  { goes, times }: Task
) {
  let best = Number.POSITIVE_INFINITY
  for (let go = 0; go < goes; go++) {
    const cpu = process.cpuUsage()
    for (let time = 0; time < times; time += effects.length) for (const effect of effects) yield* effect
    const { system, user } = process.cpuUsage(cpu)
    best = Math.min(best, (system + user) * 1000 / times)
  }
  return best
})

const program = Effect.scoped(Effect.gen(function*() {
  const work = works[process.argv[2] ?? ""]
  if (work === undefined) return yield* Effect.die(new Error(`there is no contender "${process.argv[2]}"`))
  const effects = yield* work
  const context = yield* Effect.context()
  yield* Effect.callback<void>((resume) => {
    process.on(
      "message",
      (task: Task) =>
        void Effect.runPromiseWith(context)(measure(effects, task)).catch((error: unknown): Failed => ({
          failed: String(error)
        })).then((said) => process.send?.(said))
    )
    process.once("disconnect", () => resume(Effect.void))
    process.send?.("ready")
  })
}))

await Effect.runPromise(program)
