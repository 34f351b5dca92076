/**
 * What the pool tells, under the names that its callers use: a connection that several names of a config share is told of under each of
 * them that was asked for, as if each had its own. That they share it shows in the fingerprint.
 */
import type { PoolEvent, PoolSnapshot } from "@holdfast/core"
import * as Arr from "effect/Array"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { Reason } from "../../McpRuntimeError.ts"
import { named, withoutName } from "../connection/naming.ts"

/** The names of what the pool calls so. At least one. */
export type Names = (fingerprint: string, label: string) => Arr.NonEmptyReadonlyArray<string>

export const isReason = Schema.is(Reason)

export const events = (
  all: Stream.Stream<PoolEvent.PoolEvent>,
  names: Names
): Stream.Stream<PoolEvent.PoolEvent> =>
  Stream.mapArray(
    all,
    Arr.flatMap((event) => Arr.map(names(event.fingerprint, event.key), (key) => eventOf(event, key)))
  )

const eventOf = (event: PoolEvent.PoolEvent, key: string): PoolEvent.PoolEvent => {
  if (event.key === key) return event
  return "cause" in event && isReason(event.cause)
    ? { ...event, key, cause: named(event.cause, key) }
    : { ...event, key }
}

export const snapshot = (all: PoolSnapshot.PoolSnapshot, names: Names): PoolSnapshot.PoolSnapshot => ({
  ...all,
  keys: all.keys.flatMap((row) =>
    names(row.fingerprint, row.key).map((key) => {
      if (key === row.key) return row
      const { lastFailure } = row
      return { ...row, key, lastFailure: lastFailure && `${key}: ${withoutName(lastFailure, row.key)}` }
    })
  )
})
