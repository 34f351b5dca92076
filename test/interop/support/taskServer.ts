/**
 * A server of ours on stdin and stdout, in both eras, whose tool `build` is a job in an SQLite file: `taskServer.ts <database> <folder>`. A build
 * that has done its first step is noted as `<folder>/begun-<id>`, and goes on once `<folder>/go` is there. Its result are the processes that have done its two steps.
 */
import { Job, JobStore, Runner } from "@holdfast/jobs"
import { JobTasks, JobTools } from "@holdfast/jobs/mcp"
import * as StdioHost from "@holdfast/server/StdioHost"
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as fs from "node:fs"
import * as path from "node:path"

const [database = "", folder = ""] = process.argv.slice(2)

const Build = Job.make("build", { version: 1, payload: {}, success: Schema.Array(Schema.Int) })

const BuildLive = Runner.toLayer(Build, (_, job) =>
  Effect.gen(function*() {
    const first = yield* job.step("begin", Effect.sync(() => process.pid))
    // From here on the step is in the database.
    fs.writeFileSync(path.join(folder, `begun-${job.id}`), "")
    yield* Effect.repeat(Effect.sync(() => fs.existsSync(path.join(folder, "go"))), {
      until: (isThere) => isThere,
      schedule: Schedule.spaced("20 millis")
    })
    const second = yield* job.step("end", Effect.sync(() => process.pid))
    return [first, second]
  }))

const server = Effect.gen(function*() {
  const tasks = yield* JobTasks.make()
  const mcp = new McpServer({ name: "builder", version: "1.0.0" }, tasks.serverOptions)
  yield* JobTools.register(mcp, Build, { tasks })
  return mcp
})

StdioHost.runMain(
  StdioHost.run({ server }).pipe(
    Effect.provide(BuildLive.pipe(Layer.provideMerge(JobStore.layerSqlite(database))))
  )
)
