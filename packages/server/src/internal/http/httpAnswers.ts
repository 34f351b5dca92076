/** Answers of the HTTP transports that are no MCP messages: refusals, with JSON-RPC errors for bodies. */
import * as JsonRpc from "@holdfast/protocol/JsonRpc"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { serverError } from "../errorCodes.ts"

/** A refusal that a client of MCP understands. */
export const refusal = (
  status: number,
  message: string,
  options: {
    readonly code?: number
    readonly id?: JsonRpc.RequestId | null
    readonly data?: unknown
    readonly headers?: Readonly<Record<string, string>>
  } = {}
): HttpServerResponse.HttpServerResponse => {
  const { code = serverError, data, headers, id = null } = options
  const response = HttpServerResponse.text(
    JsonRpc.encodeFailure(id, { code, message, ...(data !== undefined && { data }) }),
    { status, contentType: "application/json", ...(headers !== undefined && { headers }) }
  )
  messages.set(response, message)
  return response
}

const messages = new WeakMap<HttpServerResponse.HttpServerResponse, string>()

/** By guards and limits. What a client asks wrongly is answered, and no refusal. */
const reasons: Readonly<Record<number, string>> = {
  401: "no valid credentials",
  403: "not let in",
  413: "too large",
  415: "not JSON",
  429: "too many requests",
  503: "no room, or draining"
}

/** Why a request was not let in, if that is what its answer says. */
export const refusedBy = (
  response: HttpServerResponse.HttpServerResponse
): { readonly reason: string; readonly message: string } | undefined => {
  const reason = reasons[response.status]
  const message = messages.get(response)
  return reason === undefined || message === undefined ? undefined : { reason, message }
}

/** Seconds for `Retry-After`. */
export const retryAfter = (seconds: number): Readonly<Record<string, string>> => ({ "retry-after": String(seconds) })

/**
 * The head of a stream of events. What stands in between is to pass every event on, and to keep none: Chromium, which keeps what it may, asks a
 * second time for what follows on a stream that was broken off, a DELETE too.
 */
export const eventStream = {
  contentType: "text/event-stream",
  headers: {
    "content-type": "text/event-stream",
    "cache-control": "no-cache, no-store, no-transform",
    "x-accel-buffering": "no"
  }
} as const

/** What a client gets that asks for the head of such a stream only: nothing is begun for it. */
export const eventStreamHead = HttpServerResponse.empty({ status: 200, headers: eventStream.headers })

/** `methods`: those that are. */
export const notAllowed = (methods: string): HttpServerResponse.HttpServerResponse =>
  refusal(405, "method not allowed", { headers: { allow: methods } })
