/**
 * One round of the SDK's OAuth: a token is fetched, refreshed, or the user is sent to where one can be had.
 *
 * What is better here than in the SDK alone: an authorization server that is out of order for a moment does not send the
 * user through the browser again and costs no credentials; every round has an end; and what goes wrong is told without a word of
 * what was sent or received, because that may be a token.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/authorization
 */
import * as Effect from "effect/Effect"
import { isNativeError } from "node:util/types"
import { AuthorizationRefused } from "../../AuthorizationRefused.ts"
import * as LoadedOAuth from "./LoadedOAuth.ts"
import type { OAuthClientProvider } from "./OAuthClientProvider.ts"

export interface Round {
  readonly provider: OAuthClientProvider
  /** The MCP server. */
  readonly serverUrl: string
  readonly resourceMetadataUrl?: URL | undefined
  readonly scope?: string | undefined
  readonly authorizationCode?: string | undefined
}

/** Runs the round to its end: tokens are saved, or the provider has been given the page to send the user to. */
export const authorize = (
  round: Round,
  load: Effect.Effect<LoadedOAuth.LoadedOAuth, AuthorizationRefused> = LoadedOAuth.load
): Effect.Effect<"AUTHORIZED" | "REDIRECT", AuthorizationRefused> =>
  Effect.flatMap(load, (sdk) =>
    Effect.tryPromise({
      try: (signal) => {
        const state: { outage: string | undefined } = { outage: undefined }
        const { authorizationCode, provider, resourceMetadataUrl, scope, serverUrl } = round
        return sdk.auth(withoutDetour(provider, state), {
          serverUrl,
          ...(authorizationCode !== undefined && { authorizationCode }),
          ...(resourceMetadataUrl !== undefined && { resourceMetadataUrl }),
          ...(scope !== undefined && { scope }),
          fetchFn: async (url, init) => {
            const isRefresh = init?.body instanceof URLSearchParams && init.body.get("grant_type") === "refresh_token"
            try {
              const response = await fetch(url, { ...init, signal })
              if (isRefresh) state.outage = outageIn(response)
              return response
            } catch (error) {
              if (isRefresh) state.outage = describeNetwork(error)
              throw error
            }
          }
        })
      },
      catch: (error) =>
        error instanceof AuthorizationRefused ? error : new AuthorizationRefused({ description: describe(sdk, error) })
    }))

/**
 * When a refresh fails, the SDK starts over with the user, whatever the failure was. A server that is out of order says nothing
 * about the credentials: then the detour ends here, before anything is overwritten.
 */
const withoutDetour = (
  provider: OAuthClientProvider,
  state: { readonly outage: string | undefined }
): OAuthClientProvider =>
  new Proxy(provider, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name, target)
      if (typeof value !== "function") return value
      return (...args: ReadonlyArray<unknown>): unknown => {
        if (state.outage !== undefined && (name === "state" || name === "saveCodeVerifier")) {
          throw new AuthorizationRefused({
            description: `the token could not be refreshed: ${state.outage}; the credentials are kept`
          })
        }
        // Called on the provider itself: its private members are its own.
        return Reflect.apply(value, target, args)
      }
    }
  })

/** OAuth's own code names what is wrong and nothing else. Descriptions and bodies may quote what was sent. */
const describe = ({ codeOf }: LoadedOAuth.LoadedOAuth, error: unknown): string => {
  const code = codeOf(error)
  if (code === "server_error") return "the authorization server failed or answered with something that is no OAuth"
  if (code !== undefined) return `the authorization server refused: ${code}`
  if (isNativeError(error) && error.name === "ZodError") return "the authorization server's answer is no OAuth"
  return describeNetwork(error)
}

/** What says nothing about the credentials: overload, a crash, a page of a proxy. */
const outageIn = ({ headers, ok, status }: Response): string | undefined => {
  if (status >= 500 || status === 429 || status === 408) return `the authorization server answered HTTP ${status}`
  const isOAuth = !ok || headers.get("content-type")?.includes("json") === true
  return isOAuth ? undefined : "the authorization server answered with something that is no OAuth"
}

const describeNetwork = (error: unknown): string => {
  const cause = isNativeError(error) ? error.cause : undefined
  const code = typeof cause === "object" && cause !== null && "code" in cause ? ` (${String(cause.code)})` : ""
  return isNativeError(error) && error.name === "TypeError"
    ? `the authorization server cannot be reached${code}`
    : "the authorization did not succeed, for a reason that may hold secrets and is not shown"
}
