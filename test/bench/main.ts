/**
 * `pnpm bench`: what one operation costs, beside Effect's own `Pool` and `RcMap` doing the nearest thing.
 *
 * All contenders run in turn, round after round, in one process: what slows the machine slows all of them. The table shows the
 * median round, and the ratio to the first line of its group. Numbers of different machines or runs are not to be compared.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as ConnectionPool from "@holdfast/core/ConnectionPool"
import * as Deadlines from "@holdfast/core/Deadlines"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Pool from "effect/Pool"
import * as RcMap from "effect/RcMap"
import { manyIdle, manyKeys } from "./scale.ts"

const rounds = 7
const callsPerRound = 100_000

interface Contender {
  readonly name: string
  readonly once: Effect.Effect<unknown, unknown>
}

/** Nanoseconds per run of an effect in one round. */
const measure = ({ once }: Contender) =>
  Effect.gen(function*() {
    const start = process.hrtime.bigint()
    for (let call = 0; call < callsPerRound; call++) yield* once
    return Number(process.hrtime.bigint() - start) / callsPerRound
  })

const median = (values: ReadonlyArray<number>): number =>
  values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)] ?? Number.NaN

const group = Effect.fnUntraced(function*(title: string, contenders: ReadonlyArray<Contender>) {
  const samples = contenders.map(() => new Array<number>())
  for (let round = 0; round <= rounds; round++) {
    for (const [index, contender] of contenders.entries()) {
      const nanos = yield* measure(contender)
      // The first round warms up.
      if (round > 0) samples[index]?.push(nanos)
    }
  }
  const medians = samples.map(median)
  yield* Console.log(`\n${title}`)
  for (const [index, { name }] of contenders.entries()) {
    const nanos = medians[index] ?? Number.NaN
    const ratio = nanos / (medians[0] ?? Number.NaN)
    yield* Console.log(`  ${name.padEnd(44)}${nanos.toFixed(0).padStart(7)} ns${ratio.toFixed(2).padStart(8)} ×`)
  }
})

const program = Effect.scoped(Effect.gen(function*() {
  const pool = yield* ConnectionPool.make<string, number, Error>({
    fingerprint: (key) => key,
    classify: () => "retryable",
    dial: () => Effect.succeed({ value: 1, closed: Effect.never })
  })
  const effectPool = yield* Pool.make({ acquire: Effect.succeed(1), size: 1 })
  const rcMap = yield* RcMap.make({ lookup: (key: string) => Effect.succeed(key.length), idleTimeToLive: "5 minutes" })
  const deadlines = yield* Deadlines.make

  yield* Console.log(`median of ${rounds} rounds of ${callsPerRound} calls, Node ${process.version}`)
  yield* group("A warm connection, used once", [
    { name: "ConnectionPool.use", once: pool.use("a", () => Effect.void) },
    { name: "ConnectionPool.lease, scoped", once: Effect.scoped(pool.lease("a")) },
    { name: "effect/Pool.use (one key, no life cycle)", once: Pool.use(effectPool, () => Effect.void) },
    { name: "effect/RcMap.get, scoped", once: Effect.scoped(RcMap.get(rcMap, "a")) }
  ])
  yield* group("A deadline of 30 s that is not reached", [
    { name: "Deadlines.arm and cancel", once: Effect.sync(() => deadlines.arm(30_000, () => {}).cancel()) },
    { name: "Effect.timeout", once: Effect.timeout(Effect.void, "30 seconds") }
  ])
  const keys = yield* manyKeys
  yield* Console.log("\nA warm use, by the number of keys in the pool")
  for (
    const [name, nanos] of [
      ["10 keys", keys.few],
      ["10 of 100 000 keys", keys.hot],
      ["100 000 keys, scattered", keys.scattered]
    ] as const
  ) {
    const ratio = nanos / keys.few
    yield* Console.log(`  ${name.padEnd(44)}${nanos.toFixed(0).padStart(7)} ns${ratio.toFixed(2).padStart(8)} ×`)
  }
  const idle = yield* manyIdle
  yield* Console.log(`\n${idle.count} warm connections, probed every 30 s, nobody calls`)
  yield* Console.log(
    `  heap per connection, its key and monitor included ${(idle.bytes / 1024).toFixed(1).padStart(6)} KiB`
  )
  yield* Console.log(`  processor, of one core                            ${idle.cpuPercent.toFixed(2).padStart(6)} %`)
  yield* Console.log(`  timers armed, the benchmark's own included        ${String(idle.timers).padStart(6)}`)
}))

NodeRuntime.runMain(program)
