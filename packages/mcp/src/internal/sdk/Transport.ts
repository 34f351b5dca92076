/**
 * The SDK's `Transport` contract, in words of our own: a program that holds no SDK compiles against our declarations. Clients of both versions of
 * the SDK connect to it; a test keeps it so.
 */

/** A message of JSON-RPC, as an object. */
export type SdkMessage =
  | {
    readonly jsonrpc: "2.0"
    readonly id: string | number
    readonly method: string
    readonly params?: Readonly<Record<string, unknown>> | undefined
  }
  | {
    readonly jsonrpc: "2.0"
    readonly method: string
    readonly params?: Readonly<Record<string, unknown>> | undefined
  }
  | { readonly jsonrpc: "2.0"; readonly id: string | number; readonly result: object }
  | {
    readonly jsonrpc: "2.0"
    readonly id?: string | number | undefined
    readonly error: { readonly code: number; readonly message: string; readonly data?: unknown }
  }

/** What a `Client` of the SDK connects to. */
export interface Transport {
  start(): Promise<void>
  send(message: SdkMessage): Promise<void>
  close(): Promise<void>
  onclose?: (() => void) | undefined
  onerror?: ((error: Error) => void) | undefined
  onmessage?: ((message: SdkMessage) => void) | undefined
  readonly sessionId?: string | undefined
}
