/** What handlers of tools, resources and prompts have in common: the request as they see it, and its span. */
import * as Effect from "effect/Effect"
import * as Headers from "effect/http/Headers"
import * as HttpTraceContext from "effect/http/HttpTraceContext"
import * as Option from "effect/Option"
import type * as Tracer from "effect/Tracer"
import type { AuthInfo, SdkRequest } from "./sdk/sdkRequest.ts"

/** What the client sees of how far a call is. */
export interface Progress {
  /** Grows with every report. */
  readonly progress: number
  readonly total?: number | undefined
  readonly message?: string | undefined
}

/** The levels of RFC 5424, as MCP has them. */
export type LogLevel = "debug" | "info" | "notice" | "warning" | "error" | "critical" | "alert" | "emergency"

/** The call a handler serves. */
export interface ToolCall {
  readonly requestId: string | number
  /** What the host says of the caller, if it uses the SDK's authentication. On a host of ours `clientId` is the principal's. */
  readonly authInfo: AuthInfo | undefined
  /** Tells the client how far it is, if it wants to know. */
  readonly progress: (progress: Progress) => Effect.Effect<void>
  /** Tells the client what happens, as a log message of the server's. */
  readonly log: (level: LogLevel, data: unknown) => Effect.Effect<void>
}

/** The request as a handler sees it. */
export const callOf = (request: SdkRequest): ToolCall => ({
  requestId: request.id,
  authInfo: request.authInfo,
  progress: (progress) => request.progress === undefined ? Effect.void : request.progress(progress),
  log: (level, data) => request.log(level, data)
})

/** The span of a request, in the trace that the client says. What is logged in it names the session. */
export const spanOf = (
  name: string,
  attributes: Readonly<Record<string, unknown>>,
  { request, session }: { readonly session: number | undefined; readonly request: SdkRequest }
) =>
<A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  effect.pipe(
    Effect.annotateLogs(session === undefined ? {} : { session }),
    Effect.withSpan(name, {
      kind: "server",
      attributes: { ...attributes, ...(session !== undefined && { "holdfast.session": session }) },
      ...parentOf(request.traceparent)
    })
  )

/** Not the span in which the tool was registered: that of an earlier request, if of any. */
const parentOf = (traceparent: string | undefined): Pick<Tracer.SpanOptions, "parent" | "root"> => {
  const parent = HttpTraceContext.w3c(Headers.fromInput({ traceparent }))
  return Option.isSome(parent) ? { parent: parent.value } : { root: true }
}
