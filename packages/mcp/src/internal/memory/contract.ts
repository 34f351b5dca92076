/**
 * What is said of a server in memory. Types alone: `testing` makes them public, `memoryServer` does what they say.
 */
import type * as JsonRpc from "@holdfast/protocol/JsonRpc"
import type * as Messages from "@holdfast/protocol/Messages"
import type * as Effect from "effect/Effect"
import type { ConnectReason } from "../../McpRuntimeError.ts"
import type { MemoryPeer } from "./memoryLink.ts"

/** One request, as its handler sees it. */
export interface MemoryCall {
  readonly id: JsonRpc.RequestId
  readonly method: string
  readonly params: Readonly<Record<string, unknown>>
  /** The connection it came over: to say something else on it, or to end it with the call in doubt. */
  readonly connection: MemoryPeer
  /** Tells the client about progress, if it asked to be told. */
  readonly progress: (progress: Messages.Progress) => Effect.Effect<void>
}

/** Answers a request. A failure is a JSON-RPC error, a defect is one of code -32603 and is logged; interruption is no answer. */
export type Handler = (
  params: Readonly<Record<string, unknown>>,
  call: MemoryCall
) => Effect.Effect<object, JsonRpc.ErrorObject>

/** A tool. A text is short for a result with that text as its content. */
export interface MemoryTool {
  readonly description?: string | undefined
  /** JSON Schema. Default: any object. Not checked. */
  readonly inputSchema?: Readonly<Record<string, unknown>> | undefined
  /** `readOnlyHint` and `idempotentHint` let lost calls be repeated. Default: none. */
  readonly annotations?: Messages.ToolAnnotations | undefined
  /** Answers a call. A failure is a JSON-RPC error and no result of the tool; a defect is one of code -32603. */
  readonly run: (
    args: Readonly<Record<string, unknown>>,
    call: MemoryCall
  ) => Effect.Effect<string | Messages.CallToolResult, JsonRpc.ErrorObject>
}

/** How the server is connected to. */
export interface ConnectionOptions {
  /** Its name in the handshake and in messages. Default: `memory`. */
  readonly name?: string | undefined
  /** What it passes for: which defaults it is pooled by, and how calls are cancelled. Default: `stdio`. */
  readonly transport?: "stdio" | "http" | undefined
  /** What the pipe to the server holds before the client's frames must wait, in bytes. Default: 64 KiB. */
  readonly capacity?: number | undefined
  /** Run by every dial before there is a connection: takes its time, or fails it for the reason given. Default: nothing. */
  readonly onDial?: ((server: string) => Effect.Effect<void, ConnectReason>) | undefined
}

/** What a server in memory offers and how it answers. Nothing of it must be said: then it has no tools. */
export interface MemoryServerOptions extends ConnectionOptions {
  /** By name. Default: the server offers no tools. */
  readonly tools?: Readonly<Record<string, MemoryTool>> | undefined
  /**
   * Answers to other requests, by method; they win over those of the server itself. What has none is "method not found".
   * `subscriptions/listen` of the modern era is answered by the server itself, which asks `resources/subscribe` for each resource; one of
   * your own is acknowledged for you unless it fails at once.
   */
  readonly handlers?: Readonly<Record<string, Handler>> | undefined
  /** What it says to `initialize` (legacy) and `server/discover` (modern). Default: `both`. */
  readonly era?: "legacy" | "modern" | "both" | undefined
  /** Default: `0.0.0`. */
  readonly version?: string | undefined
  /** Default: none. */
  readonly instructions?: string | undefined
  /** Added to what its tools and handlers tell of themselves. */
  readonly capabilities?: Messages.ServerCapabilities | undefined
}
