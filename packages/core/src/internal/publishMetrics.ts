/**
 * Shows the machine's numbers to Effect's metric registry. When the Scope closes the gauges say 0, and all else stays as it was: an exporter
 * that outlives the pool sends it at its last flush. A later pool of the same name takes the series over.
 *
 * The series are read at each scrape; nothing is pushed. `Metric.registerUnsafe` is not stable yet.
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { constant } from "effect/Function"
import * as Metric from "effect/Metric"
import type * as Scope from "effect/Scope"
import * as Struct from "effect/Struct"
import { Histogram } from "./instruments.ts"
import type { Machine } from "./machine.ts"

interface Totals {
  total: number
  idle: number
  active: number
  pending: number
}

/** Names and meanings are HikariCP's where it has them, under `holdfast.pool`. */
export const publishMetrics = <K, C, E>(
  machine: Machine<K, C, E>,
  options: { readonly name: string; readonly maxConnections: number; readonly context: Context.Context<never> }
): Effect.Effect<void, never, Scope.Scope> => {
  const { instruments } = machine
  const attributes = { pool: options.name }
  const ends: Array<() => void> = []
  const show = <I, A>(metric: Metric.Metric<I, A>, read: () => A, last: () => A = read): void => {
    const { end, get } = lasting(read)
    Metric.registerUnsafe(metric, options.context, { ...unused, get })
    ends.push(() => end(last()))
  }

  const gauge = (id: string, description: string, read: () => number): void => {
    const metric = Metric.gauge(`holdfast.pool.${id}`, { description, attributes })
    show(metric, () => ({ value: read() }), () => ({ value: 0 }))
  }
  const counter = (id: string, description: string, read: () => number, more: Record<string, string> = {}): void => {
    const metric = Metric.counter(`holdfast.pool.${id}`, {
      description,
      attributes: { ...attributes, ...more },
      incremental: true
    })
    show(metric, () => ({ count: read(), incremental: true }))
  }
  const histogram = (id: string, description: string, read: () => ReturnType<Histogram["state"]>): void => {
    const metric = Metric.histogram(`holdfast.pool.${id}`, {
      description,
      attributes,
      boundaries: Histogram.boundaries
    })
    show(metric, read)
  }
  const totals = (): Totals => count(machine)

  return Effect.asVoid(Effect.acquireRelease(
    Effect.sync(() => {
      gauge("connections", "Connections not yet closed, being opened ones included", () => machine.room.taken)
      gauge("connections.idle", "Open connections without a lease", () => totals().idle)
      gauge("connections.active", "Leases given and not yet returned", () => totals().active)
      gauge("connections.pending", "Callers that wait for a connection", () => totals().pending)
      gauge("connections.max", "The limit over all keys", () => options.maxConnections)
      histogram(
        "acquire",
        "Milliseconds callers waited for a connection",
        () => instruments.acquire.state(instruments.instantAcquires)
      )
      histogram("usage", "Milliseconds leases were held, every sixteenth lease", () => instruments.usage.state())
      histogram("creation", "Milliseconds successful dials took", () => instruments.creation.state())
      counter("timeout", "Callers that got no connection by their deadline", () => instruments.timeouts)
      // All reasons from the beginning: the first increase of a series that was not there is seen by no rate.
      for (const reason of Struct.keys(instruments.refused)) {
        counter("refused", "Callers that got no connection", () => instruments.refused[reason], { reason })
      }
      counter("dials", "Dials started", () => instruments.dials)
      counter("dials.failed", "Dials that failed", () => instruments.failedDials)
      counter("losses", "Open connections that were lost", () => instruments.losses)
      counter("quarantines", "Times a key was quarantined", () => instruments.quarantines)
      counter("evictions", "Idle connections closed to make room", () => instruments.evictions)
      counter("leaks", "Leases held longer than leakWarningThreshold", () => instruments.leaks)
      counter("transitions", "Moves of slots and connections", () => machine.transitions.count)
    }),
    () =>
      Effect.sync(() => {
        for (const end of ends) end()
      })
  ))
}

/** What a series shows: what is read while its owner lives, and from then on what was said last. Holds nothing of the owner any more. */
const lasting = <A>(read: () => A): { readonly get: () => A; readonly end: (last: A) => void } => {
  let get = read
  return { get: () => get(), end: (last) => void (get = constant(last)) }
}

const unused = { update: () => {}, modify: () => {} }

const count = <K, C, E>(machine: Machine<K, C, E>): Totals => {
  const totals: Totals = { total: 0, idle: 0, active: 0, pending: 0 }
  for (const entry of machine.keys.entries.values()) {
    totals.pending += entry.waiters.size
    for (const { connection } of entry.slots) {
      if (connection?.state._tag !== "Open") continue
      totals.total++
      totals.active += connection.leases
      if (connection.leases === 0) totals.idle++
    }
  }
  for (const connection of machine.draining) totals.active += connection.leases
  return totals
}
