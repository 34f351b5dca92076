/**
 * Calls over stdio: a raw client (the floor), the whole runtime, and the official SDK's clients, each in a process of its own with a
 * server of its own, in turn.
 */
import * as Effect from "effect/Effect"
import * as Report from "../Report.ts"
import { pinned, processes, race } from "./bestOf.ts"

const program = "stdioContender.ts"
const names = [
  "floor",
  "runtime",
  "runtime, defaults",
  "runtime, a span each",
  "runtime, in a caller's span",
  "runtime, in a caller's span, with a tracer",
  "SDK v1",
  "SDK v2"
]

const calls = 50_000
const inFlight = 64
const sequential = 4000
const large = 32 * 1024 * 1024

export const stdioCalls = Effect.gen(function*() {
  const many = yield* race(program, names, { calls, inFlight })
  Report.print(`${calls} calls over stdio, ${inFlight} at once, ${pinned}, best of ${processes} processes each`, [
    ...names.map(many.rowOf),
    ...many.ratios("runtime", "floor", { atLeast: 0.65 }),
    ...many.ratios("runtime, defaults", "floor", { atLeast: 0.55 }),
    ...many.ratios("runtime, a span each", "floor", { atLeast: 0.45 }),
    ...many.ratios("runtime, in a caller's span", "floor", { atLeast: 0.45 }),
    ...many.ratios("runtime, in a caller's span, with a tracer", "floor"),
    ...many.ratios("runtime", "SDK v1", { atLeast: 1.6 })
  ])

  const single = yield* race(program, names, { calls: sequential, inFlight: 1 })
  const p50 = (name: string) => single.least(name, ({ p50 }) => p50)
  Report.print(`${sequential} calls one after the other, ${pinned}, best of ${processes} processes each`, [
    ...names.map((name) =>
      single.row(
        name,
        () => `p50 ${p50(name).toFixed(1)} us, p99 ${single.least(name, ({ p99 }) => p99).toFixed(0)} us`
      )
    ),
    single.comparison("runtime ÷ floor, p50", ["runtime", "floor"], p50("runtime") / p50("floor"), { atMost: 1.15 }),
    ...single.ratios("runtime", "floor")
  ])

  const compared = ["floor", "runtime", "SDK v1"]
  const big = yield* race(program, compared, { calls: 1, inFlight: 1, bytes: large })
  const millis = (name: string) => 1000 / big.rate(name)
  Report.print(`One result of 32 MB, ${pinned}`, [
    ...compared.map((name) => big.row(name, () => `${millis(name).toFixed(0)} ms`)),
    big.comparison("runtime ÷ floor", ["runtime", "floor"], millis("runtime") / millis("floor"), { atMost: 1.5 })
  ])
})
