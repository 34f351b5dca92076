/**
 * What a browser must be told before a page of another origin may use this server (CORS): for each listed origin, and for no other.
 *
 * A preflight bears no credentials, so it is answered before credentials are asked for. Answers of every status are marked: a page that
 * may not read a refusal cannot tell why it was refused. Credentials that a browser keeps (cookies) are never taken.
 *
 * @see https://fetch.spec.whatwg.org/#http-cors-protocol
 */
import * as Effect from "effect/Effect"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { McpServerError, ServerOptionInvalid } from "../../McpServerError.ts"

type Response = HttpServerResponse.HttpServerResponse
type Request = HttpServerRequest.HttpServerRequest

/** As browsers write them. Fails with `ServerOptionInvalid` for an entry that is no origin. */
export const readOrigins = (entries: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<string>, McpServerError> =>
  Effect.forEach(entries, (entry) => {
    const origin = readOrigin(entry)
    return origin === undefined
      ? Effect.fail(
        new McpServerError({
          reason: new ServerOptionInvalid({
            option: "allowedOrigins",
            expected: "origins as browsers write them, such as https://app.example.org",
            actual: JSON.stringify(entry)
          })
        })
      )
      : Effect.succeed(origin)
  })

/** A browser leaves out the port that goes without saying, and writes the rest in lower case. */
const readOrigin = (entry: string): string | undefined => {
  const text = entry.trim().toLowerCase()
  // A page without an origin of its own: a local file, or one in a sandbox.
  if (text === "null") return text
  const parts = /^([a-z][a-z0-9+.-]*):\/\/[^/?#\s@*,]+\/?$/.exec(text)
  if (parts === null) return undefined
  const bare = text.replace(/\/$/, "")
  // Of other schemes the web knows no origin; browsers send them as they are.
  return parts[1] === "http" || parts[1] === "https" ? originOfUrl(bare) : bare
}

const originOfUrl = (text: string): string | undefined => URL.canParse(text) ? new URL(text).origin : undefined

/** The answer to OPTIONS: what may be asked here, and, to a page that may, with which headers. */
export const options = ({ headers }: Request, methods: string, allowedOrigins: ReadonlyArray<string>): Response => {
  const isPreflight = isListed(headers["origin"], allowedOrigins) &&
    headers["access-control-request-method"] !== undefined
  return HttpServerResponse.empty({
    status: 204,
    headers: {
      allow: methods,
      ...(isPreflight && {
        "access-control-allow-methods": methods,
        "access-control-allow-headers": allowedHeaders(headers["access-control-request-headers"]),
        "access-control-max-age": "600",
        // A page of the internet that asks a server of the own network.
        ...(headers["access-control-request-private-network"] === "true" && {
          "access-control-allow-private-network": "true"
        })
      })
    }
  })
}

/** Says of an answer which page may read it. */
export const mark = (
  { headers }: Request,
  allowedOrigins: ReadonlyArray<string>,
  response: Response
): Response => {
  if (allowedOrigins.length === 0) return response
  const { origin } = headers
  // Whatever the answer is: a cache may not give it to the page of another origin.
  return HttpServerResponse.setHeaders(response, {
    vary: "Origin",
    ...(origin !== undefined && isListed(origin, allowedOrigins) && {
      "access-control-allow-origin": origin,
      "access-control-expose-headers": exposed
    })
  })
}

export const isListed = (origin: string | undefined, allowedOrigins: ReadonlyArray<string>): boolean =>
  origin !== undefined && allowedOrigins.includes(origin)

const exposed = "Mcp-Session-Id, MCP-Protocol-Version, WWW-Authenticate, Retry-After"

/** What clients of MCP send. */
const known: ReadonlyArray<string> = [
  "accept",
  "authorization",
  "content-type",
  "last-event-id",
  "mcp-method",
  "mcp-name",
  "mcp-protocol-version",
  "mcp-session-id",
  "traceparent",
  "tracestate"
]

/** Beside these what the page asks for: headers of an authenticator, and `Mcp-Param-…`. */
const allowedHeaders = (asked = ""): string => {
  const others = asked.slice(0, mostAsked).toLowerCase().split(",").map((name) => name.trim())
    .filter((name) => /^[!#$%&'*+.^_`|~0-9a-z-]{1,64}$/.test(name))
  return [...new Set([...known, ...others])].join(", ")
}

/** Characters of a list of headers that are looked at. */
const mostAsked = 2048
