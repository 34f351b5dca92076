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
  /** How the client presents itself. */
  get clientMetadata(): OAuthClientMetadata
  /** A value that comes back with the user, made anew for each login. Default: none is sent. */
  state?(): string | Promise<string>
  /** What the authorization server knows the client by. Undefined: it registers. */
  clientInformation(): OAuthClientInformation | undefined | Promise<OAuthClientInformation | undefined>
  /** Keeps what a registration has brought. Without it a client cannot register. */
  saveClientInformation?(clientInformation: OAuthClientInformation): void | Promise<void>
  /** The tokens that are kept. Undefined: there are none yet. */
  tokens(): OAuthTokens | undefined | Promise<OAuthTokens | undefined>
  /** Keeps tokens that were issued. */
  saveTokens(tokens: OAuthTokens): void | Promise<void>
  /** Sends the user to the authorization server. */
  redirectToAuthorization(authorizationUrl: URL): void | Promise<void>
  /** Keeps the secret of a login that has begun (PKCE). */
  saveCodeVerifier(codeVerifier: string): void | Promise<void>
  /** The secret of the login that has begun. */
  codeVerifier(): string | Promise<string>
  /** Adds how the client proves itself to a request for tokens. Default: by what the server supports. */
  addClientAuthentication?(
    headers: Headers,
    params: URLSearchParams,
    url: string | URL,
    metadata?: AuthorizationServerMetadata
  ): void | Promise<void>
  /** Chooses the resource that tokens are asked for. Default: the server, if its metadata fits. */
  validateResourceURL?(serverUrl: string | URL, resource?: string): Promise<URL | undefined>
  /** Forgets what the authorization server does not take any more. */
  invalidateCredentials?(scope: "all" | "client" | "tokens" | "verifier" | "discovery"): void | Promise<void>
  /** The parameters of a request for tokens without a user. Default: those of an authorization code. */
  prepareTokenRequest?(scope?: string): URLSearchParams | Promise<URLSearchParams | undefined> | undefined
  /** Keeps where the authorization server was found. */
  saveDiscoveryState?(state: OAuthDiscoveryState): void | Promise<void>
  /** Where the authorization server was found before. Undefined: it is looked for. */
  discoveryState?(): OAuthDiscoveryState | undefined | Promise<OAuthDiscoveryState | undefined>
}
