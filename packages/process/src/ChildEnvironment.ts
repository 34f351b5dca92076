/**
 * Wraps the platform: reads `process.env`, because what a child inherits is a property of the running program.
 *
 * The environment of a child: an allow-list of what this program has, plus what the endpoint states. Tokens and keys of
 * this program are not handed to every server that it starts.
 *
 * Promises: a variable outside the list reaches the child only if stated, or with `inheritEnv`; what is stated wins.
 *
 * Gotcha: `http_proxy` and `HTTP_PROXY` are two variables.
 *
 * @example
 * ```ts
 * import * as ChildEnvironment from "@holdfast/process/ChildEnvironment"
 *
 * export const environment = ChildEnvironment.make({ env: { LOG_LEVEL: "debug" } })
 * ```
 */
import process from "node:process"

/** What decides a child's environment. */
export interface ChildEnvironmentOptions {
  /** Stated by the endpoint; wins over what is inherited. */
  readonly env?: Readonly<Record<string, string>>
  /** Inherit everything instead of the allow-list. Default: false. */
  readonly inheritEnv?: boolean
  /** What there is to inherit, for a program that starts children in the place of others. Default: this program's environment. */
  readonly parentEnv?: Readonly<Record<string, string | undefined>>
}

/**
 * The complete environment for a child of this program.
 */
export const make = (options: ChildEnvironmentOptions = {}): Record<string, string> =>
  select(options.parentEnv ?? process.env, options)

/**
 * Like `make`, for a given parent environment.
 */
export const select = (
  parent: Readonly<Record<string, string | undefined>>,
  options: ChildEnvironmentOptions = {}
): Record<string, string> => {
  const chosen = new Map<string, string>()
  for (const [name, value] of Object.entries(parent)) {
    if (value !== undefined && (options.inheritEnv === true || isAllowed(name))) chosen.set(name, value)
  }
  for (const [name, value] of Object.entries(options.env ?? {})) {
    chosen.set(name, value)
  }
  return Object.fromEntries(chosen)
}

// sudo's default list, as the MCP SDKs have it, and what a server needs to speak the user's language, find its files and
// get through the company's proxy.
const names = new Set([
  "HOME",
  "LOGNAME",
  "PATH",
  "SHELL",
  "TERM",
  "USER",
  "LANG",
  "TZ",
  "TMPDIR",
  "NODE_EXTRA_CA_CERTS"
])

const isAllowed = (name: string): boolean =>
  names.has(name) ||
  name.startsWith("LC_") ||
  name.startsWith("XDG_") ||
  name.startsWith("SSL_CERT_") ||
  name.endsWith("_PROXY") ||
  name.endsWith("_proxy")
