/** The token in force, as its keeper has it now: another process may have renewed it. Loads nothing of the SDK. */
import type { OAuthClientProvider } from "@modelcontextprotocol/sdk/client/auth.js"
import * as Effect from "effect/Effect"
import { AuthorizationRefused } from "../../AuthorizationRefused.ts"

export const storedToken = (provider: OAuthClientProvider): Effect.Effect<string | undefined, AuthorizationRefused> =>
  Effect.tryPromise({
    // Stores that parse what they hold answer `null` when they hold nothing.
    try: async () => (await provider.tokens())?.access_token,
    // What it fails with may quote what it keeps.
    catch: () => new AuthorizationRefused({ description: "the OAuth provider's tokens() failed" })
  })
