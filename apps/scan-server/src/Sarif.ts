/**
 * A report in SARIF 2.1.0, the form that code hosts show findings from, with what GitHub wants of it.
 *
 * @see https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
 * @see https://docs.github.com/en/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning
 */
import type { Finding, Report, Severity } from "./Finding.ts"

/** A rule as it is told. */
export interface Rule {
  readonly id: string
  readonly name: string
  readonly severity: Severity
}

const levels: Readonly<Record<Severity, "error" | "warning" | "note">> = {
  critical: "error",
  high: "error",
  medium: "warning",
  low: "note"
}

/** GitHub's words begin at 9, 7, 4 and above 0. */
const scores: Readonly<Record<Severity, string>> = { critical: "9.5", high: "8.0", medium: "5.0", low: "2.0" }

/** The same report gives the same document. */
export const fromReport = (report: Report, rules: ReadonlyArray<Rule>, version: string): object => {
  const used = rules.filter(({ id }) => report.byRule[id] !== undefined)
  return {
    $schema: "https://json.schemastore.org/sarif-2.1.0.json",
    version: "2.1.0",
    runs: [{
      tool: {
        driver: {
          name: "holdfast-scan",
          informationUri: "https://www.npmjs.com/package/@holdfast/scan-server",
          version,
          rules: used.map(({ id, name, severity }) => ({
            id,
            name,
            shortDescription: { text: name },
            fullDescription: { text: `${name} in the files of a repository, or in its history.` },
            help: {
              text:
                "Replace the secret where it is used, and revoke it. Removing it from the file is not enough: it has been seen."
            },
            defaultConfiguration: { level: levels[severity] },
            properties: { tags: ["security"], "security-severity": scores[severity] }
          }))
        }
      },
      automationDetails: { id: "holdfast-scan/" },
      originalUriBaseIds: { ROOT: { description: { text: "the root of the scan" } } },
      invocations: [{
        executionSuccessful: report.isComplete,
        toolExecutionNotifications: report.notRead.map(({ path, reason }) => ({
          level: "warning",
          message: { text: `${path} was not read: ${reason}` }
        }))
      }],
      results: report.findings.map((finding) => resultOf(finding, used)),
      columnKind: "utf16CodeUnits"
    }]
  }
}

const resultOf = (
  { column, commit, excerpt, fingerprint, line, path, rule, severity }: Finding,
  used: ReadonlyArray<Rule>
) => {
  const index = used.findIndex(({ id }) => id === rule)
  const came = commit === undefined ? "" : `, came with commit ${commit}`
  return {
    ruleId: rule,
    ...(index >= 0 && { ruleIndex: index }),
    level: levels[severity],
    message: { text: `${used[index]?.name ?? rule}: ${excerpt}${came}` },
    locations: [{
      physicalLocation: {
        artifactLocation: { uri: path.split("/").map(encodeURIComponent).join("/"), uriBaseId: "ROOT" },
        region: { startLine: line, startColumn: column }
      }
    }],
    partialFingerprints: { "secret/v2": fingerprint }
  }
}
