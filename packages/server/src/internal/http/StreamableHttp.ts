/**
 * Streamable HTTP, the server's side: what a POST, a GET and a DELETE mean, and how each is answered.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#streamable-http
 */
import type * as JsonRpc from "@holdfast/protocol/JsonRpc"
import type { Principal } from "@holdfast/protocol/Principal"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import type { Conversation, Message } from "../session/Conversation.ts"
import type { Exchange } from "../session/Exchange.ts"
import { type OutStream, parseEventId, standalone } from "../session/OutStream.ts"
import type { Fault } from "../session/readMessage.ts"
import { releaseTimeout } from "../session/SessionEntry.ts"
import type { ServeStateless } from "../stateless/serveStateless.ts"
import { acceptedBy } from "./accept.ts"
import { cut } from "./cutConnection.ts"
import { eventResponse, sinkOf } from "./eventResponse.ts"
import { EventSink, wholeStream } from "./EventSink.ts"
import { eventStreamHead, notAllowed, refusal, retryAfter } from "./httpAnswers.ts"
import type { HttpSessions, Opened } from "./HttpSessions.ts"
import { originOf } from "./Origin.ts"
import { isOver, noBatches, notStarted, refuse, unavailable, unknownSession } from "./sessionRefusals.ts"
import { isInitialize, takePost } from "./takePost.ts"

type Response = HttpServerResponse.HttpServerResponse
type Request = HttpServerRequest.HttpServerRequest

/** What may be asked at the path of Streamable HTTP. */
export const methods = "GET, HEAD, POST, DELETE, OPTIONS"
const sessionHeader = "mcp-session-id"

/** Answers one request that the guard has let pass. */
export const handle = (
  sessions: HttpSessions,
  stateless: ServeStateless,
  request: Request,
  principal: Principal
): Effect.Effect<Response> => {
  switch (request.method) {
    case "POST":
      return post(sessions, stateless, request, principal)
    case "GET":
    case "HEAD":
      return get(sessions, request, principal)
    case "DELETE":
      return remove(sessions, request, principal)
    default:
      return Effect.succeed(notAllowed(methods))
  }
}

const post = (
  sessions: HttpSessions,
  stateless: ServeStateless,
  request: Request,
  principal: Principal
): Effect.Effect<Response> =>
  takePost(sessions, stateless, request, principal, {
    serve: (messages, isBatch) => serveInSession(sessions, request, principal, messages, isBatch),
    onFault: (fault) => failQuestion(sessions, request, principal, fault)
  })

const serveInSession = Effect.fnUntraced(function*(
  sessions: HttpSessions,
  request: Request,
  principal: Principal,
  messages: ReadonlyArray<Message>,
  isBatch: boolean
): Effect.fn.Return<Response> {
  const initialize = messages.find(isInitialize)
  if (initialize !== undefined) return yield* open(sessions, request, principal, initialize)
  const found = yield* conversationOf(sessions, request, principal)
  if (HttpServerResponse.isHttpServerResponse(found)) return found
  // Revisions from 2025-06-18 on have no batches.
  if (isBatch && found.revision !== undefined && found.revision >= "2025-06-18") return noBatches()
  return yield* exchange(sessions, request, found, messages, isBatch)
})

/** An answer that is none fails the question that it was to answer. */
const failQuestion = Effect.fnUntraced(function*(
  sessions: HttpSessions,
  request: Request,
  principal: Principal,
  { failure }: Fault
): Effect.fn.Return<void> {
  if (failure === undefined) return
  const found = yield* conversationOf(sessions, request, principal)
  if (!HttpServerResponse.isHttpServerResponse(found) && !isOver(found.session)) found.fail(failure)
})

/** Hands messages over, and waits for what becomes of them. */
export const exchange = Effect.fnUntraced(function*(
  sessions: HttpSessions,
  request: Request,
  conversation: Conversation,
  messages: ReadonlyArray<Message>,
  isBatch: boolean,
  headers: Readonly<Record<string, string>> = {}
): Effect.fn.Return<Response> {
  const { stream: acceptsStream } = acceptedBy(request)
  const origin = yield* originOf(request, conversation.session.principal)
  // Nothing comes between this and what it decides on.
  const refused = refuse(sessions, conversation, messages)
  if (refused !== undefined) return refused
  const pending = conversation.receive(messages, { isBatch, acceptsStream, origin })
  if (pending === undefined) return HttpServerResponse.empty({ status: 202 })
  return yield* answerOf(sessions, request, conversation, pending, headers)
})

const answerOf = (
  sessions: HttpSessions,
  request: Request,
  conversation: Conversation,
  pending: Exchange,
  headers: Readonly<Record<string, string>>
): Effect.Effect<Response> =>
  Effect.onInterrupt(
    Effect.flatMap(pending.decision, (decision) => {
      if (decision._tag === "Stream") {
        return stream(sessions, request, conversation, decision.stream, { headers, isPrimed: true })
      }
      const { answers, isBatch } = decision
      if (!acceptedBy(request).json) return Effect.succeed(wholeStream(answers, headers))
      return Effect.succeed(
        HttpServerResponse.text(isBatch ? `[${answers.join(",")}]` : answers[0] ?? "", {
          contentType: "application/json",
          headers
        })
      )
    }),
    () => Effect.sync(() => pending.abandon())
  )

/** A session begins with the answer to its `initialize`. */
const open = (
  sessions: HttpSessions,
  request: Request,
  principal: Principal,
  initialize: JsonRpc.Request
): Effect.Effect<Response> =>
  Effect.catch(
    sessions.open(principal, "streamable-http", (opened) => begin(sessions, request, initialize, opened)),
    (error) => Effect.succeed(unavailable(error))
  )

const begin = Effect.fnUntraced(function*(
  sessions: HttpSessions,
  request: Request,
  initialize: JsonRpc.Request,
  { conversation, id }: Opened
): Effect.fn.Return<Response> {
  const { session } = conversation
  if (isOver(session)) return notStarted(session, initialize.id)
  const response = yield* exchange(sessions, request, conversation, [initialize], false, {
    [sessionHeader]: Redacted.value(id)
  })
  // An answer that takes long comes over the stream that the response has become; a refusal there is left to the sweep.
  if (sinkOf(response) !== undefined) return response
  if (conversation.revision !== undefined) {
    const scope = yield* Effect.serviceOption(Scope.Scope)
    // A client that is gone before this is written was not told.
    const unlessSaid = (exit: Exit.Exit<unknown, unknown>): Effect.Effect<unknown> =>
      Exit.isFailure(exit) ? Effect.sync(() => sessions.fork(session.close("client"))) : Effect.void
    if (Option.isSome(scope)) yield* Scope.addFinalizerExit(scope.value, unlessSaid)
    return response
  }
  // The server has refused: what was begun is no session.
  sessions.fork(session.close(sessions.registry.isDraining() ? "drain" : "error"))
  return HttpServerResponse.removeHeader(response, sessionHeader)
})

const get = Effect.fnUntraced(function*(
  sessions: HttpSessions,
  request: Request,
  principal: Principal
): Effect.fn.Return<Response> {
  if (!acceptedBy(request).stream) {
    return refusal(406, "a GET is answered by a stream of events: accept text/event-stream")
  }
  const found = yield* conversationOf(sessions, request, principal)
  if (HttpServerResponse.isHttpServerResponse(found)) return found
  if (sessions.registry.isDraining()) return refusal(503, "the server is shutting down", { headers: retryAfter(5) })
  // Nothing of the stream goes to a client that asks for its head only.
  if (request.method === "HEAD") return eventStreamHead
  const last = request.headers["last-event-id"]
  if (last === undefined || last === "") return yield* stream(sessions, request, found, found.push, { isPrimed: true })
  const at = parseEventId(last)
  const resumed = at === undefined ? undefined : found.streamOf(at.stream)
  if (at === undefined || resumed === undefined) return refusal(400, "what came after this event is not known any more")
  return yield* stream(sessions, request, found, resumed, { after: at.place })
})

const remove = Effect.fnUntraced(function*(
  sessions: HttpSessions,
  request: Request,
  principal: Principal
): Effect.fn.Return<Response> {
  const found = yield* conversationOf(sessions, request, principal)
  if (HttpServerResponse.isHttpServerResponse(found)) return found
  // The client has said its word, however long the session's own take to end.
  yield* Effect.timeoutOption(found.session.close("client"), releaseTimeout)
  return HttpServerResponse.empty({ status: 200 })
})

interface StreamOptions {
  readonly headers?: Readonly<Record<string, string>>
  /** The place of the event the client had last. */
  readonly after?: number
  /** Begin with an event that says where the client is, if its revision knows what to make of it. */
  readonly isPrimed?: boolean
}

const stream = Effect.fnUntraced(function*(
  { fork, registry }: HttpSessions,
  request: Request,
  conversation: Conversation,
  out: OutStream,
  { after, headers = {}, isPrimed = false }: StreamOptions
): Effect.fn.Return<Response> {
  const { maxBufferedBytes, retryInterval } = registry.policy
  const { session } = conversation
  const tellsId = headers[sessionHeader] !== undefined
  let release = (): void => {}
  const sink = yield* EventSink.make(maxBufferedBytes, (end) => {
    release()
    if (end === "slow reader" || end === "vanished") cut(request.source)
    if (tellsId && end === "client left" && !sink.hasBegun) fork(session.close("client"))
  })
  // After the sink is there, which releases it: a client that leaves between the two has held nothing.
  release = session.holdStream({
    kind: out.number === standalone ? "what the server says" : "answers to a request",
    bufferedBytes: () => sink.waiting
  })
  if (!sink.isOpen) release()
  // Older clients take the empty message of a priming event for a message.
  const revision = conversation.revision ?? ""
  if (isPrimed && revision >= "2025-11-25") out.prime(sink, retryInterval)
  // The head of a response goes out with the first bytes of its body, and clients wait for it.
  else sink.comment("open")
  // In a session that is over only what was answered by its end can still be read.
  const isGone = isOver(session) && !out.isComplete
  if (isGone || !out.attach(sink, after)) {
    sink.end("ended")
    return isGone ? unknownSession() : refusal(400, "some of what came after this event is not known any more")
  }
  return eventResponse(sink, headers)
})

const conversationOf = (
  sessions: HttpSessions,
  request: Request,
  principal: Principal
): Effect.Effect<Conversation | Response> => {
  const id = request.headers[sessionHeader]
  if (id === undefined || id === "") {
    return Effect.succeed(refusal(400, "the header Mcp-Session-Id is missing; initialize first"))
  }
  return Effect.match(sessions.find(id, principal), {
    // What the old transport has begun has its one stream for everything.
    onSuccess: (conversation): Conversation | Response =>
      conversation.session.transport === "streamable-http" ? conversation : unknownSession(),
    onFailure: unknownSession
  })
}
