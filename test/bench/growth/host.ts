/** The host whose sessions are counted, in a process of its own. Prints its port; asked by a message, tells what it has used and holds. */
import * as McpHost from "@holdfast/server/McpHost"
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
import * as Effect from "effect/Effect"
import * as HttpServer from "effect/http/HttpServer"
import * as Layer from "effect/Layer"
import * as References from "effect/References"

const program = Effect.gen(function*() {
  const { address } = yield* HttpServer.HttpServer
  console.log("port" in address ? address.port : "")
  return yield* Effect.never
})
Effect.runFork(Effect.provide(
  program,
  McpHost.layerHttp({ server: () => new McpServer({ name: "growth", version: "1" }), port: 0, maxSessions: 50_000 })
    .pipe(
      Layer.orDie,
      Layer.provide(Layer.succeed(References.MinimumLogLevel, "Warn"))
    )
))

const micros = (): number => {
  const { system, user } = process.cpuUsage()
  return system + user
}

process.on("message", () => {
  const before = micros()
  globalThis.gc?.()
  globalThis.gc?.()
  const { external, heapUsed } = process.memoryUsage()
  process.send?.({ before, after: micros(), bytes: heapUsed + external })
})
process.once("disconnect", () => process.exit())
