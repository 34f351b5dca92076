/** Providers as applications write them: one with a user and a browser, one without. */
import type { OAuthClientProvider } from "@holdfast/mcp/OAuth"
import type { OAuthTokens } from "@modelcontextprotocol/sdk/shared/auth.js"

/** A store as an application would write one, with the user's browser as a list of pages. */
export class MemoryProvider implements OAuthClientProvider {
  readonly clientMetadata = { redirect_uris: ["http://127.0.0.1/callback"] }
  readonly pages: Array<URL> = []
  stored: OAuthTokens | undefined
  #verifier = ""

  get redirectUrl(): string | undefined {
    return "http://127.0.0.1/callback"
  }

  clientInformation() {
    return { client_id: "client", client_secret: "client-secret-value" }
  }

  tokens() {
    return this.stored
  }

  saveTokens(tokens: OAuthTokens) {
    this.stored = tokens
  }

  redirectToAuthorization(url: URL) {
    this.pages.push(url)
  }

  saveCodeVerifier(verifier: string) {
    this.#verifier = verifier
  }

  codeVerifier() {
    return this.#verifier
  }

  invalidateCredentials(what: string) {
    if (what === "all" || what === "tokens") this.stored = undefined
  }
}

/** A machine of its own, without a user. */
export class MachineProvider extends MemoryProvider {
  override get redirectUrl() {
    return undefined
  }

  prepareTokenRequest() {
    return new URLSearchParams({ grant_type: "client_credentials" })
  }
}
