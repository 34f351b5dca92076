/** What the built-in rules find where nothing is: in this repository, and in the packages that it installs. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Finding, Scanner, ScanRules } from "@holdfast/scan-server"
import * as Effect from "effect/Effect"
import * as path from "node:path"
import * as Report from "../Report.ts"

const repository = path.resolve(import.meta.dirname, "../../..")

const findingsIn = (root: string) =>
  Effect.scoped(Effect.gen(function*() {
    const scanner = yield* Scanner.make({ roots: [root], rules: ScanRules.builtIn })
    const { batches } = yield* scanner.plan(root)
    const results = yield* Effect.forEach(batches, (batch) => scanner.scan(root, batch), {
      concurrency: scanner.threads
    })
    return Scanner.sum(results)
  }))

export const scanPrecision = Effect.gen(function*() {
  const own = yield* findingsIn(repository)
  const installed = yield* findingsIn(path.join(repository, "node_modules"))
  const line = (name: string, { bytes, files, findings }: typeof own, atMost: number): Report.Line => ({
    name,
    figure: `${findings.length} in ${files} files, ${(bytes / 1e6).toFixed(0)} MB`,
    gate: { value: findings.length, atMost, unit: "findings" }
  })
  Report.print("findings where there is no secret", [
    line("this repository", own, 0),
    line("its node_modules", installed, 30)
  ])
  const rules = Object.entries(Finding.countBy(installed.findings, "rule"))
  console.log(`  of those in node_modules: ${rules.map(([rule, count]) => `${count} ${rule}`).join(", ")}`)
}).pipe(Effect.provide(NodeServices.layer))
