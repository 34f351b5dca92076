/**
 * The pool's machine: synchronous, single-threaded state and the few fibers it starts.
 *
 * Every method runs to completion without yielding, so each leaves the state consistent and no interleaving can observe a
 * half-made move. Strangers' code runs between moves and never within one: callers are resumed, events published and dials
 * started from the outbox, when the move is complete. Fibers exist for what takes time only: one per dial, one per open connection
 * that waits for its loss, one per connection being closed. All of them belong to a connection, and `drain` ends every connection.
 *
 * A move begins in one of three places, each with its boundary for what throws:
 * - a caller: what its key's functions throw is its own defect, before anything has moved;
 * - an event (a deadline, the end of a fiber), in `event`: what throws there ends the connection it belongs to;
 * - the outbox: what a piece of it throws is told in the log, and the next piece runs.
 *
 * Two promises each have one place:
 * - **Every dial is started by `admit`**, in the order of the line: the key with the oldest demand gets the next free place. One that
 *   is to take the place of an open connection needs none, and is started by `succeed`.
 * - **No dial follows a failure without a pause**: every failed dial and every loss goes through `penalise`, and `claimOf` lets no
 *   key into the line while one of its slots serves a penalty. The pause is left out for a connection that was open for at least
 *   as long, and for one that expired: once, and again if it has served, as often as restartIntensity allows (`mayReopen`). A failure for good of a key that is not kept warm has no pause: all that
 *   waited are told, and the next caller starts afresh.
 *
 * It is one long file on purpose: what borrowing, dialling, loss and closing do to each other is the difficult part, and it
 * is read together.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Option from "effect/Option"
import type * as PubSub from "effect/PubSub"
import * as Scheduler from "effect/Scheduler"
import * as Scope from "effect/Scope"
import * as Tracer from "effect/Tracer"
import * as ConnectionState from "../ConnectionState.ts"
import type { Connector, Dialled, Succeed } from "../Connector.ts"
import type { Deadline, Deadlines } from "../Deadlines.ts"
import { type AcquireTimeout, PoolClosed, PoolError, type PoolErrorReason, TooManyWaiters } from "../PoolError.ts"
import type { PoolEvent, RetireReason } from "../PoolEvent.ts"
import type * as PoolPolicy from "../PoolPolicy.ts"
import type { PoolSnapshot } from "../PoolSnapshot.ts"
import * as SlotState from "../SlotState.ts"
import * as Capacity from "./capacity.ts"
import { type Borrow, Connection, Entry, Slot, type Waiting } from "./connection.ts"
import { Defects } from "./defects.ts"
import { causeOf, errorOf, type Failure, isExpiry, reasonOf } from "./failure.ts"
import { Instruments } from "./instruments.ts"
import { Keys } from "./keys.ts"
import { closing, dialling } from "./lifetime.ts"
import { Line } from "./line.ts"
import { Monitor, type MonitorHost } from "./monitor.ts"
import { Outbox } from "./outbox.ts"
import * as Refusals from "./refusals.ts"
import { Room } from "./room.ts"
import { Strangers } from "./strangers.ts"
import { Transitions } from "./transitions.ts"
import * as Verdicts from "./verdicts.ts"

export interface MachineOptions<K, C, E> {
  readonly connector: Connector<K, C, E>
  readonly policy: PoolPolicy.PoolPolicy
  readonly policyFor: (key: K) => PoolPolicy.PoolPolicy
  readonly deadlines: Deadlines
  readonly context: Context.Context<never>
  readonly events: PubSub.PubSub<PoolEvent>
}

/** How a caller asks: milliseconds, resolved by the public module. */
export interface Ask {
  readonly timeout: number
  readonly waitForReady: boolean | undefined
  readonly onWait: ((phase: AcquireTimeout<unknown>["phase"]) => void) | undefined
}

export class Machine<K, C, E> {
  readonly options: MachineOptions<K, C, E>
  readonly keys: Keys<K, C, E>
  /** Keys that want to dial, by the age of their oldest demand. Empty whenever there is room: `admit` sees to it. */
  readonly line = new Line<Entry<K, C, E>>()
  readonly room: Room<K, C, E>
  /** Connections that left their slot and wait for their last leases. */
  readonly draining = new Set<Connection<K, C, E>>()
  readonly leakWarningThreshold: number
  readonly defects: Defects
  readonly outbox: Outbox
  readonly transitions: Transitions<K, C, E>
  readonly instruments = new Instruments()
  /** The pool's own fibers: closing connections, and lines for the log. */
  readonly fibers = Scope.makeUnsafe("parallel")
  private readonly run: <A, X>(effect: Effect.Effect<A, X>) => Fiber.Fiber<A, X>
  private readonly strangers: Strangers<K, C, E>
  private readonly host: MonitorHost<K, C, E>
  /** Open while no connection is left. */
  readonly quiet: Latch.Latch = Latch.makeUnsafe(true)
  state: PoolSnapshot["state"] = "Open"
  /** How long the drain that was asked for waits for leases; undefined: as long as the policy of each key says. */
  drainGrace: number | undefined = undefined
  ids = 0
  /** Demands so far: each gets its number, and is served by it. */
  tickets = 0
  /** Leases given so far. */
  given = 0

  constructor(options: MachineOptions<K, C, E>) {
    const { connector, context, policy, policyFor } = options
    this.options = options
    this.leakWarningThreshold = policy.leakWarningThreshold
    this.run = Effect.runForkWith(context)
    this.room = new Room(policy.maxConnections)
    const now = () => this.now()
    const fork = <A, X>(effect: Effect.Effect<A, X>) => Fiber.runIn(this.run(effect), this.fibers)
    // The log is a stranger as well.
    this.defects = new Defects({ fork, now, later: (log) => this.outbox.put("the pool", "the log threw", log) })
    this.outbox = new Outbox(this.defects, Context.get(context, Scheduler.Scheduler).makeDispatcher())
    this.strangers = new Strangers({ connector, context, defects: this.defects, now })
    this.keys = new Keys({ connector, policy, policyFor, strangers: this.strangers })
    this.transitions = new Transitions({ events: options.events, now, outbox: this.outbox, fork })
    this.host = {
      now,
      isTraced:
        (Context.getOrUndefined(context, Tracer.Tracer) ?? Context.getOrUndefined(context, Tracer.ParentSpan)) !==
          undefined,
      chance: (label) => this.strangers.chance(label),
      arm: (connection, millis, onExpire) => this.arm(millis, connection.entry, connection, onExpire),
      event: (connection, handle) => this.event(connection.entry, connection, handle),
      fork: (connection, effect) => this.forkIn(connection, effect),
      succeed: (connection) => this.succeed(connection),
      failed: ({ entry }, error) => this.strangers.failed(entry.label, error),
      died: ({ entry }, what, cause) => this.strangers.died(entry.label, what, cause),
      onHealth: (connection, health) => this.transitions.health(connection, health),
      onLost: (connection, failure) => this.lost(connection, failure),
      onRetired: (connection, reason) => this.retire(connection, reason)
    }
  }

  /** Runs a fiber that ends with the connection, before its resources are closed. */
  private forkIn<A, X>(connection: Connection<K, C, E>, effect: Effect.Effect<A, X>): Fiber.Fiber<A, X> {
    return Fiber.runIn(this.run(effect), connection.fibers)
  }

  now(): number {
    return this.options.deadlines.now()
  }

  // ---------------------------------------------------------------------------------------------
  // Events
  // ---------------------------------------------------------------------------------------------

  /** The boundary of an event. What throws in it ends the connection it belongs to. */
  private event(entry: Entry<K, C, E>, connection: Connection<K, C, E> | undefined, handle: () => void): void {
    try {
      handle()
    } catch (defect) {
      this.broken(entry, connection, defect)
    }
    this.outbox.send()
  }

  private broken(entry: Entry<K, C, E>, connection: Connection<K, C, E> | undefined, defect: unknown): void {
    if (connection === undefined) return this.defects.tell(`${entry.label}: the pool broke`, defect)
    this.defects.tell(`${entry.label}: a connection is given up, because the connector broke`, defect)
    const failure: Failure<E> = { _tag: "Defect", defect }
    // Ended once more by what ends it would be a fault of the machine's own.
    this.event(
      entry,
      undefined,
      () => connection.state._tag === "Opening" ? this.dialFailed(connection, failure) : this.lost(connection, failure)
    )
  }

  private arm(
    millis: number,
    entry: Entry<K, C, E>,
    connection: Connection<K, C, E> | undefined,
    onExpire: () => void
  ): Deadline {
    return this.options.deadlines.arm(millis, () => this.event(entry, connection, onExpire))
  }

  /** A move that a caller asked for. The answer it may bring is its own. */
  private move(make: () => void): void {
    try {
      make()
    } finally {
      this.outbox.send()
    }
  }

  /** A move in one caller's turn that answers others. */
  private handOff(make: () => void): void {
    try {
      this.outbox.handOff(make)
    } finally {
      this.outbox.send()
    }
  }

  // ---------------------------------------------------------------------------------------------
  // Borrowing
  // ---------------------------------------------------------------------------------------------

  /** The warm path: gives a lease at once, or does nothing. */
  take(borrow: Borrow<K, C, E>, key: K): boolean {
    if (this.state !== "Open") return false
    const entry = this.keys.find(key)
    if (entry === undefined) return false
    const { sole } = entry
    const connection = sole === undefined ? this.choose(entry) : Capacity.isFree(sole, entry) ? sole : undefined
    if (connection === undefined) return false
    this.instruments.instantAcquires++
    this.give(borrow, connection)
    return true
  }

  /** Whether `take` would very likely give a lease now. */
  isWarm(key: K): boolean {
    const entry = this.keys.find(key)
    return entry?.sole !== undefined && Capacity.isFree(entry.sole, entry)
  }

  /** The cold path: queues the caller, makes sure a dial is on its way, and settles the caller exactly once. */
  wait(
    borrow: Borrow<K, C, E>,
    key: K,
    ask: Ask,
    resume: (effect: Effect.Effect<C, PoolError<E>>) => void
  ): void {
    if (this.state !== "Open") {
      return resume(this.refusal(new PoolClosed({ key: this.keys.labelOf(key) })))
    }
    const entry = this.keys.of(key)
    if (entry.waiters.size >= entry.policy.maxWaiters) {
      return resume(this.refusal(new TooManyWaiters({ key: entry.label, limit: entry.policy.maxWaiters })))
    }
    const timeout = Math.max(0, Math.min(ask.timeout, entry.policy.acquireTimeout))
    const since = this.now()
    this.move(() => {
      borrow.waiting = {
        entry,
        ticket: ++this.tickets,
        since,
        resume,
        timeout,
        waitForReady: ask.waitForReady ?? entry.policy.waitForReady,
        expiresAt: since + timeout,
        span: spanHere(),
        deadline: this.arm(timeout, entry, undefined, () => this.expire(borrow))
      }
      entry.sole = undefined
      entry.waiters.add(borrow)
      this.asked(entry)
      this.pump(entry)
      this.refuse(borrow)
    })
    if (borrow.waiting !== undefined) ask.onWait?.(Refusals.phaseOf(entry))
  }

  /** A key that was given up, because its schedule has ended, is dialled again for a caller that asks. */
  private asked(entry: Entry<K, C, E>): void {
    const { penalties, policy } = entry
    if (!penalties.isSpent) return
    // While another connection serves the key, one that could not be added is tried again after a while only.
    const isRested = this.now() - penalties.lastFailureAt >= policy.minUptime
    if (isRested || !Capacity.isAnyPromising(entry)) penalties.beginAnew()
  }

  /** Takes a caller out of the queue: the one that gets the claim settles it, and no other can. */
  private leave(borrow: Borrow<K, C, E>): Waiting<K, C, E> | undefined {
    const { waiting } = borrow
    if (waiting === undefined) return undefined
    borrow.waiting = undefined
    waiting.entry.waiters.delete(borrow)
    this.refreshSole(waiting.entry)
    waiting.deadline.cancel()
    // Its key may want less now, or later.
    if (waiting.entry.place >= 0) this.queue(waiting.entry)
    return waiting
  }

  /** A caller that waits no more: it was interrupted. */
  abandon(borrow: Borrow<K, C, E>): void {
    this.move(() => {
      const waiting = this.leave(borrow)
      if (waiting !== undefined) this.forget(waiting.entry)
    })
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
    connection.hasReturned ||= Capacity.isOpen(connection)
    const { entry } = connection
    if (entry.sole === connection || (entry.waiters.size === 0 && entry.policy.reuse && Capacity.isOpen(connection))) {
      if (connection.leases === 0) this.becomeIdle(connection)
      if (this.line.size > 0) this.outbox.send()
      return undefined
    }
    // The caller asked for a connection of its own: when it goes on, the connection is gone.
    const gone = entry.policy.reuse || !Capacity.isOpen(connection) ? undefined : Latch.makeUnsafe(false)
    connection.gone = gone
    this.handOff(() => this.returned(connection))
    return gone && Effect.asVoid(Effect.timeoutOption(gone.await, Duration.millis(entry.policy.closeTimeout)))
  }

  /** To those who wait, or to its end. */
  private returned(connection: Connection<K, C, E>): void {
    const { entry, state } = connection
    if (state._tag === "Draining" && connection.leases === 0) this.close(connection, undefined)
    if (state._tag !== "Open") return
    if (!entry.policy.reuse) return this.retire(connection, "unshared")
    // An unused connection is a place, and the place is owed to the oldest demand of all.
    if (this.room.isOwed(connection, this.line)) return this.retire(connection, "evicted")
    this.pump(entry)
    if (connection.leases === 0 && Capacity.isOpen(connection)) this.becomeIdle(connection)
  }

  private watchLease(borrow: Borrow<K, C, E>, connection: Connection<K, C, E>): void {
    const threshold = this.leakWarningThreshold
    borrow.leak = this.arm(threshold, connection.entry, connection, () => {
      this.instruments.leaks++
      const { label } = connection.entry
      const holder = borrow.holder ?? "an unknown holder"
      this.transitions.leaked(connection, holder, threshold)
      this.defects.log(
        Effect.logWarning(
          `${label}: a lease is held for more than ${threshold} ms (leakWarningThreshold), taken by ${holder}`
        )
      )
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
    // No caller overtakes the waiting ones.
    return entry.waiters.size > 0 ? undefined : Capacity.pick(entry)
  }

  /** To be called after anything `Entry.sole` depends on has changed; what ends it clears it first. */
  private refreshSole(entry: Entry<K, C, E>): void {
    entry.sole = Capacity.soleOf(entry)
  }

  private settle(waiting: Waiting<K, C, E>, result: Effect.Effect<C, PoolError<E>>): void {
    this.outbox.answer(waiting.entry.label, "a caller threw when it was answered", () => waiting.resume(result))
  }

  private fail(borrow: Borrow<K, C, E>, reason: PoolErrorReason<E>): void {
    const { waiting } = borrow
    if (waiting === undefined) return
    this.settle(waiting, this.refusal(reason))
    this.leave(borrow)
  }

  /** What a caller gets instead of a lease. */
  private refusal(reason: PoolErrorReason<E>): Effect.Effect<never, PoolError<E>> {
    this.instruments.refused[reason._tag]++
    return Effect.fail(new PoolError({ reason }))
  }

  private expire(borrow: Borrow<K, C, E>): void {
    const { waiting } = borrow
    if (waiting === undefined) return
    this.instruments.timeouts++
    this.fail(borrow, Refusals.expired(waiting))
    this.forget(waiting.entry)
  }

  // ---------------------------------------------------------------------------------------------
  // Demand
  // ---------------------------------------------------------------------------------------------

  /** Hands free connections to those who wait, in order, then asks for dials for the rest. */
  private pump(entry: Entry<K, C, E>): void {
    for (const borrow of entry.waiters) {
      const connection = Capacity.pick(entry)
      const { waiting } = borrow
      if (connection?.dialled === undefined || waiting === undefined) break
      this.instruments.acquire.record(this.now() - waiting.since)
      this.give(borrow, connection)
      this.settle(waiting, Effect.succeed(connection.dialled.value))
      this.leave(borrow)
    }
    this.queue(entry)
    this.admit()
  }

  /** Lets a key join the line, move in it or leave it. To be called after anything `claimOf` depends on has changed. */
  private queue(entry: Entry<K, C, E>): void {
    this.trim(entry)
    const claim = this.claimOf(entry)
    if (claim === undefined) this.line.remove(entry)
    else this.line.put(entry, claim)
  }

  /** Gives free places to those who are first in line, and makes room for the rest. */
  private admit(): void {
    for (let entry = this.line.first; entry !== undefined; entry = this.line.first) {
      if (this.room.isFull) return this.makeRoom()
      this.dial(entry, this.slotFor(entry))
      this.queue(entry)
    }
  }

  private claimOf(entry: Entry<K, C, E>): number | undefined {
    return this.state === "Open" ? Capacity.claimOf(entry, this.now(), () => ++this.tickets) : undefined
  }

  private slotFor(entry: Entry<K, C, E>): Slot<K, C, E> {
    const vacant = Capacity.vacantOf(entry, this.now())
    if (vacant !== undefined) return vacant
    const slot = new Slot(++this.ids, entry, this.now())
    entry.sole = undefined
    entry.add(slot)
    return slot
  }

  /** Retires connections that have been idle for longest, one for each key in line. A place is free once one is gone. */
  private makeRoom(): void {
    for (;;) {
      const connection = this.room.toVacate(this.line)
      if (connection === undefined) return
      this.withdraw(connection, "evicted")
    }
  }

  private becomeIdle(connection: Connection<K, C, E>): void {
    connection.idleSince = this.now()
    const { entry } = connection
    // `cool` begins to watch those that were kept warm.
    if (connection.idleDeadline === undefined && entry.warm === 0) connection.monitor?.watchIdle(entry.idleTimeout)
    this.room.rest(connection)
    if (this.line.size > 0) this.makeRoom()
  }

  // ---------------------------------------------------------------------------------------------
  // Dialling
  // ---------------------------------------------------------------------------------------------

  private dial(entry: Entry<K, C, E>, slot: Slot<K, C, E>): Connection<K, C, E> {
    const connection = new Connection(++this.ids, slot, this.now())
    slot.connection = connection
    slot.lingering++
    entry.dials++
    entry.wish = undefined
    this.instruments.dials++
    this.room.taken++
    this.quiet.closeUnsafe()
    this.transitions.slot(slot, { _tag: "Connecting", attempt: entry.penalties.failures + 1 }, undefined)
    const { connectTimeout } = entry.policy
    connection.connectDeadline = this.arm(connectTimeout, entry, connection, () => {
      // It may be a while until it has let itself be stopped: `close` waits for that.
      if (connection.state._tag === "Opening") this.dialFailed(connection, { _tag: "TimedOut", millis: connectTimeout })
    })
    this.outbox.put(
      entry.label,
      "a dial could not be started",
      () => this.event(entry, connection, () => this.start(connection))
    )
    return connection
  }

  private start(connection: Connection<K, C, E>): void {
    // Given up before it began.
    if (connection.state._tag !== "Opening") return
    const { entry } = connection
    const fiber = this.forkIn(connection, dialling(this.options.connector, connection))
    connection.dial = fiber
    fiber.addObserver((exit) => this.event(entry, connection, () => this.dialled(connection, exit)))
  }

  private dialled(connection: Connection<K, C, E>, exit: Exit.Exit<Dialled<C, E>, E>): void {
    connection.dial = undefined
    // The slot moved on while the dial ran; `close` waits for this fiber and shuts down what it brought.
    if (connection.state._tag !== "Opening") return
    if (Exit.isSuccess(exit)) return this.opened(connection, exit.value)
    const { entry } = connection
    const error = Cause.findErrorOption(exit.cause)
    this.dialFailed(
      connection,
      Option.isSome(error)
        ? this.strangers.failed(entry.label, error.value)
        : this.strangers.died(entry.label, "a dial died", exit.cause)
    )
  }

  private opened(connection: Connection<K, C, E>, dialled: Dialled<C, E>): void {
    const { entry, slot } = connection
    // Read first: it is a stranger's object, and may throw.
    const { closed, retired } = dialled
    const monitor = new Monitor(this.host, connection, dialled)
    connection.receivedAtOpening = Verdicts.receivedBy(dialled)
    connection.connectDeadline?.cancel()
    // It would be kept for as long as the connection.
    connection.connectDeadline = undefined
    connection.monitor = monitor
    connection.dialled = dialled
    connection.readyAt = this.now()
    this.instruments.creation.record(connection.readyAt - connection.openedAt)
    entry.penalties.wasReady = true
    entry.penalties.isHopeless = false
    this.transitions.connection(connection, ConnectionState.healthy, undefined)
    this.transitions.slot(slot, { _tag: "Ready", since: connection.readyAt }, undefined)
    this.refreshSole(entry)
    // What it wants beyond this connection shows when those who wait have had it.
    this.line.remove(entry)
    monitor.watchLifetime()
    const next = (what: string, handle: () => void) =>
      this.outbox.put(entry.label, what, () => this.event(entry, connection, handle))
    next("a connection could not be watched", () => monitor.start(closed, retired))
    this.settled(connection, dialled.value)
    next("a connection could not be leased", () => {
      if (!Capacity.isOpen(connection)) return
      this.pump(entry)
      if (connection.leases === 0 && Capacity.isOpen(connection)) this.becomeIdle(connection)
    })
  }

  /** Opens a connection beside this one, in a slot of its own, which goes when one of the two is gone. */
  private succeed(connection: Connection<K, C, E>): Succeed<C> {
    const { entry } = connection
    return Effect.callback((resume) =>
      this.event(entry, connection, () => {
        const isServingPenalty = Capacity.isAnyServing(entry, this.now())
        if (!Capacity.isOpen(connection) || this.state !== "Open" || entry.isExclusiveResource || isServingPenalty) {
          return this.outbox.put(entry.label, "a succession threw", () => resume(Effect.undefined))
        }
        const slot = new Slot(++this.ids, entry, this.now())
        entry.sole = undefined
        entry.add(slot)
        const successor = this.dial(entry, slot)
        connection.successor = successor
        const retire = Effect.sync(() => this.handOff(() => this.retire(successor, "invalidated")))
        successor.onSettled = (value) => resume(Effect.succeed(value === undefined ? undefined : { value, retire }))
      })
    )
  }

  /** To the connection that it is to succeed, if there is one. */
  private settled(connection: Connection<K, C, E>, value: C | undefined): void {
    const { entry, onSettled } = connection
    if (onSettled === undefined) return
    connection.onSettled = undefined
    this.outbox.put(entry.label, "a succession threw", () => onSettled(value))
  }

  /** Takes out slots that a succession has added, as soon as one of the two connections is gone. */
  private trim(entry: Entry<K, C, E>): void {
    for (let i = entry.slots.length - 1; i >= 0 && entry.slots.length > entry.policy.maxConnectionsPerKey; i--) {
      const slot = entry.slots[i]
      if (slot === undefined || slot.state._tag !== "Idle") continue
      this.transitions.slot(slot, SlotState.closed, undefined)
      entry.slots.splice(i, 1)
      this.refreshSole(entry)
    }
  }

  private dialFailed(connection: Connection<K, C, E>, failure: Failure<E>): void {
    this.instruments.failedDials++
    const { entry, slot } = connection
    const { penalties } = entry
    slot.connection = undefined
    const { isAlone, isGivenUp, isHopeless, isPermanent } = Verdicts.ofDial(slot, failure)
    if (isGivenUp) {
      penalties.isHopeless = false
      penalties.lastFailure = failure
      this.transitions.slot(slot, SlotState.idle, causeOf(failure))
      this.failAll(entry, failure, Math.max(1, penalties.failures), true, false)
    } else {
      penalties.isHopeless = isHopeless
      const isFinal = this.penalise(slot, failure, 0) && isAlone
      if (
        isHopeless || isFinal || (!penalties.wasReady && penalties.failures > entry.policy.maxConnectRetries)
      ) this.failAll(entry, failure, penalties.failures, isPermanent, isFinal)
    }
    this.close(connection, errorOf(failure))
    this.refuseAll(entry)
    this.queue(entry)
    this.forget(entry)
  }

  private failAll(
    entry: Entry<K, C, E>,
    failure: Failure<E>,
    attempts: number,
    permanent: boolean,
    exhausted: boolean
  ): void {
    const reason = reasonOf(entry.label, failure, attempts, { permanent, exhausted })
    for (const borrow of [...entry.waiters]) this.fail(borrow, reason)
  }

  private refuseAll(entry: Entry<K, C, E>): void {
    for (const borrow of [...entry.waiters]) this.refuse(borrow)
  }

  /** Fails a waiting caller at once if the state of its key says that waiting is pointless, or it asked not to wait. */
  private refuse(borrow: Borrow<K, C, E>): void {
    const { waiting } = borrow
    const reason = waiting && Refusals.refusalOf(waiting, this.now())
    if (reason !== undefined) this.fail(borrow, reason)
  }

  // ---------------------------------------------------------------------------------------------
  // Loss and penalty
  // ---------------------------------------------------------------------------------------------

  private lost(connection: Connection<K, C, E>, failure: Failure<E>): void {
    const wasOpen = connection.state._tag === "Open"
    if (!wasOpen && connection.state._tag !== "Draining") return
    // First, since it asks the connector, which may throw.
    const hasServed = isExpiry(failure) && Verdicts.hasServed(connection)
    const { entry, slot } = connection
    const { penalties } = entry
    if (wasOpen) {
      this.instruments.losses++
      entry.sole = undefined
      slot.connection = undefined
      const uptime = this.now() - connection.readyAt
      if (this.mayReopen(connection, failure, uptime, hasServed)) {
        this.transitions.slot(slot, SlotState.idle, causeOf(failure))
      } else if (this.penalise(slot, failure, uptime) && !Capacity.isAnyPromising(entry)) {
        this.failAll(entry, failure, penalties.failures, false, true)
      }
    }
    this.close(connection, errorOf(failure))
    this.refuseAll(entry)
    this.pump(entry)
    this.forget(entry)
  }

  private mayReopen(
    connection: Connection<K, C, E>,
    failure: Failure<E>,
    uptime: number,
    hasServed: boolean
  ): boolean {
    return connection.entry.penalties.mayReopen(
      failure,
      { openedAt: connection.openedAt, hasServed },
      Verdicts.circumstancesOf(connection.slot, uptime, this.now())
    )
  }

  /** Back-off after a failure, or quarantine after too many crashes. True: no dial follows until a caller asks. */
  private penalise(slot: Slot<K, C, E>, failure: Failure<E>, uptime: number): boolean {
    const { entry } = slot
    const { isFinal, kind, millis } = entry.penalties.judge(failure, Verdicts.circumstancesOf(slot, uptime, this.now()))
    const cause = causeOf(failure)
    if (kind === "none") {
      this.transitions.slot(slot, SlotState.idle, cause)
      return isFinal
    }
    const until = this.now() + millis
    const timer = this.arm(millis, entry, undefined, () => this.penaltyOver(slot))
    if (kind === "backoff" || slot.state._tag === "Connecting") {
      const attempt = entry.penalties.failures
      this.transitions.slot(slot, { _tag: "Backoff", until, attempt, cause: failure, timer }, cause)
    }
    if (kind === "quarantine") {
      this.instruments.quarantines++
      this.transitions.slot(slot, { _tag: "Quarantined", until, cause: failure, timer }, cause)
    }
    this.queue(entry)
    if (millis === 0) this.penaltyOver(slot)
    return isFinal
  }

  /** `released` comes back here once the predecessor of an exclusive resource is gone. */
  private penaltyOver(slot: Slot<K, C, E>): void {
    if (!Capacity.isPenaltyOver(slot, this.now())) return
    const { entry } = slot
    this.pump(entry)
    // It is dialled by now, unless it is not wanted or others are first.
    if (SlotState.penaltyOf(slot.state) !== undefined) this.transitions.slot(slot, SlotState.idle, undefined)
    this.forget(entry)
  }

  private clearPenalties(entry: Entry<K, C, E>): void {
    for (const slot of entry.slots) {
      if (SlotState.penaltyOf(slot.state) !== undefined) this.transitions.slot(slot, SlotState.idle, undefined)
    }
  }

  // ---------------------------------------------------------------------------------------------
  // Retiring and closing
  // ---------------------------------------------------------------------------------------------

  /** Takes an open connection out of circulation, and lets its key want another. */
  retire(connection: Connection<K, C, E>, reason: RetireReason): void {
    if (connection.state._tag !== "Open") return
    const { entry } = connection
    this.withdraw(connection, reason)
    if (entry.waiters.size > 0 || entry.warm > 0) this.pump(entry)
  }

  /** Takes an open connection out of circulation; it closes when its last lease is returned, or at its deadline. */
  private withdraw(connection: Connection<K, C, E>, reason: RetireReason): void {
    const { slot } = connection
    const { entry } = slot
    entry.sole = undefined
    const grace = Verdicts.graceOf(entry, reason, this.drainGrace)
    if (reason === "evicted") {
      this.room.vacate(connection)
      this.instruments.evictions++
    }
    this.transitions.connection(connection, { _tag: "Draining", deadline: this.now() + grace }, reason)
    this.draining.add(connection)
    if (slot.connection === connection) {
      slot.connection = undefined
      this.transitions.slot(slot, this.state === "Open" ? SlotState.idle : SlotState.closed, reason)
    }
    this.trim(entry)
    if (connection.leases === 0) this.close(connection, reason)
    else connection.drainDeadline = this.arm(grace, entry, connection, () => this.close(connection, reason))
  }

  /** Runs the finalizers of a connection in a fiber of their own. Idempotent. */
  private close(connection: Connection<K, C, E>, cause: unknown): void {
    if (connection.state._tag === "Closing" || connection.state._tag === "Closed") return
    const { entry, slot } = connection
    if (slot.connection === connection) slot.connection = undefined
    if (connection.dial !== undefined) {
      connection.isAbandoned = true
      slot.abandoned++
    }
    this.settled(connection, undefined)
    this.transitions.connection(connection, ConnectionState.closing, cause)
    this.draining.delete(connection)
    this.room.leave(connection)
    connection.connectDeadline?.cancel()
    connection.drainDeadline?.cancel()
    const { monitor } = connection
    if (monitor !== undefined) {
      monitor.stop()
      this.outbox.put(entry.label, "a monitor threw when it was stopped", () => monitor.interrupt())
    }
    const { closeTimeout } = entry.policy
    const overdue = this.arm(closeTimeout, entry, undefined, () => {
      this.defects.log(
        Effect.logWarning(
          `${entry.label}: connection ${connection.id} is still closing after ${closeTimeout} ms (closeTimeout)`
        )
      )
      // Those in line are not to wait for it.
      this.room.made(connection)
      this.admit()
    })
    this.outbox.put(entry.label, "a connection could not be closed", () => this.finish(connection, overdue))
  }

  private finish(connection: Connection<K, C, E>, overdue: Deadline): void {
    const { entry } = connection
    const over = () =>
      this.event(entry, undefined, () => {
        overdue.cancel()
        this.released(connection)
      })
    try {
      const fiber = this.run(closing(connection))
      fiber.addObserver(over)
      Fiber.runIn(fiber, this.fibers)
    } catch (defect) {
      over()
      throw defect
    }
  }

  private released(connection: Connection<K, C, E>): void {
    if (connection.state._tag !== "Closing") return
    const { entry, slot } = connection
    this.transitions.connection(connection, ConnectionState.closed, undefined)
    this.room.taken--
    slot.lingering--
    if (connection.isAbandoned) slot.abandoned--
    this.room.made(connection)
    const { gone } = connection
    if (gone) this.outbox.put(entry.label, "a caller threw when its connection was gone", () => gone.openUnsafe())
    if (this.room.taken === 0) {
      this.outbox.put(entry.label, "the end of a drain threw", () => {
        if (this.room.taken === 0) this.quiet.openUnsafe()
      })
    }
    if (Capacity.isPenaltyOver(slot, this.now())) this.penaltyOver(slot)
    else if (entry.waiters.size > 0 || entry.warm > 0) this.pump(entry)
    else this.forget(entry)
    this.admit()
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
    if (entry.slots.length > 0 || !this.keys.has(entry)) return
    // A crash loop must be recognised over the whole window, also when every caller left in between.
    const remember = entry.penalties.lastFailureAt + entry.policy.restartIntensity.window - this.now()
    if (remember > 0 && this.state === "Open") {
      entry.cleanup?.cancel()
      entry.cleanup = this.arm(remember, entry, undefined, () => this.forget(entry))
      return
    }
    entry.cleanup?.cancel()
    this.line.remove(entry)
    this.keys.forget(entry)
  }

  // ---------------------------------------------------------------------------------------------
  // Administration
  // ---------------------------------------------------------------------------------------------

  warm(key: K): () => void {
    if (this.state !== "Open") return () => {}
    const entry = this.keys.of(key)
    this.move(() => {
      entry.warm++
      this.asked(entry)
      this.pump(entry)
    })
    return () => this.handOff(() => this.cool(entry))
  }

  private cool(entry: Entry<K, C, E>): void {
    entry.warm--
    if (entry.warm > 0) return
    entry.wish = undefined
    for (const { connection } of entry.slots) {
      if (connection === undefined || connection.state._tag !== "Open" || connection.leases > 0) continue
      connection.monitor?.watchIdle(entry.idleTimeout)
      this.room.rest(connection)
    }
    this.queue(entry)
    this.forget(entry)
    // What was kept may be what those in line wait for.
    this.admit()
  }

  invalidate(key: K): void {
    const entry = this.keys.find(key)
    if (entry !== undefined) this.handOff(() => this.retireAll(entry))
  }

  private retireAll(entry: Entry<K, C, E>): void {
    for (const { connection } of [...entry.slots]) {
      if (connection !== undefined) this.retire(connection, "invalidated")
    }
  }

  discontinue(key: K): void {
    const entry = this.keys.find(key)
    if (entry === undefined) return
    entry.idleTimeout = 0
    this.handOff(() => this.retireAll(entry))
  }

  reset(key: K): void {
    const entry = this.keys.find(key)
    if (entry === undefined) return
    this.handOff(() => {
      entry.penalties.reset()
      this.clearPenalties(entry)
      this.pump(entry)
      this.forget(entry)
    })
  }

  /** Refuses new leases, retires everything, and after `timeout`, or else after each key's own, closes what is still leased. */
  readonly drain = (timeout?: number): Effect.Effect<void> =>
    Effect.suspend(() => {
      if (this.state === "Open") {
        this.drainGrace = timeout
        this.handOff(() => this.beginDrain())
      }
      const { closeTimeout, drainTimeout } = this.options.policy
      return this.quiet.await.pipe(
        Effect.timeoutOption(Duration.millis(timeout ?? drainTimeout)),
        Effect.andThen(Effect.sync(() => this.handOff(() => this.closeAll()))),
        Effect.andThen(Effect.timeoutOption(this.quiet.await, Duration.millis(closeTimeout))),
        Effect.andThen(Effect.sync(() => {
          this.state = "Closed"
        }))
      )
    })

  /** Refuses new leases, and closes what is not to be waited for at the end of the Scope. */
  readonly endScope: Effect.Effect<void> = Effect.sync(() =>
    this.handOff(() => {
      if (this.state === "Open") this.beginDrain()
      for (const connection of [...this.draining]) {
        if (!connection.entry.policy.drainOnClose) this.close(connection, "drain")
      }
    })
  )

  /** Ends the pool's own fibers. A connection whose finalizer hangs was reported, and is waited for no longer. */
  readonly endFibers: Effect.Effect<void> = Effect.suspend(() => {
    const end = Scope.close(this.fibers, Exit.void)
    return this.room.taken === 0 ? end : Effect.sync(() => void this.run(end))
  })

  private beginDrain(): void {
    this.state = "Draining"
    this.line.clear()
    for (const entry of [...this.keys.entries.values()]) {
      entry.cleanup?.cancel()
      for (const borrow of [...entry.waiters]) this.fail(borrow, new PoolClosed({ key: entry.label }))
      for (const slot of [...entry.slots]) {
        const { connection } = slot
        if (connection?.state._tag === "Open") this.retire(connection, "drain")
        else {
          if (connection !== undefined) this.close(connection, "drain")
          this.transitions.slot(slot, SlotState.closed, undefined)
        }
      }
      entry.warm = 0
    }
  }

  /** Connections that left their slot are known to their deadlines only: expire those now. */
  private closeAll(): void {
    for (const connection of [...this.draining]) this.close(connection, "drain")
  }
}

/** The span of the fiber that runs now. */
const spanHere = (): Tracer.AnySpan | undefined => {
  const fiber = Fiber.getCurrent()
  return fiber && Context.getOrUndefined(fiber.context, Tracer.ParentSpan)
}
