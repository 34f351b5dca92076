/**
 * The response that a sink of events writes into.
 *
 * Where nothing stands between this package and Node's response, the sink writes into that itself: a stream of Effect's costs an open stream
 * three times the memory, and each event a turn of its fiber. Elsewhere it is a stream of Effect's, as middleware may change it.
 */
import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import * as Effect from "effect/Effect"
import * as HttpBody from "effect/http/HttpBody"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { ServerResponse } from "node:http"
import { EventSink } from "./EventSink.ts"
import { eventStream } from "./httpAnswers.ts"

type Response = HttpServerResponse.HttpServerResponse
type Request = HttpServerRequest.HttpServerRequest

/** What the sink says, as long as it is open. `carry` or `asStream` makes an answer of it. */
export const eventResponse = (sink: EventSink, headers: Readonly<Record<string, string>> = {}): Response =>
  HttpServerResponse.raw(sink, { ...eventStream, headers: { ...eventStream.headers, ...headers } })

/** The sink that a response waits for. Undefined: it is whole. */
export const sinkOf = ({ body }: Response): EventSink | undefined =>
  body._tag === "Raw" && body.body instanceof EventSink ? body.body : undefined

/** Leaves it to the server to carry the response. */
export const asStream = (_: Request, answer: Response): Effect.Effect<Response> => {
  const sink = sinkOf(answer)
  if (sink === undefined) return Effect.succeed(answer)
  return Effect.succeed(
    HttpServerResponse.setBody(answer, HttpBody.stream(sink.body, eventStream.contentType))
  )
}

/** Carries the response itself, until its end or its client's, if it can. */
export const carry = (request: Request, answer: Response): Effect.Effect<Response> => {
  const sink = sinkOf(answer)
  if (sink === undefined) return Effect.succeed(answer)
  const response = NodeHttpServerRequest.toServerResponse(request)
  // A client that waits for leave to say its body is the server's matter.
  if (!(response instanceof ServerResponse) || "expect" in request.headers) return asStream(request, answer)
  const done = Effect.callback<Response>((resume) => {
    const end = (): void => {
      sink.carried(response.writableFinished)
      resume(Effect.succeed(answer))
    }
    if (response.destroyed) return end()
    response.once("close", end)
    response.writeHead(answer.status, answer.headers)
    sink.carryBy({
      write: (bytes) => void response.write(bytes),
      waiting: () => response.writableLength,
      end: () => void response.end()
    })
  })
  // What Effect does with a response is not to be interrupted, but for this.
  return Effect.interruptible(done)
}
