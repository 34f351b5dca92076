import * as StdioHost from "@holdfast/server/StdioHost"
import * as Effect from "effect/Effect"
import { jobs } from "./jobs.ts"
import { server } from "./server.ts"

StdioHost.run({ server }).pipe(Effect.provide(jobs), StdioHost.runMain)
