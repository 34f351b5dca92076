/**
 * What a caller without a connection is told: pure readings of a key's state.
 */
import {
  AcquireTimeout,
  type KeyCounts,
  type LastFailure,
  NotReady,
  type PoolErrorReason,
  Quarantined
} from "../PoolError.ts"
import { penaltyOf } from "../SlotState.ts"
import { isServing } from "./capacity.ts"
import type { Entry, Waiting } from "./connection.ts"
import { describe, errorOf, reasonOf } from "./failure.ts"

/** The error of a caller whose deadline has come. */
export const expired = <K, C, E>({ entry, timeout }: Waiting<K, C, E>): AcquireTimeout<E> =>
  new AcquireTimeout({
    key: entry.label,
    waitedMillis: timeout,
    phase: phaseOf(entry),
    counts: countsOf(entry),
    ...lastFailureOf(entry)
  })

/** The error of a caller whose waiting is pointless, or that asked not to wait. `undefined`: the caller waits on. */
export const refusalOf = <K, C, E>(waiting: Waiting<K, C, E>, now: number): PoolErrorReason<E> | undefined => {
  const { entry } = waiting
  let until = Number.POSITIVE_INFINITY
  let isQuarantined = false
  let isAny = false
  for (const slot of entry.slots) {
    if (slot.state._tag === "Ready" || slot.state._tag === "Connecting") return undefined
    const penalty = isServing(slot, now) ? penaltyOf(slot.state) : undefined
    if (penalty === undefined) continue
    isAny = true
    until = Math.min(until, penalty.until)
    isQuarantined ||= penalty._tag === "Quarantined"
  }
  if (!isAny) return undefined
  const { failures, isHopeless, lastFailure } = entry.penalties
  if (isHopeless && lastFailure !== undefined) {
    return reasonOf(entry.label, lastFailure, failures, { permanent: true, exhausted: false })
  }
  const failure = { key: entry.label, retryInMillis: Math.max(0, until - now), ...lastFailureOf(entry) }
  if (isQuarantined && (!waiting.waitForReady || until >= waiting.expiresAt)) return new Quarantined(failure)
  return waiting.waitForReady ? undefined : new NotReady(failure)
}

/** What a caller of a key waits for. */
export const phaseOf = <K, C, E>({ slots }: Entry<K, C, E>): AcquireTimeout<E>["phase"] => {
  const tags = slots.map(({ state }) => state._tag)
  if (tags.includes("Ready")) return "queue"
  if (tags.includes("Connecting")) return "dial"
  if (tags.includes("Quarantined")) return "quarantine"
  return tags.includes("Backoff") ? "backoff" : "queue"
}

/** As one of the waiting callers is told. */
const countsOf = <K, C, E>(entry: Entry<K, C, E>): KeyCounts => {
  let total = 0
  let idle = 0
  let active = 0
  for (const { connection } of entry.slots) {
    if (connection?.state._tag !== "Open") continue
    total++
    active += connection.leases
    if (connection.leases === 0) idle++
  }
  return { total, idle, active, waiting: entry.waiters.size - 1 }
}

const lastFailureOf = <K, C, E>({ penalties: { lastFailure } }: Entry<K, C, E>): LastFailure<E> => ({
  lastFailure: errorOf(lastFailure),
  lastCause: describe(lastFailure)
})
