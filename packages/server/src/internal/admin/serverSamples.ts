/** What a server was like in the last hour: a sample every ten seconds, kept while the operators' port is there. */
import type { Chart, Sample } from "@holdfast/dashboard/DashboardContract"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import type { SessionRegistry } from "../../SessionRegistry.ts"

const every = "10 seconds"
/** An hour of them. */
const most = 360

/** What the lines mean. */
export const charts: ReadonlyArray<Chart> = [
  {
    title: "Sessions and streams",
    unit: "count",
    series: [{ key: "sessions", label: "Sessions" }, { key: "streams", label: "Open streams" }]
  },
  {
    title: "Requests",
    unit: "count",
    series: [{ key: "requests", label: "Begun in 10 s" }, { key: "inFlight", label: "In flight" }]
  },
  { title: "Refused", unit: "count", series: [{ key: "refused", label: "Refused in 10 s" }] },
  { title: "Unread by clients", unit: "bytes", series: [{ key: "buffered", label: "Bytes" }] }
]

/** Takes samples until the Scope closes. Returns those of the last hour, the newest last. */
export const make = Effect.fnUntraced(function*(
  registry: SessionRegistry["Service"]
): Effect.fn.Return<() => ReadonlyArray<Sample>, never, Scope.Scope> {
  let samples: ReadonlyArray<Sample> = []
  let before = { requests: 0, refused: 0 }
  const take = Effect.gen(function*() {
    const { inFlight, openStreams, requests, sessions } = yield* registry.snapshot
    const { byReason } = yield* registry.refusals
    const refused = Object.values(byReason).reduce((sum, each) => sum + each, 0)
    const sample = {
      at: yield* Clock.currentTimeMillis,
      values: {
        sessions: sessions.length,
        streams: openStreams,
        inFlight,
        requests: requests - before.requests,
        refused: refused - before.refused,
        buffered: sessions.reduce((sum, { bufferedBytes }) => sum + bufferedBytes, 0)
      }
    }
    before = { requests, refused }
    samples = [...samples, sample].slice(-most)
  })
  yield* Effect.forkScoped(Effect.repeat(take, Schedule.spaced(every)))
  return () => samples
})
