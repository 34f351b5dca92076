/**
 * The span of a call, where there is a trace: `tools/call <name>`, with OpenTelemetry's names for MCP. Its events are the attempts, and why
 * another one followed. Waiting for a connection and dialling are spans of the pool beneath it.
 *
 * No argument, no result and no word of the server is in it: outcomes are told by the names of reasons.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as References from "effect/References"
import * as Tracer from "effect/Tracer"
import type { Delivery, McpRuntimeError, Reason } from "../../McpRuntimeError.ts"
import type { McpConnection } from "../connection/contract.ts"
import type { PooledServer } from "../pool/PooledServer.ts"
import * as conventions from "./conventions.ts"

/** What the span is about. */
export interface Traced {
  readonly target: PooledServer
  readonly method: string
  /** The tool or prompt, if the method has one. */
  readonly name?: string | undefined
}

/**
 * Whether anything would come of a span: a tracer was given. A span around the call without one, as `Effect.fn` makes it, is told to the server
 * by `traceContext` and kept by nothing, and neither would be what is beneath it.
 */
export const isOn = ({ context }: Fiber.Fiber<unknown, unknown>): boolean =>
  // Not by `mapUnsafe`: it copies the context of a fiber that has one of its own.
  Context.getOrUndefined(context, Tracer.Tracer) !== undefined && Context.get(context, References.TracerEnabled)

/** Runs a call in a span of its own, which `CallTrace.ended` ends: its owner calls that, whatever becomes of the call. */
export const around = <A>(
  { context }: Fiber.Fiber<unknown, unknown>,
  { method, name, target }: Traced,
  run: (trace: CallTrace) => Effect.Effect<A, McpRuntimeError>
): Effect.Effect<A, McpRuntimeError> =>
  Effect.flatMap(
    Effect.makeSpan(name === undefined ? method : `${method} ${name}`, { kind: "client" }),
    (span) => {
      conventions.tellNames(method, name, span)
      span.attribute("network.transport", target.endpoint._tag === "Stdio" ? "pipe" : "tcp")
      span.attribute("holdfast.server", target.label)
      const isTimed = Context.get(context, References.TracerTimingEnabled)
      const trace = new CallTrace(span, isTimed ? Context.get(context, Clock.Clock) : undefined)
      return Effect.provideService(run(trace), Tracer.ParentSpan, span)
    }
  )

/** The span of one call, told what happens to it. */
export class CallTrace {
  readonly #span: Tracer.Span
  /** Undefined: spans have no times. */
  readonly #clock: Clock.Clock | undefined
  #attempts = 0

  constructor(span: Tracer.Span, clock: Clock.Clock | undefined) {
    this.#span = span
    this.#clock = clock
  }

  /** The request is given to a connection, for which it has waited so many milliseconds. */
  sent({ era, protocolVersion }: Pick<McpConnection, "era" | "protocolVersion">, waited: number): void {
    this.#attempts++
    // A call that finds its connection open is sent when its span begins: reading the clock is no small part of a span.
    const at = this.#attempts === 1 && waited === 0 ? this.#span.status.startTime : this.#now()
    this.#span.event("attempt", at, { "holdfast.attempt": this.#attempts, "holdfast.era": era })
    this.#span.attribute("mcp.protocol.version", protocolVersion)
  }

  /** An attempt has failed, and another one follows. */
  repeated(reason: Reason, delivery: Delivery): void {
    this.#span.event("repeat", this.#now(), { "holdfast.reason": reason._tag, "holdfast.delivery": delivery })
  }

  /** The call is over, and so is its span. */
  ended(exit: Exit.Exit<unknown, McpRuntimeError>): void {
    const failed = Exit.isFailure(exit) ? Option.getOrUndefined(Cause.findErrorOption(exit.cause)) : undefined
    if (Exit.isSuccess(exit) || failed !== undefined) this.#span.attribute("holdfast.attempts", this.#attempts)
    if (Exit.isSuccess(exit) && conventions.isToolError(exit.value)) {
      this.#span.attribute("error.type", conventions.toolError)
    }
    if (failed !== undefined) this.#failed(failed.reason)
    this.#span.end(this.#now(), exit)
  }

  #failed(reason: Reason): void {
    this.#span.attribute("error.type", reason._tag)
    if (reason._tag === "OutcomeUnknown") this.#span.attribute("holdfast.delivery", "Unknown")
    else if ("delivery" in reason) this.#span.attribute("holdfast.delivery", reason.delivery)
    if (reason._tag === "ServerError") this.#span.attribute("rpc.response.status_code", String(reason.code))
  }

  #now(): bigint {
    return this.#clock === undefined ? 0n : this.#clock.currentTimeNanosUnsafe()
  }
}
