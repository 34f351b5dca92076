/**
 * OAuth of the SDK, whichever version of it is installed: `@modelcontextprotocol/sdk` (version 1) or, where that is not there,
 * `@modelcontextprotocol/client` (version 2). It is loaded when a server asks for OAuth the first time.
 */
import * as Effect from "effect/Effect"
import { AuthorizationRefused } from "../../AuthorizationRefused.ts"
import type { OAuthClientProvider } from "./OAuthClientProvider.ts"

/** What of it is needed. */
export interface LoadedOAuth {
  readonly auth: (provider: OAuthClientProvider, options: AuthOptions) => Promise<"AUTHORIZED" | "REDIRECT">
  /** OAuth's code of an error that is one of OAuth. `server_error`: also what is no OAuth at all. */
  readonly codeOf: (error: unknown) => string | undefined
}

interface AuthOptions {
  readonly serverUrl: string
  readonly authorizationCode?: string
  readonly scope?: string
  readonly resourceMetadataUrl?: URL
  readonly fetchFn: (url: string | URL, init?: RequestInit) => Promise<Response>
}

// Each `catch` stands at its `import`: bundlers leave such a package out where it is not installed.

const ofVersion1 = Effect.gen(function*() {
  const { auth } = yield* Effect.tryPromise(() => import("@modelcontextprotocol/sdk/client/auth.js").catch(missing))
  const { OAuthError } = yield* Effect.tryPromise(() =>
    import("@modelcontextprotocol/sdk/server/auth/errors.js").catch(missing)
  )
  return {
    // What a provider has kept of the discovery is what the SDK gave it.
    auth: (provider, options) => auth(provider as Parameters<typeof auth>[0], options),
    codeOf: (error) => error instanceof OAuthError ? error.errorCode : undefined
  } satisfies LoadedOAuth as LoadedOAuth
})

/** For a program on version 2 of the SDK. */
export const ofVersion2 = Effect.gen(function*() {
  const { auth, OAuthError } = yield* Effect.tryPromise(() => import("@modelcontextprotocol/client").catch(missing))
  return {
    // As in version 1.
    auth: (provider, options) => auth(provider as Parameters<typeof auth>[0], options),
    codeOf: (error) => error instanceof OAuthError ? error.code : undefined
  } satisfies LoadedOAuth as LoadedOAuth
})

/** Fails with what to install. */
export const load: Effect.Effect<LoadedOAuth, AuthorizationRefused> = Effect.catch(
  ofVersion1,
  () =>
    Effect.mapError(ofVersion2, () =>
      new AuthorizationRefused({
        description:
          "OAuth needs the package @modelcontextprotocol/sdk (or @modelcontextprotocol/client, its version 2), and neither " +
          "can be loaded: npm install @modelcontextprotocol/sdk@1"
      }))
)

const missing = (cause: unknown): never => {
  throw cause
}
