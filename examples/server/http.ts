import * as McpHost from "@holdfast/server/McpHost"
import * as Config from "effect/Config"
import * as Layer from "effect/Layer"
import { jobs } from "./jobs.ts"
import { server } from "./server.ts"

const port = Config.Port("PORT").pipe(Config.withDefault(8080))

McpHost.layerHttp({ server, port }).pipe(Layer.provide(jobs), Layer.launch, McpHost.runMain)
