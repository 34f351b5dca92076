/**
 * The HTTP+SSE transport of revision 2024-11-05, the server's side: one stream that is the session, and a POST for every message.
 *
 * The end of the stream is the end of the session, as this transport has it; what its handlers still say is a no-op.
 *
 * @see https://modelcontextprotocol.io/specification/2024-11-05/basic/transports#http-with-sse
 */
import * as JsonRpc from "@holdfast/protocol/JsonRpc"
import type { Principal } from "@holdfast/protocol/Principal"
import * as Effect from "effect/Effect"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Redacted from "effect/Redacted"
import { sessionNotFound } from "../errorCodes.ts"
import type { Message } from "../session/Conversation.ts"
import { readMessage } from "../session/readMessage.ts"
import { cut } from "./cutConnection.ts"
import { eventResponse } from "./eventResponse.ts"
import { EventSink } from "./EventSink.ts"
import { eventStreamHead, notAllowed, refusal } from "./httpAnswers.ts"
import type { HttpSessions, Opened } from "./HttpSessions.ts"
import { originOf } from "./Origin.ts"
import { readBody } from "./readBody.ts"
import { isOver, notStarted, refuse, unavailable } from "./sessionRefusals.ts"
import { maxBatch } from "./takePost.ts"

type Response = HttpServerResponse.HttpServerResponse
type Request = HttpServerRequest.HttpServerRequest

/** Opens a session, and tells the client where to post. */
export const open = (
  sessions: HttpSessions,
  request: Request,
  principal: Principal,
  paths: SsePaths
): Effect.Effect<Response> => {
  // A client that asks for the head only is given no session.
  if (request.method === "HEAD") return Effect.succeed(eventStreamHead)
  if (request.method !== "GET") return Effect.succeed(notAllowed(methods.stream))
  return Effect.catch(
    sessions.open(principal, "sse", (opened) => begin(sessions, request, paths, opened)),
    (error) => Effect.succeed(unavailable(error))
  )
}

/** Where this transport is served. */
export interface SsePaths {
  readonly stream: `/${string}`
  readonly messages: `/${string}`
}

/** What may be asked at either path. */
export const methods = { stream: "GET, HEAD, OPTIONS", messages: "POST, OPTIONS" }

/**
 * Where to post, from where the client is: it may know this server under another path, and then a path that begins at the root would lead
 * elsewhere.
 */
const referenceTo = ({ messages, stream }: SsePaths, { url }: Request): string => {
  const [asked = ""] = url.split("?")
  const levels = stream.split("/").length - 2 + (asked.endsWith("/") ? 1 : 0)
  return "../".repeat(levels) + messages.slice(1)
}

const begin = Effect.fnUntraced(function*(
  sessions: HttpSessions,
  request: Request,
  paths: SsePaths,
  { conversation, id }: Opened
): Effect.fn.Return<Response> {
  const { session } = conversation
  if (isOver(session)) return notStarted(session)
  let release = (): void => {}
  const sink = yield* EventSink.make(sessions.registry.policy.maxBufferedBytes, (end) => {
    release()
    if (end === "slow reader" || end === "vanished") cut(request.source)
    sessions.fork(session.close(end === "slow reader" || end === "vanished" ? end : "client"))
  })
  release = session.holdStream({ kind: "HTTP+SSE", bufferedBytes: () => sink.waiting })
  if (!sink.isOpen) release()
  sink.event(undefined, `${referenceTo(paths, request)}?sessionId=${Redacted.value(id)}`, "endpoint")
  conversation.speakOver(sink)
  return eventResponse(sink)
})

/** Takes a message. Its answer comes over the stream. */
export const post = Effect.fnUntraced(function*(
  sessions: HttpSessions,
  request: Request,
  principal: Principal
): Effect.fn.Return<Response> {
  if (request.method !== "POST") return notAllowed(methods.messages)
  const query = request.url.indexOf("?")
  const id = new URLSearchParams(query < 0 ? "" : request.url.slice(query)).get("sessionId") ?? ""
  const found = yield* Effect.result(sessions.find(id, principal))
  if (found._tag === "Failure" || found.success.session.transport !== "sse") {
    return refusal(404, "Session not found", { code: sessionNotFound })
  }
  const body = yield* Effect.result(readBody(request))
  if (body._tag === "Failure") return refusal(400, "the body could not be read", { code: JsonRpc.errorCode.parseError })
  const frame = JsonRpc.decode(body.success)
  const frames = frame._tag === "Batch" ? frame.frames : [frame]
  const messages: Array<Message> = []
  const conversation = found.success
  for (const one of frames) {
    const message = readMessage(one)
    if (message._tag === "Fault") {
      if (message.failure !== undefined && !isOver(conversation.session)) conversation.fail(message.failure)
      return refusal(400, message.reason, { code: JsonRpc.errorCode.invalidRequest })
    }
    messages.push(message)
  }
  if (messages.length > maxBatch) {
    return refusal(400, `a batch holds ${maxBatch} messages at most`, { code: JsonRpc.errorCode.invalidRequest })
  }
  const origin = yield* originOf(request, principal)
  // The body may have taken its time: the session need not be there any more.
  const refused = refuse(sessions, conversation, messages)
  if (refused !== undefined) return refused
  conversation.receive(messages, { isBatch: false, acceptsStream: true, origin })
  return HttpServerResponse.text("Accepted", { status: 202 })
})
