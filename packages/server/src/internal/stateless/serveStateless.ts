/**
 * Stateless requests over HTTP: one POST each, answered by one response.
 *
 * A client that goes away before the answer is there has cancelled, because it cannot come back to it.
 *
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http
 */
import type * as JsonRpc from "@holdfast/protocol/JsonRpc"
import type { Principal } from "@holdfast/protocol/Principal"
import * as Effect from "effect/Effect"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { type Accepted, acceptedBy, refuseFormat } from "../http/accept.ts"
import { cut } from "../http/cutConnection.ts"
import { eventResponse } from "../http/eventResponse.ts"
import { type SinkEnd, wholeStream } from "../http/EventSink.ts"
import { retryAfter } from "../http/httpAnswers.ts"
import type { HttpSessions } from "../http/HttpSessions.ts"
import { originOf } from "../http/Origin.ts"
import { HttpReply } from "./HttpReply.ts"
import * as StatelessServer from "./StatelessServer.ts"
import type { Answer, StatelessTransport } from "./StatelessTransport.ts"

type Response = HttpServerResponse.HttpServerResponse
type Request = HttpServerRequest.HttpServerRequest

/** Answers one message of a POST that the guard has let pass. */
export type ServeStateless = (
  message: JsonRpc.Incoming,
  request: Request,
  principal: Principal
) => Effect.Effect<Response>

export interface StatelessOptions extends StatelessServer.StatelessServerOptions {
  readonly sessions: Pick<HttpSessions, "registry" | "start" | "fork" | "onHeartbeat" | "now">
}

export const make = Effect.fnUntraced(function*(options: StatelessOptions): Effect.fn.Return<ServeStateless> {
  const { sessions } = options
  const { fork } = sessions
  const { policy } = sessions.registry
  const serve = yield* StatelessServer.make<Response>(options)

  /** Waits for what becomes of a request: one answer, or a stream that ends with it. */
  const converse = (request: Request, accepted: Accepted): StatelessTransport<Response>["converse"] =>
    Effect.fnUntraced(function*(session, begin): Effect.fn.Return<Response> {
      const releases: Array<() => void> = []
      const onEnd = (end: SinkEnd): void => {
        for (const release of releases) release()
        if (end === "slow reader") cut(request.source)
        if (end === "slow reader" || end === "client left") fork(session.close(end === "client left" ? "client" : end))
      }
      const reply = yield* HttpReply.make({
        acceptsStream: accepted.stream,
        openedAt: sessions.now(),
        maxBufferedBytes: policy.maxBufferedBytes,
        onEnd
      })
      releases.push(sessions.onHeartbeat((now) => reply.beat(now, policy.heartbeatInterval)))
      begin(reply)
      const decision = yield* Effect.onInterrupt(reply.decision, () => Effect.sync(() => reply.abandon()))
      if (decision._tag === "Json") {
        return accepted.json || decision.status !== 200 ? toResponse(decision) : wholeStream([decision.text])
      }
      if (reply.isOpen) releases.push(session.holdStream())
      return eventResponse(reply.sink)
    })

  return Effect.fnUntraced(function*(message, request, principal): Effect.fn.Return<Response> {
    // Notifications have no effect without a session, answers have no question.
    if (message._tag !== "Request") return HttpServerResponse.empty({ status: 202 })
    const refused = refuseFormat(request, [message])
    if (refused !== undefined) return refused
    const accepted = acceptedBy(request)
    return yield* serve(message, principal, {
      headers: request.headers,
      origin: yield* originOf(request, principal),
      canStream: accepted.stream,
      answer: (answer) => accepted.json || answer.status !== 200 ? toResponse(answer) : wholeStream([answer.text]),
      converse: converse(request, accepted)
    })
  })
})

const toResponse = ({ retryAfter: seconds, status, text }: Answer): Response =>
  HttpServerResponse.text(text, {
    status,
    contentType: "application/json",
    ...(seconds !== undefined && { headers: retryAfter(seconds) })
  })
