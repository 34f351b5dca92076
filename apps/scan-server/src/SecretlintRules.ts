/**
 * What the recommended preset of secretlint finds: its rules by name, with the words without which each is not run. The rules themselves
 * are loaded by the threads that scan.
 *
 * Gotchas: three rules of the preset are not run, as they name a place other than the secret's, by which neither its column nor its
 * fingerprint would be right: `aws`, `basicauth` and `database-connection-string`. Rules of our own find the same. `filter-comments` finds
 * nothing: comments that allow are read by the matcher.
 *
 * @see https://github.com/secretlint/secretlint
 */
import type { Severity } from "./Finding.ts"

/** A rule of secretlint, as this program names it. */
export interface SecretlintRule {
  readonly id: string
  /** The end of its name in the preset, after `secretlint-rule-`. */
  readonly rule: string
  readonly name: string
  readonly severity: Severity
  readonly keywords: ReadonlyArray<string>
  /** A pattern that the text must match, where the words alone are everywhere. */
  readonly guard?: string | undefined
  /** What it takes for the beginning of a secret, and is none: it names a place that is as much too early at both ends. */
  readonly prefix?: RegExp | undefined
  /** What it finds may span lines. */
  readonly multiline?: boolean | undefined
  /** Bits per character that what was found must have at least. */
  readonly entropy?: number | undefined
}

const rule = (
  rule: string,
  name: string,
  severity: Severity,
  keywords: ReadonlyArray<string>,
  more: Partial<SecretlintRule> = {}
): SecretlintRule => ({ id: `secretlint-${rule}`, rule, name, severity, keywords, ...more })

/** The rules of secretlint's recommended preset. */
export const secretlintRules: ReadonlyArray<SecretlintRule> = [
  rule("gcp", "Google service account", "critical", ["service_account"], { multiline: true }),
  rule("npm", "npm credential", "critical", ["npm_", "_authtoken=", "x-oauth-basic"], {
    prefix: /^(?:_authToken=|https?:\/\/)/,
    entropy: 3.2
  }),
  rule("slack", "Slack credential", "high", ["xoxb-", "xoxp-", "xapp-", "xoxa-", "xoxo-", "xoxr-", "hooks.slack.com"], {
    entropy: 3
  }),
  rule("openai", "OpenAI key", "high", ["t3blbkfj"]),
  rule("anthropic", "Anthropic key", "high", ["sk-ant-api0"]),
  rule("groq", "Groq key", "high", ["gsk_"], { entropy: 3 }),
  rule("huggingface", "Hugging Face token", "high", ["hf_"], { entropy: 3.5 }),
  rule("linear", "Linear key", "high", ["lin_api_"]),
  rule("notion", "Notion token", "high", ["ntn_"]),
  rule("privatekey", "Private key", "critical", ["private key"], { multiline: true }),
  rule("sendgrid", "SendGrid key", "critical", ["sg."], {
    guard: "SG\\.[\\w-]{16,32}\\.[\\w-]{30,80}",
    entropy: 3.5
  }),
  rule("shopify", "Shopify token", "critical", ["shppa_", "shpca_", "shpat_", "shpss_"], { entropy: 3 }),
  rule("stripe", "Stripe key", "critical", ["sk_live", "sk_test", "rk_live", "rk_test"], { entropy: 3.5 }),
  rule("github", "GitHub token", "critical", ["ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"], { entropy: 3 }),
  rule("gitlab", "GitLab token", "critical", ["glpat-"], { entropy: 3 }),
  rule("grafana", "Grafana token", "high", ["glc_", "glsa_"], { entropy: 3 }),
  rule("1password", "1Password service account token", "critical", ["ops_"]),
  rule("hashicorp-vault", "Vault token", "critical", ["hvs.", "hvb.", "hvr."]),
  rule("vercel", "Vercel token", "high", ["vcp_", "vci_", "vca_", "vcr_", "vck_"], { entropy: 3.5 }),
  rule("databricks", "Databricks token", "high", ["dapi"], { entropy: 3 }),
  rule("docker", "Docker token", "critical", ["dckr_pat_"], { entropy: 3 }),
  rule("figma", "Figma token", "medium", ["figd_"], { entropy: 3 }),
  rule("cloudflare", "Cloudflare token", "critical", ["cfk_", "cfut_", "cfat_"], { entropy: 3 }),
  rule("tailscale", "Tailscale key", "high", ["tskey-"], { entropy: 3 })
]
