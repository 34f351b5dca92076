/**
 * What a status other than 2xx means for the frame that it answers.
 *
 * The question is always the same: can the call have been executed? 4xx say no. 502 and 504 are a gateway that asked and got
 * nothing, 500 is a server that died over it: nobody knows. 503 is a refusal only if it says when to come back.
 */
import * as JsonRpc from "@holdfast/protocol/JsonRpc"
import type { LinkFailure } from "../Link.ts"
import type { Refusal } from "./HttpExchange.ts"

/**
 * True when the server has forgotten the session that the request named. The protocol prescribes 404; some servers
 * (server-everything, Atlassian's) answer 400 and say so in the body.
 */
export const isSessionLost = ({ body, status }: Refusal, answer: JsonRpc.Failure | undefined): boolean =>
  status === 404 || (status === 400 && answer === undefined && /session/i.test(body))

/** The answer in the body, where a server combines a JSON-RPC error for our call with a status. */
export const answerIn = ({ body }: Refusal, id: JsonRpc.RequestId | undefined): JsonRpc.Failure | undefined => {
  const frame = JsonRpc.decode(body)
  return frame._tag === "Failure" && id !== undefined && frame.id === id ? frame : undefined
}

/** Where to repeat the POST: only within the origin, or the headers and the call would go to somebody else. */
export const redirection = ({ headers, status }: Refusal, from: URL): URL | undefined => {
  const target = locationOf(headers.location, from)
  return (status === 307 || status === 308) && target?.origin === from.origin ? target : undefined
}

/** What becomes of a frame that was answered so. `nowMillis` is wall-clock time, for a `Retry-After` that is a date. */
export const failureOf = (refusal: Refusal, url: URL, nowMillis: number): LinkFailure => {
  const { headers, status } = refusal
  const retryAfterMillis = readRetryAfter(headers["retry-after"], nowMillis)
  const isRefused = status < 500 || status === 501 || (status === 503 && retryAfterMillis !== undefined)
  const description = describe(refusal, url)
  return isRefused
    ? { _tag: "Rejected", status, description, retryAfterMillis }
    : { _tag: "Lost", delivery: "Unknown", description, status }
}

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
  return messageIn(refusal.body) ?? phrases.get(status) ?? "no reason given"
}

/** The sentence for people in a body: JSON-RPC's, OAuth's, a short plain text. */
const messageIn = (body: string): string | undefined => {
  const text = body.trim()
  const frame = JsonRpc.decode(text)
  if (frame._tag === "Failure") return plain(frame.error.message)
  const oauth = /"error_description"\s*:\s*"([^"\\]+)"/.exec(text)?.[1]
  if (oauth !== undefined) return plain(oauth)
  return text === "" || text.startsWith("<") || text.startsWith("{") || text.length > 200 ? undefined : plain(text)
}

const plain = (text: string): string => text.replace(/\p{Cc}+/gu, " ").trim().slice(0, 300)

const locationOf = (location: string | undefined, base: URL): URL | undefined =>
  location !== undefined && URL.canParse(location, base.href) ? new URL(location, base.href) : undefined

const readRetryAfter = (value: string | undefined, nowMillis: number): number | undefined => {
  if (value === undefined) return undefined
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000
  const date = Date.parse(value)
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowMillis)
}

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
