/**
 * The mutable records the pool's machine works on. They hold state and nothing else; every change goes through the machine.
 */
import type * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type * as Latch from "effect/Latch"
import * as Scope from "effect/Scope"
import type { AnySpan } from "effect/Tracer"
import * as ConnectionState from "../ConnectionState.ts"
import type { Dialled } from "../Connector.ts"
import type { Deadline } from "../Deadlines.ts"
import type { PoolError } from "../PoolError.ts"
import type { PoolPolicy } from "../PoolPolicy.ts"
import * as SlotState from "../SlotState.ts"
import type { Failure } from "./failure.ts"
import type { Standing } from "./line.ts"
import type { Penalties } from "./penalties.ts"

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
  slots: Array<Slot<K, C, E>> = []
  /** In order of arrival; a caller that leaves is deleted in constant time. */
  readonly waiters = new Set<Borrow<K, C, E>>()
  readonly penalties: Penalties<E>
  /** The policy's, or zero once the key is discontinued. */
  idleTimeout: number
  warm = 0
  /** The ticket of the wish to be kept warm, while there is no connection for it. */
  wish: number | undefined = undefined
  dials = 0
  cleanup: Deadline | undefined = undefined
  /**
   * The warm path, in one look: the only slot's connection, while it is Ready and no caller waits. With hundred thousands of
   * keys each object on the way to a connection is a miss of the processor's caches, so there is one.
   */
  sole: Connection<K, C, E> | undefined = undefined

  constructor(options: {
    readonly key: K
    readonly fingerprint: string
    readonly label: string
    readonly policy: PoolPolicy
    readonly isExclusiveResource: boolean
    readonly penalties: Penalties<E>
  }) {
    const { policy } = options
    this.key = options.key
    this.fingerprint = options.fingerprint
    this.label = options.label
    this.policy = policy
    this.penalties = options.penalties
    this.leaseLimit = policy.sharing === "exclusive" || !policy.reuse ? 1 : policy.maxInFlight
    this.isExclusiveResource = options.isExclusiveResource
    this.idleTimeout = policy.idleTimeout
  }

  /** A new array, which has place for as many as there are: one that grows has place for seventeen, in each of many keys. */
  add(slot: Slot<K, C, E>): void {
    this.slots = [...this.slots, slot]
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

  constructor(id: number, entry: Entry<K, C, E>, now: number) {
    this.id = id
    this.entry = entry
    this.since = now
  }
}

/** The watch over an open connection. */
export interface Watch {
  /** The connection is idle from now on; it is looked at when the time has passed. */
  watchIdle(millis: number): void
  /** Ends all but the fibers. */
  stop(): void
  /** Interrupts the fibers, whose observers may throw. */
  interrupt(): void
}

export class Connection<K, C, E> implements Standing {
  /** In the line of the idle ones: since when it was idle, when that was last looked at. */
  rank = 0
  place = -1
  readonly id: number
  readonly slot: Slot<K, C, E>
  readonly entry: Entry<K, C, E>
  /** Everything the dial acquired. */
  readonly scope: Scope.Closeable
  /** The connection's own fibers: its dial, its monitor, its probes. */
  readonly fibers: Scope.Closeable
  readonly openedAt: number
  /** Opens when the last finalizer has run, for the caller that waits for it. */
  gone: Latch.Latch | undefined = undefined
  state: ConnectionState.ConnectionState = ConnectionState.opening
  since: number
  dialled: Dialled<C, E> | undefined = undefined
  dial: Fiber.Fiber<unknown, unknown> | undefined = undefined
  /** Watches it from its opening on. */
  monitor: Watch | undefined = undefined
  /** Is opened beside it, and given to callers in its place as long as it is open. */
  successor: Connection<K, C, E> | undefined = undefined
  /** Told once how opening it has ended. */
  onSettled: ((value: C | undefined) => void) | undefined = undefined
  /** It was given up while it was being opened. */
  isAbandoned = false
  /** It closes to make room, and has not done so yet. */
  isMakingRoom = false
  leases = 0
  /** A lease came back while it was open. */
  hasReturned = false
  /** What the connector had received when it was opened. */
  receivedAtOpening = 0
  idleSince: number
  readyAt = 0
  connectDeadline: Deadline | undefined = undefined
  drainDeadline: Deadline | undefined = undefined
  /** The monitor's, here because each release looks at it: the monitor itself would be one more miss of the processor's caches. */
  idleDeadline: Deadline | undefined = undefined

  constructor(id: number, slot: Slot<K, C, E>, now: number) {
    this.id = id
    this.slot = slot
    this.entry = slot.entry
    this.scope = Scope.makeUnsafe("sequential")
    this.fibers = Scope.makeUnsafe("sequential")
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
  /** Armed while leaks are watched for, with the place that took the lease. */
  leak: Deadline | undefined = undefined
  holder: string | undefined = undefined
}

/** What is known of a waiting caller. */
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
  /** The span in which it waits: a dial that it causes is part of its trace. */
  readonly span: AnySpan | undefined
}
