/**
 * What follows from a failure or a retirement, read off a key's state: decisions, which the machine carries out.
 */
import type { Dialled } from "../Connector.ts"
import type { RetireReason } from "../PoolEvent.ts"
import { isAnyServing } from "./capacity.ts"
import type { Connection, Entry, Slot } from "./connection.ts"
import type { Failure } from "./failure.ts"
import type { Circumstances } from "./penalties.ts"

/** What a failed dial means for its key. */
export interface DialVerdict {
  /** The connector says so. */
  readonly isPermanent: boolean
  /** No other connection of the key is open, or being opened. */
  readonly isAlone: boolean
  /** Waiting for the next dial is pointless. */
  readonly isHopeless: boolean
  /** No dial follows until a caller asks: no key is tried again for good without demand. One that is kept warm asks, after a pause. */
  readonly isGivenUp: boolean
}

/**
 * Growth that fails while another connection works is a matter for back-off: the callers are served by the other one. What broke one
 * dial need not break the next, which is under way.
 */
export const ofDial = <K, C, E>(slot: Slot<K, C, E>, failure: Failure<E>): DialVerdict => {
  const { slots, warm } = slot.entry
  const others = slots.filter((other) => other !== slot).map(({ state }) => state._tag)
  const isPermanent = failure._tag === "Failed" && failure.as === "permanent"
  const isAlone = !others.includes("Ready") && !others.includes("Connecting")
  const isHopeless = !others.includes("Ready") && (isPermanent || (failure._tag === "Defect" && isAlone))
  return { isPermanent, isAlone, isHopeless, isGivenUp: isHopeless && isPermanent && warm === 0 }
}

/** What a penalty depends on. */
export const circumstancesOf = <K, C, E>(slot: Slot<K, C, E>, uptime: number, now: number): Circumstances => ({
  now,
  uptime,
  wasOpen: slot.state._tag === "Ready",
  isServing: isAnyServing(slot.entry, now)
})

/** How much the connector has received; zero where it does not say, or says a number that cannot count it. May throw. */
export const receivedBy = <C, E>({ received }: Dialled<C, E>): number => {
  const count = received?.() ?? 0
  return Number.isFinite(count) ? count : 0
}

/** A caller has given it back as it was, and its peer has said something meanwhile, where the connector counts that. May throw. */
export const hasServed = <K, C, E>({ dialled, hasReturned, receivedAtOpening }: Connection<K, C, E>): boolean =>
  hasReturned && dialled !== undefined &&
  (dialled.received === undefined || receivedBy(dialled) > receivedAtOpening)

/** How long a retired connection waits for its leases, in milliseconds. */
export const graceOf = <K, C, E>(
  { isExclusiveResource, policy }: Entry<K, C, E>,
  reason: RetireReason,
  /** Of the drain that was asked for, if it said so. */
  drainGrace: number | undefined
): number => {
  if (reason === "drain") return drainGrace ?? policy.drainTimeout
  // Callers of an exclusive resource wait for it to be gone, so a forgotten lease must not block them for ever.
  return isExclusiveResource ? policy.drainTimeout : Number.POSITIVE_INFINITY
}
