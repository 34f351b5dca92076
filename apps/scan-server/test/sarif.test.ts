/** The report as SARIF: by the published schema, and by what GitHub wants beyond it. */
import { assert, describe, it } from "@effect/vitest"
import { Ajv } from "ajv"
import { createRequire } from "node:module"
import { countBy, type Finding, inOrder, maxListed, type Report } from "../src/Finding.ts"
import * as Sarif from "../src/Sarif.ts"
import * as ScanRules from "../src/ScanRules.ts"

// It is written for a draft whose marks this validator does not know; what it uses of it means the same today.
const { $schema: _, id: __, ...schema } = createRequire(import.meta.url)(
  "@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json"
)
const isSarif = new Ajv({ strict: false, validateFormats: false, unicodeRegExp: false }).compile(schema)

const rules = ScanRules.described(ScanRules.builtIn)

const reportOf = (findings: ReadonlyArray<Finding>, more: Partial<Report> = {}): Report => ({
  root: "/root",
  files: 2,
  bytes: 10,
  isComplete: true,
  skipped: 0,
  notRead: [],
  notReadTotal: 0,
  allowed: 0,
  known: 0,
  bySeverity: countBy(findings, "severity"),
  byRule: countBy(findings, "rule"),
  findings: inOrder(findings),
  total: findings.length,
  ...more
})

const findings = rules.map(({ id, severity }, index): Finding => ({
  rule: id,
  severity,
  path: "src/sp ace#ü.ts",
  line: index + 1,
  column: 3,
  excerpt: "abcd… (40 characters)",
  fingerprint: index.toString(16).padStart(32, "0"),
  ...index % 2 === 0 && { commit: "c".repeat(40) }
}))

const documentOf = (report: Report) => JSON.parse(JSON.stringify(Sarif.fromReport(report, rules, "1.2.3")))

describe("a report in SARIF", () => {
  it("is valid by the published schema, with all rules, without any, and with files that were not read", () => {
    const notRead = [{ path: "locked", reason: "no permission" }]
    for (const report of [reportOf(findings), reportOf([]), reportOf([], { isComplete: false, notRead })]) {
      assert.isTrue(isSarif(documentOf(report)), JSON.stringify(isSarif.errors))
    }
    // The schema can refuse.
    assert.isFalse(isSarif({ ...documentOf(reportOf([])), version: "2.0.0" }))
  })

  it("has what GitHub wants of rules and results", () => {
    const document = documentOf(reportOf(findings))
    const [{ results, tool }] = document.runs
    assert.lengthOf(results, findings.length)
    for (const rule of tool.driver.rules) {
      assert.isNotEmpty(rule.shortDescription.text)
      assert.isNotEmpty(rule.fullDescription.text)
      assert.isNotEmpty(rule.help.text)
      assert.isAtMost(rule.properties.tags.length, 20)
      assert.isTrue(
        Number(rule.properties["security-severity"]) > 0 && Number(rule.properties["security-severity"]) <= 10
      )
    }
    assert.isBelow(tool.driver.rules.length, 25_000)
    for (const result of results) {
      assert.strictEqual(tool.driver.rules[result.ruleIndex].id, result.ruleId)
      assert.include(["error", "warning", "note"], result.level)
      assert.isNotEmpty(result.message.text)
      const [{ physicalLocation }] = result.locations
      assert.strictEqual(physicalLocation.artifactLocation.uri, "src/sp%20ace%23%C3%BC.ts")
      assert.isAtLeast(physicalLocation.region.startLine, 1)
      assert.match(result.partialFingerprints["secret/v2"], /^[0-9a-f]{32}$/)
    }
  })

  it("tells what a rule has found that is not known any more", () => {
    const [one] = findings
    assert.isDefined(one)
    const document = documentOf(reportOf([{ ...one, rule: "gone", commit: "c1" }]))
    assert.isTrue(isSarif(document), JSON.stringify(isSarif.errors))
    const [result] = document.runs[0].results
    assert.strictEqual(result.message.text, "gone: abcd… (40 characters), came with commit c1")
    assert.deepStrictEqual([result.ruleId, result.ruleIndex], ["gone", undefined])
  })

  it("says what was not read", () => {
    const notRead = [{ path: "locked", reason: "no permission" }]
    const [{ invocations }] = documentOf(reportOf([], { isComplete: false, notRead })).runs
    assert.isFalse(invocations[0].executionSuccessful)
    assert.strictEqual(invocations[0].toolExecutionNotifications[0].message.text, "locked was not read: no permission")
  })

  it("has no more results than GitHub shows of one run", () => {
    assert.isAtMost(maxListed, 5000)
  })
})
