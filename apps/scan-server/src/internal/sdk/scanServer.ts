/**
 * The MCP server of one session: the tools of the job, the same as a task, and the report by the page and in SARIF.
 *
 * A page of the report is told once, as text: the one form that every client shows. It has no structured content beside it.
 */
import * as Jobs from "@holdfast/jobs/Jobs"
import { JobTasks, JobTools } from "@holdfast/jobs/mcp"
import * as EffectTool from "@holdfast/server/EffectTool"
import { Session } from "@holdfast/server/Session"
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { rank, type Report, Severity } from "../../Finding.ts"
import * as Sarif from "../../Sarif.ts"
import { Scan } from "../../ScanJob.ts"

export const make = Effect.fnUntraced(function*(version: string, rules: ReadonlyArray<Sarif.Rule>) {
  const tasks = yield* JobTasks.make()
  const mcp = new McpServer({ name: "holdfast-scan-server", version }, {
    ...tasks.serverOptions,
    instructions: "Scans folders for secrets. run_scan answers with an id at once; poll get_scan_progress with it."
  })
  yield* JobTools.register(mcp, Scan, {
    tasks,
    description: "Scans a folder for private keys, cloud keys, tokens and passwords.",
    annotations: { readOnlyHint: true },
    results: false,
    answer: false
  })
  const jobs = yield* Jobs.Jobs
  const { principal } = yield* Session
  yield* EffectTool.register(mcp, Scan.toolNames.results, {
    title: "Results of one scan",
    description:
      "The report of a scan once it has succeeded, as JSON: counts, what was not read, and the findings page by page, the "
      + "worst first. Before that it says how far the scan is.",
    input: {
      id: Schema.String.annotate({ description: "The id that run_scan answered with." }),
      offset: Schema.optionalKey(natural.annotate({ description: "Leave out so many findings. Default: 0." })),
      limit: Schema.optionalKey(
        Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1000 })).annotate({ description: "Default: 100." })
      ),
      severity: Schema.optionalKey(Severity.annotate({ description: "Only findings this bad or worse. Default: all." }))
    },
    annotations: { readOnlyHint: true, idempotentHint: true, openWorldHint: false }
  }, ({ id, limit = 100, offset = 0, severity = "low" }) =>
    jobs.result(Scan, id, { owner: principal }).pipe(
      Effect.map((report) => JSON.stringify(pageOf(report, offset, limit, severity))),
      Effect.catchIf(
        (error) => error._tag === "JobError" && error.reason._tag === "JobNotFinished",
        ({ message }) => Effect.succeed(message)
      )
    ))
  yield* EffectTool.register(mcp, "get_scan_sarif", {
    description: "The result of a scan that has succeeded, as a SARIF 2.1.0 document.",
    input: { id: Schema.String.annotate({ description: "The id that run_scan answered with." }) },
    annotations: { readOnlyHint: true }
  }, ({ id }) =>
    Effect.map(
      jobs.result(Scan, id, { owner: principal }),
      (report) => JSON.stringify(Sarif.fromReport(report, rules, version))
    ))
  return mcp
})

const natural = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))

/** `next` is the offset of the page behind it, if there is one. */
const pageOf = ({ findings, ...counts }: Report, offset: number, limit: number, severity: Severity) => {
  const chosen = findings.filter((one) => rank[one.severity] <= rank[severity])
  const next = offset + limit
  return { ...counts, findings: chosen.slice(offset, next), ...next < chosen.length && { next } }
}
