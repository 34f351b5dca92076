/**
 * What a scan looks for. Each rule is data: a pattern, words without which it need not be tried, and what it must and must not match.
 *
 * Patterns are matched line by line, by every file of a tree: they have no nested repetition, and what they repeat is bounded. Rules of
 * your own come from a JSON file; a pattern that takes too long over a file costs that file, not the server (see `Scanner`).
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Schema from "effect/Schema"
import { isNativeError } from "node:util/types"
import { Severity } from "./Finding.ts"
import { parseJson } from "./internal/parseJson.ts"

export interface ScanRule {
  readonly id: string
  readonly name: string
  readonly severity: Severity
  /** A regular expression, without delimiters and flags. The group `secret`, or the whole match, is what was found. */
  readonly pattern: string
  /** The pattern is tried on lines that hold one of them, in any case. None: on all. */
  readonly keywords: ReadonlyArray<string>
  /** Bits per character that what was found must have at least. Default: any. */
  readonly entropy?: number | undefined
  readonly examples: { readonly match: string; readonly noMatch: string }
}

/** Put together, so that no scanner takes these examples for what they show. */
const join = (...parts: ReadonlyArray<string>): string => parts.join("")

const letters = "Zm9vYmFyQmF6MTIzNDU2Nzg5MGFiY2RlZmdoaWprbG1ub3A"

/** The rules that are always there. */
export const builtIn: ReadonlyArray<ScanRule> = [
  {
    id: "private-key",
    name: "Private key",
    severity: "critical",
    pattern: "-----BEGIN (?:RSA |EC |DSA |OPENSSH |PGP |ENCRYPTED )?PRIVATE KEY(?: BLOCK)?-----",
    keywords: ["private key"],
    examples: {
      match: join("-----BEGIN RSA PRIV", "ATE KEY-----"),
      noMatch: "-----BEGIN PUBLIC KEY-----"
    }
  },
  {
    id: "aws-access-key",
    name: "AWS access key id",
    severity: "critical",
    pattern: "\\b(?<secret>(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16})\\b",
    keywords: ["akia", "asia", "abia", "acca"],
    examples: { match: join("id = AKIA", "Z2J4NQ5RTW6XYABC"), noMatch: "AKIALOWERCASEonly" }
  },
  {
    id: "aws-secret-key",
    name: "AWS secret access key",
    severity: "critical",
    pattern: "aws.{0,20}(?:secret|key).{0,20}[=:]\\s{0,4}[\"']?(?<secret>[A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])",
    keywords: ["aws"],
    entropy: 4,
    examples: {
      match: join("aws_secret_access_key = \"wJalrXUtnFEMI", "K7MDENGbPxRfiCYq8Zt2LmN0pQx\""),
      noMatch: "aws_secret_access_key = \"<your key>\""
    }
  },
  {
    id: "gcp-api-key",
    name: "Google API key",
    severity: "high",
    pattern: "\\b(?<secret>AIza[0-9A-Za-z_-]{35})(?![0-9A-Za-z_-])",
    keywords: ["aiza"],
    examples: { match: join("key=AIza", "SyD3xAmPl3K3yF0rT3stsOnly1234567890"), noMatch: "AIzaTooShort" }
  },
  {
    id: "gcp-service-account",
    name: "Google service account",
    severity: "critical",
    pattern: "\"type\"\\s{0,4}:\\s{0,4}\"service_account\"",
    keywords: ["service_account"],
    examples: { match: "  \"type\": \"service_account\",", noMatch: "\"type\": \"user_account\"" }
  },
  {
    id: "azure-storage-key",
    name: "Azure storage account key",
    severity: "critical",
    pattern: "AccountKey=(?<secret>[A-Za-z0-9+/]{86}==)",
    keywords: ["accountkey="],
    examples: {
      match: join("AccountName=x;AccountKey=", letters.slice(0, 43), letters.slice(0, 43), "=="),
      noMatch: "AccountKey=secret"
    }
  },
  {
    id: "github-token",
    name: "GitHub token",
    severity: "critical",
    pattern: "\\b(?<secret>gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{82})\\b",
    keywords: ["ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"],
    examples: { match: join("token: gh", "p_", letters.slice(0, 36)), noMatch: "ghp_short" }
  },
  {
    id: "gitlab-token",
    name: "GitLab token",
    severity: "critical",
    pattern: "\\b(?<secret>glpat-[A-Za-z0-9_-]{20})(?![A-Za-z0-9_-])",
    keywords: ["glpat-"],
    examples: { match: join("glp", "at-", letters.slice(0, 20)), noMatch: "glpat-short" }
  },
  {
    id: "slack-token",
    name: "Slack token",
    severity: "high",
    pattern: "\\b(?<secret>xox[abeoprs]-[0-9]{10,13}-[0-9A-Za-z-]{10,80})",
    keywords: ["xox"],
    examples: { match: join("xo", "xb-123456789012-", letters.slice(0, 24)), noMatch: "xoxb-not-a-token" }
  },
  {
    id: "slack-webhook",
    name: "Slack webhook",
    severity: "medium",
    pattern: "hooks\\.slack\\.com/services/(?<secret>T[A-Z0-9]{8,12}/B[A-Z0-9]{8,12}/[A-Za-z0-9]{24})",
    keywords: ["hooks.slack.com"],
    examples: {
      match: join("https://hooks.sl", "ack.com/services/T12345678/B12345678/", letters.slice(0, 24)),
      noMatch: "https://hooks.slack.com/services/"
    }
  },
  {
    id: "stripe-key",
    name: "Stripe key",
    severity: "critical",
    pattern: "\\b(?<secret>(?:sk|rk)_live_[0-9A-Za-z]{24,99})\\b",
    keywords: ["_live_"],
    examples: { match: join("sk_li", "ve_", letters.slice(0, 24)), noMatch: join("sk_te", "st_", letters.slice(0, 24)) }
  },
  {
    id: "npm-token",
    name: "npm token",
    severity: "critical",
    pattern: "\\b(?<secret>npm_[A-Za-z0-9]{36})\\b",
    keywords: ["npm_"],
    entropy: 3.5,
    examples: { match: join("_authToken=np", "m_", letters.slice(0, 36)), noMatch: "npm_config_registry" }
  },
  {
    id: "openai-key",
    name: "API key of a language model",
    severity: "high",
    pattern: "\\b(?<secret>sk-(?:ant-|proj-)?[A-Za-z0-9_-]{40,160})(?![A-Za-z0-9_-])",
    keywords: ["sk-"],
    entropy: 4,
    examples: { match: join("sk-pr", "oj-", letters), noMatch: "sk-learn" }
  },
  {
    id: "jwt",
    name: "JSON web token",
    severity: "medium",
    pattern: "\\b(?<secret>eyJ[A-Za-z0-9_-]{10,500}\\.eyJ[A-Za-z0-9_-]{10,1000}\\.[A-Za-z0-9_-]{20,500})",
    keywords: ["eyj"],
    examples: {
      match: join("Bearer ey", "JhbGciOiJIUzI1NiJ9.ey", "JzdWIiOiIxMjM0NTYifQ.", letters.slice(0, 43)),
      noMatch: "eyJhbGciOiJIUzI1NiJ9"
    }
  },
  {
    id: "password-in-url",
    name: "Password in a url",
    severity: "high",
    pattern:
      "\\b[a-z][a-z0-9+.-]{1,15}://[^\\s:@/\"'<>{}$]{1,60}:(?<secret>[^\\s:@/\"'<>{}$*]{6,100})@[a-zA-Z0-9.-]{3,}",
    keywords: ["://"],
    entropy: 2.5,
    examples: {
      match: join("postgres://app:S3cr3t", "Pa55@db.internal/app"),
      noMatch: "postgres://app:${PASSWORD}@db/app"
    }
  },
  {
    id: "assigned-secret",
    name: "Secret assigned in code",
    severity: "medium",
    pattern:
      "(?:passwd|password|secret|token|api_?key|access_?key)[\"']?\\s{0,4}[:=]\\s{0,4}[\"'](?<secret>[^\"'\\s]{12,120})[\"']",
    keywords: ["passw", "secret", "token", "key"],
    entropy: 3.7,
    examples: {
      match: join("password = \"kP9x!vR2", "mW7zQ4tB\""),
      noMatch: "password = \"changeme\""
    }
  },
  {
    id: "shell-download",
    name: "Download that is run at once",
    severity: "low",
    pattern: "\\b(?:curl|wget)\\b[^|\\n]{1,200}\\|\\s{0,4}(?:sudo\\s{1,4})?(?:ba|z|da)?sh\\b",
    keywords: ["curl", "wget"],
    examples: { match: "curl -fsSL https://example.org/install | sh", noMatch: "curl -o file https://example.org" }
  }
]

/** A rule file cannot be used. Says where in it, and what was expected. */
export class RulesInvalid extends Data.TaggedError("RulesInvalid")<{
  readonly file: string
  readonly problem: string
  /** Where in the text, if that is known; both from 1 on. */
  readonly line?: number | undefined
  readonly column?: number | undefined
}> {
  override get message(): string {
    const { column, file, line, problem } = this
    return `rules ${file}${line === undefined ? "" : `:${line}:${column}`}: ${problem}`
  }
}

const RuleFile = Schema.Struct({
  rules: Schema.Array(Schema.Struct({
    id: Schema.String.check(Schema.isPattern(/^[a-z0-9][a-z0-9-]{0,60}$/)),
    name: Schema.String,
    severity: Severity,
    pattern: Schema.String,
    keywords: Schema.optionalKey(Schema.Array(Schema.String)),
    entropy: Schema.optionalKey(Schema.Finite)
  }))
})

/** The built-in rules and those of a file, if one is named. Fails with `RulesInvalid`. */
export const load = Effect.fn("ScanRules.load")(function*(file: string | undefined) {
  if (file === undefined) return builtIn
  const fail = (problem: string) => new RulesInvalid({ file, problem })
  const inWords = (message: string) => message.replaceAll(/\s*\n\s*at /g, " at ").replaceAll(/\s*\n\s*/g, "; ")
  const text = yield* FileSystem.FileSystem.pipe(
    Effect.flatMap((fs) => fs.readFileString(file)),
    Effect.mapError(({ reason }) =>
      fail(
        reason._tag === "NotFound"
          ? "there is no such file; name one that is there"
          : "the file cannot be read; see that it is one, and that whoever runs this may read it"
      )
    )
  )
  const json = yield* Effect.mapError(parseJson(text), (place) => new RulesInvalid({ file, ...place }))
  const decoded = yield* Schema.decodeUnknownEffect(RuleFile, { errors: "all" })(json).pipe(
    Effect.mapError((error) => fail(inWords(error.message)))
  )
  const known = new Set(builtIn.map(({ id }) => id))
  const own: Array<ScanRule> = []
  for (const { entropy, id, keywords = [], ...rule } of decoded.rules) {
    if (known.has(id)) return yield* fail(`there are two rules "${id}"`)
    known.add(id)
    const problem = problemOf(rule.pattern)
    if (problem !== undefined) return yield* fail(`the pattern of "${id}" ${problem}`)
    own.push({ ...rule, id, keywords, entropy, examples: { match: "", noMatch: "" } })
  }
  return [...builtIn, ...own]
})

/** Why a pattern is not taken. */
const problemOf = (pattern: string): string | undefined => {
  try {
    if (new RegExp(pattern, "gd").test("")) return "matches nothing at all, which is everywhere"
  } catch (error) {
    return `is no regular expression: ${isNativeError(error) ? error.message : String(error)}`
  }
  // A repeated group that repeats inside may take time without end over one line.
  return /\((?:[^()\\]|\\.)*[+*](?:[^()\\]|\\.)*\)[+*{]/.test(pattern) ? "repeats what already repeats" : undefined
}
