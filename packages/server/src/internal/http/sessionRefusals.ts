/** Why a session takes no message, or is none, as the HTTP transports say it. */
import * as JsonRpc from "@holdfast/protocol/JsonRpc"
import type * as HttpServerResponse from "effect/http/HttpServerResponse"
import type { McpServerError } from "../../McpServerError.ts"
import type { SessionShape } from "../../Session.ts"
import { sessionNotFound } from "../errorCodes.ts"
import type { Conversation, Message } from "../session/Conversation.ts"
import { refusal, retryAfter } from "./httpAnswers.ts"
import type { HttpSessions } from "./HttpSessions.ts"

type Response = HttpServerResponse.HttpServerResponse

/** Why these messages cannot be taken, whatever the transport. Undefined: they can. */
export const refuse = (
  { registry }: HttpSessions,
  { isServing, session }: Conversation,
  messages: ReadonlyArray<Message>
): Response | undefined => {
  if (isOver(session)) return unknownSession()
  const ids = messages.flatMap((message) => message._tag === "Request" ? [message.id] : [])
  const [id] = ids
  if (id === undefined) return undefined
  if (registry.isDraining()) return refusal(503, "the server is shutting down", { headers: retryAfter(5), id })
  if (new Set(ids).size < ids.length || ids.some(isServing)) {
    return refusal(400, "a request of this id is being served already", { code: JsonRpc.errorCode.invalidRequest, id })
  }
  return session.inFlight() + ids.length > registry.policy.maxInFlight
    ? refusal(429, "too many requests at once", { headers: retryAfter(1), id })
    : undefined
}

/** What a client is told whose session has ended before its server was there. */
export const notStarted = (session: SessionShape, id: JsonRpc.RequestId | null = null): Response => {
  let response = refusal(500, "the server could not be started", { id })
  // It is closing, and so this is called at once.
  session.onClosing((reason) => {
    if (reason === "drain") response = refusal(503, "the server is shutting down", { headers: retryAfter(5), id })
    if (reason === "half-open") response = refusal(500, "the server was not started in time", { id })
  })
  return response
}

/** There is no such session, for this principal or at all. */
export const unknownSession = (): Response => refusal(404, "Session not found", { code: sessionNotFound })

export const isOver = (session: SessionShape): boolean => session.state() === "closing" || session.state() === "closed"

/** A client that is asked to come back later does. */
export const unavailable = ({ message, reason }: McpServerError): Response =>
  refusal(503, message, { headers: retryAfter(reason._tag === "SessionLimit" ? 10 : 5) })

/** Revisions from 2025-06-18 on have no batches. */
export const noBatches = (): Response =>
  refusal(400, "this revision of the protocol has no batches", { code: JsonRpc.errorCode.invalidRequest })
