/**
 * A report in SARIF 2.1.0, the form that code hosts show findings from.
 *
 * @see https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
 */
import type { Finding, Report, Severity } from "./Finding.ts"
import type { ScanRule } from "./ScanRules.ts"

const levels: Readonly<Record<Severity, "error" | "warning" | "note">> = {
  critical: "error",
  high: "error",
  medium: "warning",
  low: "note"
}

/** The same report gives the same document. */
export const fromReport = (report: Report, rules: ReadonlyArray<ScanRule>): object => {
  const used = rules.filter(({ id }) => report.byRule[id] !== undefined)
  return {
    $schema: "https://json.schemastore.org/sarif-2.1.0.json",
    version: "2.1.0",
    runs: [{
      tool: {
        driver: {
          name: "holdfast-scan-server",
          informationUri: "https://www.npmjs.com/package/@holdfast/scan-server",
          rules: used.map(({ id, name, severity }) => ({
            id,
            name,
            shortDescription: { text: name },
            defaultConfiguration: { level: levels[severity] }
          }))
        }
      },
      originalUriBaseIds: { ROOT: { description: { text: "the root of the scan" } } },
      results: report.findings.map((finding) => resultOf(finding, used)),
      columnKind: "utf16CodeUnits"
    }]
  }
}

const resultOf = (
  { column, excerpt, fingerprint, line, path, rule, severity }: Finding,
  used: ReadonlyArray<ScanRule>
) => {
  const index = used.findIndex(({ id }) => id === rule)
  return {
    ruleId: rule,
    ...(index >= 0 && { ruleIndex: index }),
    level: levels[severity],
    message: { text: `${used[index]?.name ?? rule}: ${excerpt}` },
    locations: [{
      physicalLocation: {
        artifactLocation: { uri: path.split("/").map(encodeURIComponent).join("/"), uriBaseId: "ROOT" },
        region: { startLine: line, startColumn: column }
      }
    }],
    partialFingerprints: { "secret/v1": fingerprint }
  }
}
