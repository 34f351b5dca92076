/**
 * The rules of our own that are always there: secrets that secretlint's preset does not know. Tokens have a form that their service
 * documents. Passwords have none: the rules that go by a name beside a value (`generic`) yield to all others, and leave alone what looks
 * like a word, a variable or an example.
 */
import type { Severity } from "./Finding.ts"
import type { AllowList, ScanRule } from "./ScanRule.ts"

/** A token that is known by its beginning. No letter, digit or sign of its alphabet may follow it. */
const token = (
  id: string,
  name: string,
  severity: Severity,
  keywords: ReadonlyArray<string>,
  pattern: string,
  entropy = 3
): ScanRule => ({ id, name, severity, keywords, pattern: `${before}(?P<secret>${pattern})${after}`, entropy })

// What is before a token and behind it is no part of one. RE2 cannot look ahead: the sign behind belongs to the match.
const before = "(?:^|[^A-Za-z0-9_])"
const after = "(?:[^A-Za-z0-9_-]|$)"

/** A value of this form beside the name of its service. */
const named = (
  id: string,
  name: string,
  severity: Severity,
  names: ReadonlyArray<string>,
  value: string
): ScanRule => ({
  id,
  name,
  severity,
  keywords: names.map((one) => one.replaceAll(/\W.*$/g, "")),
  ignoreCase: true,
  pattern: `(?:${
    names.join("|")
  })[\\w .-]{0,30}["'\\]]{0,2}\\s{0,4}(?::=|=>|[:=,])\\s{0,4}["'\`]?(?P<secret>${value})(?:[^\\w-]|$)`,
  entropy: 3
})

const hexDigits = "0123456789abcdef"
const alphanumeric = "[A-Za-z0-9]"
const url64 = "[A-Za-z0-9_-]"
const hex = "[0-9a-f]"
const uuid = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"

const tokens: ReadonlyArray<ScanRule> = [
  // Clouds
  token(
    "aws-access-key",
    "AWS access key id",
    "critical",
    ["akia", "asia", "abia", "acca", "a3t"],
    "(?:AKIA|ASIA|ABIA|ACCA|A3T[A-Z0-9])[A-Z2-7]{16}"
  ),
  token("aws-bedrock-key", "AWS Bedrock key", "critical", ["absk"], "ABSK[A-Za-z0-9+/]{109,269}={0,2}", 4),
  token("gcp-api-key", "Google API key", "high", ["aiza"], `AIza${url64}{35}`),
  token("gcp-oauth-secret", "Google OAuth client secret", "critical", ["gocspx-"], `GOCSPX-${url64}{28}`),
  token("gcp-oauth-token", "Google OAuth token", "high", ["ya29."], `ya29\\.${url64}{60,400}`, 4),
  token(
    "azure-client-secret",
    "Azure client secret",
    "critical",
    ["q~"],
    "[A-Za-z0-9_~.]{3}\\dQ~[A-Za-z0-9_~.-]{31,34}"
  ),
  token("azure-devops-token", "Azure DevOps token", "critical", ["azdo"], `${alphanumeric}{76}AZDO${alphanumeric}{4}`),
  {
    id: "azure-storage-key",
    name: "Key of Azure storage or messaging",
    severity: "critical",
    keywords: ["accountkey=", "sharedaccesskey="],
    ignoreCase: true,
    pattern: "(?:AccountKey|SharedAccessKey)=(?P<secret>[A-Za-z0-9+/]{43,86}={1,2})",
    entropy: 3.5
  },
  {
    id: "azure-sas",
    name: "Azure shared access signature",
    severity: "high",
    keywords: ["sig="],
    pattern: "[?&;]sv=20[0-9-]{8}[^\\s\"']{0,300}&sig=(?P<secret>[A-Za-z0-9%+/]{43,60}(?:=|%3D)?)",
    entropy: 3.5
  },
  token("alibaba-key", "Alibaba Cloud key id", "high", ["ltai"], `LTAI${alphanumeric}{20}`),
  token("digitalocean-token", "DigitalOcean token", "critical", ["_v1_"], `do[por]_v1_${hex}{64}`),
  token("heroku-key", "Heroku key", "critical", ["hrku-"], `HRKU-(?:AA${url64}{58}|${uuid})`),
  token("netlify-token", "Netlify token", "high", ["nfp_", "nfc_", "nfo_", "nfu_"], `nf[pcou]_${alphanumeric}{36}`),
  token(
    "fly-token",
    "Fly.io token",
    "critical",
    ["fm1r_", "fm1a_", "fm2_", "fo1_"],
    "(?:fm1[ra]_|fm2_|fo1_)[A-Za-z0-9+/_=,-]{40,1000}"
  ),
  token("render-key", "Render key", "high", ["rnd_"], `rnd_${alphanumeric}{28,40}`, 3.8),
  token(
    "planetscale-token",
    "PlanetScale credential",
    "critical",
    ["pscale_"],
    `pscale_(?:tkn|pw|oauth)_[A-Za-z0-9_.=-]{32,64}`
  ),
  token(
    "supabase-token",
    "Supabase token",
    "critical",
    ["sbp_", "sb_secret_"],
    `(?:sbp_(?:v0_)?${hex}{40}|sb_secret_${url64}{31,40})`
  ),
  token(
    "terraform-token",
    "HCP Terraform token",
    "critical",
    [".atlasv1."],
    `${alphanumeric}{14}\\.atlasv1\\.[A-Za-z0-9_=-]{60,70}`
  ),
  token("pulumi-token", "Pulumi token", "critical", ["pul-"], `pul-${hex}{40}`),
  token(
    "doppler-token",
    "Doppler token",
    "critical",
    ["dp."],
    `dp\\.(?:pt|st|sa|ct|scim|audit)\\.(?:[a-z0-9_-]{2,35}\\.)?${alphanumeric}{40,44}`
  ),
  token("scalingo-token", "Scalingo token", "high", ["tk-us-"], `tk-us-${url64}{48}`),
  token("openshift-token", "OpenShift token", "high", ["sha256~"], `sha256~${url64}{43}`),
  token(
    "sourcegraph-token",
    "Sourcegraph token",
    "high",
    ["sgp_"],
    `sgp_(?:[a-fA-F0-9]{16}_|local_)?[a-fA-F0-9]{40}`
  ),
  // Code and packages
  token("gitlab-token", "GitLab token", "critical", [
    "glrt-",
    "gldt-",
    "glptt-",
    "glft-",
    "glsoat-",
    "glcbt-",
    "glimt-",
    "glagent-",
    "gloas-",
    "glffct-"
  ], `gl(?:rt|dt|ptt|ft|soat|cbt|imt|agent|oas|ffct)-[A-Za-z0-9_.-]{20,100}`),
  token("bitbucket-token", "Bitbucket app password", "critical", ["atbb"], `ATBB${alphanumeric}{32}`),
  token(
    "atlassian-token",
    "Atlassian token",
    "critical",
    ["atatt3", "atctt3", "atstt3"],
    "AT[ACS]TT3[A-Za-z0-9_=-]{180,230}"
  ),
  token(
    "pypi-token",
    "PyPI token",
    "critical",
    ["pypi-ageichlwas5vcmc", "pypi-agend"],
    `pypi-Ag(?:EIcHlwaS5vcmc|ENdGVzdC5weXBpLm9yZw)${url64}{50,1000}`
  ),
  token("rubygems-key", "RubyGems key", "critical", ["rubygems_"], `rubygems_${hex}{48}`),
  token("crates-token", "crates.io token", "critical", ["cio"], `cio${alphanumeric}{32}`, 3.8),
  token("nuget-key", "NuGet key", "critical", ["oy2"], "oy2[a-z0-9]{43}"),
  token("clojars-token", "Clojars token", "high", ["clojars_"], "CLOJARS_[a-z0-9]{60}"),
  token(
    "artifactory-key",
    "Artifactory key",
    "critical",
    ["akcp", "cmvmd"],
    `(?:AKCp${alphanumeric}{69}|cmVmd${alphanumeric}{59})`,
    4
  ),
  token("buildkite-token", "Buildkite token", "high", ["bkua_"], `bkua_${hex}{40}`),
  token("circleci-token", "CircleCI token", "high", ["ccipat_"], `CCIPAT_${alphanumeric}{22}_${hex}{40}`),
  token("sonar-token", "Sonar token", "high", ["sqp_", "squ_", "sqa_"], `sq[pua]_${hex}{40}`),
  token("prefect-key", "Prefect key", "high", ["pnu_"], `pnu_${alphanumeric}{36}`),
  token("postman-key", "Postman key", "high", ["pmak-"], `PMAK-${hex}{24}-${hex}{34}`),
  token("readme-key", "ReadMe key", "medium", ["rdme_"], "rdme_[a-z0-9]{70}"),
  token("launchdarkly-key", "LaunchDarkly key", "medium", ["sdk-", "api-"], `(?:sdk|api)-${uuid}`),
  token(
    "sentry-token",
    "Sentry token",
    "high",
    ["sntrys_", "sntryu_"],
    "(?:sntryu_[0-9a-f]{64}|sntrys_eyJ[A-Za-z0-9+/=_]{80,400})"
  ),
  // Language models
  token(
    "openai-compatible-key",
    "Key of a language model",
    "high",
    ["sk-"],
    `sk-(?:or-v1-${hex}{64}|ant-(?:admin|oat)\\d\\d-${url64}{80,120}|lf-${uuid}|${hex}{32}|proj-${url64}{100,180})`,
    3.3
  ),
  token("replicate-token", "Replicate token", "high", ["r8_"], `r8_${alphanumeric}{37}`),
  token("perplexity-key", "Perplexity key", "high", ["pplx-"], `pplx-${alphanumeric}{40,56}`),
  token("xai-key", "xAI key", "high", ["xai-"], `xai-${alphanumeric}{70,90}`),
  token("pinecone-key", "Pinecone key", "high", ["pcsk_"], `pcsk_${alphanumeric}{5,8}_${alphanumeric}{50,70}`),
  token("langsmith-key", "LangSmith key", "high", ["lsv2_"], `lsv2_(?:pt|sk)_${hex}{32}_${hex}{10}`),
  token("tavily-key", "Tavily key", "medium", ["tvly-"], `tvly-(?:dev-|prod-)?${alphanumeric}{32}`),
  token("cerebras-key", "Cerebras key", "high", ["csk-"], "csk-[a-z0-9]{48}"),
  token("fireworks-key", "Fireworks key", "high", ["fw_"], `fw_${alphanumeric}{22,24}`, 3.8),
  token("elevenlabs-key", "ElevenLabs key", "high", ["sk_"], `sk_${hex}{48}`),
  // Messages and mail
  token("slack-legacy-token", "Slack token", "high", ["xoxe", "xoxs-"], `xox(?:e\\.xox[bp]|e|s)-[0-9A-Za-z-]{20,200}`),
  token("telegram-token", "Telegram bot token", "high", [":aa"], `[0-9]{8,10}:AA${url64}{32,33}`),
  token(
    "discord-token",
    "Discord bot token",
    "high",
    ["discord", "bot", "login("],
    `(?:M[TDjz]|N[DTjz]|O[DT])${url64}{22,26}\\.${url64}{6}\\.${url64}{27,38}`,
    4
  ),
  {
    id: "discord-webhook",
    name: "Discord webhook",
    severity: "medium",
    keywords: ["/api/webhooks/"],
    pattern:
      "(?P<secret>https://(?:ptb\\.|canary\\.)?discord(?:app)?\\.com/api/webhooks/[0-9]{17,20}/[A-Za-z0-9_-]{60,80})"
  },
  {
    id: "teams-webhook",
    name: "Microsoft Teams webhook",
    severity: "medium",
    keywords: ["webhook.office.com"],
    pattern:
      `(?P<secret>https://[a-z0-9-]+\\.webhook\\.office\\.com/webhookb2/${uuid}@${uuid}/IncomingWebhook/[0-9a-f]{32}/${uuid})`
  },
  token("mailgun-key", "Mailgun key", "high", ["key-"], `key-${hex}{32}`),
  token("mailchimp-key", "Mailchimp key", "high", ["-us"], `${hex}{32}-us[0-9]{1,2}`),
  token("brevo-key", "Brevo key", "high", ["xkeysib-", "xsmtpsib-"], `x(?:key|smtp)sib-${hex}{64}-${alphanumeric}{16}`),
  token("resend-key", "Resend key", "high", ["re_"], `re_${alphanumeric}{6,9}_${alphanumeric}{22,26}`, 3.8),
  token("twilio-key", "Twilio key", "high", [...hexDigits].map((digit) => `sk${digit}`), `SK${hex}{32}`),
  token("hubspot-token", "HubSpot token", "high", ["pat-"], `pat-(?:na|eu|ap)[0-9]-${uuid}`),
  // Money
  token("stripe-webhook-secret", "Stripe webhook secret", "high", ["whsec_"], `whsec_[A-Za-z0-9+/]{32,64}=?`),
  token(
    "square-token",
    "Square token",
    "critical",
    ["sq0", "eaaa"],
    `(?:sq0(?:atp|csp|idp)-${url64}{22,43}|EAAA${url64}{60})`,
    3.5
  ),
  token(
    "braintree-token",
    "Braintree token",
    "critical",
    ["access_token$"],
    `access_token\\$(?:production|sandbox)\\$[0-9a-z]{16}\\$${hex}{32}`
  ),
  token(
    "plaid-token",
    "Plaid token",
    "high",
    ["access-production-", "access-development-"],
    `access-(?:production|development)-${uuid}`
  ),
  token("easypost-key", "EasyPost key", "high", ["ezak", "eztk"], `EZ[AT]K${alphanumeric}{54}`),
  token("shippo-token", "Shippo token", "high", ["shippo_"], `shippo_(?:live|test)_[a-fA-F0-9]{40}`),
  token("duffel-token", "Duffel token", "high", ["duffel_"], `duffel_(?:live|test)_[A-Za-z0-9_=-]{43}`),
  token("flutterwave-key", "Flutterwave key", "high", ["flwseck"], `FLWSECK(?:_TEST)?-[A-Za-z0-9]{12,32}(?:-X)?`),
  // Work
  token("airtable-token", "Airtable token", "high", ["pat"], `pat${alphanumeric}{14}\\.${hex}{64}`),
  token("contentful-token", "Contentful token", "high", ["cfpat-"], `CFPAT-${url64}{43}`),
  token(
    "new-relic-key",
    "New Relic key",
    "high",
    ["nrak-", "nrii-", "nrra-"],
    "(?:NRAK-[A-Z0-9]{27}|NRII-[A-Za-z0-9_-]{32}|NRRA-[a-f0-9]{42})"
  ),
  token("dynatrace-token", "Dynatrace token", "high", ["dt0"], "dt0[a-z][0-9]{2}\\.[A-Z2-7]{24}\\.[A-Z2-7]{64}"),
  token("typeform-token", "Typeform token", "medium", ["tfp_"], `tfp_[A-Za-z0-9_.=-]{40,60}`),
  token("mapbox-token", "Mapbox secret token", "high", ["sk.eyj"], `sk\\.eyJ${url64}{60,200}\\.${url64}{20,30}`),
  token("dropbox-token", "Dropbox token", "high", ["sl."], `sl\\.(?:u\\.)?${url64}{130,1000}`, 4),
  token("facebook-token", "Facebook token", "high", ["eaa"], `EAA[A-Za-z0-9]{100,300}`, 4),
  token(
    "age-key",
    "age secret key",
    "critical",
    ["age-secret-key-1"],
    "AGE-SECRET-KEY-1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}"
  ),
  token(
    "one-password-secret-key",
    "1Password credential",
    "critical",
    ["a3-", "ops_eyj"],
    `(?:A3-[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})(?:-[A-Z0-9]{5}){3}|ops_eyJ[A-Za-z0-9+/]{250,1000}={0,3})`,
    3.8
  ),
  token("jwt", "JSON web token", "medium", ["eyj"], `eyJ${url64}{10,500}\\.eyJ${url64}{10,1000}\\.${url64}{20,700}`, 4),
  {
    id: "private-key",
    name: "Private key",
    severity: "critical",
    keywords: ["private key", "putty-user-key-file"],
    multiline: true,
    // With what it holds, on lines of its own or in one text: a header alone gives nothing away.
    pattern:
      "(?P<secret>-----BEGIN (?:[A-Z0-9]{2,10} ){0,2}PRIVATE KEY(?: BLOCK)?-----(?:\\s|\\\\n|\\\\r|[\"'+,]|(?:Proc-Type|DEK-Info|Version|Comment): ?[^\\n]{0,100})+[A-Za-z0-9+/=]{40,}"
      + "|PuTTY-User-Key-File-[23]: [^\\n]{1,60}\\n)"
  }
]

/** Values that only the name beside them tells of. */
const byName: ReadonlyArray<ScanRule> = [
  named("datadog-key", "Datadog key", "high", ["datadog", "dd_(?:api|app)"], `(?:${hex}{40}|${hex}{32})`),
  named("twilio-token", "Twilio token", "high", ["twilio"], `${hex}{32}`),
  named("cloudflare-key", "Cloudflare key", "high", ["cloudflare", "cf_api"], `(?:${url64}{40}|${hex}{37})`),
  named("heroku-uuid", "Heroku key", "high", ["heroku"], uuid),
  named("okta-token", "Okta token", "high", ["okta"], `00${url64}{40}`),
  named("algolia-key", "Algolia key", "medium", ["algolia"], `${hex}{32}`),
  named("fastly-key", "Fastly key", "high", ["fastly"], `${url64}{32}`),
  named("pagerduty-key", "PagerDuty key", "medium", ["pagerduty", "pager_duty"], `[A-Za-z0-9_+-]{20}`),
  named(
    "mistral-key",
    "Key of a language model",
    "high",
    ["mistral", "cohere", "deepgram", "together"],
    `(?:${hex}{64}|${hex}{40}|${alphanumeric}{32}|${alphanumeric}{40})`
  ),
  named(
    "aws-secret-key",
    "AWS secret access key",
    "critical",
    ["aws.{0,20}secret", "secret.?access.?key"],
    "[A-Za-z0-9/+]{40}"
  )
]

const word =
  "(?:passwd|password|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|auth[_-]?key|private[_-]?key|encryption[_-]?key|signing[_-]?key|credentials?)"
const words = [
  ...["passw", "passphrase", "pwd", "secret", "token", "credential"],
  ...["api", "access", "auth", "private", "encryption", "signing"].flatMap((one) =>
    ["", "_", "-"].map((sign) => `${one}${sign}key`)
  )
]

const generic: ReadonlyArray<ScanRule> = [
  {
    id: "password-in-url",
    name: "Password in a url",
    severity: "high",
    keywords: ["://"],
    pattern:
      "\\b[a-z][a-z0-9+.-]{1,15}://[^\\s:@/\"'<>{}$]{0,60}:(?P<secret>[^\\s:@/\"'<>{}$*\\\\]{6,200})@[a-zA-Z0-9.-]{3,}",
    entropy: 2.8,
    generic: true
  },
  {
    id: "assigned-secret",
    name: "Secret assigned in code",
    severity: "medium",
    keywords: words,
    ignoreCase: true,
    pattern: `${word}["'\\]]{0,2}\\s{0,4}(?::=|=>|[:=])\\s{0,4}["'\`](?P<secret>[^"'\`\\s]{12,120})["'\`]`,
    entropy: 3.2,
    generic: true
  },
  {
    id: "unquoted-secret",
    name: "Secret in a file of settings",
    severity: "medium",
    path:
      "(?i)(?:^|/)(?:\\.env[^/]*|[^/]*\\.env|\\.envrc|[^/]*\\.(?:properties|ini|cfg|conf|sh|bash|zsh|fish|ps1|cmd|bat|service|tfvars)|[^/]*Dockerfile[^/]*|[^/]*\\.dockerfile|Procfile|credentials)$",
    keywords: words,
    ignoreCase: true,
    pattern:
      `^\\s{0,20}(?:(?:export|set|env|arg|setx)\\s{1,4}|\\$env:)?[\\w.-]{0,80}${word}[\\w.-]{0,20}\\s{0,4}[=:]\\s{0,4}(?P<secret>[^\\s"'\`$<>(){}\\[\\]%;]{10,200})(?:\\s|$)`,
    entropy: 3.2,
    generic: true
  },
  {
    id: "yaml-secret",
    name: "Secret in YAML",
    severity: "medium",
    path: "(?i)\\.ya?ml$",
    keywords: words,
    ignoreCase: true,
    pattern:
      `^\\s{0,80}(?:- )?["']?[\\w.-]{0,80}${word}["']?\\s{0,4}:\\s{1,4}["']?(?P<secret>[^\\s"'\`$<>(){}\\[\\]&*!|]{10,200})["']?\\s{0,10}(?:#.*)?$`,
    entropy: 3.2,
    generic: true
  },
  {
    id: "xml-secret",
    name: "Secret in XML",
    severity: "medium",
    keywords: ["password>", "secret>", "token>", "apikey>"],
    ignoreCase: true,
    pattern: "<(?:[\\w.-]{0,40})(?:password|secret|token|apikey)>(?P<secret>[^<>\\s${}]{8,200})</",
    entropy: 3.2,
    generic: true
  },
  {
    id: "authorization-header",
    name: "Credential of a request",
    severity: "medium",
    keywords: ["authorization"],
    ignoreCase: true,
    pattern:
      "authorization[\"']?\\s{0,2}[:=,]\\s{0,2}[\"'`]?(?:basic|bearer|token)\\s{1,2}(?P<secret>[A-Za-z0-9+/=_.~-]{20,400})",
    entropy: 3.6,
    generic: true
  },
  {
    id: "netrc-password",
    name: "Password of .netrc",
    severity: "high",
    path: "(?:^|/)[._]netrc$",
    keywords: ["password"],
    pattern: "\\bpassword\\s{1,4}(?P<secret>\\S{6,200})",
    generic: true
  },
  {
    id: "docker-login",
    name: "Login of a registry",
    severity: "high",
    path: "(?:^|/)(?:\\.docker/config\\.json|\\.dockercfg|\\.dockerconfigjson|auth\\.json)$",
    keywords: ["\"auth\""],
    pattern: "\"auth\"\\s{0,4}:\\s{0,4}\"(?P<secret>[A-Za-z0-9+/]{16,400}={0,2})\"",
    generic: true
  },
  {
    id: "connection-string",
    name: "Password of a connection string",
    severity: "high",
    keywords: ["password=", "pwd="],
    ignoreCase: true,
    pattern:
      "(?:server|host|data source|uid|user(?: id|name)?)=[^;\"'\\n]{1,100};(?:[^\"'\\n]{0,200};)?\\s{0,2}(?:password|pwd)=(?P<secret>[^;\"'\\s${}<>]{8,100})",
    entropy: 2.8,
    generic: true
  }
]

/** Rules of our own. */
export const builtInRules: ReadonlyArray<ScanRule> = [...tokens, ...byName, ...generic]

/** What is no secret, whatever rule finds it: examples, variables, and of the generic rules what looks like words. */
export const builtInAllowLists: ReadonlyArray<AllowList> = [
  {
    stopwords: [
      "example",
      "changeme",
      "change-me",
      "change_me",
      "placeholder",
      "xxxxxx",
      "abcdefghijklmnopqrstuvwxyz",
      "redacted",
      "your_",
      "your-",
      "dummy"
    ]
  },
  {
    // What is repeated or counted through is nothing that a generator makes.
    regexes: ["0{8}|1{8}|\\*{4}|\\.{4}|(?i:x{6})"]
  },
  // The example of jwt.io, which documents and tests copy.
  { rules: ["jwt"], stopwords: ["eyJzdWIiOiIxMjM0NTY3ODkwIiwi"] },
  {
    rules: [...generic.map(({ id }) => id), ...byName.map(({ id }) => id)],
    regexes: [
      // Words, paths, names and constants. What a generator of passwords makes has a digit.
      "^[^0-9]+$",
      "0123456|1234567",
      "^[0-9.:/-]+$",
      "^[a-z]+(?:[-_.:/](?:[a-z]+|[0-9]{1,4}))*[0-9]{0,3}$",
      "^[A-Z]+(?:[-_.][A-Z]+)*[0-9]{0,3}$",
      "^(?i:https?|file|data|urn|node|npm):",
      "^\\.{0,2}/",
      "^(?i)(?:user|pass|password|secret|token|test|foo|key|admin|root|guest)[-_]?(?:word)?[0-9]{0,4}…?$",
      "[\\\\]u[0-9a-f]{4}",
      "[(){}]|\\$\\{|%s|=>"
    ]
  }
]
