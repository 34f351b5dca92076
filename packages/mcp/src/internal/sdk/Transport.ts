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
  /** Begins to bring messages. */
  start(): Promise<void>
  /** Resolves when the message is handed over. */
  send(message: SdkMessage): Promise<void>
  /** Ends it. `onclose` follows. */
  close(): Promise<void>
  /** Called once, when it has ended, whichever side ended it. */
  onclose?: (() => void) | undefined
  /** Called with what goes wrong beside messages. */
  onerror?: ((error: Error) => void) | undefined
  /** Called with each message of the other side. */
  onmessage?: ((message: SdkMessage) => void) | undefined
  /** Of the session, where there is one. */
  readonly sessionId?: string | undefined
}
