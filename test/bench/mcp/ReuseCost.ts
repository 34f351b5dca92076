/** A call over a connection that is kept, beside one that starts a server of its own and ends it: what reuse is for. */
import { Endpoint, McpConfig, McpConnections } from "@holdfast/mcp"
import * as Effect from "effect/Effect"
import * as path from "node:path"
import { inTurn } from "../InTurn.ts"
import * as Report from "../Report.ts"

const server = path.join(import.meta.dirname, "echo-server.ts")
const reused = 2000
const spawned = 20

const micros = (mcp: McpConnections["Service"], name: string, count: number) =>
  Effect.forEach(
    Array.from({ length: count }),
    () =>
      Effect.gen(function*() {
        const start = performance.now()
        yield* mcp.callTool(name, { name: "echo", arguments: { text: "hello" } }, { idempotent: false })
        return (performance.now() - start) * 1000
      })
  )

export const reuseCost = Effect.gen(function*() {
  const endpoint = Endpoint.stdio({ command: process.execPath, args: [server] })
  const config = yield* McpConfig.make({
    kept: { endpoint, era: "legacy" },
    spawned: {
      endpoint: Endpoint.stdio({ ...endpoint, args: [server, "--alone"] }),
      era: "legacy",
      policy: { reuse: false }
    }
  })
  yield* Effect.provide(
    Effect.gen(function*() {
      const mcp = yield* McpConnections
      const [kept, alone] = ["kept, p50", "started for the call and ended, p50"] as const
      const { comparison, median, row } = yield* inTurn([
        { name: kept, round: micros(mcp, "kept", reused) },
        { name: alone, round: micros(mcp, "spawned", spawned) }
      ], { rounds: 1 })
      const of = (name: string): number => median(name, Report.median)
      Report.print("A call on a kept connection, and on one of its own", [
        row(kept, () => `${of(kept).toFixed(0)} us`),
        row(alone, () => `${(of(alone) / 1000).toFixed(1)} ms`),
        comparison("  ÷", [alone, kept], of(alone) / of(kept), { atLeast: 500 })
      ])
    }),
    McpConnections.layer(config)
  )
})
