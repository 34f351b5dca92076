/** The MCP server of one session: the five tools of the job, the same as a task, and the report in SARIF. */
import { Jobs } from "@holdfast/jobs"
import { JobTasks, JobTools } from "@holdfast/jobs/mcp"
import * as EffectTool from "@holdfast/server/EffectTool"
import { Session } from "@holdfast/server/Session"
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Sarif from "../../Sarif.ts"
import { Scan } from "../../ScanJob.ts"
import type { ScanRule } from "../../ScanRules.ts"

export const make = Effect.fnUntraced(function*(version: string, rules: ReadonlyArray<ScanRule>) {
  const tasks = yield* JobTasks.make()
  const mcp = new McpServer({ name: "holdfast-scan-server", version }, {
    ...tasks.serverOptions,
    instructions: "Scans folders for secrets. run_scan answers with an id at once; poll get_scan_progress with it."
  })
  yield* JobTools.register(mcp, Scan, {
    tasks,
    description: "Scans a folder for private keys, tokens, passwords and risky patterns.",
    annotations: { readOnlyHint: true }
  })
  const jobs = yield* Jobs
  const { principal } = yield* Session
  yield* EffectTool.register(mcp, "get_scan_sarif", {
    description: "The result of a scan that has succeeded, as a SARIF 2.1.0 document.",
    input: { id: Schema.String.annotate({ description: "The id that run_scan answered with." }) },
    annotations: { readOnlyHint: true }
  }, ({ id }) =>
    Effect.map(
      jobs.result(Scan, id, { owner: principal }),
      (report) => JSON.stringify(Sarif.fromReport(report, rules))
    ))
  return mcp
})
