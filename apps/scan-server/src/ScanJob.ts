/**
 * A scan as a durable job: planned once, then scanned batch by batch, each of which is stored when it is done. Whatever happens to the
 * server, no batch is scanned twice that was finished, and none is left out.
 */
import * as Job from "@holdfast/jobs/Job"
import * as Runner from "@holdfast/jobs/Runner"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Report } from "./Finding.ts"
import { BatchResult, Plan, Scanner } from "./Scanner.ts"
import * as ScanReport from "./ScanReport.ts"

/** What a client asks for. */
export const Scan = Job.make("scan", {
  version: 2,
  onOldVersion: "restart",
  // The plan of a scan names every file.
  maxDataBytes: 256 * 1024 * 1024,
  payload: {
    path: Schema.String.annotate({
      description: "The folder to scan: absolute, or relative to the server's first root. \".\" is that root."
    }),
    history: Schema.optionalKey(
      Schema.Boolean.annotate({
        description: "Whether what the commits of its git repository have ever added is scanned, too. Default: false."
      })
    )
  },
  success: Report,
  error: Schema.Struct({ _tag: Schema.tag("RootNotAllowed"), message: Schema.String }),
  progress: Schema.Struct({ files: Schema.Int, findings: Schema.Int, notRead: Schema.Int })
})

/** Runs scans. `known`: fingerprints of a baseline. */
export const layer = (known: ReadonlySet<string>) =>
  Runner.toLayer(
    Scan,
    Effect.fn("scan")(function*({ history = false, path }, job) {
      const scanner = yield* Scanner
      const root = yield* Effect.mapError(
        scanner.resolve(path),
        ({ message }) => ({ _tag: "RootNotAllowed", message } as const)
      )
      const { batches, notRead } = yield* job.step("plan", scanner.plan(root), { schema: Plan })
      const total = batches.reduce((sum, { bytes, paths }) => sum + bytes + paths.length * costOfAFile, 0)
      const counts = { files: 0, findings: 0, notRead: notRead.length }
      const tell = (percent: number) => {
        const { files, findings, notRead } = counts
        const message = `${files} files, ${findings} findings${notRead === 0 ? "" : `, ${notRead} not read`}`
        return job.progress({ percent, message, data: { ...counts } })
      }
      let done = 0
      const results = yield* Effect.forEach(batches, (batch, index) =>
        Effect.gen(function*() {
          const result = yield* job.step(`batch ${index + 1}`, scanner.scan(root, batch), { schema: BatchResult })
          done += batch.bytes + batch.paths.length * costOfAFile
          counts.files += result.files
          counts.findings += result.findings.filter(({ fingerprint }) => !known.has(fingerprint)).length
          counts.notRead += result.notRead.length
          yield* tell(done / total * 100)
          return result
        }), { concurrency: scanner.threads })
      const past = history ? [yield* job.step("history", scanner.history(root), { schema: BatchResult })] : []
      const report = ScanReport.make(root, notRead, [...results, ...past], known)
      counts.findings = report.total
      counts.notRead = report.notReadTotal
      yield* tell(100)
      return report
    })
  )

/** What opening a file costs beside its bytes. */
const costOfAFile = 4096
