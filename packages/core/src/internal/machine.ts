/**
 * The pool's machine: synchronous, single-threaded state and the few fibers it starts.
 *
 * Every method runs to completion without yielding, so each leaves the state consistent and no interleaving can observe a
 * half-made move. Fibers exist for what takes time only: one per dial, one per open connection that waits for its loss, one
 * per connection being closed. All of them belong to a connection, and `drain` ends every connection.
 *
 * It is one long file on purpose: what borrowing, dialling, loss and closing do to each other is the difficult part, and it
 * is read together.
 */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Option from "effect/Option"
import * as PubSub from "effect/PubSub"
import * as Scope from "effect/Scope"
import * as Backoff from "../Backoff.ts"
import * as ConnectionState from "../ConnectionState.ts"
import type { Connector, Dialled } from "../Connector.ts"
import type { Deadlines } from "../Deadlines.ts"
import {
  AcquireTimeout,
  DialFailed,
  DialTimeout,
  type KeyCounts,
  NotReady,
  PoolClosed,
  PoolError,
  type PoolErrorReason,
  Quarantined,
  TooManyWaiters
} from "../PoolError.ts"
import type { PoolEvent, RetireReason } from "../PoolEvent.ts"
import type { PoolPolicy } from "../PoolPolicy.ts"
import type { PoolSnapshot } from "../PoolSnapshot.ts"
import * as SlotState from "../SlotState.ts"
import { type Borrow, causeOf, Connection, Entry, errorOf, type Failure, Slot, type Waiting } from "./connection.ts"
import { Instruments } from "./instruments.ts"
import { Keepalive } from "./keepalive.ts"
import { Transitions } from "./transitions.ts"

export interface MachineOptions<K, C, E> {
  readonly connector: Connector<K, C, E>
  readonly policy: PoolPolicy
  readonly policyFor: (key: K) => PoolPolicy
  readonly deadlines: Deadlines
  readonly random: () => number
  readonly context: Context.Context<never>
  readonly events: PubSub.PubSub<PoolEvent>
}

/** How a caller asks: milliseconds, resolved by the public module. */
export interface Ask {
  readonly timeout: number
  readonly waitForReady: boolean | undefined
}

export class Machine<K, C, E> {
  readonly options: MachineOptions<K, C, E>
  readonly entries = new Map<string, Entry<K, C, E>>()
  /** Keys that want to dial but found the pool full, in order. */
  readonly starved = new Set<Entry<K, C, E>>()
  /** Connections that left their slot and wait for their last leases. */
  readonly draining = new Set<Connection<K, C, E>>()
  readonly leakWarningThreshold: number
  readonly transitions: Transitions<K, C, E>
  readonly instruments = new Instruments()
  readonly fork: <A, X>(effect: Effect.Effect<A, X>) => Fiber.Fiber<A, X>
  /** Open while no connection is left. */
  readonly quiet: Latch.Latch = Latch.makeUnsafe(true)
  state: PoolSnapshot["state"] = "Open"
  /** Connections not yet `Closed`, being opened ones included: what `maxConnections` limits. */
  connections = 0
  ids = 0
  /** Leases given so far. */
  given = 0

  constructor(options: MachineOptions<K, C, E>) {
    this.options = options
    this.leakWarningThreshold = options.policy.leakWarningThreshold
    this.fork = Effect.runForkWith(options.context)
    this.transitions = new Transitions({ events: options.events, now: () => this.now(), fork: this.fork })
  }

  now(): number {
    return this.options.deadlines.now()
  }

  // ---------------------------------------------------------------------------------------------
  // Borrowing
  // ---------------------------------------------------------------------------------------------

  /** The warm path: gives a lease at once, or does nothing. */
  take(borrow: Borrow<K, C, E>, key: K): boolean {
    if (this.state !== "Open") return false
    const entry = this.entries.get(this.options.connector.fingerprint(key))
    if (entry === undefined) return false
    const { sole } = entry
    const connection = sole === undefined ? this.choose(entry) : isFree(sole, entry) ? sole : undefined
    if (connection === undefined) return false
    this.instruments.instantAcquires++
    this.give(borrow, connection)
    return true
  }

  /** Whether `take` would very likely give a lease now. */
  isWarm(key: K): boolean {
    const entry = this.entries.get(this.options.connector.fingerprint(key))
    return entry?.sole !== undefined && isFree(entry.sole, entry)
  }

  /** The cold path: queues the caller, makes sure a dial is on its way, and settles the caller exactly once. */
  wait(
    borrow: Borrow<K, C, E>,
    key: K,
    ask: Ask,
    resume: (effect: Effect.Effect<C, PoolError<E>>) => void
  ): void {
    if (this.state !== "Open") {
      const label = this.options.connector.label?.(key) ?? this.options.connector.fingerprint(key)
      return resume(this.refusal(new PoolClosed({ key: label })))
    }
    const entry = this.entryOf(key)
    if (entry.waiters.size >= entry.policy.maxWaiters) {
      return resume(this.refusal(new TooManyWaiters({ key: entry.label, limit: entry.policy.maxWaiters })))
    }
    const timeout = Math.min(ask.timeout, entry.policy.acquireTimeout)
    const since = this.now()
    borrow.waiting = {
      entry,
      since,
      resume,
      timeout,
      waitForReady: ask.waitForReady ?? entry.policy.waitForReady,
      expiresAt: since + timeout,
      deadline: this.options.deadlines.arm(timeout, () => this.expire(borrow))
    }
    entry.sole = undefined
    entry.waiters.add(borrow)
    this.pump(entry)
    this.refuse(entry, borrow)
  }

  /** Takes a caller out of the queue: whoever gets the claim settles it, and nobody else can. */
  private leave(borrow: Borrow<K, C, E>): Waiting<K, C, E> | undefined {
    const { waiting } = borrow
    if (waiting === undefined) return undefined
    borrow.waiting = undefined
    waiting.entry.waiters.delete(borrow)
    this.refreshSole(waiting.entry)
    waiting.deadline.cancel()
    return waiting
  }

  /** A caller that waits no more: it was interrupted. */
  abandon(borrow: Borrow<K, C, E>): void {
    const waiting = this.leave(borrow)
    if (waiting !== undefined) this.forget(waiting.entry)
  }

  /** Undefined, as nearly always, when there is nothing to wait for. */
  giveBack(borrow: Borrow<K, C, E>): Effect.Effect<void> | undefined {
    const { connection } = borrow
    if (connection === undefined) {
      this.abandon(borrow)
      return undefined
    }
    borrow.connection = undefined
    borrow.leak?.cancel()
    if (borrow.heldSince !== undefined) this.instruments.usage.record(this.now() - borrow.heldSince)
    connection.leases--
    const { entry } = connection
    if (entry.sole === connection) {
      if (connection.leases === 0) this.becomeIdle(connection)
    } else if (connection.state._tag === "Open") {
      if (!entry.policy.reuse) {
        this.retire(connection, "unshared")
        // The caller asked for a connection of its own: when it goes on, the connection is gone.
        return Effect.asVoid(Effect.timeoutOption(connection.gone.await, Duration.millis(entry.policy.closeTimeout)))
      }
      if (entry.waiters.size > 0) this.pump(entry)
      else if (connection.leases === 0) this.becomeIdle(connection)
    } else if (connection.state._tag === "Draining" && connection.leases === 0) {
      this.close(connection, undefined)
    }
    return undefined
  }

  private watchLease(borrow: Borrow<K, C, E>, connection: Connection<K, C, E>): void {
    const threshold = this.leakWarningThreshold
    borrow.leak = this.options.deadlines.arm(threshold, () => {
      this.instruments.leaks++
      const { label } = connection.entry
      const holder = borrow.holder ?? "an unknown holder"
      this.transitions.leaked(connection, holder, threshold)
      this.fork(Effect.logWarning(
        `${label}: a lease is held for more than ${threshold} ms (leakWarningThreshold), taken by ${holder}`
      ))
    })
  }

  private give(borrow: Borrow<K, C, E>, connection: Connection<K, C, E>): void {
    connection.leases++
    borrow.connection = connection
    if ((++this.given & 15) === 0) borrow.heldSince = this.now()
    if (this.leakWarningThreshold !== Number.POSITIVE_INFINITY) this.watchLease(borrow, connection)
  }

  /** The warm path where there is more than one connection, or something is going on. */
  private choose(entry: Entry<K, C, E>): Connection<K, C, E> | undefined {
    // Nobody overtakes those who wait.
    return entry.waiters.size > 0 ? undefined : this.pick(entry)
  }

  /** To be called after anything `Entry.sole` depends on has changed; what ends it clears it first. */
  private refreshSole(entry: Entry<K, C, E>): void {
    const slot = entry.slots[0]
    const isSole = entry.slots.length === 1 && slot?.state._tag === "Ready" && entry.waiters.size === 0 &&
      entry.policy.reuse
    entry.sole = isSole ? slot.connection : undefined
  }

  private pick(entry: Entry<K, C, E>): Connection<K, C, E> | undefined {
    let best: Connection<K, C, E> | undefined = undefined
    for (const slot of entry.slots) {
      const connection = slot.connection
      if (slot.state._tag !== "Ready" || connection === undefined || connection.leases >= entry.leaseLimit) continue
      // A suspect one is better than none: it may be busy only.
      if (best === undefined || isBetter(connection, best)) best = connection
    }
    return best
  }

  private settle(borrow: Borrow<K, C, E>, result: Effect.Effect<C, PoolError<E>>): void {
    this.leave(borrow)?.resume(result)
  }

  private fail(borrow: Borrow<K, C, E>, reason: PoolErrorReason<E>): void {
    this.leave(borrow)?.resume(this.refusal(reason))
  }

  /** What a caller gets instead of a lease. */
  private refusal(reason: PoolErrorReason<E>): Effect.Effect<never, PoolError<E>> {
    this.instruments.refused[reason._tag]++
    return Effect.fail(new PoolError({ reason }))
  }

  private expire(borrow: Borrow<K, C, E>): void {
    const waiting = this.leave(borrow)
    if (waiting === undefined) return
    const { entry, resume, timeout } = waiting
    this.instruments.timeouts++
    resume(this.refusal(
      new AcquireTimeout({
        key: entry.label,
        waitedMillis: timeout,
        phase: this.phase(entry),
        counts: this.counts(entry),
        lastFailure: errorOf(entry.lastFailure)
      })
    ))
    this.forget(entry)
  }

  private phase(entry: Entry<K, C, E>): AcquireTimeout<E>["phase"] {
    const tags = entry.slots.map((slot) => slot.state._tag)
    if (tags.includes("Ready")) return "queue"
    if (tags.includes("Connecting")) return "dial"
    if (tags.includes("Quarantined")) return "quarantine"
    return tags.includes("Backoff") ? "backoff" : "queue"
  }

  private counts(entry: Entry<K, C, E>): KeyCounts {
    let total = 0
    let idle = 0
    let active = 0
    for (const { connection } of entry.slots) {
      if (connection === undefined || connection.state._tag !== "Open") continue
      total++
      active += connection.leases
      if (connection.leases === 0) idle++
    }
    return { total, idle, active, waiting: entry.waiters.size }
  }

  // ---------------------------------------------------------------------------------------------
  // Demand
  // ---------------------------------------------------------------------------------------------

  private entryOf(key: K): Entry<K, C, E> {
    const { connector, policyFor } = this.options
    const fingerprint = connector.fingerprint(key)
    let entry = this.entries.get(fingerprint)
    if (entry === undefined) {
      entry = new Entry<K, C, E>(
        key,
        fingerprint,
        connector.label?.(key) ?? fingerprint,
        policyFor(key),
        connector.exclusiveResource?.(key) ?? false
      )
      this.entries.set(fingerprint, entry)
    }
    return entry
  }

  /**
   * Hands free connections to those who wait, in order, then dials for the rest.
   *
   * Resuming a caller runs its fiber at once, up to its next pause, and it may give the connection back and end up here
   * again. The inner call only leaves a mark: the outer one goes round again, and the stack does not grow with the queue.
   */
  pump(entry: Entry<K, C, E>): void {
    if (entry.pumping !== "no") {
      entry.pumping = "again"
      return
    }
    do {
      entry.pumping = "yes"
      for (const borrow of entry.waiters) {
        const connection = this.pick(entry)
        if (connection === undefined || connection.dialled === undefined) break
        const waiting = this.leave(borrow)
        if (waiting !== undefined) this.instruments.acquire.record(this.now() - waiting.since)
        this.give(borrow, connection)
        waiting?.resume(Effect.succeed(connection.dialled.value))
      }
      this.ensureDials(entry)
    } while (this.isMarked(entry))
    entry.pumping = "no"
  }

  private isMarked(entry: Entry<K, C, E>): boolean {
    return entry.pumping === "again"
  }

  private ensureDials(entry: Entry<K, C, E>): void {
    // A dial may end within the call that starts it, its callers may be gone then or about to be served: look afresh
    // before the next one.
    while (!this.isMarked(entry) && this.startDial(entry)) continue
  }

  /** Starts one dial if the key wants one and may have it. */
  private startDial(entry: Entry<K, C, E>): boolean {
    const { policy } = entry
    let connecting = 0
    let isAnyReady = false
    for (const slot of entry.slots) {
      // Back-off and quarantine hold for the key, not for the slot that ran into them.
      if (slot.timer !== undefined) return false
      if (slot.state._tag === "Connecting") connecting++
      else if (slot.state._tag === "Ready") isAnyReady = true
    }
    let wanted = Math.ceil(entry.waiters.size / entry.leaseLimit)
    if (wanted === 0 && entry.warm > 0 && !isAnyReady) wanted = 1
    if (connecting >= wanted || this.state !== "Open") return false
    // One at a time while there is something to lease or something is wrong: neither a busy nor a dead server gets a
    // stampede. Connections per lease are exempt: each caller pays for its own.
    if (connecting > 0 && (entry.failures > 0 || (isAnyReady && policy.reuse))) return false
    if (this.starved.has(entry)) return false
    const slot = this.freeSlot(entry)
    if (slot === undefined) return false
    if (this.connections >= this.options.policy.maxConnections) {
      this.starved.add(entry)
      this.evict()
      return false
    }
    this.dial(slot)
    return true
  }

  private freeSlot(entry: Entry<K, C, E>): Slot<K, C, E> | undefined {
    for (const slot of entry.slots) {
      if (slot.state._tag === "Idle" && !(entry.isExclusiveResource && slot.lingering > 0)) return slot
    }
    if (entry.slots.length >= entry.policy.maxConnectionsPerKey) return undefined
    const slot = new Slot(++this.ids, entry, this.now())
    entry.sole = undefined
    entry.slots.push(slot)
    return slot
  }

  /** Retires the connection that has been idle for longest. Its place is free once it is gone: `released` dials then. */
  private evict(): void {
    let oldest: Connection<K, C, E> | undefined = undefined
    for (const entry of this.entries.values()) {
      if (entry.warm > 0) continue
      for (const { connection } of entry.slots) {
        if (connection === undefined || connection.state._tag !== "Open" || connection.leases > 0) continue
        if (oldest === undefined || connection.idleSince < oldest.idleSince) oldest = connection
      }
    }
    if (oldest === undefined) return
    this.instruments.evictions++
    this.retire(oldest, "evicted")
  }

  private becomeIdle(connection: Connection<K, C, E>): void {
    connection.idleSince = this.now()
    if (connection.idleDeadline === undefined) this.watchIdle(connection, connection.entry.idleTimeout)
    if (this.starved.size > 0) this.feedStarved()
  }

  /**
   * One armed deadline per connection, not one per release: a release only stamps `idleSince`, and the deadline, when it
   * comes, sleeps on for what is left.
   */
  private watchIdle(connection: Connection<K, C, E>, millis: number): void {
    if (connection.idleDeadline !== undefined || millis === Number.POSITIVE_INFINITY) return
    connection.idleDeadline = this.options.deadlines.arm(millis, () => {
      connection.idleDeadline = undefined
      const entry = connection.entry
      if (connection.state._tag !== "Open" || connection.leases > 0 || entry.warm > 0) return
      const left = connection.idleSince + entry.idleTimeout - this.now()
      if (left > 0) this.watchIdle(connection, left)
      else this.retire(connection, "idle")
    })
  }

  // ---------------------------------------------------------------------------------------------
  // Dialling
  // ---------------------------------------------------------------------------------------------

  private dial(slot: Slot<K, C, E>): void {
    const { entry } = slot
    const connection = new Connection(++this.ids, slot, Scope.makeUnsafe("sequential"), this.now())
    slot.connection = connection
    slot.lingering++
    entry.dials++
    this.instruments.dials++
    this.connections++
    this.quiet.closeUnsafe()
    this.transitions.slot(slot, { _tag: "Connecting", attempt: entry.failures + 1 }, undefined)
    connection.connectDeadline = this.options.deadlines.arm(entry.policy.connectTimeout, () => {
      connection.isTimedOut = true
      connection.dial?.interruptUnsafe()
    })
    const fiber = this.fork(Effect.provideService(
      // A connector that throws instead of failing must not escape into the caller's stack.
      Effect.withSpan(Effect.suspend(() => this.options.connector.dial(entry.key)), "holdfast.pool.dial", {
        attributes: { key: entry.label, attempt: entry.failures + 1 },
        captureStackTrace: false
      }),
      Scope.Scope,
      connection.scope
    ))
    connection.dial = fiber
    fiber.addObserver((exit) => this.dialled(connection, exit))
  }

  private dialled(connection: Connection<K, C, E>, exit: Exit.Exit<Dialled<C, E>, E>): void {
    connection.connectDeadline?.cancel()
    connection.dial = undefined
    // The slot moved on while the dial ran; `close` waits for this fiber and shuts down what it brought.
    if (connection.state._tag !== "Opening") return
    const { slot } = connection
    const { entry } = slot
    if (Exit.isSuccess(exit)) {
      connection.dialled = exit.value
      connection.readyAt = this.now()
      this.instruments.creation.record(connection.readyAt - connection.openedAt)
      entry.wasReady = true
      entry.isHopeless = false
      this.transitions.connection(connection, ConnectionState.healthy, undefined)
      this.transitions.slot(slot, { _tag: "Ready", since: connection.readyAt }, undefined)
      this.refreshSole(entry)
      this.watchLifetime(connection)
      this.watchLiveness(connection, exit.value)
      connection.monitor = this.fork(
        Effect.map(exit.value.closed, (error) => this.lost(connection, { _tag: "Failed", error }))
      )
      this.pump(entry)
      if (connection.leases === 0 && isOpen(connection)) this.becomeIdle(connection)
      return
    }
    const error = Cause.findErrorOption(exit.cause)
    if (Option.isNone(error) && !connection.isTimedOut) {
      // A defect in the connector, or its fiber was interrupted from outside: neither is a failure one could retry.
      const defect = Cause.squash(exit.cause)
      slot.connection = undefined
      this.transitions.slot(slot, SlotState.idle, undefined)
      this.close(connection, defect)
      for (const borrow of [...entry.waiters]) this.settle(borrow, Effect.die(defect))
      return this.forget(entry)
    }
    const failure: Failure<E> = Option.isSome(error)
      ? { _tag: "Failed", error: error.value }
      : { _tag: "TimedOut", millis: entry.policy.connectTimeout }
    // The slot moves before the connection closes: closing may end within this call, and must find the slot settled.
    slot.connection = undefined
    this.dialFailed(slot, failure)
    this.close(connection, errorOf(failure))
  }

  private dialFailed(slot: Slot<K, C, E>, failure: Failure<E>): void {
    this.instruments.failedDials++
    const { entry } = slot
    const isAnyReady = entry.slots.some((other) => other.state._tag === "Ready")
    const isPermanent = failure._tag === "Failed" && this.options.connector.classify(failure.error) === "permanent"
    // Growth that fails while another connection works is a matter for back-off: the callers are served by the other one.
    if (isPermanent && !isAnyReady) {
      // Nobody tries again without being asked to; a key that is to be kept warm asks, but not without a pause.
      if (entry.warm > 0) this.penalise(slot, failure, 0)
      else {
        entry.lastFailure = failure
        this.transitions.slot(slot, SlotState.idle, causeOf(failure))
      }
      entry.isHopeless = entry.warm > 0
      this.failAll(entry, failure, Math.max(1, entry.failures), true)
      return this.forget(entry)
    }
    entry.isHopeless = false
    this.penalise(slot, failure, 0)
    if (!entry.wasReady && entry.failures > entry.policy.maxConnectRetries) {
      this.failAll(entry, failure, entry.failures, false)
    }
    for (const borrow of [...entry.waiters]) this.refuse(entry, borrow)
  }

  private failAll(entry: Entry<K, C, E>, failure: Failure<E>, attempts: number, permanent: boolean): void {
    const reason = failure._tag === "Failed"
      ? new DialFailed({ key: entry.label, attempts, permanent, cause: failure.error })
      : new DialTimeout({ key: entry.label, timeoutMillis: failure.millis, attempts })
    // A copy: a caller that asks again at once must not be failed with the answer to its first question.
    for (const borrow of [...entry.waiters]) this.fail(borrow, reason)
  }

  /** Fails a waiting caller at once if the state of its key says that waiting is pointless, or it asked not to wait. */
  private refuse(entry: Entry<K, C, E>, borrow: Borrow<K, C, E>): void {
    const penalties = entry.slots.filter((slot) => slot.timer !== undefined)
    if (penalties.length === 0) return
    if (entry.slots.some((slot) => slot.state._tag === "Ready" || slot.state._tag === "Connecting")) return
    let until = Number.POSITIVE_INFINITY
    let isQuarantined = false
    for (const { state } of penalties) {
      if (state._tag !== "Backoff" && state._tag !== "Quarantined") continue
      until = Math.min(until, state.until)
      isQuarantined ||= state._tag === "Quarantined"
    }
    const failure = {
      key: entry.label,
      retryInMillis: Math.max(0, until - this.now()),
      lastFailure: errorOf(entry.lastFailure)
    }
    const { waiting } = borrow
    if (waiting === undefined) return
    const { lastFailure } = entry
    if (entry.isHopeless && lastFailure?._tag === "Failed") {
      this.fail(
        borrow,
        new DialFailed({ key: entry.label, attempts: entry.failures, permanent: true, cause: lastFailure.error })
      )
    } else if (isQuarantined && (!waiting.waitForReady || until >= waiting.expiresAt)) {
      this.fail(borrow, new Quarantined(failure))
    } else if (!waiting.waitForReady) this.fail(borrow, new NotReady(failure))
  }

  // ---------------------------------------------------------------------------------------------
  // Loss and penalty
  // ---------------------------------------------------------------------------------------------

  private lost(connection: Connection<K, C, E>, failure: Failure<E>): void {
    const wasOpen = connection.state._tag === "Open"
    if (!wasOpen && connection.state._tag !== "Draining") return
    const { slot } = connection
    if (wasOpen) {
      this.instruments.losses++
      slot.entry.sole = undefined
      slot.connection = undefined
      this.penalise(slot, failure, this.now() - connection.readyAt)
    }
    this.close(connection, errorOf(failure))
    for (const borrow of [...slot.entry.waiters]) this.refuse(slot.entry, borrow)
  }

  /** Back-off after a failure, or quarantine after too many crashes. What stayed up for `minUptime` has earned a clean record. */
  private penalise(slot: Slot<K, C, E>, failure: Failure<E>, uptime: number): void {
    const { entry } = slot
    const { policy } = entry
    const now = this.now()
    // A dial of the same key that failed while this one was up is news about the server, and newer than its uptime; a penalty
    // that still runs is not over because of it.
    const isProven = uptime >= policy.minUptime && uptime > 0 && now - entry.lastFailureAt >= policy.minUptime &&
      entry.slots.every(({ timer }) => timer === undefined)
    if (isProven) {
      entry.failures = 0
      entry.quarantines = 0
    }
    entry.failures++
    entry.lastFailure = failure
    entry.lastFailureAt = now
    const isCrash = failure._tag !== "Failed" || this.options.connector.classify(failure.error) !== "unavailable"
    const isCrashLoop = (isCrash && entry.intensity.record(now)) || entry.quarantines > 0
    // A crash loop that is not even there now is no better for it, and no worse.
    const level = isCrash ? entry.quarantines : entry.quarantines - 1
    const wait = isCrashLoop
      ? Math.min(policy.quarantine.max, policy.quarantine.initial * 2 ** level)
      : isProven
      ? 0
      : Backoff.delay(policy.backoff, entry.failures, this.options.random())
    const until = now + wait
    if (!isCrashLoop || slot.state._tag === "Connecting") {
      this.transitions.slot(slot, { _tag: "Backoff", until, attempt: entry.failures, cause: failure }, causeOf(failure))
    }
    if (isCrashLoop) {
      entry.quarantines = level + 1
      this.instruments.quarantines++
      this.transitions.slot(slot, { _tag: "Quarantined", until, cause: failure }, causeOf(failure))
    }
    slot.timer = this.options.deadlines.arm(wait, () => this.penaltyOver(slot))
    if (wait === 0) this.penaltyOver(slot)
  }

  private penaltyOver(slot: Slot<K, C, E>): void {
    if (slot.timer === undefined) return
    const { entry } = slot
    // `released` comes back here once the predecessor is gone.
    if (entry.isExclusiveResource && slot.lingering > 0) return
    slot.timer.cancel()
    slot.timer = undefined
    const hasDemand = entry.waiters.size > 0 || entry.warm > 0
    // The penalty of the key ends with the last of its slots': failures of others may have come since.
    const isOtherFirst = entry.slots.some((other) => other.state._tag === "Connecting" || other.timer !== undefined)
    const hasRoom = this.connections < this.options.policy.maxConnections
    if (hasDemand && !isOtherFirst && hasRoom && this.state === "Open") return this.dial(slot)
    this.transitions.slot(slot, SlotState.idle, undefined)
    if (hasDemand) this.pump(entry)
    else this.forget(entry)
  }

  private clearPenalties(entry: Entry<K, C, E>): void {
    for (const slot of entry.slots) {
      if (slot.timer === undefined) continue
      slot.timer.cancel()
      slot.timer = undefined
      this.transitions.slot(slot, SlotState.idle, undefined)
    }
  }

  private hasPenaltyEnded(slot: Slot<K, C, E>): boolean {
    const { state } = slot
    return (state._tag === "Backoff" || state._tag === "Quarantined") && state.until <= this.now()
  }

  // ---------------------------------------------------------------------------------------------
  // Retiring and closing
  // ---------------------------------------------------------------------------------------------

  private watchLifetime(connection: Connection<K, C, E>): void {
    const { maxLifetime } = connection.entry.policy
    // Connections opened together must not die together (HikariCP's variance).
    const millis = maxLifetime * (1 - 0.025 * this.options.random())
    connection.lifetimeDeadline = this.options.deadlines.arm(millis, () => this.retire(connection, "lifetime"))
  }

  private watchLiveness(connection: Connection<K, C, E>, dialled: Dialled<C, E>): void {
    const { entry } = connection.slot
    const { policy } = entry
    if (dialled.probe === undefined || policy.keepaliveInterval === Number.POSITIVE_INFINITY) return
    connection.keepalive = new Keepalive<E>({
      dialled,
      probe: Effect.withSpan(dialled.probe, "holdfast.pool.probe", {
        attributes: { key: entry.label },
        captureStackTrace: false
      }),
      interval: policy.keepaliveInterval,
      timeout: policy.keepaliveTimeout,
      failures: policy.keepaliveFailures,
      deadlines: this.options.deadlines,
      fork: this.fork,
      isWanted: () => connection.leases > 0 || entry.warm > 0,
      inFlight: dialled.inFlight ?? (() => connection.leases),
      onHealth: (health) => this.transitions.health(connection, health),
      onDead: (millis, error) =>
        this.lost(connection, error === undefined ? { _tag: "Unresponsive", millis } : { _tag: "Failed", error })
    })
  }

  /** Takes an open connection out of circulation; it closes when its last lease is returned, or at its deadline. */
  retire(connection: Connection<K, C, E>, reason: RetireReason): void {
    if (connection.state._tag !== "Open") return
    const { slot } = connection
    const { entry } = slot
    // Callers of an exclusive resource wait for it to be gone, so a forgotten lease must not block them for ever.
    entry.sole = undefined
    const grace = reason === "drain" || entry.isExclusiveResource ? entry.policy.drainTimeout : Number.POSITIVE_INFINITY
    this.transitions.connection(connection, { _tag: "Draining", deadline: this.now() + grace }, reason)
    this.draining.add(connection)
    if (slot.connection === connection) {
      slot.connection = undefined
      this.transitions.slot(slot, this.state === "Open" ? SlotState.idle : SlotState.closed, reason)
    }
    if (connection.leases === 0) this.close(connection, reason)
    else connection.drainDeadline = this.options.deadlines.arm(grace, () => this.close(connection, reason))
    if (entry.waiters.size > 0 || entry.warm > 0) this.pump(entry)
  }

  /** Runs the finalizers of a connection in a fiber of their own. Idempotent. */
  private close(connection: Connection<K, C, E>, cause: unknown): void {
    if (connection.state._tag === "Closing" || connection.state._tag === "Closed") return
    const { slot } = connection
    if (slot.connection === connection) slot.connection = undefined
    this.transitions.connection(connection, ConnectionState.closing, cause)
    this.draining.delete(connection)
    connection.connectDeadline?.cancel()
    connection.idleDeadline?.cancel()
    connection.lifetimeDeadline?.cancel()
    connection.drainDeadline?.cancel()
    connection.keepalive?.stop()
    connection.monitor?.interruptUnsafe()
    const { closeTimeout } = slot.entry.policy
    const overdue = this.options.deadlines.arm(closeTimeout, () => {
      this.fork(Effect.logWarning(
        `${slot.entry.label}: connection ${connection.id} is still closing after ${closeTimeout} ms (closeTimeout)`
      ))
    })
    // What a dial acquired is in the scope only after the dial has ended: wait for it, then close.
    const finish = connection.dial === undefined ? Effect.void : Fiber.interrupt(connection.dial)
    this.fork(finish.pipe(
      Effect.andThen(Scope.close(connection.scope, Exit.void)),
      Effect.catchCause((defect) =>
        Effect.logWarning(`${slot.entry.label}: a finalizer of connection ${connection.id} failed`, defect)
      ),
      Effect.andThen(Effect.sync(() => {
        overdue.cancel()
        this.released(connection)
      }))
    ))
  }

  private released(connection: Connection<K, C, E>): void {
    const { slot } = connection
    const { entry } = slot
    this.transitions.connection(connection, ConnectionState.closed, undefined)
    this.connections--
    slot.lingering--
    connection.gone.openUnsafe()
    if (this.connections === 0) this.quiet.openUnsafe()
    if (slot.timer !== undefined && this.hasPenaltyEnded(slot)) this.penaltyOver(slot)
    else if (entry.waiters.size > 0 || entry.warm > 0) this.pump(entry)
    else this.forget(entry)
    this.feedStarved()
  }

  private feedStarved(): void {
    for (const entry of this.starved) {
      this.starved.delete(entry)
      this.ensureDials(entry)
      // Still no room: it is back in the queue, and those behind it wait as well.
      if (this.starved.has(entry)) return
    }
  }

  /** Drops slots without demand, and the key once nothing about it is worth remembering. */
  forget(entry: Entry<K, C, E>): void {
    if (entry.waiters.size > 0 || entry.warm > 0) return
    for (let i = entry.slots.length - 1; i >= 0; i--) {
      const slot = entry.slots[i]
      if (slot === undefined || slot.lingering > 0) continue
      if (slot.state._tag !== "Idle" && slot.state._tag !== "Closed") continue
      this.transitions.slot(slot, SlotState.closed, undefined)
      entry.slots.splice(i, 1)
      this.refreshSole(entry)
    }
    if (entry.slots.length > 0 || this.entries.get(entry.fingerprint) !== entry) return
    // A crash loop must be recognised over the whole window, also when every caller left in between.
    const remember = entry.lastFailureAt + entry.policy.restartIntensity.window - this.now()
    if (remember > 0 && this.state === "Open") {
      entry.cleanup?.cancel()
      entry.cleanup = this.options.deadlines.arm(remember, () => this.forget(entry))
      return
    }
    entry.cleanup?.cancel()
    this.starved.delete(entry)
    this.entries.delete(entry.fingerprint)
  }

  // ---------------------------------------------------------------------------------------------
  // Administration
  // ---------------------------------------------------------------------------------------------

  warm(key: K): () => void {
    if (this.state !== "Open") return () => {}
    const entry = this.entryOf(key)
    entry.warm++
    this.pump(entry)
    return () => {
      entry.warm--
      if (entry.warm > 0) return
      for (const { connection } of entry.slots) {
        if (connection !== undefined && connection.state._tag === "Open" && connection.leases === 0) {
          this.watchIdle(connection, entry.idleTimeout)
        }
      }
      this.forget(entry)
    }
  }

  invalidate(key: K): void {
    const entry = this.entries.get(this.options.connector.fingerprint(key))
    if (entry === undefined) return
    for (const { connection } of [...entry.slots]) {
      if (connection !== undefined) this.retire(connection, "invalidated")
    }
  }

  discontinue(key: K): void {
    const entry = this.entries.get(this.options.connector.fingerprint(key))
    if (entry === undefined) return
    entry.idleTimeout = 0
    this.invalidate(key)
  }

  reset(key: K): void {
    const entry = this.entries.get(this.options.connector.fingerprint(key))
    if (entry === undefined) return
    entry.failures = 0
    entry.quarantines = 0
    entry.isHopeless = false
    entry.lastFailureAt = Number.NEGATIVE_INFINITY
    entry.intensity.reset()
    this.clearPenalties(entry)
    this.pump(entry)
    this.forget(entry)
  }

  /** Refuses new leases, retires everything, and after `timeout` closes what is still leased. */
  readonly drain = (timeout: number): Effect.Effect<void> =>
    Effect.suspend(() => {
      if (this.state === "Open") this.beginDrain()
      const closeTimeout = this.options.policy.closeTimeout
      return this.quiet.await.pipe(
        Effect.timeoutOption(Duration.millis(timeout)),
        Effect.andThen(Effect.sync(() => this.closeAll())),
        Effect.andThen(Effect.timeoutOption(this.quiet.await, Duration.millis(closeTimeout))),
        Effect.andThen(Effect.sync(() => {
          this.state = "Closed"
        }))
      )
    })

  private beginDrain(): void {
    this.state = "Draining"
    this.starved.clear()
    for (const entry of [...this.entries.values()]) {
      entry.cleanup?.cancel()
      for (const borrow of [...entry.waiters]) this.fail(borrow, new PoolClosed({ key: entry.label }))
      for (const slot of [...entry.slots]) {
        const { connection } = slot
        slot.timer?.cancel()
        slot.timer = undefined
        if (connection?.state._tag === "Open") this.retire(connection, "drain")
        else {
          if (connection !== undefined) this.close(connection, "drain")
          this.transitions.slot(slot, SlotState.closed, undefined)
        }
      }
      entry.warm = 0
    }
  }

  /** Connections that left their slot are known to nobody but their deadlines: expire those now. */
  private closeAll(): void {
    for (const connection of [...this.draining]) this.close(connection, "drain")
  }
}

/** Open, and with room for one more. */
const isFree = <K, C, E>(connection: Connection<K, C, E>, entry: Entry<K, C, E>): boolean =>
  connection.state._tag === "Open" && connection.leases < entry.leaseLimit

const isBetter = <K, C, E>(a: Connection<K, C, E>, b: Connection<K, C, E>): boolean =>
  a.state === b.state ? a.leases < b.leases : a.state === ConnectionState.healthy

/** A function, because the compiler believes that a field checked once stays as it was. */
const isOpen = <K, C, E>(connection: Connection<K, C, E>): boolean => connection.state._tag === "Open"
