/** The token in force, as its keeper has it now: another process may have renewed it. Loads nothing of the SDK. */
import * as Effect from "effect/Effect"
import { AuthorizationRefused } from "../../AuthorizationRefused.ts"
import type { OAuthClientProvider } from "./OAuthClientProvider.ts"

export interface StoredToken {
  readonly token: string | undefined
  /** What it was granted for, as far as the authorization server has said. */
  readonly scope: string | undefined
}

export const storedToken = (provider: OAuthClientProvider): Effect.Effect<StoredToken, AuthorizationRefused> =>
  Effect.tryPromise({
    try: async () => {
      // Stores that parse what they hold answer `null` when they hold nothing.
      const tokens = await provider.tokens()
      return { token: tokens?.access_token, scope: tokens?.scope }
    },
    // What it fails with may quote what it keeps.
    catch: () => new AuthorizationRefused({ description: "the OAuth provider's tokens() failed" })
  })
