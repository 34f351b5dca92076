/** Our host with the server that echoes, in a process of its own. Prints its port. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as McpHost from "@holdfast/server/McpHost"
import * as Effect from "effect/Effect"
import * as HttpServer from "effect/http/HttpServer"
import * as Layer from "effect/Layer"
import * as References from "effect/References"
import { server } from "./echoServer.ts"

NodeRuntime.runMain(Effect.provide(
  Effect.flatMap(HttpServer.HttpServer, ({ address }) => {
    console.log("port" in address ? address.port : "")
    return Effect.never
  }),
  McpHost.layerHttp({ server, port: 0, legacySse: true, drainTimeout: "1 second" }).pipe(
    Layer.orDie,
    // What it prints first is its port.
    Layer.provide(Layer.succeed(References.MinimumLogLevel, "Warn"))
  )
))
