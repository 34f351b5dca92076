/**
 * Credentials for HTTP servers that ask for them: a bearer token from OAuth (the SDK's `OAuthClientProvider`) or from a source
 * of your own, renewed when the server refuses it.
 *
 * What it promises:
 * - one renewal at a time per authorizer, however many requests of however many connections are refused at once: all wait for
 *   it and go on with its token. One that gives up waiting disturbs no other;
 * - a request refused with a token that has been replaced meanwhile, by us or by another process that shares the provider's
 *   store, costs no renewal: a refresh token that rotates is never spent twice;
 * - an authorization server that is out of order costs no credentials and opens no browser; only a refusal does;
 * - a server that refuses a token it has just been issued is not asked in circles;
 * - tokens appear in no message.
 *
 * **Gotchas**: the SDK is loaded when a server asks for OAuth the first time, and only then. A provider must store what it is given
 * unchanged.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/authorization
 */
import * as Clock from "effect/Clock"
import * as Config from "effect/Config"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { AuthorizationRefused } from "./AuthorizationRefused.ts"
import type { AuthorizationHeaders, HttpAuthorizer, HttpChallenge } from "./HttpAuthorizer.ts"
import { missingVariable } from "./internal/config/missingVariable.ts"
import { scopedFork } from "./internal/link/scopedFork.ts"
import { parseChallenge } from "./internal/sdk/challenge.ts"
import type {
  OAuthClientInformation,
  OAuthClientMetadata,
  OAuthClientProvider,
  OAuthDiscoveryState,
  OAuthTokens
} from "./internal/sdk/OAuthClientProvider.ts"
import { storedToken } from "./internal/sdk/storedToken.ts"

export {
  type AuthorizationHeaders,
  AuthorizationRefused,
  type HttpAuthorizer,
  type HttpChallenge,
  type OAuthClientInformation,
  type OAuthClientMetadata,
  type OAuthClientProvider,
  type OAuthDiscoveryState,
  type OAuthTokens
}

/** An authorizer whose user may have to act. */
export interface OAuthAuthorizer extends HttpAuthorizer {
  /** Ends what `redirectToAuthorization` began: exchanges the code of the redirection for tokens. */
  readonly finish: (authorizationCode: Redacted.Redacted) => Effect.Effect<void, AuthorizationRefused>
}

/** How tokens are obtained for one MCP server. */
export interface OAuthOptions {
  /** The url of the MCP server, which says where its authorization server is. */
  readonly serverUrl: string | URL
  /** The SDK's interface, where tokens are kept and the user is sent. */
  readonly provider: OAuthClientProvider
  /** The identity that acts, in the connection's key. Default: one of its own for every authorizer, so that two never share a connection. */
  readonly identity?: string | undefined
  /** How long one renewal may take, discovery included. Default: 30 seconds. */
  readonly timeout?: Duration.Input | undefined
}

/**
 * An authorizer over an OAuth provider, as the SDK's own transports take it. The Scope ends what is under way.
 *
 * @example
 * ```ts
 * import * as OAuth from "@holdfast/mcp/OAuth"
 * import { ClientCredentialsProvider } from "@modelcontextprotocol/sdk/client/auth-extensions.js"
 *
 * const authorizer = OAuth.make({
 *   serverUrl: "https://example.org/mcp",
 *   provider: new ClientCredentialsProvider({ clientId: "me", clientSecret: "…" })
 * })
 * ```
 */
export const make = Effect.fnUntraced(function*(
  options: OAuthOptions
): Effect.fn.Return<OAuthAuthorizer, never, Scope.Scope> {
  const { provider, timeout = "30 seconds" } = options
  const serverUrl = String(options.serverUrl)
  const stored = storedToken(provider)
  const current = Effect.map(stored, ({ token }) => token)
  const round = (
    details: { readonly scope?: string; readonly resourceMetadataUrl?: URL; readonly authorizationCode?: string }
  ) =>
    Effect.tryPromise({
      try: () => import("./internal/sdk/authorize.ts"),
      catch: (thrown) =>
        new AuthorizationRefused({
          description: `this program's code for OAuth cannot be loaded: ${String(thrown).split("\n")[0]}`
        })
    }).pipe(
      Effect.flatMap(({ authorize }) => authorize({ provider, serverUrl, ...details })),
      within(timeout)
    )
  /** What was asked for last: the code that the user comes back with is exchanged where it was asked for. */
  let asked: ReturnType<typeof parseChallenge> = {}
  let issued:
    | { readonly token: string | undefined; readonly scope: string | undefined; readonly at: number }
    | undefined
  const renewal = yield* makeRenewal({
    current,
    renew: Effect.fnUntraced(function*({ sent, wwwAuthenticate }) {
      const details = parseChallenge(wwwAuthenticate)
      const now = yield* Clock.currentTimeMillis
      if (
        issued !== undefined && issued.token === tokenOf(sent) && issued.scope === details.scope &&
        now - issued.at < freshMillis
      ) {
        return yield* new AuthorizationRefused({ description: "the server refuses a token that was issued just now" })
      }
      const wider = details.error === "insufficient_scope"
        ? { ...details, ...unionOf(asked.scope, (yield* stored).scope, details.scope) }
        : details
      asked = wider
      if ((yield* round(wider)) === "REDIRECT") {
        return yield* new AuthorizationRefused({
          description: "the user has to grant access first: the page for it was given to redirectToAuthorization; " +
            "finish with the code that comes back"
        })
      }
      issued = { token: yield* current, scope: details.scope, at: yield* Clock.currentTimeMillis }
    })
  })
  return {
    identity: options.identity ?? `oauth-${nextIdentity++}`,
    headers: Effect.map(current, bearer),
    onChallenge: (challenge) => {
      if (challenge.status === 401 || parseChallenge(challenge.wwwAuthenticate).error === "insufficient_scope") {
        return renewal.onChallenge(challenge)
      }
      return Effect.fail(new AuthorizationRefused({ description: "the account has no right to this" }))
    },
    finish: (authorizationCode) =>
      Effect.suspend(() => Effect.asVoid(round({ ...asked, authorizationCode: Redacted.value(authorizationCode) })))
  }
})

/** Where a token comes from that is not fetched by OAuth: a file, a vault, the command of a cloud. */
export interface TokenSourceOptions {
  /** Run for the first token, and again when the server refuses the last one. */
  readonly token: Effect.Effect<Redacted.Redacted, unknown>
  /** As for `make`. */
  readonly identity?: string | undefined
  /** How long the source may take. Default: 30 seconds. */
  readonly timeout?: Duration.Input | undefined
}

/**
 * An authorizer over a source of tokens. A token is kept until the server refuses it; a source that answers with the refused one is
 * believed to have no better.
 *
 * @example
 * ```ts
 * import * as OAuth from "@holdfast/mcp/OAuth"
 * import * as Config from "effect/Config"
 *
 * const authorizer = OAuth.fromTokens({ token: Config.Redacted("API_TOKEN") })
 * ```
 */
export const fromTokens = Effect.fnUntraced(function*(
  { identity, timeout = "30 seconds", token }: TokenSourceOptions
): Effect.fn.Return<HttpAuthorizer, never, Scope.Scope> {
  let known: string | undefined
  const fetched = token.pipe(
    Effect.mapError((error) => {
      const why = error instanceof Config.ConfigError ? `: ${missingVariable(error)}` : ""
      return new AuthorizationRefused({ description: `the token source failed${why}` })
    }),
    within(timeout),
    Effect.map((value) => void (known = Redacted.value(value)))
  )
  const renewal = yield* makeRenewal({
    current: Effect.sync(() => known),
    renew: ({ sent }) =>
      Effect.andThen(
        fetched,
        Effect.suspend(() =>
          known === undefined || tokenOf(sent) !== known
            ? Effect.void
            : Effect.fail(
              new AuthorizationRefused({ description: "the token source has no other token than the refused one" })
            )
        )
      )
  })
  return {
    identity: identity ?? `tokens-${nextIdentity++}`,
    headers: Effect.suspend(() =>
      known === undefined
        ? Effect.as(renewal.onChallenge({ status: 401, wwwAuthenticate: undefined, sent: {} }), undefined)
        : Effect.void
    ).pipe(Effect.map(() => bearer(known))),
    onChallenge: (challenge) =>
      challenge.status === 401
        ? renewal.onChallenge(challenge)
        : Effect.fail(new AuthorizationRefused({ description: "the token gives no right to this" }))
  }
})

/** A token that is refused this soon after it was issued is not worth another. */
const freshMillis = 5000

interface RenewalOptions {
  /** The token in force, wherever it came from. */
  readonly current: Effect.Effect<string | undefined, AuthorizationRefused>
  readonly renew: (challenge: HttpChallenge) => Effect.Effect<void, AuthorizationRefused>
}

/**
 * One renewal for all requests that are refused while it runs. It runs in a fiber of its own, because it belongs to all of them: a caller that
 * stops waiting must not stop it for the others.
 */
const makeRenewal = Effect.fnUntraced(function*({ current, renew }: RenewalOptions) {
  const fork = yield* scopedFork
  let flight: Fiber.Fiber<void, AuthorizationRefused> | undefined

  const renewOnce = (challenge: HttpChallenge): Effect.Effect<void, AuthorizationRefused> =>
    Effect.flatMap(current, (token) =>
      // It is renewed already: by another request of ours, or another process with the same store.
      token !== undefined && token !== tokenOf(challenge.sent) ? Effect.void : renew(challenge))

  return {
    onChallenge: (challenge: HttpChallenge): Effect.Effect<"retry", AuthorizationRefused> =>
      Effect.suspend(() => {
        // It begins a turn later: what it wakes up must find it here.
        const joined = flight ?? fork(Effect.andThen(Effect.yieldNow, renewOnce(challenge)))
        if (flight === undefined) {
          flight = joined
          joined.addObserver(() => {
            flight = undefined
          })
        }
        return Fiber.join(joined)
      }).pipe(Effect.as("retry"))
  }
})

const within = (timeout: Duration.Input) => <A>(effect: Effect.Effect<A, AuthorizationRefused>) =>
  Effect.timeoutOrElse(effect, {
    duration: timeout,
    orElse: () =>
      Effect.fail(
        new AuthorizationRefused({
          description: `no token within ${Duration.format(Duration.fromInputUnsafe(timeout))}`
        })
      )
  })

const bearer = (token: string | undefined): AuthorizationHeaders =>
  token === undefined ? {} : { authorization: Redacted.make(`Bearer ${token}`, { label: "authorization" }) }

/**
 * Rights that were granted before are asked for again: the new token replaces the old one.
 *
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/authorization
 */
const unionOf = (...scopes: ReadonlyArray<string | undefined>): { readonly scope?: string } => {
  const all = new Set(scopes.flatMap((scope) => scope?.split(" ") ?? []).filter((scope) => scope !== ""))
  return all.size === 0 ? {} : { scope: [...all].join(" ") }
}

const tokenOf = ({ authorization }: AuthorizationHeaders): string | undefined =>
  authorization === undefined ? undefined : String(Redacted.value(authorization)).replace(/^Bearer /, "")

let nextIdentity = 1
