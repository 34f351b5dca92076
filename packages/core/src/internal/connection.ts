/**
 * The mutable records the pool's machine works on. They hold state and nothing else; every change goes through the machine.
 */
import type * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import type * as Scope from "effect/Scope"
import * as ConnectionState from "../ConnectionState.ts"
import type { Classification, Dialled } from "../Connector.ts"
import type { Deadline } from "../Deadlines.ts"
import { DialDefect, DialFailed, DialTimeout, type PoolError, type PoolErrorReason } from "../PoolError.ts"
import type { PoolPolicy } from "../PoolPolicy.ts"
import * as RestartIntensity from "../RestartIntensity.ts"
import * as SlotState from "../SlotState.ts"
import type { Keepalive } from "./keepalive.ts"
import type { Standing } from "./line.ts"
import { wordsOf } from "./words.ts"

/** Why a dial failed or a connection was lost. What ran out of time, or broke, has no error of the connector's. */
export type Failure<E> =
  | { readonly _tag: "Failed"; readonly error: E; readonly as: Classification }
  | { readonly _tag: "TimedOut"; readonly millis: number }
  | { readonly _tag: "Unresponsive"; readonly millis: number }
  | { readonly _tag: "Defect"; readonly defect: unknown }

/** The connector's error, where there is one. */
export const errorOf = <E>(failure: Failure<E> | undefined): E | undefined =>
  failure?._tag === "Failed" ? failure.error : undefined

/** The connector's error, what it threw, or what there is to say instead. */
export const causeOf = (failure: Failure<unknown>): unknown => {
  switch (failure._tag) {
    case "Failed":
      return failure.error
    case "TimedOut":
      return `no connection within ${failure.millis} ms`
    case "Unresponsive":
      return `no sign of life for ${failure.millis} ms`
    case "Defect":
      return failure.defect
  }
}

/** The failure in words. */
export const describe = (failure: Failure<unknown> | undefined): string | undefined => {
  if (failure === undefined) return undefined
  return `${failure._tag === "Defect" ? "the connector broke: " : ""}${wordsOf(causeOf(failure))}`
}

/** What callers are told of a dial that failed. */
export const reasonOf = <E>(
  key: string,
  failure: Failure<E>,
  attempts: number,
  permanent: boolean
): PoolErrorReason<E> => {
  switch (failure._tag) {
    case "Failed":
      return new DialFailed({ key, attempts, permanent, cause: failure.error })
    case "Defect":
      return new DialDefect({ key, attempts, cause: failure.defect })
    case "TimedOut":
    case "Unresponsive":
      return new DialTimeout({ key, timeoutMillis: failure.millis, attempts })
  }
}

/** All the pool knows of one key. */
export class Entry<K, C, E> implements Standing {
  rank = 0
  place = -1
  readonly key: K
  readonly fingerprint: string
  readonly label: string
  readonly policy: PoolPolicy
  /** How many leases one connection may have at once. */
  readonly leaseLimit: number
  readonly isExclusiveResource: boolean
  readonly slots: Array<Slot<K, C, E>> = []
  /** In order of arrival; a caller that leaves is deleted in constant time. */
  readonly waiters = new Set<Borrow<K, C, E>>()
  readonly intensity: RestartIntensity.RestartIntensity
  /** The policy's, or zero once the key is discontinued. */
  idleTimeout: number
  warm = 0
  /** The ticket of the wish to be kept warm, while there is no connection for it. */
  wish: number | undefined = undefined
  dials = 0
  /** Failures since a connection last stayed ready for `minUptime`. */
  failures = 0
  /** Quarantines since then. */
  quarantines = 0
  wasReady = false
  /** Waiting for the next dial is pointless: the last one broke, or failed for good. Callers are told at once, while the key waits out its penalty. */
  isHopeless = false
  /** When a connection that had expired was last re-opened without a pause; `Infinity` when that was not, or is made good. */
  reopenedAt = Number.POSITIVE_INFINITY
  lastFailure: Failure<E> | undefined = undefined
  lastFailureAt = Number.NEGATIVE_INFINITY
  cleanup: Deadline | undefined = undefined
  /**
   * The warm path, in one look: the only slot's connection, while it is Ready and nobody waits. With hundred thousands of
   * keys each object on the way to a connection is a miss of the processor's caches, so there is one.
   */
  sole: Connection<K, C, E> | undefined = undefined

  constructor(key: K, fingerprint: string, label: string, policy: PoolPolicy, isExclusiveResource: boolean) {
    this.key = key
    this.fingerprint = fingerprint
    this.label = label
    this.policy = policy
    this.leaseLimit = policy.sharing === "exclusive" || !policy.reuse ? 1 : policy.maxInFlight
    this.isExclusiveResource = isExclusiveResource
    this.idleTimeout = policy.idleTimeout
    this.intensity = RestartIntensity.make(policy.restartIntensity)
  }
}

export class Slot<K, C, E> {
  readonly id: number
  readonly entry: Entry<K, C, E>
  state: SlotState.SlotState<Failure<E>> = SlotState.idle
  since: number
  connection: Connection<K, C, E> | undefined = undefined
  /** Connections this slot held that are not yet `Closed`. */
  lingering = 0
  /** How many of them were given up while they were being opened. */
  abandoned = 0
  /** Ends a back-off or a quarantine. */
  timer: Deadline | undefined = undefined

  constructor(id: number, entry: Entry<K, C, E>, now: number) {
    this.id = id
    this.entry = entry
    this.since = now
  }
}

export class Connection<K, C, E> implements Standing {
  /** In the line of the idle ones: since when it was idle, when that was last looked at. */
  rank = 0
  place = -1
  readonly id: number
  readonly slot: Slot<K, C, E>
  readonly entry: Entry<K, C, E>
  readonly scope: Scope.Closeable
  readonly openedAt: number
  /** Opens when the last finalizer has run. */
  readonly gone: Latch.Latch = Latch.makeUnsafe(false)
  state: ConnectionState.ConnectionState = ConnectionState.opening
  since: number
  dialled: Dialled<C, E> | undefined = undefined
  dial: Fiber.Fiber<unknown, unknown> | undefined = undefined
  monitor: Fiber.Fiber<unknown, unknown> | undefined = undefined
  /** Waits for the connector to retire it. */
  retirement: Fiber.Fiber<unknown, unknown> | undefined = undefined
  /** Is opened beside it, and given to callers in its place as long as it is open. */
  successor: Connection<K, C, E> | undefined = undefined
  /** Told once how opening it has ended. */
  onSettled: ((value: C | undefined) => void) | undefined = undefined
  /** It was given up while it was being opened. */
  isAbandoned = false
  /** It closes to make room, and has not done so yet. */
  isMakingRoom = false
  leases = 0
  idleSince: number
  readyAt = 0
  connectDeadline: Deadline | undefined = undefined
  idleDeadline: Deadline | undefined = undefined
  lifetimeDeadline: Deadline | undefined = undefined
  drainDeadline: Deadline | undefined = undefined
  keepalive: Keepalive<E> | undefined = undefined

  constructor(id: number, slot: Slot<K, C, E>, scope: Scope.Closeable, now: number) {
    this.id = id
    this.slot = slot
    this.entry = slot.entry
    this.scope = scope
    this.openedAt = now
    this.since = now
    this.idleSince = now
  }
}

/**
 * One caller's claim, from asking to giving back.
 *
 * `connection` is set in the same instant the lease is counted, and the caller's exit handler is installed before it asks:
 * wherever the caller is interrupted, the handler sees what there is to give back. No lease can fall in between.
 */
export class Borrow<K, C, E> {
  connection: Connection<K, C, E> | undefined = undefined
  /** Set while the caller waits, and only then: most never do. */
  waiting: Waiting<K, C, E> | undefined = undefined
  /** Set on the leases whose duration is measured. */
  heldSince: number | undefined = undefined
  /** Armed while leaks are watched for, with who took the lease. */
  leak: Deadline | undefined = undefined
  holder: string | undefined = undefined
}

/** What is known of a caller who waits. */
export interface Waiting<K, C, E> {
  readonly entry: Entry<K, C, E>
  readonly resume: (effect: Effect.Effect<C, PoolError<E>>) => void
  readonly deadline: Deadline
  /** Their order of arrival, over all keys. */
  readonly ticket: number
  readonly since: number
  readonly expiresAt: number
  readonly timeout: number
  readonly waitForReady: boolean
}
