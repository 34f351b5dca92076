/**
 * Ten thousand idle sessions, each with an open stream: what they hold, what they cost while nothing is said but heartbeats, and their end.
 *
 * What no host can do without is measured beside: the SDK's `McpServer`, one for each session, and a stream of `node:http` that says a heartbeat.
 */
import * as Effect from "effect/Effect"
import * as Report from "../Report.ts"
import { pair, pinning } from "./Pinned.ts"

const idle = 10_000

/** Two rounds of heartbeats, one of pings. */
const watched = 30

const measure = (name: string) =>
  Effect.scoped(Effect.gen(function*() {
    const { run, usage } = yield* pair(name)
    // What is made once and what is compiled is there then.
    yield* run({ what: "calls", era: "session", calls: 3200 }, 3200)
    yield* run({ what: "open", sessions: 500 }, 500)
    const before = yield* usage
    const { perSecond: opened } = yield* run({ what: "open", sessions: idle }, idle)
    const open = yield* usage
    yield* Effect.sleep(watched * 1000)
    const after = yield* usage
    const { perSecond: closed } = yield* run({ what: "close" }, idle)
    return {
      opened,
      closed,
      rss: (open.rss - before.rss) / idle / 1024,
      heap: (open.heap - before.heap) / idle / 1024,
      share: (after.cpu - open.cpuAfter) / (watched * 1e6) * 100,
      sweepMillis: after.sweepMillis ?? Number.NaN
    }
  }))

const kib = (value: number): string => `${value.toFixed(1)} KiB`

export const idleSessions = Effect.gen(function*() {
  const bare = yield* measure("raw node:http")
  const server = yield* measure("McpServer beside a raw stream")
  const ours = yield* measure("holdfast")
  const own = ours.rss - server.rss
  Report.print(`${idle} idle sessions, each with an open stream (${pinning})`, [
    { name: "resident, each", figure: kib(ours.rss) },
    { name: "  a bare stream of node:http", figure: kib(bare.rss) },
    { name: "  the SDK's McpServer", figure: kib(server.rss - bare.rss) },
    { name: "  what is left: the host's own", figure: kib(own), gate: { value: own, atMost: 16, unit: "KiB" } },
    { name: "  of that in the heap", figure: kib(ours.heap - server.heap) },
    {
      name: "processor while idle, with heartbeats and pings",
      figure: `${ours.share.toFixed(2)} % of a core`,
      gate: { value: ours.share, atMost: 4, unit: "%" }
    },
    { name: "  bare streams of node:http, with heartbeats", figure: `${bare.share.toFixed(2)} % of a core` },
    { name: "opened", figure: `${ours.opened.toFixed(0)} sessions/s` },
    { name: "closed", figure: `${ours.closed.toFixed(0)} sessions/s` },
    { name: "one sweep over all", figure: `${ours.sweepMillis.toFixed(2)} ms` }
  ])
})
