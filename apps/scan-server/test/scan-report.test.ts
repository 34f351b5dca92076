/** The report of what batches have brought. */
import { assert, describe, it } from "@effect/vitest"
import { type Finding, maxListed, maxNotRead } from "../src/Finding.ts"
import * as Scanner from "../src/Scanner.ts"
import * as ScanReport from "../src/ScanReport.ts"

const finding = (more: Partial<Finding>): Finding => ({
  rule: "own",
  severity: "high",
  path: "a.ts",
  line: 1,
  column: 1,
  excerpt: "abcd… (40 characters)",
  fingerprint: "1",
  ...more
})

const batch = (...findings: ReadonlyArray<Finding>): Scanner.BatchResult => ({
  ...Scanner.sum([]),
  findings,
  files: 1,
  bytes: 10
})

describe("a report", () => {
  it("has the worst first, then by place, whatever the order of the batches", () => {
    const all = [finding({ line: 3 }), finding({ severity: "critical", path: "z.ts" }), finding({ line: 1 })]
    const { findings } = ScanReport.make("/r", [], all.map((one) => batch(one)), new Set())
    assert.deepStrictEqual(findings.map(({ line, path }) => [path, line]), [["z.ts", 1], ["a.ts", 1], ["a.ts", 3]])
  })

  it("tells a secret of the tree once, though a commit has brought it", () => {
    const past = batch(finding({ commit: "c1" }), finding({ commit: "c2", fingerprint: "2" }))
    const { findings, known, total } = ScanReport.make("/r", [], [batch(finding({})), past], new Set())
    assert.deepStrictEqual(findings.map(({ commit }) => commit), [undefined, "c2"])
    assert.deepStrictEqual([total, known], [2, 0])
  })

  it("is complete unless something was not read", () => {
    const { isComplete } = ScanReport.make("/r", [], [batch()], new Set())
    const notRead = [{ path: "a.ts", reason: "it is gone" }]
    const without = ScanReport.make("/r", [], [{ ...batch(), notRead }], new Set())
    assert.deepStrictEqual([isComplete, without.isComplete, without.notRead], [true, false, notRead])
  })

  it("sets aside what is known, and counts it", () => {
    const { findings, known } = ScanReport.make(
      "/r",
      [],
      [batch(finding({}), finding({ fingerprint: "2" }))],
      new Set(["1"])
    )
    assert.deepStrictEqual([findings.map(({ fingerprint }) => fingerprint), known], [["2"], 1])
  })

  it("counts all, and lists no more than fits", () => {
    const many = Array.from({ length: maxListed + 1 }, (_, index) => finding({ fingerprint: `${index}` }))
    const notRead = Array.from({ length: maxNotRead + 1 }, (_, index) => ({ path: `${index}`, reason: "it is gone" }))
    const report = ScanReport.make("/r", notRead, [batch(...many), { ...batch(), binary: 2 }], new Set())
    assert.deepStrictEqual([report.findings.length, report.total], [maxListed, maxListed + 1])
    assert.deepStrictEqual([report.notRead.length, report.notReadTotal], [maxNotRead, maxNotRead + 1])
    assert.deepStrictEqual([report.isComplete, report.skipped, report.files], [false, maxNotRead + 3, 2])
    assert.deepStrictEqual(report.bySeverity, { high: maxListed + 1 })
  })
})
