/**
 * Cluster's messages in Postgres, with replies that only the holder of the lane can store.
 *
 * The reply of a step is its commit. Cluster asks whether the lane is still its own and then writes; a process that is stopped in
 * between would write over its successor. Here it is one statement: the lease is read, and locked, by the one that stores the reply.
 */
import { PersistenceError } from "effect/cluster/ClusterError"
import * as MessageStorage from "effect/cluster/MessageStorage"
import * as SqlMessageStorage from "effect/cluster/SqlMessageStorage"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as SqlClient from "effect/sql/SqlClient"
import { nowIn, type tablesIn } from "./format.ts"

export interface Options {
  readonly sql: SqlClient.SqlClient
  readonly tables: ReturnType<typeof tablesIn>
  readonly runner: string
  readonly leaseDuration: Duration.Duration
}

export const make = Effect.fnUntraced(function*({ leaseDuration, runner, sql, tables }: Options) {
  const encoded = yield* SqlMessageStorage.makeEncodedStorage({ prefix: tables.cluster })
  const messages = sql(tables.messages)
  const replies = sql(tables.replies)
  const lanes = sql(tables.lanes)
  const saveReply: MessageStorage.Encoded["saveReply"] = (reply) => {
    if (reply._tag !== "WithExit") return encoded.saveReply(reply)
    return sql<{ readonly id: string }>`WITH
      held AS MATERIALIZED (
        SELECT m.id FROM ${messages} m JOIN ${lanes} l ON l.lane = m.shard_id
        WHERE m.id = ${reply.requestId} AND l.runner = ${runner} AND l.until >= ${sql.literal(nowIn)} FOR SHARE OF l
      ),
      answered AS (
        UPDATE ${messages} SET processed = TRUE, last_reply_id = ${reply.id}
        WHERE request_id IN (SELECT id FROM held)
      )
      INSERT INTO ${replies} (id, kind, request_id, payload)
      SELECT ${reply.id}::bigint, 0, id, ${JSON.stringify(reply.exit)} FROM held
      RETURNING request_id AS id`.pipe(
      Effect.flatMap((rows) =>
        rows.length > 0 ? Effect.void : Effect.die(new Error("another runner has taken the lane of this job"))
      ),
      // A store that is out of order for a moment does not cost what was done; a lease does not last longer than this.
      Effect.retry(Schedule.spaced("200 millis").pipe(Schedule.upTo({ duration: leaseDuration }))),
      PersistenceError.refail,
      Effect.withTracerEnabled(false)
    )
  }
  return yield* MessageStorage.makeEncoded({ ...encoded, saveReply })
})
