import * as McpHost from "@holdfast/server/McpHost"
import * as Layer from "effect/Layer"
import { jobs } from "./jobs.ts"
import { server } from "./server.ts"

McpHost.layerHttp({ server, port: 8080 }).pipe(Layer.provide(jobs), Layer.launch, McpHost.runMain)
