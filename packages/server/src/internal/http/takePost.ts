/**
 * A POST of Streamable HTTP, as far as it is the same with sessions and without: its body, its messages, its revision, its size.
 */
import * as JsonRpc from "@holdfast/protocol/JsonRpc"
import * as ModernEra from "@holdfast/protocol/ModernEra"
import type { Principal } from "@holdfast/protocol/Principal"
import * as Revision from "@holdfast/protocol/Revision"
import * as Effect from "effect/Effect"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import type * as HttpServerResponse from "effect/http/HttpServerResponse"
import type { Message } from "../session/Conversation.ts"
import { type Fault, readMessage } from "../session/readMessage.ts"
import type { ServeStateless } from "../stateless/serveStateless.ts"
import { refuseFormat } from "./accept.ts"
import { refusal } from "./httpAnswers.ts"
import type { HttpSessions } from "./HttpSessions.ts"
import { readBody } from "./readBody.ts"

type Response = HttpServerResponse.HttpServerResponse
type Request = HttpServerRequest.HttpServerRequest

/** Messages in one body at most. */
export const maxBatch = 100

/** What becomes of the messages of a POST that are of a revision with sessions. */
export interface LegacyPost {
  readonly serve: (messages: ReadonlyArray<Message>, isBatch: boolean) => Effect.Effect<Response>
  /** One of them is none. */
  readonly onFault?: (fault: Fault) => Effect.Effect<void>
}

/** Reads a POST, and answers what belongs to no revision, or to one without sessions. */
export const takePost = Effect.fnUntraced(function*(
  sessions: HttpSessions,
  stateless: ServeStateless,
  request: Request,
  principal: Principal,
  { onFault = () => Effect.void, serve }: LegacyPost
): Effect.fn.Return<Response> {
  const body = yield* Effect.result(readBody(request))
  if (body._tag === "Failure") {
    return body.failure === "too large"
      ? refusal(413, "the body is too large", { code: JsonRpc.errorCode.invalidRequest })
      : refusal(400, "the body could not be read", { code: JsonRpc.errorCode.parseError })
  }
  if (body.success === "" && Number(request.headers["content-length"] ?? 0) > 0) {
    const words = "the body was read before it came here: mount this handler in front of whatever reads bodies"
    return refusal(500, words, { code: JsonRpc.errorCode.internalError })
  }
  const frame = JsonRpc.decode(body.success)
  const isBatch = frame._tag === "Batch"
  const messages: Array<Message> = []
  for (const one of isBatch ? frame.frames : [frame]) {
    const message = readMessage(one)
    if (message._tag === "Fault") {
      yield* onFault(message)
      const code = message.reason === "not JSON" ? JsonRpc.errorCode.parseError : JsonRpc.errorCode.invalidRequest
      return refusal(400, message.reason, { code })
    }
    messages.push(message)
  }
  const said = request.headers["mcp-protocol-version"]
  const [first] = messages
  if (!isBatch && first !== undefined && (Revision.isModern(said) || isModern(first))) {
    return yield* stateless(first, request, principal)
  }
  if (said !== undefined && !Revision.isLegacy(said)) {
    return refusal(400, `the revision ${JSON.stringify(said.slice(0, 40))} is not supported`, {
      code: ModernEra.unsupportedProtocolVersion,
      data: { supported: sessions.revisions, requested: said.slice(0, 40) }
    })
  }
  if (messages.length > maxBatch) {
    return refusal(400, `a batch holds ${maxBatch} messages at most`, { code: JsonRpc.errorCode.invalidRequest })
  }
  if (isBatch && messages.some(isInitialize)) {
    return refusal(400, "initialize comes alone", { code: JsonRpc.errorCode.invalidRequest })
  }
  return refuseFormat(request, messages) ?? (yield* serve(messages, isBatch))
})

/** Begins a session. */
export const isInitialize = (message: Message): message is JsonRpc.Request =>
  message._tag === "Request" && message.method === "initialize"

const isModern = (message: Message): boolean => {
  if (message._tag !== "Request" && message._tag !== "Notification") return false
  const { params } = message
  if (typeof params !== "object" || params === null || !("_meta" in params)) return false
  const { _meta } = params
  return typeof _meta === "object" && _meta !== null && ModernEra.metaKey.protocolVersion in _meta
}
