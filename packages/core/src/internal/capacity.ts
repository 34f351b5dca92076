/**
 * Which caller may have a connection, and which key may dial: pure readings of the machine's records.
 */
import * as ConnectionState from "../ConnectionState.ts"
import { penaltyOf } from "../SlotState.ts"
import type { Borrow, Connection, Entry, Slot } from "./connection.ts"

/** Open, and with room for one more. */
export const isFree = <K, C, E>(connection: Connection<K, C, E>, entry: Entry<K, C, E>): boolean =>
  connection.state._tag === "Open" && connection.leases < entry.leaseLimit

/** A function, because the compiler believes that a field checked once stays as it was. */
export const isOpen = <K, C, E>(connection: Connection<K, C, E>): boolean => connection.state._tag === "Open"

/** The best connection of the key that has room for one more lease. */
export const pick = <K, C, E>(entry: Entry<K, C, E>): Connection<K, C, E> | undefined => {
  let best: Connection<K, C, E> | undefined = undefined
  for (const slot of entry.slots) {
    const { connection } = slot
    if (slot.state._tag !== "Ready" || connection === undefined || connection.leases >= entry.leaseLimit) continue
    if (isSucceeded(connection)) continue
    // A suspect one is better than none: it may be busy only.
    if (best === undefined || isBetter(connection, best)) best = connection
  }
  return best
}

const isBetter = <K, C, E>(a: Connection<K, C, E>, b: Connection<K, C, E>): boolean =>
  a.state === b.state ? a.leases < b.leases : a.state === ConnectionState.healthy

/** Another one is open beside it, or will be soon. */
const isSucceeded = <K, C, E>({ successor }: Connection<K, C, E>): boolean =>
  successor?.state._tag === "Open" || successor?.state._tag === "Opening"

/** The only slot's connection, while it is Ready and no caller waits. */
export const soleOf = <K, C, E>(entry: Entry<K, C, E>): Connection<K, C, E> | undefined => {
  const slot = entry.slots[0]
  const isSole = entry.slots.length === 1 && slot?.state._tag === "Ready" && entry.waiters.size === 0 &&
    entry.policy.reuse
  return isSole ? slot.connection : undefined
}

/** The only connection of a key that is kept warm. */
export const isKept = <K, C, E>(connection: Connection<K, C, E>): boolean =>
  connection.entry.warm > 0 &&
  connection.entry.slots.every((slot) => slot.connection === connection || slot.state._tag !== "Ready")

/** Its penalty is not over. That of an exclusive resource lasts until the predecessor is gone, too. */
export const isServing = <K, C, E>(slot: Slot<K, C, E>, now: number): boolean => {
  const penalty = penaltyOf(slot.state)
  return penalty !== undefined && (now < penalty.until || (slot.entry.isExclusiveResource && slot.lingering > 0))
}

/** It has served its penalty, and is still in the state of it. */
export const isPenaltyOver = <K, C, E>(slot: Slot<K, C, E>, now: number): boolean =>
  penaltyOf(slot.state) !== undefined && !isServing(slot, now)

/** Back-off and quarantine hold for the key, not for the slot that ran into them. */
export const isAnyServing = <K, C, E>({ slots }: Entry<K, C, E>, now: number): boolean =>
  slots.some((slot) => isServing(slot, now))

/** A connection of the key is open, or being opened. */
export const isAnyPromising = <K, C, E>({ slots }: Entry<K, C, E>): boolean =>
  slots.some(({ state }) => state._tag === "Ready" || state._tag === "Connecting")

/**
 * Free to dial. Its penalty is over if it had one, and of dials that were given up and have not let themselves be stopped it has at
 * most one: each of them still has its place.
 */
const isVacant = <K, C, E>(slot: Slot<K, C, E>, now: number): boolean =>
  (slot.state._tag === "Idle" || isPenaltyOver(slot, now)) &&
  slot.abandoned < 2 && !(slot.entry.isExclusiveResource && slot.lingering > 0)

/** A slot of the key that is free to dial. */
export const vacantOf = <K, C, E>({ slots }: Entry<K, C, E>, now: number): Slot<K, C, E> | undefined =>
  slots.find((slot) => isVacant(slot, now))

/** The ticket of the waiting caller with so many before it. */
export const ticketAt = <K, C, E>(waiters: ReadonlySet<Borrow<K, C, E>>, index: number): number => {
  let before = index
  for (const { waiting } of waiters) if (before-- <= 0) return waiting?.ticket ?? 0
  return 0
}

/** The ticket of the oldest demand that wants another dial of the key, if the key may have one now. */
export const claimOf = <K, C, E>(
  entry: Entry<K, C, E>,
  now: number,
  /** A ticket for the wish to be kept warm. */
  ticket: () => number
): number | undefined => {
  const { penalties, policy, slots, waiters } = entry
  // Nothing is wanted, as most often; and a schedule that has ended allows no dial.
  if ((waiters.size === 0 && entry.warm === 0) || penalties.isSpent) return undefined
  let connecting = 0
  let isAnyReady = false
  for (const slot of slots) {
    if (isServing(slot, now)) return undefined
    if (slot.state._tag === "Connecting") connecting++
    else if (slot.state._tag === "Ready") isAnyReady = true
  }
  // One at a time while there is something to lease or something is wrong: neither a busy nor a dead server gets a
  // stampede. Connections per lease are exempt: each caller pays for its own.
  if (connecting > 0 && (penalties.failures > 0 || (isAnyReady && policy.reuse))) return undefined
  // The callers that the dials under way will serve.
  const served = connecting * entry.leaseLimit
  const isWished = entry.warm > 0 && !isAnyReady && connecting === 0
  if (waiters.size <= served && !isWished) return undefined
  if (slots.length >= policy.maxConnectionsPerKey && vacantOf(entry, now) === undefined) return undefined
  if (isWished) entry.wish ??= ticket()
  return Math.min(
    isWished ? entry.wish ?? 0 : Number.POSITIVE_INFINITY,
    waiters.size > served ? ticketAt(waiters, served) : Number.POSITIVE_INFINITY
  )
}
