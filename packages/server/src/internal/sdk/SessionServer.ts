/**
 * The SDK's `Transport` contract: an SDK server on one side, our transports on the other.
 *
 * Whatever either side says that the other cannot take fails the request that it belongs to, is told the operator, and goes no further.
 */
import * as JsonRpc from "@holdfast/protocol/JsonRpc"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { complainOf } from "../complain.ts"
import type { Origin } from "../http/Origin.ts"
import { scopedFork } from "../scopedFork.ts"
import type { Message } from "../session/Conversation.ts"
import { guardProtocol, type OnFault } from "./guardProtocol.ts"
import { fromSdkId, hear, say } from "./sdkMessages.ts"
import type { SdkExtra, SdkMessage, Transport } from "./Transport.ts"

/** What we need of the SDK's `McpServer` or `Server`: versions 1 and 2 have it in common. */
export interface SdkServer {
  /** Begins to serve the transport. A rejection is a defect of the session, and does not close the server. */
  connect(transport: Transport): Promise<void>
  /** Ends the server. Called when the session is over. */
  close(): Promise<void>
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
  readonly onFault: OnFault
}

/** Where the client's messages go. */
export type Receive = (message: Message, origin?: Origin) => void

/** Nothing here has to be waited for: one promise serves all. */
const settled: Promise<void> = Effect.runPromise(Effect.void)
const done = (): Promise<void> => settled

export class SessionTransport implements Transport {
  onclose?: () => void
  onerror?: (error: Error) => void
  onmessage?: (message: SdkMessage, extra?: SdkExtra) => void
  readonly sessionId: string
  readonly #speaker: Speaker
  readonly #onClose: () => void
  readonly #onFault: OnFault
  #isClosed = false

  constructor(speaker: Speaker, { name, onClose = () => {}, onFault }: ServeOptions) {
    this.#speaker = speaker
    this.sessionId = name
    this.#onClose = onClose
    this.#onFault = onFault
  }

  readonly start = done

  send(message: SdkMessage, options?: { readonly relatedRequestId?: JsonRpc.RequestId | undefined }): Promise<void> {
    if (this.#isClosed) return done()
    try {
      const { frame, text } = say(message)
      this.#speaker.send(frame, text, fromSdkId(options?.relatedRequestId))
      return done()
    } catch (thrown) {
      this.#onFault("what the server said cannot be sent", thrown)
      if (!("method" in message) && message.id !== undefined) {
        // The request that waits for it gets an error.
        this.#fail(fromSdkId(message.id), JsonRpc.errorCode.internalError, "the server's answer is no JSON")
      }
      return Effect.runPromise(Effect.die(new Error("what the server said cannot be sent; see its log")))
    }
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
    try {
      const heard = hear(message)
      if (heard._tag === "Refused") return this.#fail(heard.id, heard.code, heard.words)
      const extra: SdkExtra = origin === undefined ? {} : extraOf(origin)
      if (speaker.pause !== undefined && message._tag === "Request") {
        extra.closeSSEStream = () => speaker.pause?.(message.id)
        extra.closeStandaloneSSEStream = () => speaker.pause?.(undefined)
      }
      this.onmessage?.(heard.message, extra)
    } catch (thrown) {
      this.#onFault("what the client said has broken the server", thrown)
      if (message._tag !== "Request") return
      this.#fail(message.id, JsonRpc.errorCode.internalError, "the request has failed; see the server's log")
    }
  }

  #fail(id: JsonRpc.RequestId, code: number, message: string): void {
    const error = { code, message }
    this.#speaker.send({ _tag: "Failure", id, error }, JsonRpc.encodeFailure(id, error), undefined)
  }
}

/** Runs an SDK server until the Scope closes. Returns where the client's messages go. */
export const serve = (
  server: SdkServer,
  speaker: Speaker,
  options: Omit<ServeOptions, "onFault">
): Effect.Effect<Receive, never, Scope.Scope> =>
  Effect.flatMap(scopedFork, (fork) => {
    const onFault: OnFault = (message, thrown, level) =>
      void fork(complainOf(`${options.name}: ${message}`, thrown, level))
    const transport = new SessionTransport(speaker, { ...options, onFault })
    const close = Effect.promise(() => server.close())
    return Effect.as(
      // To connect may take for ever. A server that refuses is not closed: it may be another session's.
      Effect.uninterruptibleMask((restore) =>
        restore(Effect.promise(() => server.connect(transport))).pipe(
          Effect.tap(() => Effect.sync(() => guardProtocol(server, onFault))),
          Effect.onInterrupt(() => Effect.sync(() => fork(close))),
          Effect.andThen(Effect.addFinalizer(() => close))
        )
      ),
      (message: Message, origin?: Origin) => transport.receive(message, origin)
    )
  })

const extraOf = (origin: Origin): SdkExtra => {
  const { principal } = origin
  if (principal === undefined) return { requestInfo: origin }
  // The token itself stays with the authenticator.
  return { requestInfo: origin, authInfo: { token: "", clientId: principal.id, scopes: [...principal.scopes] } }
}
