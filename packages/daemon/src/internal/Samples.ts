/**
 * What the daemon was like in the last hour: a sample every fifteen seconds, 240 of them.
 *
 * A daemon in which nothing happens pays for a timer and a look at what it holds, and for nothing of the system: how much memory its processes use
 * is asked for only where something has happened since the last time.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type { Event, Memory, Sample, Samples, ServerStatus } from "../ControlContract.ts"
import type { Feed } from "./Feed.ts"

export interface SamplesOptions {
  readonly events: Feed<Event>
  readonly servers: Effect.Effect<ReadonlyArray<ServerStatus>>
  readonly sessions: () => number
  /** Of all processes with these numbers, and of the daemon itself. */
  readonly memory: (pids: ReadonlySet<number>) => Effect.Effect<SampledMemory>
}

/** Undefined: the system does not tell. */
export interface SampledMemory {
  readonly servers: Memory | undefined
  readonly own: Memory | undefined
}

export const everyMillis = 15_000
export const most = 240

/** Takes samples until the Scope closes. Returns the ones that are kept. */
export const make = Effect.fnUntraced(function*({ events, memory, servers, sessions }: SamplesOptions) {
  const kept: Array<Sample> = []
  let calls = 0
  let failures = 0
  let hasHappened = true
  let known: SampledMemory = { servers: undefined, own: undefined }
  yield* Effect.acquireRelease(
    Effect.sync(() =>
      events.follow(undefined, ({ item }) => {
        hasHappened = true
        if (item.event === "called") calls++
        if (isFailure(item)) failures++
      })
    ),
    (stop) => Effect.sync(stop)
  )
  const take = Effect.gen(function*() {
    const rows = yield* servers
    const pids = new Set(rows.flatMap(({ pid }) => pid ?? []))
    if (hasHappened) {
      hasHappened = false
      known = yield* memory(pids)
    }
    const at = yield* Clock.currentTimeMillis
    kept.push({
      at,
      calls,
      failures,
      inFlight: rows.reduce((sum, { inFlight = 0 }) => sum + inFlight, 0),
      waiting: rows.reduce((sum, { waiting }) => sum + waiting, 0),
      processes: pids.size,
      sessions: sessions(),
      ...bytes("memory", known.servers),
      ...bytes("ownMemory", known.own)
    })
    calls = 0
    failures = 0
    if (kept.length > most) kept.shift()
  })
  yield* Effect.forkScoped(Effect.schedule(take, Schedule.spaced(everyMillis)))
  return (): Samples => ({ everyMillis, samples: [...kept] })
})

const bytes = <Key extends string>(key: Key, memory: Memory | undefined): { readonly [K in Key]?: number } =>
  // An object of one key has that key.
  memory === undefined ? {} : { [key]: memory.pss ?? memory.rss } as { readonly [K in Key]: number }

const isFailure = (event: Event): boolean =>
  event.event === "failed" || event.event === "lost" ||
  (event.event === "called" &&
    (event.isError === true || event.code !== undefined || !answered.has(event.delivery)))

/** Or not wanted any more by the one that has called. */
const answered: ReadonlySet<string> = new Set(["answered", "cancelled", "left"])
