/** What a scan has found: where, by which rule, and never the secret itself. */
import * as Schema from "effect/Schema"

/** How bad it is to have it there. */
export const Severity = Schema.Literals(["critical", "high", "medium", "low"])
/** What the schema `Severity` reads. */
export type Severity = typeof Severity.Type

/** One secret that was found. The secret itself is not in it. */
export const Finding = Schema.Struct({
  /** The rule's id. */
  rule: Schema.String,
  severity: Severity,
  /** Relative to the root of the scan, with forward slashes. */
  path: Schema.String,
  /** From 1. */
  line: Schema.Int,
  /** From 1, in characters. */
  column: Schema.Int,
  /** How what was found begins, four characters or a quarter of it at most, and how long it is. */
  excerpt: Schema.String,
  /** The same for the same secret at the same place of the same file: what baselines are made of. */
  fingerprint: Schema.String,
  /** The commit that brought it, where a history was scanned. */
  commit: Schema.optionalKey(Schema.String)
})
/** What the schema `Finding` reads. */
export type Finding = typeof Finding.Type

/** What was to be read, and was not, or not to its end. */
export const NotRead = Schema.Struct({
  /** Relative to the root; a byte of a name that is no UTF-8 as `\\xE9`. */
  path: Schema.String,
  reason: Schema.String
})
/** What the schema `NotRead` reads. */
export type NotRead = typeof NotRead.Type

/** The result of a scan. */
export const Report = Schema.Struct({
  root: Schema.String,
  /** Files that were read to their end. */
  files: Schema.Int,
  bytes: Schema.Finite,
  /** Whether everything was read. Files that hold no text do not count. */
  isComplete: Schema.Boolean,
  /** What was not read: files without text, and all that `notRead` lists or would list. */
  skipped: Schema.Int,
  /** What was not read and should have been, 200 at most; `notReadTotal` counts all. */
  notRead: Schema.Array(NotRead),
  notReadTotal: Schema.Int,
  /** Findings that allow lists, comments and the baseline set aside. */
  allowed: Schema.Int,
  known: Schema.Int,
  /** How many there are of each. */
  bySeverity: Schema.Record(Schema.String, Schema.Int),
  byRule: Schema.Record(Schema.String, Schema.Int),
  /** The worst first, 5000 at most; `total` counts all. */
  findings: Schema.Array(Finding),
  total: Schema.Int
})
/** What the schema `Report` reads. */
export type Report = typeof Report.Type

/** How many findings a report lists: as many as GitHub shows of one run in SARIF. */
export const maxListed = 5000

/** How much that was not read it lists. */
export const maxNotRead = 200

/** The worst is 0. */
export const rank: Readonly<Record<Severity, number>> = { critical: 0, high: 1, medium: 2, low: 3 }

/** The worst first; then by place, so that the same tree gives the same report. */
export const inOrder = (findings: ReadonlyArray<Finding>): ReadonlyArray<Finding> =>
  findings.toSorted((a, b) =>
    rank[a.severity] - rank[b.severity] || compare(a.path, b.path) || a.line - b.line || a.column - b.column
  )

/** How many there are of each. */
export const countBy = (
  findings: ReadonlyArray<Finding>,
  key: "rule" | "severity"
): Readonly<Record<string, number>> => {
  const counts = new Map<string, number>()
  for (const finding of findings) counts.set(finding[key], (counts.get(finding[key]) ?? 0) + 1)
  return Object.fromEntries([...counts].toSorted(([a], [b]) => compare(a, b)))
}

/** By code unit: the order must not depend on the machine's language. */
const compare = (a: string, b: string): number => a < b ? -1 : a > b ? 1 : 0
