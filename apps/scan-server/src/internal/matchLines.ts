/** The matcher itself: lines in, findings out. Pure; the same lines give the same findings. */
import { createHash } from "node:crypto"
import type { Finding } from "../Finding.ts"
import type { ScanRule } from "../ScanRules.ts"

/** A rule made ready. */
export interface CompiledRule {
  readonly rule: ScanRule
  readonly pattern: RegExp
  readonly keywords: ReadonlyArray<string>
}

export const compile = (rules: ReadonlyArray<ScanRule>): ReadonlyArray<CompiledRule> =>
  rules.map((rule) => ({
    rule,
    pattern: new RegExp(rule.pattern, "gi"),
    keywords: rule.keywords.map((word) => word.toLowerCase())
  })).map((compiled) =>
    // Tokens are what they are in their own case; words around them are not.
    caseSensitive.has(compiled.rule.id)
      ? { ...compiled, pattern: new RegExp(compiled.rule.pattern, "g") }
      : compiled
  )

const caseSensitive: ReadonlySet<string> = new Set([
  "aws-access-key",
  "gcp-api-key",
  "github-token",
  "gitlab-token",
  "slack-token",
  "stripe-key",
  "npm-token",
  "openai-key",
  "jwt",
  "private-key"
])

/** A line longer than this is looked at in parts, which overlap by as much as any secret is long. */
const partLength = 16 * 1024
const overlap = 1024

/** What one line holds. `number` is from 1. */
export const matchLine = (
  rules: ReadonlyArray<CompiledRule>,
  path: string,
  line: string,
  number: number,
  found: Array<Finding>
): void => {
  if (line.length < 8) return
  if (line.length <= partLength) return matchPart(rules, path, line, number, 0, 0, found)
  for (let start = 0; start < line.length; start += partLength - overlap) {
    // What begins in the overlap was found before, or is found whole here.
    matchPart(rules, path, line.slice(start, start + partLength), number, start, start === 0 ? 0 : overlap, found)
  }
}

const matchPart = (
  rules: ReadonlyArray<CompiledRule>,
  path: string,
  text: string,
  line: number,
  offset: number,
  known: number,
  found: Array<Finding>
): void => {
  const small = text.toLowerCase()
  for (const { keywords, pattern, rule } of rules) {
    if (keywords.length > 0 && !keywords.some((word) => small.includes(word))) continue
    pattern.lastIndex = 0
    for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
      const secret = match.groups?.["secret"] ?? match[0]
      if (match[0] === "") pattern.lastIndex++
      if (rule.entropy !== undefined && entropyOf(secret) < rule.entropy) continue
      const at = match.index + Math.max(0, match[0].indexOf(secret))
      if (at + secret.length <= known) continue
      found.push({
        rule: rule.id,
        severity: rule.severity,
        path,
        line,
        column: offset + at + 1,
        excerpt: `${secret.slice(0, 4)}… (${secret.length} characters)`,
        fingerprint: createHash("sha256").update(`${rule.id}\0${path}\0${secret}`).digest("hex").slice(0, 32)
      })
    }
  }
}

/** Shannon's, in bits per character. */
export const entropyOf = (text: string): number => {
  const counts = new Map<string, number>()
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1)
  let bits = 0
  for (const count of counts.values()) bits -= count / text.length * Math.log2(count / text.length)
  return bits
}
