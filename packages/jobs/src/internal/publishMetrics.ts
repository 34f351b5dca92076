/**
 * Shows the numbers of this process's jobs to Effect's metric registry. When the Scope closes the gauges say 0, and all else stays as it was: an
 * exporter that outlives the jobs sends it at its last flush. A later store of the same name takes the series over.
 *
 * The series are read when they are scraped; nothing is pushed. What `holdfast.jobs` means: `docs/metrics.md`.
 *
 * **Gotchas**: of two stores with one name the newer is shown. What waits is counted by the store now and then, so that it lags a little;
 * its age does not. `Metric.registerUnsafe` is not stable yet.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { constant } from "effect/Function"
import * as Metric from "effect/Metric"
import type * as Scope from "effect/Scope"
import type { Ended } from "../JobState.ts"
import type { Backlog } from "./local/Store.ts"

/** The numbers of one kind. All but `running` and `backlog` only grow. */
export interface KindNumbers {
  readonly running: () => number
  readonly finished: Record<Ended, number>
  attempts: number
  retries: number
  steps: number
  takeovers: number
  losses: number
  /** As it was when it was counted last, in milliseconds of the epoch. */
  backlog: (Backlog & { readonly at: number }) | undefined
}

/** All that is published, kind by kind: those that this process runs or has started. */
export interface JobMetrics {
  readonly of: (kind: string) => KindNumbers
  readonly kinds: () => ReadonlyArray<string>
}

/** Publishes them with the attributes `store` and `kind`. */
export const publishMetrics = Effect.fnUntraced(function*(
  name: string,
  read: { readonly running: (kind: string) => number; readonly isTroubled: () => boolean }
): Effect.fn.Return<JobMetrics, never, Scope.Scope> {
  const context = yield* Effect.context<never>()
  const clock = yield* Clock.Clock
  const ends: Array<() => void> = []
  const numbers = new Map<string, KindNumbers>()
  let isClosed = false

  const show = <I, A>(metric: Metric.Metric<I, A>, read: () => A, last: () => A = read): void => {
    const { end, get } = lasting(read)
    Metric.registerUnsafe(metric, context, { ...unused, get })
    ends.push(() => end(last()))
  }
  const gauge = (id: string, description: string, attributes: Attributes, value: () => number): void => {
    const metric = Metric.gauge(`holdfast.jobs.${id}`, { description, attributes: { store: name, ...attributes } })
    show(metric, () => ({ value: value() }), () => ({ value: 0 }))
  }
  const counter = (id: string, description: string, attributes: Attributes, count: () => number): void => {
    const metric = Metric.counter(`holdfast.jobs.${id}`, {
      description,
      attributes: { store: name, ...attributes },
      incremental: true
    })
    show(metric, () => ({ count: count(), incremental: true }))
  }
  const register = (kind: string, of: KindNumbers): void => {
    const by = { kind }
    gauge("queued", "Jobs that wait, over all processes", by, () => of.backlog?.queued ?? 0)
    // Named as `Metric.timer` names it: OTLP takes it for the unit, and Prometheus makes no label of it.
    const unit = { ...by, time_unit: "seconds" }
    gauge("queued.age", "Seconds since the oldest job that waits was accepted", unit, () => {
      if (of.backlog === undefined || of.backlog.queued === 0) return 0
      return (of.backlog.oldestMillis + Math.max(0, clock.currentTimeMillisUnsafe() - of.backlog.at)) / 1000
    })
    gauge("running", "Jobs that run in this process", by, of.running)
    counter("attempts", "Jobs begun, those begun again included", by, () => of.attempts)
    counter("retries", "Jobs begun again after a process stopped or died over them", by, () => of.retries)
    for (const state of ["succeeded", "failed", "cancelled"] as const) {
      counter("finished", "Jobs that this process ended, by state", { ...by, state }, () => of.finished[state])
    }
    counter("steps", "Steps run to their end and stored", by, () => of.steps)
    counter("takeovers", "Jobs taken over from runners that were found dead", by, () => of.takeovers)
    counter("losses", "Jobs that were taken from this process while it ran them", by, () => of.losses)
  }

  yield* Effect.acquireRelease(
    Effect.sync(() =>
      gauge(
        "store.troubled",
        "1 while the store is out of order, for this process",
        {},
        () => read.isTroubled() ? 1 : 0
      )
    ),
    () =>
      Effect.sync(() => {
        isClosed = true
        for (const end of ends) end()
      })
  )
  return {
    kinds: () => [...numbers.keys()],
    of: (kind) => {
      const known = numbers.get(kind)
      if (known !== undefined) return known
      const made: KindNumbers = {
        running: () => read.running(kind),
        finished: { succeeded: 0, failed: 0, cancelled: 0 },
        attempts: 0,
        retries: 0,
        steps: 0,
        takeovers: 0,
        losses: 0,
        backlog: undefined
      }
      numbers.set(kind, made)
      if (!isClosed) register(kind, made)
      return made
    }
  }
})

type Attributes = Readonly<Record<string, string>>

/** What a series shows: what is read while its owner lives, and from then on what was said last. Holds nothing of the owner any more. */
const lasting = <A>(read: () => A): { readonly get: () => A; readonly end: (last: A) => void } => {
  let get = read
  return { get: () => get(), end: (last) => void (get = constant(last)) }
}

const unused = { update: () => {}, modify: () => {} }
