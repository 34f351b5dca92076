/**
 * What is in Effect's metric registry, in Prometheus' text format: tools, jobs, pools, and what an application counts itself.
 *
 * Left out is what registries of sessions show there: the page of the operators' port shows its own under other names.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as PrometheusMetrics from "effect/observability/PrometheusMetrics"

export const effectMetrics: Effect.Effect<string> = Effect.contextWith((context: Context.Context<never>) =>
  Effect.sync(() => {
    const shown = [...Context.get(context, Metric.MetricRegistry)].filter(([, { id }]) =>
      !id.startsWith("holdfast.server.")
    )
    return PrometheusMetrics.formatUnsafe(Context.add(context, Metric.MetricRegistry, new Map(shown)))
  })
)
