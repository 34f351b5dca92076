/**
 * Calls of an echo tool: on a session, on our host with its guard on, the SDK's server on `node:http`, and `node:http` alone; without a session on our
 * host and on version 2 of the SDK, which both make a server for each, and on our host with servers that are kept. Then sessions that are
 * opened, each with its stream.
 *
 * The best of four processes counts, of each contender. `the SDK's McpServer` is that server on `node:http` by hand, without a transport: no host
 * of it can be faster.
 */
import * as Effect from "effect/Effect"
import { inTurn } from "../InTurn.ts"
import * as Report from "../Report.ts"
import { type Pair, pair, pinning } from "./Pinned.ts"

const rounds = 4

type Figures = Effect.Success<ReturnType<Pair["run"]>>

/** Each round has a process of its own, which is warm when it is measured. */
const race = Effect.fnUntraced(function*(
  title: string,
  unit: string,
  names: ReadonlyArray<string>,
  measure: (pair: Pair) => ReturnType<Pair["run"]>,
  comparisons: ReadonlyArray<readonly [one: string, other: string, gate?: Report.Bounds]>
) {
  const results = yield* inTurn(
    names.map((name) => ({
      name,
      round: Effect.scoped(Effect.flatMap(pair(name), measure)),
      isForeign: !name.startsWith("holdfast")
    })),
    { rounds, warmUp: 0, limit: "3 minutes" }
  )
  const rate = (name: string): number => Math.max(...results.all(name).map(({ perSecond }: Figures) => perSecond))
  const micros = (name: string): number => Math.min(...results.all(name).map(({ micros }: Figures) => micros))
  Report.print(`${title} (best of ${rounds} processes; ${pinning})`, [
    ...names.map((name) =>
      results.row(name, () => `${rate(name).toFixed(0)} ${unit}/s, ${micros(name).toFixed(0)} µs of processor each`)
    ),
    ...comparisons.flatMap(([one, other, gate]) => [
      results.comparison(`${one} ÷ ${other}`, [one, other], rate(one) / rate(other), gate),
      results.comparison("  the same by processor time", [one, other], micros(other) / micros(one))
    ])
  ])
})

/** The better of two: what else the machine does is no matter of the contender. */
const better = (one: Figures, other: Figures): Figures => ({
  perSecond: Math.max(one.perSecond, other.perSecond),
  micros: Math.min(one.micros, other.micros)
})

const called = (era: "session" | "stateless", calls: number) => ({ run }: Pair) =>
  Effect.gen(function*() {
    const some = run({ what: "calls", era, calls }, calls)
    yield* some
    return better(yield* some, yield* some)
  })

const opened = ({ run }: Pair) => {
  const some = run({ what: "open", sessions: 500 }, 500)
  return Effect.andThen(some, some)
}

export const serverCalls = Effect.gen(function*() {
  yield* race(
    "calls on a session",
    "calls",
    ["raw node:http", "the SDK's McpServer", "SDK", "holdfast"],
    called("session", 12_800),
    [
      ["holdfast", "raw node:http", { atLeast: 0.55 }],
      ["the SDK's McpServer", "raw node:http"],
      ["holdfast", "the SDK's McpServer"],
      ["holdfast", "SDK", { atLeast: 1 }]
    ]
  )
  yield* race(
    "calls without a session",
    "calls",
    ["SDK v2", "holdfast", "holdfast, one validator", "holdfast, server of the SDK's v2", "holdfast, kept"],
    called("stateless", 4800),
    [
      ["holdfast", "SDK v2", { atLeast: 1 }],
      ["holdfast, one validator", "SDK v2"],
      ["holdfast, server of the SDK's v2", "SDK v2"],
      ["holdfast, kept", "SDK v2"]
    ]
  )
  yield* race(
    "sessions opened, each with a stream",
    "sessions",
    ["SDK", "holdfast", "holdfast, one validator"],
    opened,
    [
      ["holdfast", "SDK", { atLeast: 1 }],
      ["holdfast, one validator", "SDK"]
    ]
  )
})
