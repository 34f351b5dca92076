/** How long calls of tools took and how they ended, as a histogram of Effect's metric registry: see `docs/metrics.md`. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Metric from "effect/Metric"

/** `error`: the tool said so, or its arguments were wrong. `defect`: its handler died. */
export type Outcome = "ok" | "error" | "defect" | "cancelled"

/** Milliseconds. From what is in memory to what a person waits for. */
const boundaries = Metric.boundariesFromIterable([
  1,
  5,
  10,
  25,
  50,
  100,
  250,
  500,
  1000,
  2500,
  5000,
  10_000,
  30_000,
  60_000,
  300_000
])

/** Measures a call. An interruption counts as `cancelled`, whatever its cause. */
export const measured = <A, E, R>(
  tool: string,
  call: Effect.Effect<A, E, R>,
  outcomeOf: (answer: A) => Outcome
): Effect.Effect<A, E, R> =>
  Effect.flatMap(
    Clock.monotonicTimeNanos,
    (started) =>
      Effect.onExit(call, (exit) =>
        Effect.flatMap(Clock.monotonicTimeNanos, (ended) =>
          Metric.update(
            Metric.histogram("holdfast.tool.duration", {
              description: "Milliseconds that calls of tools took, by how they ended",
              // Named as `Metric.timer` names it: OTLP takes it for the unit, and Prometheus makes no label of it.
              attributes: {
                tool,
                outcome: Exit.isSuccess(exit) ? outcomeOf(exit.value) : "cancelled",
                time_unit: "milliseconds"
              },
              boundaries
            }),
            Number(ended - started) / 1e6
          )))
  )
