/**
 * An MCP server on stdin and stdout with jobs in an SQLite file: `stdioServer.ts <database> <step millis> [<files>]`. Behind so many files
 * of a scan, if it is said, it comes to no end any more.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Job from "@holdfast/jobs/Job"
import * as JobPolicy from "@holdfast/jobs/JobPolicy"
import { JobTools } from "@holdfast/jobs/mcp"
import * as Runner from "@holdfast/jobs/Runner"
import * as SqliteStore from "@holdfast/jobs/SqliteStore"
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"

const [database = "", stepMillis = "0", most = "Infinity"] = process.argv.slice(2)

const Scan = Job.make("scan", { version: 1, payload: { files: Schema.Int }, success: Schema.Array(Schema.Int) })

const ScanLive = Runner.toLayer(Scan, ({ files }, job) =>
  Effect.gen(function*() {
    const found: Array<number> = []
    for (let file = 1; file <= files; file++) {
      const work = file > Number(most) ? Effect.never : Effect.sleep(Number(stepMillis))
      found.push(yield* job.step(`file ${file}`, Effect.as(work, process.pid)))
      yield* job.progress({ percent: file / files * 100 })
    }
    return found
  }))

const program = Effect.gen(function*() {
  const mcp = new McpServer({ name: "scanner", version: "1.0.0" })
  yield* JobTools.register(mcp, Scan)
  yield* Effect.promise(() => mcp.connect(new StdioServerTransport()))
  return yield* Effect.never
})

program.pipe(
  Effect.provide(ScanLive.pipe(
    Layer.provide(SqliteStore.layer(database)),
    Layer.provide(JobPolicy.layer({ pollInterval: "100 millis", progressInterval: "20 millis" }))
  )),
  NodeRuntime.runMain
)
