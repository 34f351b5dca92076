/**
 * What a status other than 2xx means for the frame that it answers.
 *
 * The question is always the same: can the call have been executed? 4xx say no. 502 and 504 are a gateway that asked and got
 * nothing, 500 is a server that died over it: its outcome is unknown. 503 is a refusal only if it says when to come back, or if the MCP
 * server itself said it, by a JSON-RPC error.
 */
import * as JsonRpc from "@holdfast/protocol/JsonRpc"
import type { IncomingHttpHeaders } from "node:http"
import type { LinkFailure } from "../../Link.ts"
import { answeredBy } from "../link/answeredBy.ts"
import * as HttpWords from "./HttpWords.ts"

/** A response that is no 2xx. */
export interface Refusal {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** At most `refusalBytes` of it. Empty when it is compressed. */
  readonly body: string
}

export const refusalBytes = 64 * 1024

/**
 * The answer in the body, where a server combines a JSON-RPC error for our call with a status. What asks for other credentials or for
 * patience is a refusal all the same: what stands before the server likes to dress it as an answer.
 */
export const answerIn = (refusal: Refusal, id: JsonRpc.RequestId | undefined): JsonRpc.Failure | undefined => {
  const { body, headers, status } = refusal
  if (status === 401 || status === 407 || status === 429) return undefined
  if (status === 403 && headers["www-authenticate"] !== undefined) return undefined
  if ([408, 425, 503].includes(status) && headers["retry-after"] !== undefined) return undefined
  const frame = JsonRpc.decode(body)
  return frame._tag === "Failure" && id !== undefined && answeredBy(frame) === id ? frame : undefined
}

/** Where to repeat the POST: only within the origin, or the headers and the call would go to a stranger. */
export const redirection = ({ headers, status }: Refusal, from: URL): URL | undefined => {
  const target = locationOf(headers.location, from)
  return (status === 307 || status === 308) && target?.origin === from.origin ? target : undefined
}

/** Where to repeat a GET: as for a POST, but any redirection will do. */
export const redirectionOfGet = (status: number, headers: IncomingHttpHeaders, from: URL): URL | undefined => {
  const target = locationOf(headers.location, from)
  return [301, 302, 303, 307, 308].includes(status) && target?.origin === from.origin ? target : undefined
}

/** What becomes of a frame that was answered so. `nowMillis` is wall-clock time, for a `Retry-After` that is a date. */
export const failureOf = (refusal: Refusal, url: URL, nowMillis: number): LinkFailure => {
  const { headers, status } = refusal
  const stated = retryAfterOf(headers, nowMillis)
  const isOverloaded = status === 429 || (status === 503 && (stated !== undefined || isSpokenByServer(refusal)))
  const isRefused = isUnexecuted(refusal, stated)
  const retryAfterMillis = isOverloaded ? stated ?? defaultRetryAfterMillis : stated
  const description = describe(refusal, url)
  return isRefused
    ? {
      _tag: "Rejected",
      status,
      description,
      retryAfterMillis,
      ...(isSpokenByServer(refusal) && { isOfProtocol: true })
    }
    : { _tag: "Lost", delivery: "Unknown", description, status }
}

/** Whether a call that was answered so can not have run. This alone decides what is sent again, whatever the words say of a session. */
export const isUnexecuted = (refusal: Refusal, stated = retryAfterOf(refusal.headers, 0)): boolean => {
  const { status } = refusal
  return status < 500 || status === 501 || (status === 503 && (stated !== undefined || isSpokenByServer(refusal)))
}

/** Whether the same request may be answered otherwise in a moment. 409: the server has not noticed that the old stream is dead. */
export const isPassing = (status: number): boolean =>
  (status >= 500 && status !== 501) || [408, 409, 425, 429].includes(status)

/** A server that refuses for now without saying until when. */
const defaultRetryAfterMillis = 1000

/** A JSON-RPC error comes from the MCP server itself, which says no. Anything else may be a gateway that lost sight of it. */
const isSpokenByServer = ({ body }: Refusal): boolean => JsonRpc.decode(body)._tag === "Failure"

const describe = (refusal: Refusal, url: URL): string => {
  const { headers, status } = refusal
  if (status >= 300 && status < 400) {
    const target = locationOf(headers.location, url)
    if (target === undefined) return "a redirection to nowhere"
    const place = `${target.origin}${target.pathname}`
    return target.origin === url.origin && (status === 307 || status === 308)
      ? `it redirects in a circle, to ${place}`
      : `it redirects to ${place}; if that is the server you mean, put its url into the config`
  }
  return HttpWords.wordsIn(refusal.body) ?? phrases.get(status) ?? "no reason given"
}

const locationOf = (location: string | undefined, base: URL): URL | undefined =>
  location !== undefined && URL.canParse(location, base.href) ? new URL(location, base.href) : undefined

/**
 * How long the server wants to be left alone: seconds, or a date. A value that is neither says nothing.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
 */
export const retryAfterOf = (headers: IncomingHttpHeaders, nowMillis: number): number | undefined => {
  const value = headers["retry-after"]?.trim()
  if (value === undefined) return undefined
  if (/^\d+$/.test(value)) return Math.min(Number(value), longestSeconds) * 1000
  // `Date.parse` takes almost anything for a date, "1.5" too. All dates of HTTP begin with the day of the week.
  const date = /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)/.test(value) ? Date.parse(value) : Number.NaN
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowMillis)
}

/** About thirty years, and a number that can be counted with. */
const longestSeconds = 999_999_999

const phrases: ReadonlyMap<number, string> = new Map([
  [400, "bad request"],
  [401, "unauthorized"],
  [403, "forbidden"],
  [404, "not found"],
  [405, "method not allowed"],
  [406, "not acceptable"],
  [413, "the message is too large for the server"],
  [415, "unsupported media type"],
  [429, "too many requests"],
  [500, "internal server error"],
  [502, "bad gateway"],
  [503, "service unavailable"],
  [504, "gateway timeout"]
])
