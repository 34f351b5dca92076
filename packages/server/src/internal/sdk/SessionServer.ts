/** The SDK's `Transport` contract over a conversation: an SDK server on one side, our HTTP on the other. */
import type * as JsonRpc from "@holdfast/protocol/JsonRpc"
import type { Transport, TransportSendOptions } from "@modelcontextprotocol/sdk/shared/transport.js"
import type { JSONRPCMessage } from "@modelcontextprotocol/sdk/types.js"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Conversation, Message } from "../Conversation.ts"

/** What we need of the SDK's `McpServer` or `Server`: version 1. */
export interface SdkServer {
  readonly connect: (transport: Transport) => Promise<void>
  readonly close: () => Promise<void>
}

/** Where an SDK server speaks. */
export interface Speaker {
  readonly send: (message: JsonRpc.Incoming, text: string, related: JsonRpc.RequestId | undefined) => void
}

/** Nothing here has to be waited for. */
const done = (): Promise<void> => Effect.runPromise(Effect.void)

export class SessionTransport implements Transport {
  onclose?: () => void
  onerror?: (error: Error) => void
  onmessage?: (message: JSONRPCMessage) => void
  /** Not the client's secret: handlers like to log it. */
  readonly sessionId: string
  readonly #speaker: Speaker
  #isClosed = false

  constructor(speaker: Speaker, sessionId: string) {
    this.#speaker = speaker
    this.sessionId = sessionId
  }

  readonly start = done

  send(message: JSONRPCMessage, options?: TransportSendOptions): Promise<void> {
    if (!this.#isClosed) this.#speaker.send(toFrame(message), JSON.stringify(message), options?.relatedRequestId)
    return done()
  }

  close(): Promise<void> {
    if (!this.#isClosed) {
      this.#isClosed = true
      this.onclose?.()
    }
    return done()
  }

  receive(message: Message): void {
    if (!this.#isClosed) this.onmessage?.(toSdk(message))
  }
}

/** Runs an SDK server for the conversation, until the Scope closes. */
export const serve = (server: SdkServer, conversation: Conversation): Effect.Effect<void, never, Scope.Scope> =>
  Effect.asVoid(Effect.acquireRelease(
    Effect.suspend(() => {
      const transport = new SessionTransport(conversation, `session-${conversation.session.number}`)
      conversation.onMessage = (message) => transport.receive(message)
      return Effect.as(Effect.promise(() => server.connect(transport)), server)
    }),
    (server) => Effect.promise(() => server.close())
  ))

const toFrame = (message: JSONRPCMessage): JsonRpc.Incoming => {
  if ("method" in message) {
    const { method, params } = message
    return "id" in message
      ? { _tag: "Request", id: message.id, method, params }
      : { _tag: "Notification", method, params }
  }
  return "result" in message
    ? { _tag: "Success", id: message.id, result: message.result }
    : { _tag: "Failure", id: message.id ?? null, error: message.error }
}

const toSdk = (message: Message): JSONRPCMessage => {
  const { _tag, ...members } = message
  // The frame was read from a JSON-RPC message, and has its members under their own names.
  return { jsonrpc: "2.0", ...members } as JSONRPCMessage
}
