/** The SDK's `Transport` contract: an SDK server on one side, our transports on the other. */
import * as JsonRpc from "@holdfast/protocol/JsonRpc"
import type { Transport, TransportSendOptions } from "@modelcontextprotocol/sdk/shared/transport.js"
import { isJSONRPCRequest, type JSONRPCMessage, type MessageExtraInfo } from "@modelcontextprotocol/sdk/types.js"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import type { Message } from "../Conversation.ts"
import type { Origin } from "../Origin.ts"

/** What we need of the SDK's `McpServer` or `Server`: version 1. */
export interface SdkServer {
  readonly connect: (transport: Transport) => Promise<void>
  readonly close: () => Promise<void>
}

/** Where an SDK server speaks. */
export interface Speaker {
  readonly send: (message: JsonRpc.Incoming, text: string, related: JsonRpc.RequestId | undefined) => void
  /** Ends the response that carries a request, or the client's own stream, for the client to come back to. */
  readonly pause?: (related: JsonRpc.RequestId | undefined) => void
}

export interface ServeOptions {
  /** By which the server knows the session: not the client's secret, handlers like to log it. */
  readonly name: string
  /** The server is closed, by whomever. */
  readonly onClose?: () => void
}

/** Where the client's messages go. */
export type Receive = (message: Message, origin?: Origin) => void

/** Nothing here has to be waited for. */
const done = (): Promise<void> => Effect.runPromise(Effect.void)

export class SessionTransport implements Transport {
  onclose?: () => void
  onerror?: (error: Error) => void
  onmessage?: (message: JSONRPCMessage, extra?: MessageExtraInfo) => void
  readonly sessionId: string
  readonly #speaker: Speaker
  readonly #onClose: () => void
  #isClosed = false

  constructor(speaker: Speaker, { name, onClose = () => {} }: ServeOptions) {
    this.#speaker = speaker
    this.sessionId = name
    this.#onClose = onClose
  }

  readonly start = done

  send(message: JSONRPCMessage, options?: TransportSendOptions): Promise<void> {
    if (this.#isClosed) return done()
    const text = Result.try({ try: () => JSON.stringify(message), catch: String })
    if (Result.isSuccess(text)) {
      this.#speaker.send(toFrame(message), text.success, options?.relatedRequestId)
      return done()
    }
    const words = `what the server said is no JSON: ${text.failure}`
    // Whoever waits for an answer gets one.
    if (!("method" in message) && message.id !== undefined) {
      const error = { code: JsonRpc.errorCode.internalError, message: "the server's answer is no JSON" }
      const failure: JsonRpc.Failure = { _tag: "Failure", id: message.id, error }
      this.#speaker.send(failure, JsonRpc.encodeFailure(message.id, error), undefined)
    }
    return Effect.runPromise(Effect.die(new Error(words)))
  }

  close(): Promise<void> {
    if (!this.#isClosed) {
      this.#isClosed = true
      this.onclose?.()
      this.#onClose()
    }
    return done()
  }

  receive(message: Message, origin?: Origin): void {
    if (this.#isClosed) return
    const speaker = this.#speaker
    const heard = toSdk(message)
    // The SDK lets a request drop that its schema does not know, and whoever has sent it would wait for ever.
    if (message._tag === "Request" && !isJSONRPCRequest(heard)) {
      const { id } = message
      const error = {
        code: JsonRpc.errorCode.invalidRequest,
        message: "the request has not the form that MCP prescribes"
      }
      return speaker.send({ _tag: "Failure", id, error }, JsonRpc.encodeFailure(id, error), undefined)
    }
    const extra: MessageExtraInfo = origin === undefined ? {} : extraOf(origin)
    if (speaker.pause !== undefined && message._tag === "Request") {
      extra.closeSSEStream = () => speaker.pause?.(message.id)
      extra.closeStandaloneSSEStream = () => speaker.pause?.(undefined)
    }
    this.onmessage?.(heard, extra)
  }
}

/** Runs an SDK server until the Scope closes. Returns where the client's messages go. */
export const serve = (
  server: SdkServer,
  speaker: Speaker,
  options: ServeOptions
): Effect.Effect<Receive, never, Scope.Scope> =>
  Effect.suspend(() => {
    const transport = new SessionTransport(speaker, options)
    const close = Effect.promise(() => server.close())
    return Effect.as(
      // To connect may take for ever. A server that refuses is not closed: it may be another session's.
      Effect.uninterruptibleMask((restore) =>
        restore(Effect.promise(() => server.connect(transport))).pipe(
          Effect.onInterrupt(() => Effect.forkDetach(close)),
          Effect.andThen(Effect.addFinalizer(() => close))
        )
      ),
      (message: Message, origin?: Origin) => transport.receive(message, origin)
    )
  })

const extraOf = (origin: Origin): MessageExtraInfo => {
  const { principal } = origin
  if (principal === undefined) return { requestInfo: origin }
  // The token itself stays with who has checked it.
  return { requestInfo: origin, authInfo: { token: "", clientId: principal.id, scopes: [...principal.scopes] } }
}

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
