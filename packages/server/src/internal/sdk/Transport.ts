/**
 * The SDK's `Transport` contract, in words of our own: servers of versions 1 and 2 connect to it, a program that holds version 1 of neither compiles
 * against our declarations, and nothing of the SDK is loaded for it. Tests hold both versions to it.
 */

interface Meta {
  readonly [member: string]: unknown
  readonly progressToken?: string | number | undefined
  readonly "io.modelcontextprotocol/related-task"?: { taskId: string } | undefined
}

interface Members {
  [member: string]: unknown
  _meta?: Meta | undefined
}

export interface SdkRequestMessage {
  jsonrpc: "2.0"
  id: string | number
  method: string
  params?: Members | undefined
}

export interface SdkResult {
  jsonrpc: "2.0"
  id: string | number
  result: Members
}

export interface SdkFailure {
  jsonrpc: "2.0"
  id?: string | number | undefined
  error: { code: number; message: string; data?: unknown }
}

/** A message of JSON-RPC, as an object. */
export type SdkMessage =
  | SdkRequestMessage
  | { jsonrpc: "2.0"; method: string; params?: Members | undefined }
  | SdkResult
  | SdkFailure

/** The sender of a request, as far as an authenticator says it. */
export interface AuthInfo {
  /** The access token. Empty: it stays with the authenticator. */
  token: string
  clientId: string
  scopes: Array<string>
  /** In seconds since 1970. */
  expiresAt?: number
  resource?: URL
  extra?: Record<string, unknown>
}

/** What a server is told of a message beside it. */
export interface SdkExtra {
  requestInfo?: { headers: Record<string, string | Array<string> | undefined> }
  authInfo?: AuthInfo
  closeSSEStream?: () => void
  closeStandaloneSSEStream?: () => void
}

/** What a server of the SDK connects to. */
export interface Transport {
  start(): Promise<void>
  send(message: SdkMessage, options?: { relatedRequestId?: string | number | undefined }): Promise<void>
  close(): Promise<void>
  onclose?: () => void
  onerror?: (error: Error) => void
  onmessage?: (message: SdkMessage, extra?: SdkExtra) => void
  readonly sessionId?: string
}
