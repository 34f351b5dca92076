/** Rules and allow lists as data: what a scan looks for, and what it leaves alone. Where they come from: `ScanRules`. */
import type { Severity } from "./Finding.ts"

/** One thing that a scan looks for. */
export interface ScanRule {
  readonly id: string
  readonly name: string
  readonly severity: Severity
  /**
   * A regular expression of RE2. What was found is its group `secret`, else the first group that matched, else the whole match. Without
   * one the rule finds files by their path.
   */
  readonly pattern?: string | undefined
  /** Which group is the secret, if it is not as said above. */
  readonly group?: number | undefined
  /** A regular expression that the path of the file must match, relative to the root of the scan. */
  readonly path?: string | undefined
  /** The pattern is tried near one of them, in any case. None: everywhere. */
  readonly keywords: ReadonlyArray<string>
  /** Whether the pattern matches in any case. Default: case counts. */
  readonly ignoreCase?: boolean | undefined
  /** Bits per character that what was found must have at least. Default: any. */
  readonly entropy?: number | undefined
  /** A match may span lines. Default: patterns are matched line by line. */
  readonly multiline?: boolean | undefined
  /** Yields to any rule that knows better what the same text is. */
  readonly generic?: boolean | undefined
  readonly allow?: ReadonlyArray<AllowList> | undefined
}

/** What is left alone, though a rule finds it. Of the lists in it one must match, or with `every` each that is not empty. */
export interface AllowList {
  readonly every?: boolean | undefined
  /** Only for what these rules find. Default: all. */
  readonly rules?: ReadonlyArray<string> | undefined
  /** Regular expressions for the path of the file. */
  readonly paths?: ReadonlyArray<string> | undefined
  /** Regular expressions for the secret, or for what `target` says. */
  readonly regexes?: ReadonlyArray<string> | undefined
  readonly target?: "secret" | "match" | "line" | undefined
  /** Words that the secret holds, in any case. */
  readonly stopwords?: ReadonlyArray<string> | undefined
  /** Commits of a history, by their whole name. */
  readonly commits?: ReadonlyArray<string> | undefined
}

/** All that a scan goes by. */
export interface RuleSet {
  readonly rules: ReadonlyArray<ScanRule>
  readonly allow: ReadonlyArray<AllowList>
}
