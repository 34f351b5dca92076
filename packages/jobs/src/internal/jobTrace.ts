/**
 * The trace of a job: the span that starts it is kept with it, as W3C's `traceparent`, so that each attempt at it is a span beneath that one,
 * in whatever process and after any restart, and each step that is run a span beneath its attempt.
 *
 * Without a tracer nothing is stored and there is no span. No payload and no result is in a span; names of kinds and steps are.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Headers from "effect/http/Headers"
import * as HttpTraceContext from "effect/http/HttpTraceContext"
import * as Option from "effect/Option"
import * as References from "effect/References"
import * as Tracer from "effect/Tracer"
import type { ClaimedJob, Outcome } from "./local/Store.ts"

const isOn = ({ context }: Fiber.Fiber<unknown, unknown>): boolean =>
  Context.getOrUndefined(context, Tracer.Tracer) !== undefined && Context.get(context, References.TracerEnabled)

/** What is stored with a job that this fiber starts: the span it is in. */
export const here = (fiber: Fiber.Fiber<unknown, unknown>): string | undefined => {
  const span = Context.getOrUndefined(fiber.context, Tracer.ParentSpan)
  if (span === undefined || !isOn(fiber) || Context.get(span.annotations, Tracer.DisablePropagation)) return undefined
  const { sampled, spanId, traceId } = span
  return `00-${traceId.padStart(32, "0")}-${spanId.padStart(16, "0")}-${sampled ? "01" : "00"}`
}

/** An attempt at a job. */
export const attempted = (job: ClaimedJob, code: Effect.Effect<Outcome>): Effect.Effect<Outcome> =>
  Effect.withFiber((fiber) => {
    if (!isOn(fiber)) return code
    const parent = Option.getOrUndefined(HttpTraceContext.w3c(Headers.fromInput({ traceparent: job.trace })))
    return Effect.useSpan(
      `job ${job.kind}`,
      {
        kind: "consumer",
        attributes: { "holdfast.job.kind": job.kind, "holdfast.job.id": job.id, "holdfast.job.attempt": job.attempt },
        // Not the span in which the program was started.
        ...(parent === undefined ? { root: true } : { parent })
      },
      (span) =>
        Effect.tap(Effect.withParentSpan(code, span, { captureStackTrace: false }), (outcome) =>
          Effect.sync(() => {
            span.attribute("holdfast.job.state", outcome.state)
            if (outcome.state === "failed") span.attribute("error.type", outcome.failure.kind)
          }))
    )
  })

/** A step that is run. */
export const step = <A, E, R>(name: string, body: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.withFiber((fiber) =>
    isOn(fiber)
      ? Effect.useSpan(`step ${name}`, (span) => Effect.withParentSpan(body, span, { captureStackTrace: false }))
      : body
  )
