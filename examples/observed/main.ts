import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { McpConnections } from "@holdfast/mcp"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Notes } from "./Notes.ts"
import * as Telemetry from "./Telemetry.ts"

const program = Effect.gen(function*() {
  const notes = yield* Notes
  for (const path of process.argv.slice(2)) yield* Console.log(`${path}: ${yield* notes.count(path)} words`)
})

// The exporter is around all else: it ends last, and its last words tell how the connections were closed.
const services = Notes.layer.pipe(
  Layer.provide(McpConnections.layerFile("mcp.json")),
  Layer.provideMerge(Telemetry.layer)
)

program.pipe(Effect.withSpan("count the words"), Effect.provide(services), NodeRuntime.runMain)
