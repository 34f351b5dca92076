/** The report of a scan, of what its batches have brought. */
import { countBy, inOrder, maxListed, maxNotRead, type NotRead, type Report } from "./Finding.ts"
import * as Scanner from "./Scanner.ts"

/**
 * `known`: fingerprints of findings that are set aside. What stands in the tree is not told a second time as a part of its history.
 */
export const make = (
  root: string,
  notRead: ReadonlyArray<NotRead>,
  results: ReadonlyArray<Scanner.BatchResult>,
  known: ReadonlySet<string>
): Report => {
  const whole = Scanner.sum(results)
  const standing = new Set(whole.findings.flatMap((one) => one.commit === undefined ? [one.fingerprint] : []))
  const told = whole.findings.filter(({ commit, fingerprint }) => commit === undefined || !standing.has(fingerprint))
  const findings = inOrder(told.filter(({ fingerprint }) => !known.has(fingerprint)))
  const all = [...notRead, ...whole.notRead]
  return {
    root,
    files: whole.files,
    bytes: whole.bytes,
    isComplete: all.length === 0,
    skipped: whole.binary + all.length,
    notRead: all.slice(0, maxNotRead),
    notReadTotal: all.length,
    allowed: whole.allowed,
    known: told.length - findings.length,
    bySeverity: countBy(findings, "severity"),
    byRule: countBy(findings, "rule"),
    findings: findings.slice(0, maxListed),
    total: findings.length
  }
}
