/**
 * How much a thread of the scan server reads for each second of the processor, with few rules and with many. Beside secretlint's preset
 * run 17 and 60 rules of our own, and 222 of which those that ours do not make up have the form of gitleaks' and come from such a file.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Scanner, type ScanRule, ScanRules } from "@holdfast/scan-server"
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import * as Report from "../Report.ts"

const rounds = 3
const tree = fs.realpathSync(path.resolve(import.meta.dirname, "../../../node_modules/effect/src"))

/** Rules as gitleaks has them for services without a prefix: a name, an assignment, a value. */
const gitleaksLike = (count: number): string =>
  Array.from({ length: count }, (_, index) => {
    const name = `service${index.toString(36)}x`
    return `[[rules]]
id = "${name}"
regex = '''(?i)[\\w.-]{0,50}?(?:${name})(?:[ \\t\\w.-]{0,20})[\\s'"]{0,3}(?:=|>|:{1,3}=|\\|\\||:|=>|\\?=|,)[\\x60'"\\s=]{0,5}([a-z0-9]{32})(?:[\\x60'"\\s;]|\\\\[nr]|$)'''
entropy = 3
keywords = ["${name}"]
`
  }).join("")

const loaded = (count: number) =>
  Effect.acquireUseRelease(
    Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "hf-bench-scan-"))),
    (folder) => {
      const file = path.join(folder, "gitleaks.toml")
      fs.writeFileSync(file, gitleaksLike(count - ScanRules.builtIn.rules.length))
      return ScanRules.load(file)
    },
    (folder) => Effect.sync(() => fs.rmSync(folder, { recursive: true }))
  )

const rate = (rules: ScanRule.RuleSet) =>
  Effect.scoped(Effect.gen(function*() {
    const scanner = yield* Scanner.make({ roots: [tree], rules, threads: 1 })
    const { batches } = yield* scanner.plan(tree)
    const scan = Effect.map(Effect.forEach(batches, (batch) => scanner.scan(tree, batch)), Scanner.sum)
    // The first round compiles.
    yield* scan
    const rates: Array<number> = []
    for (let round = 0; round < rounds; round++) {
      const begun = process.cpuUsage()
      const { bytes } = yield* scan
      const { system, user } = process.cpuUsage(begun)
      rates.push(bytes / (system + user))
    }
    return Report.median(rates)
  }))

export const scanRates = Effect.gen(function*() {
  const first = (count: number) => ({ ...ScanRules.builtIn, rules: ScanRules.builtIn.rules.slice(0, count) })
  const few = yield* rate(first(17))
  const some = yield* rate(first(60))
  const many = yield* rate(yield* loaded(222))
  const line = (name: string, value: number): Report.Line => ({ name, figure: `${value.toFixed(1)} MB/s` })
  Report.print("scanning sources of TypeScript, for a second of the processor", [
    line("17 rules", few),
    line("60 rules", some),
    { ...line("222 rules", many), gate: { value: many / few, atLeast: 0.25, unit: "of the rate with 17" } }
  ])
}).pipe(Effect.provide(NodeServices.layer))
