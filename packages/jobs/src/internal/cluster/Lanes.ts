/**
 * The lanes of a runner: cluster's shards, which a runner keeps until it ends.
 *
 * Cluster deals shards out over all runners, and deals them anew when one joins: jobs that run would be stopped and begun again
 * elsewhere. Here a runner takes a few lanes that no other has, gives its jobs to those, and takes over lanes of runners that are
 * dead: those that have unfinished jobs and whose lease is over. A runner that joins disturbs no job. The leases, their renewal, and
 * what is done when they cannot be renewed are cluster's.
 *
 * **Gotchas**: cluster asks for a refresh of one shard alone before it stores a reply. That is not asked of the database: the reply is
 * written together with a check of the lease, see `FencedMessages`.
 */
import { Runner } from "effect/cluster/Runner"
import type { RunnerAddress } from "effect/cluster/RunnerAddress"
import { PersistenceError } from "effect/cluster/ClusterError"
import type { RunnerStorage } from "effect/cluster/RunnerStorage"
import * as ShardId from "effect/cluster/ShardId"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { JobError } from "../../JobError.ts"
import type { JobTable } from "./JobTable.ts"

/** Lanes of a kind. At most a few are held by a runner, so that this bounds the runners of a kind, at some hundreds. */
export const lanesOfKind = 1024

export interface Options {
  readonly table: JobTable
  readonly kind: string
  readonly version: number
  readonly address: RunnerAddress
  readonly leaseDuration: Duration.Duration
  /** Lanes that it likes to have of its own. */
  readonly wanted: number
  /** How many jobs of others it has room for. */
  readonly room: () => number
  /** Is told of lanes that were taken and have jobs. */
  readonly onAdopted: (lanes: ReadonlyArray<string>) => void
}

export interface Lanes {
  readonly storage: RunnerStorage["Service"]
  /** All that it holds, as far as it knows. */
  readonly held: () => ReadonlySet<string>
  /** No more are taken. */
  readonly close: () => void
}

export const make = Effect.fnUntraced(function*(leases: RunnerStorage["Service"], options: Options) {
  const { address, kind, leaseDuration, table, version } = options
  const clock = yield* Clock.Clock
  const now = () => clock.currentTimeMillisUnsafe()
  const leaseMillis = Duration.toMillis(leaseDuration)
  const held = new Set<string>()
  const addressText = `${address.host}:${address.port}`
  const self = Runner.make({ address, groups: [kind], weight: 1 })
  let isRegistered = false
  let isClosed = false
  let refreshedAt = Number.NEGATIVE_INFINITY

  const stored = <A>(effect: Effect.Effect<A, JobError>) =>
    Effect.mapError(effect, (cause) => new PersistenceError({ cause }))
  const draw = (count: number): ReadonlyArray<string> =>
    Array.from({ length: count }, () => ShardId.make(kind, 1 + Math.floor(Math.random() * lanesOfKind)).toString())

  /** Lanes of its own: free ones that have no jobs, so that it is no takeover. */
  const fresh = Effect.gen(function*() {
    const missing = options.wanted - held.size
    if (missing <= 0) return []
    const drawn = draw(missing)
    const busy = yield* stored(table.busy(kind, drawn))
    return drawn.filter((lane) => !busy.has(lane) && !held.has(lane))
  })
  const acquire: RunnerStorage["Service"]["acquire"] = (_, shards) =>
    Effect.gen(function*() {
      if (isClosed) return []
      const may = new Set(Array.from(shards, String))
      const room = options.room()
      const orphans = room > 0
        ? (yield* stored(table.orphans(kind, version, addressText, room))).filter((lane) => may.has(lane))
        : []
      const wanted = [...new Set([...orphans, ...(yield* fresh).filter((lane) => may.has(lane))])]
      if (wanted.length === 0) return []
      const acquired = yield* leases.acquire(address, wanted.map(ShardId.fromString))
      for (const shard of acquired) held.add(shard.toString())
      refreshedAt = now()
      const adopted = acquired.map(String).filter((lane) => orphans.includes(lane))
      if (adopted.length > 0) options.onAdopted(adopted)
      return acquired
    })
  const refresh: RunnerStorage["Service"]["refresh"] = (_, shards) =>
    Effect.suspend(() => {
      const asked = [...shards]
      const isCheck = asked.length === 1 && held.size > 1
      if (isCheck && now() - refreshedAt < leaseMillis) return Effect.succeed(asked)
      const begun = now()
      return Effect.map(leases.refresh(address, asked), (kept) => {
        refreshedAt = begun
        const names = new Set(kept.map(String))
        for (const shard of asked) if (!names.has(shard.toString())) held.delete(shard.toString())
        return kept
      })
    })
  const storage: RunnerStorage["Service"] = {
    ...leases,
    register: (runner, isHealthy) =>
      Effect.tap(leases.register(runner, isHealthy), () => Effect.sync(() => void (isRegistered = true))),
    // Cluster deals its shards out to those that it is told of: all to this one, which takes what it finds free.
    getRunners: Effect.sync(() => isRegistered ? [[self, true] as const] : []),
    acquire,
    refresh,
    release: (runner, shard) =>
      Effect.tap(leases.release(runner, shard), () => Effect.sync(() => held.delete(shard.toString()))),
    releaseAll: (runner) => Effect.tap(leases.releaseAll(runner), () => Effect.sync(() => held.clear()))
  }
  const lanes: Lanes = {
    storage,
    held: () => held,
    close: () => {
      isClosed = true
    }
  }
  return lanes
})
