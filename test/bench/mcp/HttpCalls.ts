/**
 * Calls over Streamable HTTP: undici's `request` by hand (the floor), the whole runtime, and the official SDK's client, each in a process of its own
 * with a server of its own, in turn.
 */
import * as Effect from "effect/Effect"
import * as Report from "../Report.ts"
import { pinned, processes, race } from "./bestOf.ts"

const names = ["undici by hand", "runtime", "SDK"]
const inFlight = 32
const calls = 6400

export const httpCalls = Effect.gen(function*() {
  const many = yield* race("httpContender.ts", names, { calls, inFlight })
  Report.print(
    `${calls} calls over Streamable HTTP, ${inFlight} at once, ${pinned}, best of ${processes} processes each`,
    [
      ...names.map(many.rowOf),
      ...many.ratios("runtime", "undici by hand", { atLeast: 0.6 }),
      ...many.ratios("runtime", "SDK", { atLeast: 2 })
    ]
  )
})
