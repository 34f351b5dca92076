/**
 * The SDK's interface of what obtains and keeps tokens, in words of our own: a program that holds no SDK compiles against our declarations, and a
 * provider of the SDK is one of these. A test keeps both alike.
 */

/** How a client presents itself to an authorization server (RFC 7591). */
export interface OAuthClientMetadata {
  redirect_uris: Array<string>
  token_endpoint_auth_method?: string | undefined
  grant_types?: Array<string> | undefined
  response_types?: Array<string> | undefined
  client_name?: string | undefined
  client_uri?: string | undefined
  logo_uri?: string | undefined
  scope?: string | undefined
  contacts?: Array<string> | undefined
  tos_uri?: string | undefined
  policy_uri?: string | undefined
  jwks_uri?: string | undefined
  jwks?: unknown
  software_id?: string | undefined
  software_version?: string | undefined
  software_statement?: string | undefined
}

/** What an authorization server knows a client by. */
export interface OAuthClientInformation extends Partial<OAuthClientMetadata> {
  client_id: string
  client_secret?: string | undefined
  client_id_issued_at?: number | undefined
  client_secret_expires_at?: number | undefined
  issuer?: string | undefined
}

/** What an authorization server has issued. `expires_in`: in seconds. */
export interface OAuthTokens {
  access_token: string
  token_type: string
  id_token?: string | undefined
  expires_in?: number | undefined
  scope?: string | undefined
  refresh_token?: string | undefined
  issuer?: string | undefined
}

/** What an authorization server says of itself (RFC 8414): these members, and others. */
export interface AuthorizationServerMetadata {
  readonly [member: string]: unknown
  readonly issuer: string
  readonly token_endpoint: string
}

/** Where the authorization server was found, to be kept as it is. */
export interface OAuthDiscoveryState {
  authorizationServerUrl: string
  resourceMetadataUrl?: string
  authorizationServerMetadata?: AuthorizationServerMetadata
  resourceMetadata?: object
}

/**
 * What obtains and keeps the tokens of one server. Classes that implement the interface of the same name of `@modelcontextprotocol/sdk` are such
 * providers, as they are.
 */
export interface OAuthClientProvider {
  /** Where the user comes back to. Undefined: no user takes part. */
  get redirectUrl(): string | URL | undefined
  /** The client's metadata as a document that an authorization server can fetch. */
  clientMetadataUrl?: string
  get clientMetadata(): OAuthClientMetadata
  state?(): string | Promise<string>
  clientInformation(): OAuthClientInformation | undefined | Promise<OAuthClientInformation | undefined>
  saveClientInformation?(clientInformation: OAuthClientInformation): void | Promise<void>
  tokens(): OAuthTokens | undefined | Promise<OAuthTokens | undefined>
  saveTokens(tokens: OAuthTokens): void | Promise<void>
  redirectToAuthorization(authorizationUrl: URL): void | Promise<void>
  saveCodeVerifier(codeVerifier: string): void | Promise<void>
  codeVerifier(): string | Promise<string>
  addClientAuthentication?(
    headers: Headers,
    params: URLSearchParams,
    url: string | URL,
    metadata?: AuthorizationServerMetadata
  ): void | Promise<void>
  validateResourceURL?(serverUrl: string | URL, resource?: string): Promise<URL | undefined>
  invalidateCredentials?(scope: "all" | "client" | "tokens" | "verifier" | "discovery"): void | Promise<void>
  prepareTokenRequest?(scope?: string): URLSearchParams | Promise<URLSearchParams | undefined> | undefined
  saveDiscoveryState?(state: OAuthDiscoveryState): void | Promise<void>
  discoveryState?(): OAuthDiscoveryState | undefined | Promise<OAuthDiscoveryState | undefined>
}
