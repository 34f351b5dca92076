/**
 * The trace of the fiber that asks, as a request carries it: W3C's `traceparent` and `tracestate`, in `_meta` and, over HTTP, in headers.
 *
 * Without a tracer and without a span this is one look into the fiber's context.
 */
import * as Context from "effect/Context"
import * as Fiber from "effect/Fiber"
import * as References from "effect/References"
import * as Tracer from "effect/Tracer"

/** What a request says of its trace. */
export interface TraceContext {
  readonly traceparent: string
  readonly tracestate?: string
}

/** Undefined: the fiber that runs now is in no trace, or its span is not to be told to others. */
export const here = (): TraceContext | undefined => {
  const fiber = Fiber.getCurrent()
  if (fiber === undefined) return undefined
  const span = Context.getOrUndefined(fiber.context, Tracer.ParentSpan)
  if (span === undefined || !Context.get(fiber.context, References.TracerEnabled)) return undefined
  if (Context.get(span.annotations, Tracer.DisablePropagation)) return undefined
  const tracestate = stateOf(span)
  return {
    traceparent: `00-${span.traceId.padStart(32, "0")}-${span.spanId.padStart(16, "0")}-${span.sampled ? "01" : "00"}`,
    ...(tracestate !== undefined && { tracestate })
  }
}

/** Effect's own spans have none. Those of `@effect/opentelemetry` have one of OpenTelemetry's beneath. */
const stateOf = (span: Tracer.AnySpan): string | undefined => {
  // Looked at member by member: nothing of it is relied on.
  const beneath = (span as { readonly span?: unknown }).span
  if (typeof beneath !== "object" || beneath === null || !("spanContext" in beneath)) return undefined
  if (typeof beneath.spanContext !== "function") return undefined
  const context: unknown = beneath.spanContext()
  if (typeof context !== "object" || context === null || !("traceState" in context)) return undefined
  const state = context.traceState
  if (typeof state !== "object" || state === null || !("serialize" in state)) return undefined
  const text: unknown = typeof state.serialize === "function" ? state.serialize() : undefined
  return typeof text === "string" && text !== "" ? text : undefined
}
