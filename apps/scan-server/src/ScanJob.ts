/**
 * A scan as a durable job: planned once, then scanned batch by batch, each of which is stored when it is done. Whatever happens to the
 * server, no batch is scanned twice that was finished, and none is left out.
 */
import { Job } from "@holdfast/jobs"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { countBy, inOrder, maxListed, Report } from "./Finding.ts"
import { Batch, BatchResult, Scanner } from "./Scanner.ts"

/** What a client asks for. */
export const Scan = Job.make("scan", {
  version: 1,
  payload: {
    path: Schema.String.annotate({
      description: "The folder to scan: absolute, or relative to the server's first root. \".\" is that root."
    })
  },
  success: Report,
  error: Schema.Struct({ _tag: Schema.tag("RootNotAllowed"), message: Schema.String }),
  progress: Schema.Struct({ files: Schema.Int, findings: Schema.Int })
})

/** Runs scans. */
export const ScanLive = Scan.toLayer(
  Effect.fn("scan")(function*({ path }, job) {
    const scanner = yield* Scanner
    const root = yield* Effect.mapError(
      scanner.resolve(path),
      ({ message }) => ({ _tag: "RootNotAllowed", message } as const)
    )
    const batches = yield* job.step("plan", scanner.plan(root), { schema: Schema.Array(Batch) })
    const total = batches.reduce((sum, { bytes, paths }) => sum + bytes + paths.length * costOfAFile, 0)
    let done = 0
    let files = 0
    let findings = 0
    const results = yield* Effect.forEach(batches, (batch, index) =>
      Effect.gen(function*() {
        const result = yield* job.step(`batch ${index + 1}`, scanner.scan(root, batch), { schema: BatchResult })
        done += batch.bytes + batch.paths.length * costOfAFile
        files += result.files
        findings += result.findings.length
        yield* job.progress({
          percent: total === 0 ? 100 : done / total * 100,
          message: `${files} files, ${findings} findings`,
          data: { files, findings }
        })
        return result
      }), { concurrency: scanner.threads })
    const all = inOrder(results.flatMap(({ findings }) => findings))
    return {
      root,
      files: results.reduce((sum, { files }) => sum + files, 0),
      bytes: results.reduce((sum, { bytes }) => sum + bytes, 0),
      skipped: results.reduce((sum, { skipped }) => sum + skipped, 0),
      bySeverity: countBy(all, "severity"),
      byRule: countBy(all, "rule"),
      findings: all.slice(0, maxListed),
      total: all.length
    }
  })
)

/** What opening a file costs beside its bytes. */
const costOfAFile = 4096
