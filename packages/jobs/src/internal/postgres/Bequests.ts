/**
 * Jobs that their runner left behind: what their next runner does with them, and which of them may have killed the process.
 *
 * A dead process is *buried* once, by the first that takes over anything of it, in one transaction over the runners of all its kinds. The only
 * job that did anything there, or the one that was tried alone, is charged with the death; else all are suspected. A completed step clears a job
 * of both. What is charged, or suspected twice, is begun again after a pause, and alone.
 *
 * **Gotchas**: a process that was only cut off or frozen for longer than its lease is taken for dead. The pause is counted from when it was last
 * heard of: most of the time it is over with the lease.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as SqlClient from "effect/sql/SqlClient"
import { chargedOf, isSuspect, pauseAfter } from "../local/Store.ts"
import type { Identity } from "../ProcessIdentity.ts"
import { nowIn, type tablesIn } from "./format.ts"

/** What a runner is to know of a bound job before it takes it. */
export interface Bequest {
  /** The runner that died over it. */
  readonly former: { readonly runner: string; readonly identity: Identity | undefined } | undefined
  readonly isAlone: boolean
  readonly pauseMillis: number
}

export interface Options {
  readonly tables: ReturnType<typeof tablesIn>
  /** Of this process. */
  readonly identity: Identity
  readonly leaseDuration: Duration.Duration
}

export const make = (sql: SqlClient.SqlClient, { identity, leaseDuration, tables }: Options) => {
  const jobs = sql(tables.jobs)
  const runners = sql(tables.runners)
  const now = sql.literal(nowIn)
  const own = JSON.stringify(identity)

  const bury = (runner: string) =>
    sql.withTransaction(Effect.gen(function*() {
      // One that waits for another to bury them finds them buried.
      const dead = yield* sql<
        { readonly id: string; readonly alive_until: number }
      >`SELECT id, alive_until FROM ${runners}
        WHERE NOT is_buried AND identity = (SELECT identity FROM ${runners} WHERE id = ${runner}) AND identity <> ${own}
        ORDER BY id FOR UPDATE`
      if (dead.length === 0) return
      const ids = dead.map(({ id }) => id)
      const heardOf = Math.max(...dead.map(({ alive_until }) => alive_until)) - Duration.toMillis(leaseDuration)
      const rows = yield* sql<{
        readonly id: string
        readonly crashes: number
        readonly suspicions: number
        readonly is_alone: boolean
        readonly is_waiting: boolean
      }>`SELECT id, crashes, suspicions, is_alone, is_waiting FROM ${jobs} WHERE ${sql.in("runner", ids)}
        ORDER BY number FOR UPDATE`
      const left = rows.map((row) => ({ ...row, isAlone: row.is_alone, isWaiting: row.is_waiting }))
      const charged = chargedOf(left)
      for (const one of left) {
        const isCharged = one === charged
        if (one.isWaiting || !isCharged && charged !== undefined) continue
        const deaths = {
          crashes: one.crashes + (isCharged ? 1 : 0),
          suspicions: one.suspicions + (isCharged ? 0 : 1)
        }
        const pause = pauseAfter(deaths)
        yield* sql`UPDATE ${jobs} SET crashes = ${deaths.crashes}, suspicions = ${deaths.suspicions},
          starts_at = ${pause > 0 ? heardOf + pause : null} WHERE id = ${one.id}`
      }
      yield* sql`UPDATE ${runners} SET is_buried = TRUE WHERE ${sql.in("id", ids)}`
    }))

  return {
    /** `undefined`: it has ended, or is another execution's by now. */
    inherit: (id: string, execution: string, runner: string) =>
      Effect.gen(function*() {
        const bound = sql`id = ${id} AND execution = ${execution} AND state IN ('queued', 'running')`
        const look = sql<{
          readonly former: string | null
          readonly identity: string | null
          readonly crashes: number
          readonly suspicions: number
          readonly pause: number | null
        }>`SELECT runner AS former, (SELECT identity FROM ${runners} r WHERE r.id = runner) AS identity, crashes, suspicions,
          starts_at - ${now} AS pause FROM ${jobs} WHERE ${bound}`
        let [job] = yield* look
        const former = job?.former ?? runner
        if (former !== runner) {
          yield* bury(former)
          ;[job] = yield* look
        }
        if (job === undefined) return undefined
        const pauseMillis = Math.max(0, job.pause ?? 0)
        if (pauseMillis > 0) {
          yield* sql`UPDATE ${jobs} SET state = 'queued', runner = NULL, fence = fence + 1, revision = revision + 1, updated_at = ${now}
            WHERE ${bound} AND runner = ${former}`
        }
        return {
          former: former === runner ? undefined : {
            runner: former,
            // Written when it registered.
            identity: job.identity === null ? undefined : JSON.parse(job.identity) as Identity
          },
          isAlone: isSuspect(job),
          pauseMillis
        } satisfies Bequest
      })
  }
}
