import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeStdio from "@effect/platform-node/NodeStdio"
import { McpConnections } from "@holdfast/mcp"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Stdio } from "effect/Stdio"
import * as Stream from "effect/Stream"
import { Journal } from "./Journal.ts"

/** Every line that is typed goes into the journal. */
const program = Effect.gen(function*() {
  const journal = yield* Journal
  const { stdin } = yield* Stdio
  yield* Console.log("What happened?")
  yield* stdin.pipe(
    Stream.decodeText,
    Stream.splitLines,
    Stream.runForEach((line) => Effect.flatMap(journal.add(line), (lines) => Console.log(`line ${lines} is written`)))
  )
})

const services = Layer.mergeAll(
  NodeStdio.layer,
  Journal.layer.pipe(Layer.provide(McpConnections.layerFile("mcp.json")))
)

program.pipe(Effect.provide(services), NodeRuntime.runMain)
