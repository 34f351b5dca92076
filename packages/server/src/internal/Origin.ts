/**
 * Where a message came from, for handlers that ask: who sent it, with which headers, and in which trace.
 *
 * Secrets are left out: handlers like to log what they are given, and a token that is passed on is another server's way in.
 */
import * as PrincipalModule from "@holdfast/protocol/Principal"
import * as Effect from "effect/Effect"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpTraceContext from "effect/http/HttpTraceContext"

export interface Origin {
  /** Undefined: nobody was asked who they are. */
  readonly principal: PrincipalModule.Principal | undefined
  /** In lower case. `traceparent` names the span in which the server serves the request. */
  readonly headers: Readonly<Record<string, string>>
}

const secret: ReadonlySet<string> = new Set(["authorization", "cookie", "mcp-session-id", "proxy-authorization"])

export const originOf = (
  { headers }: HttpServerRequest.HttpServerRequest,
  principal: PrincipalModule.Principal
): Effect.Effect<Origin> =>
  Effect.map(Effect.option(Effect.currentSpan), (span): Origin => ({
    principal: PrincipalModule.isSame(principal, PrincipalModule.local) ? undefined : principal,
    // Few handlers look.
    get headers() {
      const shown = Object.entries(headers).filter(([name]) => !secret.has(name))
      const trace = span._tag === "Some" ? HttpTraceContext.toHeaders(span.value) : {}
      return { ...Object.fromEntries(shown), ...trace }
    }
  }))
