/** The first call on a stdio server that does not run yet, beside the official client's connect and call: with the era known from before, and without. */
import * as Effect from "effect/Effect"
import * as Report from "../Report.ts"
import { pinned, processes, race } from "./bestOf.ts"

const names = ["SDK v1", "runtime, memory cold", "runtime, memory warm"]
const calls = 5

export const coldStart = Effect.gen(function*() {
  const cold = yield* race("coldContender.ts", names, { calls, inFlight: 1 })
  const p50 = (name: string) => cold.least(name, ({ p50 }) => p50)
  Report.print(`The first call on a cold stdio server, ${pinned}, best of ${processes} processes each`, [
    ...names.map((name) =>
      cold.row(
        name,
        () =>
          `p50 ${(p50(name) / 1000).toFixed(1)} ms, ${
            (cold.least(name, ({ cpuMicros }) => cpuMicros) / 1000).toFixed(1)
          } ms of the client's processor`
      )
    ),
    ...names.slice(1).map((name) =>
      cold.comparison(`${name} ÷ SDK v1`, [name, "SDK v1"], p50(name) / p50("SDK v1"), { atMost: 1.1 })
    )
  ])
})
