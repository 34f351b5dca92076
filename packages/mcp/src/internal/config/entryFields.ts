/**
 * What an entry of a config may say, under the names of all programs that are read.
 *
 * Each name is one of three kinds: it is read, under whichever of its names; it means nothing here and may stand (a description, which tools a
 * user need not be asked about); or it means something that does not happen here, which is told. Any other name is told, too.
 */

/** The names of the fields that are read. Where an entry has several of them, the first counts. */
export const fields = {
  type: ["type", "transport", "transportType", "transport_type"],
  command: ["command", "cmd"],
  args: ["args", "arguments"],
  env: ["env", "environment"],
  envFile: ["envFile", "env_file"],
  cwd: ["cwd", "workingDirectory", "working_directory", "workdir"],
  url: ["httpUrl", "url", "serverUrl", "server_url", "baseUrl", "base_url", "endpoint", "uri"],
  headers: ["headers", "httpHeaders", "http_headers"],
  bearerTokenEnv: ["bearerTokenEnv", "bearerTokenEnvVar", "bearer_token_env_var"],
  disabled: ["disabled"],
  enabled: ["enabled", "isActive"],
  only: ["enabledTools", "includeTools", "enabled_tools", "include_tools"],
  without: ["disabledTools", "excludeTools", "disabled_tools", "exclude_tools"],
  tools: ["tools"],
  timeout: ["timeout", "timeoutMs", "timeout_ms", "toolTimeout", "tool_timeout_sec"],
  connectTimeout: [
    "connectionTimeout",
    "connectTimeout",
    "startupTimeout",
    "initTimeout",
    "startup_timeout_ms",
    "startup_timeout_sec"
  ],
  protocolVersion: ["protocolVersion", "protocol_version"],
  holdfast: ["holdfast"]
} as const

export type Field = keyof typeof fields

/** Parts that hold some of the fields in an object of their own, and which: all of them, or these. */
export const nested: ReadonlyMap<string, ReadonlyArray<string> | "all"> = new Map<
  string,
  ReadonlyArray<string> | "all"
>([
  ["transport", "all"],
  ["command", "all"],
  ["requestOptions", ["headers"]],
  ["requestInit", ["headers"]]
])

/** Descriptions, and approvals that other programs ask for before a tool runs: none of them changes anything here. */
const free: ReadonlySet<string> = new Set([
  "alwaysAllow",
  "author",
  "autoApprove",
  "autoApproveAll",
  "category",
  "description",
  "displayName",
  "documentation",
  "gallery",
  "homepage",
  "icon",
  "iconPath",
  "icons",
  "id",
  "label",
  "logo",
  "logoUrl",
  "name",
  "note",
  "notes",
  "provider",
  "providerUrl",
  "repository",
  "source",
  "tags",
  "title",
  "trust",
  "version"
])

const oauth =
  "OAuth of a config file is not read; a program gives credentials as LayerOptions.authorizers, a file as headers"
const certificates = "certificates are checked as Node does it; the variable NODE_EXTRA_CA_CERTS names more of them"
const sandbox = "the server runs without a sandbox"
const restarts = "the server is not restarted when files change"

/** Fields with a meaning elsewhere and none here, and the truth instead. */
const elsewhere: ReadonlyMap<string, string> = new Map([
  ["auth", oauth],
  ["authProviderType", oauth],
  ["authentication", oauth],
  ["authorization", oauth],
  ["oauth", oauth],
  ["ca", certificates],
  ["cert", certificates],
  ["insecure", certificates],
  ["rejectUnauthorized", certificates],
  ["tls", certificates],
  ["sandbox", sandbox],
  ["sandboxEnabled", sandbox],
  ["dev", restarts],
  ["watchPaths", restarts],
  ["headersHelper", "no program is asked for headers; a header may say ${NAME}"],
  ["settings", "the settings of an editor's extension are not read"]
])

/** Every name that is read. */
export const readNames: ReadonlyArray<string> = Object.values(fields).flat()

/** The note on a name that is not read; `undefined` when there is nothing to tell. `unknown`: nothing is known of it. */
export const noteOn = (name: string): string | "unknown" | undefined =>
  readNames.includes(name) || free.has(name) ? undefined : elsewhere.get(name) ?? "unknown"
