/**
 * Tells the principal of a request: by bearer tokens, or a function of your own.
 *
 * An authenticator sees the request and answers with a principal, or refuses. A session belongs to the principal it was opened by; with
 * another one it is not found.
 */
import * as Principal from "@holdfast/protocol/Principal"
import * as Config from "effect/Config"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as Redacted from "effect/Redacted"
import { digestOf } from "./internal/nodeCrypto.ts"
import { McpServerError, ServerOptionInvalid } from "./McpServerError.ts"

/** The request bears no credentials that are any good. Answered 401; 403 when they are good, but not for this. */
export class AuthenticationRefused extends Data.TaggedError("AuthenticationRefused")<{
  readonly status: 401 | 403
  /** For `WWW-Authenticate`. Holds no secret. */
  readonly challenge: string
}> {
  override get message(): string {
    return this.status === 401 ? "the request bears no valid credentials" : "the credentials give no right to this"
  }
}

/** Tells the principal of a request. Fails with `Unauthenticated`; may take ten seconds at most. */
export type Authenticator = (
  request: HttpServerRequest.HttpServerRequest
) => Effect.Effect<Principal.Principal, AuthenticationRefused>

/**
 * Tokens that are known beforehand: principal by principal, or as one secret `name:token,name:token` from the environment. A token
 * without a name has a name made of its digest. Fails with `ServerOptionInvalid` when there is none, or one of less than 16 characters.
 *
 * @example
 * ```ts
 * import * as Authenticator from "@holdfast/server/Authenticator"
 * import * as Config from "effect/Config"
 *
 * const auth = Authenticator.bearerTokens(Config.Redacted("SCAN_TOKENS"))
 * ```
 */
export const bearerTokens = (
  tokens: Config.Config<Redacted.Redacted> | Readonly<Record<string, Redacted.Redacted>>
): Effect.Effect<Authenticator, McpServerError> =>
  Effect.gen(function*() {
    const named = Config.isConfig(tokens)
      ? read(Redacted.value(yield* Effect.catch(tokens, unreadable)))
      : Object.entries(tokens)
    const byDigest = new Map<string, Principal.Principal>()
    for (const [name, token] of named) {
      const value = Redacted.value(token)
      if (value.length < shortestToken) {
        return yield* invalid(`tokens of at least ${shortestToken} characters`, `one of ${value.length} for ${name}`)
      }
      byDigest.set(digestOf(value), Principal.make(name))
    }
    if (byDigest.size === 0) return yield* invalid("at least one token", "none")
    return (request) => {
      const header = request.headers["authorization"]
      const token = /^Bearer +([^\s]+)$/i.exec(header ?? "")?.[1]
      // Looked up by its digest: the time it takes tells nothing of the token.
      const principal = token === undefined ? undefined : byDigest.get(digestOf(token))
      if (principal !== undefined) return Effect.succeed(principal)
      const challenge = `Bearer realm="mcp"${header === undefined ? "" : ", error=\"invalid_token\""}`
      return Effect.fail(new AuthenticationRefused({ status: 401, challenge }))
    }
  })

const shortestToken = 16

const read = (text: string): ReadonlyArray<readonly [string, Redacted.Redacted]> =>
  text.split(",").map((part) => part.trim()).filter((part) => part !== "").map((part) => {
    const colon = part.indexOf(":")
    const token = part.slice(colon + 1)
    return [colon > 0 ? part.slice(0, colon) : `token-${digestOf(token).slice(0, 8)}`, Redacted.make(token)]
  })

const invalid = (expected: string, actual: string): Effect.Effect<never, McpServerError> =>
  Effect.fail(new McpServerError({ reason: new ServerOptionInvalid({ option: "auth", expected, actual }) }))

/** What cannot be read is mostly not there. Words of the configuration's own stay out of it: they may quote what they have found. */
const unreadable = ({ cause }: Config.ConfigError): Effect.Effect<never, McpServerError> =>
  cause._tag === "SchemaError" && cause.issue._tag === "Pointer"
    ? invalid(`tokens in the variable ${cause.issue.path.map(String).join("_")}`, "none: it is not set")
    : invalid("tokens from the configuration", "none: it cannot be read")
