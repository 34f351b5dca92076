/**
 * Which scenarios of the conformance suite our client is put through, and what is expected of it.
 *
 * An entry is expected to pass unless it says why not. What is not run at all is listed too, by the reason.
 */

export interface Condition {
  readonly scenario: string
  /** `extension`: of no revision. */
  readonly revision: "2025-03-26" | "2025-11-25" | "2026-07-28" | "extension"
  /** Why it fails today. */
  readonly expected?: string
}

export interface NotRun {
  /** For people. */
  readonly scenarios: string
  readonly matches: RegExp
  readonly reason: string
}

const noIssuer = "the SDK's OAuth does not compare the issuer of what it is told (RFC 9207, RFC 8414)"

export const conditions: ReadonlyArray<Condition> = [
  { scenario: "initialize", revision: "2025-11-25" },
  { scenario: "tools_call", revision: "2025-11-25" },
  { scenario: "sse-retry", revision: "2025-11-25" },
  { scenario: "elicitation-sep1034-client-defaults", revision: "2025-11-25" },
  { scenario: "json-schema-2020-12-preservation", revision: "2025-11-25" },
  { scenario: "tools_call", revision: "2026-07-28" },
  { scenario: "request-metadata", revision: "2026-07-28" },
  { scenario: "sep-2322-client-request-state", revision: "2026-07-28" },
  { scenario: "http-standard-headers", revision: "2026-07-28" },
  { scenario: "http-custom-headers", revision: "2026-07-28" },
  { scenario: "http-invalid-tool-headers", revision: "2026-07-28" },
  { scenario: "json-schema-ref-no-deref", revision: "2026-07-28" },
  { scenario: "json-schema-2020-12-preservation", revision: "2026-07-28" },
  ...[
    "metadata-default",
    "metadata-var1",
    "metadata-var2",
    "metadata-var3",
    "basic-cimd",
    "scope-from-www-authenticate",
    "scope-from-scopes-supported",
    "scope-omitted-when-undefined",
    "scope-step-up",
    "scope-retry-limit",
    "token-endpoint-auth-basic",
    "token-endpoint-auth-post",
    "token-endpoint-auth-none",
    "pre-registration"
  ].flatMap((name): Array<Condition> => [
    { scenario: `auth/${name}`, revision: "2025-11-25" },
    { scenario: `auth/${name}`, revision: "2026-07-28" }
  ]),
  { scenario: "auth/2025-03-26-oauth-metadata-backcompat", revision: "2025-03-26" },
  { scenario: "auth/2025-03-26-oauth-endpoint-fallback", revision: "2025-03-26" },
  { scenario: "auth/client-credentials-jwt", revision: "extension" },
  { scenario: "auth/client-credentials-basic", revision: "extension" },
  { scenario: "auth/resource-mismatch", revision: "2026-07-28" },
  { scenario: "auth/offline-access-scope", revision: "2026-07-28" },
  { scenario: "auth/offline-access-not-supported", revision: "2026-07-28" },
  { scenario: "auth/authorization-server-migration", revision: "2026-07-28" },
  { scenario: "auth/iss-supported", revision: "2026-07-28" },
  { scenario: "auth/iss-not-advertised", revision: "2026-07-28" },
  ...["iss-supported-missing", "iss-wrong-issuer", "iss-unexpected", "iss-normalized", "metadata-issuer-mismatch"].map(
    (name): Condition => ({ scenario: `auth/${name}`, revision: "2026-07-28", expected: noIssuer })
  )
]

export const notRun: ReadonlyArray<NotRun> = [
  {
    scenarios: "auth/enterprise*, dpop*, wif*",
    matches: /^auth\/(enterprise-managed-authorization|dpop|dpop-nonce|wif-jwt-bearer)$/,
    reason: "extensions that the SDK's OAuth does not have"
  },
  {
    scenarios: "sep-2640-*",
    matches: /^sep-2640-/,
    reason: "an extension (skills) that this client does not have"
  }
]
