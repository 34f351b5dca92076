/** A call over a connection that is kept, beside one that starts a server of its own and ends it: what reuse is for. */
import { Endpoint, layer, McpConfig, McpConnections } from "@holdfast/mcp"
import * as Effect from "effect/Effect"
import * as path from "node:path"
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
      yield* micros(mcp, "kept", reused)
      const [kept, alone] = [yield* micros(mcp, "kept", reused), yield* micros(mcp, "spawned", spawned)].map(
        Report.median
      )
      const ratio = (alone ?? Number.NaN) / (kept ?? Number.NaN)
      Report.print("A call on a kept connection, and on one of its own", [
        { name: "kept, p50", figure: `${(kept ?? Number.NaN).toFixed(0)} us` },
        { name: "started for the call and ended, p50", figure: `${((alone ?? Number.NaN) / 1000).toFixed(1)} ms` },
        { name: "  ÷", figure: `${Report.round(ratio)} ×`, gate: { value: ratio, atLeast: 500, unit: "×" } }
      ])
    }),
    layer(config)
  )
})
