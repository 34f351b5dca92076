/**
 * The lanes of a runner: cluster's shards, which a runner keeps until it ends.
 *
 * Cluster deals its shards out over all runners, and deals them anew when one joins: jobs that run would be stopped, and begun again
 * elsewhere. Here a runner takes a few lanes that no other has, gives its jobs to those, and takes over lanes of runners that are
 * dead: those with unfinished jobs, whose lease is over. A runner that joins disturbs no job and delays none. What is done when a
 * lease cannot be renewed is cluster's: it stops whatever runs in the lanes before the lease is over.
 *
 * Leases go by the clock of the database. They are rows, not advisory locks: those are of a session, which a pool such as PgBouncer
 * gives to others, and a demoted server that can still be reached would confirm them for ever.
 *
 * **Gotchas**: cluster asks for one shard alone before it stores a reply. That is not asked of the database: the reply is written
 * together with a check of the lease, see `FencedMessages`.
 */
import * as Clock from "effect/Clock"
import { PersistenceError } from "effect/cluster/ClusterError"
import { Runner } from "effect/cluster/Runner"
import * as RunnerAddress from "effect/cluster/RunnerAddress"
import * as RunnerStorage from "effect/cluster/RunnerStorage"
import * as ShardId from "effect/cluster/ShardId"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import type * as SqlClient from "effect/sql/SqlClient"
import type { Identity } from "../ProcessIdentity.ts"
import { nowIn, type tablesIn } from "./format.ts"

/** Lanes of a kind. A runner holds a few, so that this bounds the runners of a kind: at some hundreds. */
export const lanesOfKind = 1024

/** Cluster's ids have room for the numbers of so many machines. */
const machines = 1024

export interface Options {
  readonly sql: SqlClient.SqlClient
  readonly tables: ReturnType<typeof tablesIn>
  readonly kind: string
  readonly version: number
  readonly runner: string
  readonly identity: Identity
  readonly leaseDuration: Duration.Duration
  /** Lanes that it likes to have of its own. */
  readonly wanted: number
  /** How many jobs of others it has room for. */
  readonly room: () => number
  /** Is told of lanes that were taken and have jobs. */
  readonly onAdopted: (lanes: ReadonlyArray<string>) => void
}

export interface Lanes {
  readonly storage: RunnerStorage.RunnerStorage["Service"]
  /** All that it holds, as far as it knows. */
  readonly held: () => ReadonlySet<string>
  /** No more are taken. */
  readonly close: () => void
}

export const addressOf = (runner: string): RunnerAddress.RunnerAddress => RunnerAddress.make(runner, 0)

export const make = Effect.fnUntraced(function*(options: Options) {
  const { kind, runner, sql, version } = options
  const clock = yield* Clock.Clock
  const leaseMillis = Duration.toMillis(options.leaseDuration)
  const jobs = sql(options.tables.jobs)
  const runners = sql(options.tables.runners)
  const lanes = sql(options.tables.lanes)
  const messages = sql(options.tables.messages)
  const now = sql.literal(nowIn)
  const held = new Set<string>()
  let isRegistered = false
  let isClosed = false
  let refreshedAt = Number.NEGATIVE_INFINITY
  const untraced = <A, E>(effect: Effect.Effect<A, E>) =>
    PersistenceError.refail(Effect.withTracerEnabled(effect, false))

  /** Those that no living runner holds, and none of whose jobs is of a newer version than this; no more than there is room for. */
  const orphans = (room: number) =>
    sql<{ readonly lane: string }>`SELECT lane FROM ${jobs} WHERE kind = ${kind} AND execution IS NOT NULL
      AND finished_at IS NULL AND NOT EXISTS (
        SELECT 1 FROM ${lanes} l WHERE l.lane = ${jobs}.lane AND l.runner <> ${runner} AND l.until >= ${now}
      ) GROUP BY lane HAVING MAX(version) <= ${version} LIMIT ${room}`
  /** Lanes of its own, without jobs: to take those would be a takeover. */
  const fresh = Effect.gen(function*() {
    const missing = options.wanted - held.size
    if (missing <= 0) return []
    const draw = Effect.map(Random.nextIntBetween(1, lanesOfKind), (number) => ShardId.make(kind, number).toString())
    const drawn = yield* Effect.replicateEffect(draw, missing)
    const busy = yield* sql<{ readonly lane: string }>`SELECT DISTINCT lane FROM ${jobs} WHERE kind = ${kind}
      AND execution IS NOT NULL AND finished_at IS NULL AND ${sql.in("lane", drawn)}`
    return drawn.filter((lane) => !busy.some((other) => other.lane === lane))
  })
  const free = (all: ReadonlyArray<string>) =>
    sql`DELETE FROM ${lanes} WHERE runner = ${runner} AND ${sql.in("lane", all)}`.pipe(
      Effect.andThen(Effect.sync(() => {
        for (const lane of all) held.delete(lane)
      })),
      untraced
    )

  const storage = RunnerStorage.makeEncoded({
    register: () =>
      Effect.gen(function*() {
        // One with jobs is still to be buried.
        yield* sql`DELETE FROM ${runners} WHERE alive_until < ${now} - ${3_600_000}
          AND NOT EXISTS (SELECT 1 FROM ${jobs} WHERE runner = ${runners}.id)`
        const [row] = yield* sql<
          { readonly machine: number }
        >`INSERT INTO ${runners} (id, machine, kind, identity, alive_until)
          SELECT ${runner}, number, ${kind}, ${JSON.stringify(options.identity)}, ${now} + ${leaseMillis}
          FROM generate_series(0, ${machines - 1}) AS number
          WHERE NOT EXISTS (SELECT 1 FROM ${runners} r WHERE r.machine = number) ORDER BY number LIMIT 1
          ON CONFLICT (id) DO UPDATE SET alive_until = excluded.alive_until RETURNING machine`
        if (row === undefined) return yield* Effect.die(new Error(`more than ${machines} runners are alive`))
        isRegistered = true
        return row.machine
      }).pipe(
        // Two that register at once may want the same number.
        Effect.retry(Schedule.spaced("20 millis").pipe(Schedule.upTo({ times: 20 }))),
        untraced
      ),
    unregister: () => Effect.asVoid(untraced(sql`DELETE FROM ${runners} WHERE id = ${runner}`)),
    // Cluster deals its shards out to those that it is told of: all to this one, which takes what it finds free.
    getRunners: Effect.sync(() => isRegistered ? [[encodedRunner(runner, kind), true] as const] : []),
    setRunnerHealth: () => Effect.void,
    acquire: (_, shards) =>
      Effect.gen(function*() {
        if (isClosed) return []
        const room = options.room()
        const left = room > 0 ? (yield* orphans(room)).map(({ lane }) => lane) : []
        // Those that are still being left are not among the shards that are asked for.
        const wanted = [...new Set([...left, ...yield* fresh])].filter((lane) => shards.includes(lane))
        if (wanted.length === 0) return []
        // What the dead runner had read is to be read again. Cluster says so, too, once and without looking whether it was heard.
        const rows = yield* sql<{ readonly lane: string }>`WITH
          taken AS (
            INSERT INTO ${lanes} AS l (lane, runner, until)
            SELECT lane, ${runner}, ${now} + ${leaseMillis} FROM unnest(${wanted}::text[]) AS lane ORDER BY lane
            ON CONFLICT (lane) DO UPDATE SET runner = excluded.runner, until = excluded.until
            WHERE l.runner = excluded.runner OR l.until < ${now} RETURNING lane
          ),
          unread AS (
            UPDATE ${messages} SET last_read = NULL WHERE id IN (
              SELECT id FROM ${messages} WHERE shard_id IN (SELECT lane FROM taken) AND processed = FALSE ORDER BY rowid FOR UPDATE
            )
          )
          SELECT lane FROM taken`
        const taken = rows.map(({ lane }) => lane)
        for (const lane of taken) held.add(lane)
        const adopted = taken.filter((lane) => left.includes(lane))
        if (adopted.length > 0) options.onAdopted(adopted)
        return taken
      }).pipe(untraced),
    refresh: (_, shards) =>
      Effect.suspend(() => {
        const begun = clock.currentTimeMillisUnsafe()
        const isCheck = shards.length === 1 && held.size > 1
        if (isCheck && begun - refreshedAt < leaseMillis) return Effect.succeed(shards)
        return sql<{ readonly lane: string }>`WITH
          alive AS (UPDATE ${runners} SET alive_until = ${now} + ${leaseMillis}, is_buried = FALSE WHERE id = ${runner}),
          mine AS (SELECT lane FROM ${lanes} WHERE runner = ${runner} AND ${
          sql.in("lane", shards)
        } ORDER BY lane FOR UPDATE)
          UPDATE ${lanes} SET until = ${now} + ${leaseMillis} WHERE lane IN (SELECT lane FROM mine) RETURNING lane`
          .pipe(
            Effect.map((rows) => {
              refreshedAt = begun
              const kept = rows.map(({ lane }) => lane)
              for (const lane of shards) if (!kept.includes(lane)) held.delete(lane)
              return kept
            }),
            untraced
          )
      }),
    release: (_, shard) => free([shard]),
    releaseAll: () =>
      untraced(Effect.andThen(sql`DELETE FROM ${lanes} WHERE runner = ${runner}`, Effect.sync(() => held.clear())))
  })
  const made: Lanes = {
    storage,
    held: () => held,
    close: () => {
      isClosed = true
    }
  }
  return made
})

const encodedRunner = (runner: string, kind: string): string =>
  Runner.encodeSync(new Runner({ address: addressOf(runner), groups: [kind], weight: 1 }))
