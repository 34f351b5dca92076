/**
 * Shows the registry's numbers to Effect's metric registry. When the Scope closes the gauges say 0, and all else stays as it was: an exporter
 * that outlives the registry sends it at its last flush. A later registry of the same name takes the series over.
 *
 * The series are read when they are scraped; nothing is pushed. What `holdfast.server` means: `docs/metrics.md`.
 *
 * **Gotchas**: of two registries with one name the newer is shown. `Metric.registerUnsafe` is not stable yet.
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { constant } from "effect/Function"
import * as Metric from "effect/Metric"
import type * as Scope from "effect/Scope"
import type { SessionState } from "../../Session.ts"
import type { SessionEntry } from "../session/SessionEntry.ts"

/** What is read: the registry's own state, and not a copy of it. */
export interface Numbers {
  readonly sessions: ReadonlySet<SessionEntry>
  readonly closed: Readonly<Record<string, number>>
  readonly totals: () => {
    readonly opened: number
    readonly refused: number
    readonly requests: number
    readonly inFlight: number
    readonly sweeps: number
    readonly sweepMillis: number
  }
}

/** Publishes them with the attribute `registry`. */
export const publishMetrics = Effect.fnUntraced(function*(
  name: string,
  numbers: Numbers
): Effect.fn.Return<void, never, Scope.Scope> {
  const context = yield* Effect.context<never>()
  yield* Effect.acquireRelease(
    Effect.sync(() => register(name, numbers, context)),
    (ends) =>
      Effect.sync(() => {
        for (const end of ends) end()
      })
  )
})

const register = (
  name: string,
  { closed, sessions, totals }: Numbers,
  context: Context.Context<never>
): ReadonlyArray<() => void> => {
  const ends: Array<() => void> = []
  const show = <I, A>(metric: Metric.Metric<I, A>, read: () => A, last: () => A = read): void => {
    const { end, get } = lasting(read)
    Metric.registerUnsafe(metric, context, { ...unused, get })
    ends.push(() => end(last()))
  }
  const gauge = (id: string, description: string, read: () => number, more?: Attributes): void => {
    const metric = Metric.gauge(`holdfast.server.${id}`, { description, attributes: { registry: name, ...more } })
    show(metric, () => ({ value: read() }), () => ({ value: 0 }))
  }
  const counter = (id: string, description: string, read: () => number, more?: Attributes): void => {
    const attributes = { registry: name, ...more }
    const metric = Metric.counter(`holdfast.server.${id}`, { description, attributes, incremental: true })
    show(metric, () => ({ count: read(), incremental: true }))
  }

  for (const state of ["connecting", "active", "closing"] as const) {
    gauge("sessions", "Sessions not yet closed, by state", () => countIn(sessions, state), { state })
  }
  gauge("streams", "Open streams of events", () => streamsOf(sessions))
  gauge("requests.active", "Requests whose handlers run", () => totals().inFlight)
  counter("sessions.opened", "Sessions opened", () => totals().opened)
  for (const reason of Object.keys(closed)) {
    counter("sessions.closed", "Sessions closed, by reason", () => closed[reason] ?? 0, { reason })
  }
  counter("sessions.refused", "Sessions refused because of a limit or a drain", () => totals().refused)
  counter("requests", "Requests taken", () => totals().requests)
  counter("sweeps", "Sweeps for stale sessions", () => totals().sweeps)
  // Named as `Metric.timer` names it: OTLP takes it for the unit, and Prometheus makes no label of it.
  const unit = { time_unit: "milliseconds" }
  counter("sweep.duration", "Milliseconds that sweeps took to find what is stale", () => totals().sweepMillis, unit)
  return ends
}

type Attributes = Readonly<Record<string, string>>

/** What a series shows: what is read while its owner lives, and from then on what was said last. Holds nothing of the owner any more. */
const lasting = <A>(read: () => A): { readonly get: () => A; readonly end: (last: A) => void } => {
  let get = read
  return { get: () => get(), end: (last) => void (get = constant(last)) }
}

const unused = { update: () => {}, modify: () => {} }

const countIn = (sessions: ReadonlySet<SessionEntry>, state: SessionState): number => {
  let count = 0
  for (const session of sessions) if (session.state() === state) count++
  return count
}

const streamsOf = (sessions: ReadonlySet<SessionEntry>): number => {
  let count = 0
  for (const session of sessions) count += session.openStreams()
  return count
}
