/**
 * Where a message came from, for handlers that ask: its principal, its headers, its trace.
 *
 * Secrets are left out: handlers like to log what they are given, and a token that is passed on is another server's way in.
 */
import * as Principal from "@holdfast/protocol/Principal"
import * as Effect from "effect/Effect"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpTraceContext from "effect/http/HttpTraceContext"
import * as Option from "effect/Option"
import * as Tracer from "effect/Tracer"

const secret: ReadonlySet<string> = new Set(["authorization", "cookie", "mcp-session-id", "proxy-authorization"])

export class Origin {
  /** Undefined: the host authenticates no client. */
  readonly principal: Principal.Principal | undefined
  readonly #request: HttpServerRequest.HttpServerRequest
  readonly #span: Option.Option<Tracer.AnySpan>

  constructor(
    request: HttpServerRequest.HttpServerRequest,
    principal: Principal.Principal,
    span: Option.Option<Tracer.AnySpan>
  ) {
    this.principal = Principal.isSame(principal, Principal.local) ? undefined : principal
    this.#request = request
    this.#span = span
  }

  /** In lower case, made when a handler looks: few do. `traceparent` names the span in which the request is served. */
  get headers(): Record<string, string> {
    const shown = Object.entries(this.#request.headers).filter(([name]) => !secret.has(name))
    const span = Option.getOrUndefined(this.#span)
    return { ...Object.fromEntries(shown), ...(span?._tag === "Span" && HttpTraceContext.toHeaders(span)) }
  }
}

export const originOf = (
  request: HttpServerRequest.HttpServerRequest,
  principal: Principal.Principal
): Effect.Effect<Origin> =>
  Effect.map(Effect.serviceOption(Tracer.ParentSpan), (span) => new Origin(request, principal, span))
