/**
 * What an HTTP connection asks for credentials: before every request, and again when the server refuses one for them.
 *
 * `OAuth.make` and `OAuth.fromTokens` make authorizers; `Endpoint.http` takes one. Write your own for a scheme that neither knows:
 * whatever it returns is sent, and shown nowhere.
 *
 * @example
 * ```ts
 * import type { HttpAuthorizer } from "@holdfast/mcp/HttpAuthorizer"
 * import { AuthorizationRefused } from "@holdfast/mcp/AuthorizationRefused"
 * import * as Effect from "effect/Effect"
 * import * as Redacted from "effect/Redacted"
 *
 * export const apiKey: HttpAuthorizer = {
 *   identity: "ada",
 *   headers: Effect.succeed({ "x-api-key": Redacted.make("…") }),
 *   onChallenge: () => Effect.fail(new AuthorizationRefused({ description: "the key is refused" }))
 * }
 * ```
 */
import type * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import type { AuthorizationRefused } from "./AuthorizationRefused.ts"

/** A response that asks for other credentials. */
export interface HttpChallenge {
  /** 401, or 403 when more rights are needed. */
  readonly status: number
  /** The response's `WWW-Authenticate`, if it has one. */
  readonly wwwAuthenticate: string | undefined
  /** The headers the refused request was given by `headers`. */
  readonly sent: AuthorizationHeaders
}

/** Names and values of headers. */
export type AuthorizationHeaders = Readonly<Record<string, Redacted.Redacted>>

/** Where credentials come from. */
export interface HttpAuthorizer {
  /** The identity that acts, for sharing: connections of one endpoint and one identity are shared. Never a token. */
  readonly identity: string
  /** For the next request. Empty while there is no token. */
  readonly headers: Effect.Effect<AuthorizationHeaders, AuthorizationRefused>
  /**
   * Succeeds when the request is worth sending again, once, with new `headers`; fails with what to tell the caller. Asked about every
   * 401, and about a 403 that has a `WWW-Authenticate`.
   */
  readonly onChallenge: (challenge: HttpChallenge) => Effect.Effect<"retry", AuthorizationRefused>
}
