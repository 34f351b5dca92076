/**
 * The user of the `auth/*` scenarios: credentials in memory, and a browser that agrees to everything it is shown.
 */
import type { McpConnections, McpRuntimeError } from "@holdfast/mcp"
import * as OAuth from "@holdfast/mcp/OAuth"
import { ClientCredentialsProvider, PrivateKeyJwtProvider } from "@modelcontextprotocol/sdk/client/auth-extensions.js"
import type { OAuthClientInformationMixed, OAuthTokens } from "@modelcontextprotocol/sdk/shared/auth.js"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"

/** What the suite says about the client in `MCP_CONFORMANCE_CONTEXT`. */
export interface Credentials {
  readonly client_id?: string
  readonly client_secret?: string
  readonly private_key_pem?: string
  readonly signing_algorithm?: string
}

const redirectUrl = "http://localhost:3000/callback"

class UserProvider implements OAuth.OAuthClientProvider {
  readonly clientMetadataUrl = "https://conformance-test.local/client-metadata.json"
  readonly redirectUrl = redirectUrl
  /** Where the user was sent and has not been yet. */
  page: URL | undefined
  #client: OAuthClientInformationMixed | undefined
  #tokens: OAuthTokens | undefined
  #verifier = ""

  constructor(credentials: Credentials) {
    const { client_id, client_secret } = credentials
    if (client_id !== undefined) this.#client = { client_id, ...(client_secret !== undefined && { client_secret }) }
  }

  get clientMetadata() {
    return {
      client_name: "holdfast",
      redirect_uris: [redirectUrl],
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"],
      token_endpoint_auth_method: "client_secret_post",
      application_type: "native"
    }
  }

  clientInformation() {
    return this.#client
  }

  saveClientInformation(client: OAuthClientInformationMixed) {
    this.#client = client
  }

  tokens() {
    return this.#tokens
  }

  saveTokens(tokens: OAuthTokens) {
    this.#tokens = tokens
  }

  redirectToAuthorization(page: URL) {
    this.page = page
  }

  saveCodeVerifier(verifier: string) {
    this.#verifier = verifier
  }

  codeVerifier() {
    return this.#verifier
  }

  invalidateCredentials(what: string) {
    if (what === "all" || what === "tokens") this.#tokens = undefined
    if (what === "all" || what === "client") this.#client = undefined
  }
}

const providerFor = (scenario: string, credentials: Credentials): OAuth.OAuthClientProvider => {
  const { client_id = "", client_secret = "", private_key_pem = "", signing_algorithm = "ES256" } = credentials
  switch (scenario) {
    case "auth/client-credentials-basic":
      return new ClientCredentialsProvider({ clientId: client_id, clientSecret: client_secret })
    case "auth/client-credentials-jwt":
      return new PrivateKeyJwtProvider({
        clientId: client_id,
        privateKey: private_key_pem,
        algorithm: signing_algorithm
      })
    default:
      return new UserProvider(credentials)
  }
}

export const make = Effect.fnUntraced(function*(serverUrl: string, scenario: string, credentials: Credentials) {
  const provider = providerFor(scenario, credentials)
  const authorizer = yield* OAuth.make({ serverUrl, provider })

  /** Opens the page, agrees, and brings back the code. */
  const agree = Effect.gen(function*() {
    if (!(provider instanceof UserProvider) || provider.page === undefined) return false
    const { page } = provider
    provider.page = undefined
    const location = yield* Effect.promise((signal) => fetch(page, { redirect: "manual", signal })).pipe(
      Effect.map(({ headers }) => headers.get("location") ?? "")
    )
    const code = new URL(location).searchParams.get("code")
    if (code === null) return false
    yield* authorizer.finish(Redacted.make(code))
    return true
  })

  type Play = (mcp: McpConnections["Service"]) => Effect.Effect<unknown, McpRuntimeError>

  /** When the user has to grant something first, grants it and plays again. A user is patient three times. */
  const playOne = (play: Play, mcp: McpConnections["Service"], patience: number): Effect.Effect<unknown, Error> =>
    Effect.catchIf(
      play(mcp),
      (error) => error.reason._tag === "HttpRejected" && patience > 0,
      (error) =>
        Effect.flatMap(agree, (isGranted) => isGranted ? playOne(play, mcp, patience - 1) : Effect.fail<Error>(error))
    )
  const play = (plays: ReadonlyArray<Play>, mcp: McpConnections["Service"]) =>
    Effect.forEach(plays, (play) => playOne(play, mcp, 3), { discard: true })
  return { authorizer, play }
})
