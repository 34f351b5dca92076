/**
 * A hundred fake secrets of formats that services document, each on a line such as people commit. Values are drawn by a seed and put
 * together at run time: no file holds one. A seed has split them in two before there was any rule: rules are written against `first`,
 * and `second` says what they find of formats that they were not written against.
 */

/** One secret and where it stands. */
export interface Plant {
  readonly id: string
  readonly file: string
  readonly text: string
  /** What must be found; it is somewhere in `text`. */
  readonly secret: string
}

/** Mulberry32: small, seeded, the same everywhere. */
const random = (seed: number) => () => {
  seed = (seed + 0x6d2b79f5) | 0
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296
}

const digits = "0123456789"
const hex = `${digits}abcdef`
const upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
const lower = upper.toLowerCase()
const alphanumeric = `${upper}${lower}${digits}`
const base32 = `${upper}234567`
const base64 = `${alphanumeric}+/`
const url64 = `${alphanumeric}-_`

type Draw = (alphabet: string, length: number) => string
type Format = readonly [id: string, file: string, make: (draw: Draw) => readonly [text: string, secret: string]]

/** The secret on its line: `§` stands for it. */
const on = (line: string, ...parts: ReadonlyArray<string>): readonly [string, string] => {
  const secret = parts.join("")
  return [line.replace("§", () => secret), secret]
}

const pem = (draw: Draw, kind: string, lines: number): readonly [string, string] => {
  const body = Array.from({ length: lines }, () => draw(base64, 64)).join("\n")
  const begin = ["-----BEG", "IN ", kind, "PRIV", "ATE KEY-----"].join("")
  return [`${begin}\n${body}\n${begin.replace("BEGIN", "END")}\n`, begin]
}

const uuid = (draw: Draw): string => [8, 4, 4, 4, 12].map((length) => draw(hex, length)).join("-")

const formats: ReadonlyArray<Format> = [
  ["aws-id", "deploy.sh", (d) => on("export AWS_ACCESS_KEY_ID=§", "AK", "IA", d(base32, 16))],
  ["aws-secret", "credentials", (d) => on("aws_secret_access_key = §", d(base64, 40))],
  ["aws-temporary", "ci.yml", (d) => on("  access_key: '§'", "AS", "IA", d(base32, 16))],
  ["aws-bedrock", ".env", (d) => on("AWS_BEARER_TOKEN_BEDROCK=§", "AB", "SK", d(base64, 128), "=")],
  ["gcp-api-key", "map.js", (d) => on("const key = \"§\"", "AI", "za", d(url64, 35))],
  ["gcp-oauth-secret", "client.json", (d) => on("{\"client_secret\": \"§\"}", "GOC", "SPX-", d(url64, 28))],
  ["gcp-service-account", "sa.json", (d) => {
    const [key, begin] = pem(d, "", 24)
    return [`{"type": "service_account", "private_key": "${key.replaceAll("\n", "\\n")}"}`, begin]
  }],
  [
    "azure-storage",
    "appsettings.json",
    (d) => on("\"cs\": \"DefaultEndpointsProtocol=https;AccountName=a;AccountKey=§;\"", d(base64, 86), "==")
  ],
  ["azure-client-secret", "main.tf", (d) => on("client_secret = \"§\"", d(alphanumeric, 3), "8Q", "~", d(url64, 34))],
  ["azure-devops", "pipeline.ps1", (d) => on("$pat = \"§\"", d(alphanumeric, 76), "AZ", "DO", d(alphanumeric, 4))],
  ["azure-sas", "upload.py", (d) => on("url = base + '?sv=2022-11-02&sp=rwl&sig=§'", d(alphanumeric, 43), "%3D")],
  ["github-classic", ".netrc", (d) => on("machine api.github.com login x password §", "gh", "p_", d(alphanumeric, 36))],
  ["github-oauth", "auth.rb", (d) => on("TOKEN = '§'", "gh", "o_", d(alphanumeric, 36))],
  ["github-app", "log.txt", (d) => on("using § for the clone", "gh", "s_", d(alphanumeric, 36))],
  ["github-fine", ".env.local", (d) => on("GH=§", "github", "_pat_", d(alphanumeric, 22), "_", d(alphanumeric, 59))],
  ["gitlab-pat", "config.toml", (d) => on("token = \"§\"", "gl", "pat-", d(url64, 20))],
  ["gitlab-runner", "runner.toml", (d) => on("  token = \"§\"", "gl", "rt-", d(url64, 20))],
  ["gitlab-trigger", "trigger.sh", (d) => on("curl -F token=§ -F ref=main", "gl", "ptt-", d(hex, 40))],
  ["gitlab-deploy", "pull.sh", (d) => on("docker login -u u -p § registry", "gl", "dt-", d(url64, 20))],
  [
    "slack-bot",
    "bot.py",
    (d) => on("client = WebClient(\"§\")", "xo", "xb-", d(digits, 12), "-", d(digits, 13), "-", d(alphanumeric, 24))
  ],
  [
    "slack-user",
    "x.env",
    (d) => on("S=§", "xo", "xp-", d(digits, 12), "-", d(digits, 12), "-", d(digits, 13), "-", d(hex, 32))
  ],
  [
    "slack-app",
    "socket.ts",
    (d) => on("appToken: '§',", "xa", "pp-1-A", d(upper + digits, 10), "-", d(digits, 13), "-", d(hex, 64))
  ],
  [
    "slack-webhook",
    "notify.sh",
    (d) =>
      on(
        "curl -X POST §",
        "https://hooks.sl",
        "ack.com/services/T",
        d(upper + digits, 9),
        "/B",
        d(upper + digits, 10),
        "/",
        d(alphanumeric, 24)
      )
  ],
  ["stripe-secret", "pay.php", (d) => on("\\Stripe\\Stripe::setApiKey('§');", "sk_", "live_", d(alphanumeric, 99))],
  ["stripe-restricted", "pay.go", (d) => on("stripe.Key = \"§\"", "rk_", "live_", d(alphanumeric, 24))],
  ["stripe-webhook", ".env.production", (d) => on("STRIPE_WEBHOOK=§", "wh", "sec_", d(alphanumeric, 32))],
  ["npm-token", ".npmrc", (d) => on("//packages.acme.dev/:_authToken=§", "np", "m_", d(alphanumeric, 36))],
  ["pypi-token", ".pypirc", (d) => on("password = §", "py", "pi-AgEIcHlwaS5vcmc", d(url64, 120))],
  ["rubygems", "credentials.yml", (d) => on(":rubygems_api_key: §", "ruby", "gems_", d(hex, 48))],
  ["crates-io", "cargo.toml", (d) => on("token = \"§\"", "ci", "o", d(alphanumeric, 32))],
  ["nuget", "push.cmd", (d) => on("nuget push x.nupkg § -Source nuget.org", "oy", "2", d(lower + digits, 43))],
  [
    "openai-project",
    "ask.py",
    (d) => on("OpenAI(api_key=\"§\")", "sk-", "proj-", d(url64, 74), "T3Bl", "bkFJ", d(url64, 74))
  ],
  [
    "openai-old",
    ".envrc",
    (d) => on("export K=§", "sk", "-", d(alphanumeric, 20), "T3Bl", "bkFJ", d(alphanumeric, 20))
  ],
  ["anthropic", "agent.ts", (d) => on("new Anthropic({ apiKey: '§' })", "sk-", "ant-api03-", d(url64, 93), "AA")],
  ["hugging-face", "train.ipynb", (d) => on("   \"login(token='§')\\n\",", "h", "f_", d(upper + lower, 34))],
  ["groq", "chat.js", (d) => on("const groq = new Groq({ apiKey: \"§\" })", "gs", "k_", d(alphanumeric, 52))],
  ["replicate", "run.sh", (d) => on("REPLICATE=§ ./run", "r", "8_", d(alphanumeric, 37))],
  ["perplexity", "p.py", (d) => on("headers = {'Authorization': 'Bearer §'}", "pp", "lx-", d(alphanumeric, 48))],
  ["openrouter", "config.yaml", (d) => on("api: §", "sk-", "or-v1-", d(hex, 64))],
  ["xai", "grok.env", (d) => on("XAI=§", "xa", "i-", d(alphanumeric, 80))],
  [
    "pinecone",
    "index.py",
    (d) => on("pc = Pinecone(\"§\")", "pc", "sk_", d(alphanumeric, 6), "_", d(alphanumeric, 63))
  ],
  ["langsmith", "trace.env", (d) => on("LS=§", "ls", "v2_pt_", d(hex, 32), "_", d(hex, 10))],
  ["sendgrid", "mail.js", (d) => on("sgMail.setApiKey('§')", "S", "G.", d(url64, 22), ".", d(url64, 43))],
  ["mailgun", "mail.rb", (d) => on("mailgun_key = '§'", "ke", "y-", d(hex, 32))],
  ["mailchimp", "list.php", (d) => on("$mc = new MailChimp('§');", d(hex, 32), "-us", "12")],
  [
    "brevo",
    "send.py",
    (d) => on("configuration.api_key['api-key'] = '§'", "xkey", "sib-", d(hex, 64), "-", d(alphanumeric, 16))
  ],
  ["twilio", "sms.py", (d) => on("auth_token = \"§\"", d(hex, 32))],
  ["twilio-key", "sms.js", (d) => on("const twilioKey = '§'", "S", "K", d(hex, 32))],
  ["telegram", "tg.py", (d) => on("bot = telebot.TeleBot('§')", d(digits, 10), ":AA", d(url64, 33))],
  ["discord-bot", "bot.js", (d) => on("client.login('§')", "MT", d(url64, 24), ".", d(url64, 6), ".", d(url64, 38))],
  [
    "discord-webhook",
    "post.sh",
    (d) => on("curl §", "https://disc", "ord.com/api/webhooks/", d(digits, 18), "/", d(url64, 68))
  ],
  ["shopify", "shop.rb", (d) => on("access_token: '§'", "shp", "at_", d(hex, 32))],
  ["square", "square.py", (d) => on("Client(access_token='§')", "EAA", "AE", d(url64, 59))],
  [
    "braintree",
    "bt.rb",
    (d) => on("token = '§'", "access_token$", "production$", d(lower + digits, 16), "$", d(hex, 32))
  ],
  ["digitalocean", "do.tf", (d) => on("token = \"§\"", "do", "p_v1_", d(hex, 64))],
  ["heroku", "deploy.yml", (d) => on("heroku_api_key: §", "HRKU", "-AA", d(url64, 58))],
  ["netlify", "site.sh", (d) => on("netlify deploy --auth §", "nf", "p_", d(alphanumeric, 36))],
  ["cloudflare", "wrangler.sh", (d) => on("CLOUDFLARE_API_TOKEN=§ wrangler deploy", d(url64, 40))],
  ["fly", "fly.yml", (d) => on("  FLY: \"FlyV1 §\"", "fm", "2_", d(base64, 160))],
  ["linear", "issues.ts", (d) => on("new LinearClient({ apiKey: '§' })", "li", "n_api_", d(alphanumeric, 40))],
  [
    "notion",
    "pages.ts",
    (d) => on("const notion = new Client({ auth: '§' })", "nt", "n_", d(digits, 11), d(alphanumeric, 35))
  ],
  ["airtable", "base.js", (d) => on("new Airtable({apiKey: '§'})", "pa", "t", d(alphanumeric, 14), ".", d(hex, 64))],
  ["atlassian", "jira.sh", (d) => on("curl -u me@x.org:§ https://x.atlassian.net", "AT", "ATT3", d(url64, 186))],
  ["bitbucket", "bb.sh", (d) => on("git clone https://u:§@bitbucket.org/a/b", "AT", "BB", d(alphanumeric, 32))],
  ["figma", "design.ts", (d) => on("'X-Figma-Token': '§'", "fi", "gd_", d(url64, 40))],
  ["datadog", "dd.yaml", (d) => on("datadog_api_key: §", d(hex, 32))],
  ["new-relic", "nr.yml", (d) => on("  key: §", "NR", "AK-", d(upper + digits, 27))],
  [
    "grafana-service",
    "dash.sh",
    (d) => on("H='Authorization: Bearer §'", "gl", "sa_", d(alphanumeric, 32), "_", d(hex, 8))
  ],
  ["grafana-cloud", "alloy.hcl", (d) => on("password = \"§\"", "gl", "c_", d(base64, 80), "=")],
  [
    "sentry-org",
    "sentry.properties",
    (d) => on("auth.token=§", "sn", "trys_eyJpYXQiO", d(base64, 60), "=_", d(alphanumeric, 43))
  ],
  ["sentry-user", "release.sh", (d) => on("sentry-cli --auth-token § releases", "sn", "tryu_", d(hex, 64))],
  ["dynatrace", "dt.env", (d) => on("DT=§", "dt", "0c01.", d(base32, 24), ".", d(base32, 64))],
  ["databricks", "job.py", (d) => on("connect(access_token=\"§\")", "da", "pi", d(hex, 32))],
  ["planetscale", "db.env", (d) => on("PS=§", "psca", "le_tkn_", d(url64, 43))],
  ["supabase", "supabase.sh", (d) => on("supabase login --token §", "sb", "p_", d(hex, 40))],
  [
    "mongodb-uri",
    "db.js",
    (d) => on("mongoose.connect('mongodb+srv://app:§@c0.ab1cd.mongodb.net/x')", d(alphanumeric, 16))
  ],
  ["postgres-uri", "settings.py", (d) => on("DB = 'postgresql://app:§@db.internal:5432/app'", d(alphanumeric, 14))],
  ["redis-uri", "cache.yml", (d) => on("url: redis://:§@10.0.0.5:6379/0", d(alphanumeric, 20))],
  [
    "jdbc",
    "application.properties",
    (d) => on("spring.datasource.password=§", d(alphanumeric, 12), "!", d(alphanumeric, 4))
  ],
  ["vault", "vault.hcl", (d) => on("token = \"§\"", "hv", "s.", d(url64, 95))],
  [
    "terraform-cloud",
    ".terraformrc",
    (d) => on("credentials \"app.terraform.io\" { token = \"§\" }", d(alphanumeric, 14), ".atlas", "v1.", d(url64, 67))
  ],
  ["doppler", "doppler.sh", (d) => on("doppler run --token §", "dp", ".st.prd.", d(alphanumeric, 43))],
  ["one-password", "op.env", (d) => on("OP=§", "op", "s_eyJ", d(alphanumeric, 300))],
  ["age", "key.txt", (d) => on("§", "AGE-SEC", "RET-KEY-1", d("QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58))],
  ["pulumi", "pulumi.yml", (d) => on("PULUMI: §", "pu", "l-", d(hex, 40))],
  ["docker", "login.sh", (d) => on("echo § | docker login --password-stdin", "dckr", "_pat_", d(url64, 27))],
  ["artifactory", "settings.xml", (d) => on("<password>§</password>", "AK", "Cp", d(alphanumeric, 69))],
  [
    "tailscale",
    "up.sh",
    (d) => on("tailscale up --authkey §", "ts", "key-auth-", d(alphanumeric, 12), "CNTRL-", d(alphanumeric, 32))
  ],
  ["launchdarkly", "flags.ts", (d) => on("init('§')", "sd", "k-", uuid(d))],
  ["okta", "okta.yaml", (d) => on("  okta_token: §", "0", "0", d(url64, 40))],
  ["jwt", "curl.sh", (d) => on("Bearer §", "ey", "JhbGciOiJIUzI1NiJ9.ey", "J", d(url64, 60), ".", d(url64, 43))],
  ["hubspot", "crm.ts", (d) => on("accessToken: '§'", "pa", "t-na1-", uuid(d))],
  ["postman", "pm.sh", (d) => on("newman --key §", "PM", "AK-", d(hex, 24), "-", d(hex, 34))],
  ["unquoted-env", ".env.staging", (d) => on("DATABASE_PASSWORD=§", d(alphanumeric, 18))],
  ["yaml-password", "values.yaml", (d) => on("  password: §", d(alphanumeric, 10), "#", d(alphanumeric, 6))],
  ["json-password", "config.json", (d) => on("\"dbPassword\": \"§\",", d(alphanumeric, 16))],
  ["docker-arg", "Dockerfile", (d) => on("ENV API_SECRET=§", d(alphanumeric, 32))],
  ["basic-header", "api.http", (d) => on("Authorization: Basic §", btoa(`admin:${d(alphanumeric, 20)}`))],
  ["ssh-key", "id_ed25519", (d) => pem(d, "OPENSSH ", 6)],
  ["ec-key", "server.key", (d) => pem(d, "EC ", 3)]
]

const plants: ReadonlyArray<Plant> = formats.map(([id, file, make], index) => {
  const next = random(0x5eed + index)
  const [text, secret] = make((alphabet, length) =>
    Array.from({ length }, () => alphabet[Math.floor(next() * alphabet.length)] ?? "").join("")
  )
  return { id, file: `${id}/${file}`, text: `${text}\n`, secret }
})

const shuffled = plants.map((plant, index) => [random(20_261_130 + index)(), plant] as const)
  .toSorted(([a], [b]) => a - b).map(([, plant]) => plant)

/** What rules are written against. */
export const first: ReadonlyArray<Plant> = shuffled.slice(0, shuffled.length / 2)

/** What they are judged by. */
export const second: ReadonlyArray<Plant> = shuffled.slice(shuffled.length / 2)
