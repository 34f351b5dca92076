/**
 * Keeps books of what happens in a simulated pool, from outside: from its connector, its callers, its events and its log. What
 * contradicts an invariant is a `Violation`.
 */
import {
  ConnectionState,
  type PoolError,
  type PoolErrorReason,
  type PoolEvent,
  PoolPolicyError,
  type PoolSnapshot,
  SlotState
} from "@holdfast/core"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Exit from "effect/Exit"
import { isNativeError } from "node:util/types"
import type { Scenario } from "./PoolScenario.ts"
import * as SimulatedConnector from "./SimulatedConnector.ts"
import * as Simulation from "./Simulation.ts"

/** An invariant that broke. */
export interface Violation {
  readonly invariant: string
  readonly atMillis: number
  readonly detail: string
}

/** The books of one simulated pool. Its methods are told what happens; `violations` says what contradicted an invariant. */
export class PoolAuditor {
  readonly violations: Array<Violation> = []
  readonly outcomes = new Map<string, number>()
  readonly transitions = new Set<string>()
  private readonly drawn: Scenario
  private readonly slots = new Map<number, string>()
  private readonly connections = new Map<number, string>()
  connector: SimulatedConnector.SimulatedConnector | undefined
  now: () => number = () => 0
  /** The pool as it is right now. */
  look: () => PoolSnapshot.PoolSnapshot | undefined = () => undefined
  /** When the key last failed in a way that asks for a pause, with the dials of that instant; unless it was reset since. */
  private readonly failedAt = new Map<string, { readonly at: number; dials: number }>()
  /** When a session of the key last expired and was opened again without a pause; unless that was made good since. */
  private readonly reopenedAt = new Map<string, { readonly at: number; readonly isCertain: boolean }>()
  /** When sessions of the key expired, each event once; some of them the pool may not have counted. */
  private readonly expiries = new Map<string, Array<{ readonly at: number; readonly isCertain: boolean }>>()
  /** When a caller first gave the connection back while it was open. */
  private readonly servedAt = new Map<number, number>()
  /** When a session of the key last expired for the first time. */
  private readonly expiredAt = new Map<string, number>()
  private readonly leftAt = new Map<string, number>()
  private readonly warm = new Map<string, number>()
  /** Since when the key may be wished to be warm: it was not before, or had a connection. */
  private readonly wishedSince = new Map<string, number>()
  private readonly told = new Map<string, number>()
  /** When the key was last quarantined, and the key was not reset since. */
  private readonly quarantinedAt = new Map<string, number>()
  private readonly openedAt = new Map<number, number>()
  private changedAt = 0
  /** Fibers of strangers that use the pool, and that no caller waits for. */
  strangers = 0
  stalledMillis = 0
  isClosing = false
  isOver = false

  constructor(drawn: Scenario) {
    this.drawn = drawn
  }

  private check(isTrue: boolean, invariant: string, detail: string): void {
    if (!isTrue) this.violations.push({ invariant, atMillis: this.now(), detail })
  }

  private get limits() {
    const { maxConnections = 0, maxConnectionsPerKey = 0, maxInFlight = 0, reuse, sharing } = this.drawn.policy
    return {
      total: maxConnections,
      perKey: maxConnectionsPerKey,
      perConnection: sharing === "exclusive" || reuse === false ? 1 : maxInFlight
    }
  }

  booked(what: string, connection: SimulatedConnector.SimulatedConnection): void {
    this.changedAt = this.now()
    const existing = this.existing
    this.check(
      existing.length <= this.limits.total,
      "live connections never exceed maxConnections",
      `${existing.length} after ${what}`
    )
    const ofKey = existing.filter((other) => other.key === connection.key)
    if (this.drawn.exclusiveResource) {
      this.check(
        ofKey.length <= this.limits.perKey,
        "an exclusive resource is gone before its successor is dialled",
        `${ofKey.length} of ${connection.key} after ${what}`
      )
    }
    this.checkBroken()
    if (what === "open") this.openedAt.set(connection.id, this.now())
    const mayBeConvicted = connection.silentSince !== undefined || connection.brokenAt !== undefined ||
      connection.hasBrokenProbe
    if (what === "lost" || (what === "finalize" && mayBeConvicted)) this.ended(connection)
    if (what === "refused") this.failed(connection.key)
    if (what === "dial") {
      this.checkTurn(connection.key)
      const last = this.failedAt.get(connection.key)
      const since = this.now() - (last?.at ?? Number.NEGATIVE_INFINITY)
      const least = 0.8 * this.millisOf("backoffInitial")
      if (last !== undefined && since === 0) last.dials++
      // In the same instant, the pool may have decided on a second dial before it heard of the first one's end.
      // A stall makes uptimes longer than they were, so that the pool may take a short one for a proof.
      const isExcused = (since === 0 && (last?.dials ?? 0) < this.limits.perKey) || this.stalledMillis > 0
      this.check(
        isExcused || since >= Math.floor(least),
        "no dial follows a failure without a pause",
        `${connection.key}: ${since} ms of ${least} ms, ${last?.dials} dials in that instant`
      )
      const rest = this.now() - (this.quarantinedAt.get(connection.key) ?? Number.NEGATIVE_INFINITY)
      const initial = Duration.toMillis(this.drawn.policy.quarantine?.initial ?? 0)
      this.check(
        rest === 0 || rest >= initial || this.stalledMillis > 0,
        "quarantine is kept",
        `${rest} ms of ${initial} ms`
      )
      this.check(!this.isOver, "nothing is dialled after close", connection.key)
      const isShared = this.drawn.policy.sharing === "shared" && this.drawn.policy.reuse !== false
      if (isShared && this.limits.perKey === 1) {
        // Those that were given up and go on, because they can not be interrupted, are two at most.
        const most = this.drawn.faults.stubborn > 0 ? 3 : 1
        this.check((this.connector?.dialling.get(connection.key) ?? 0) <= most, "one dial at a time", connection.key)
      }
    }
    if (what === "finalize" && connection.silentSince !== undefined && connection.isOpen) {
      this.outcomes.set("silent connection closed", (this.outcomes.get("silent connection closed") ?? 0) + 1)
    }
    if (what === "finalize") {
      this.check(connection.finalizersStarted === 1, "a connection is finalized once", `connection ${connection.id}`)
      const isConvicted = !connection.isBusy && (connection.silentSince !== undefined || connection.hasBrokenProbe)
      const isExcused = connection.isLost || this.isClosing || this.drawn.exclusiveResource || isConvicted ||
        connection.brokenAt !== undefined
      this.check(
        connection.holders === 0 || isExcused,
        "a busy connection is never evicted, idled or drained early",
        `connection ${connection.id} has ${connection.holders} holders`
      )
    }
  }

  private millisOf(what: "backoffInitial" | "minUptime"): number {
    const { backoff, minUptime = 0 } = this.drawn.policy
    return Duration.toMillis(Duration.fromInputUnsafe(what === "minUptime" ? minUptime : backoff?.initial ?? 0))
  }

  /** The key has a clean record again. */
  pardon(key: string): void {
    this.failedAt.delete(key)
    this.quarantinedAt.delete(key)
  }

  /** The key is reset. */
  reset(key: string): void {
    this.pardon(key)
    this.reopenedAt.delete(key)
    this.expiries.delete(key)
  }

  private failed(key: string): void {
    this.failedAt.set(key, { at: this.now(), dials: 0 })
  }

  /** Nothing is left to show: the simulation may be in a storm that never ends. */
  get isHalted(): boolean {
    return this.violations.length > 0
  }

  /** An open connection is lost, as far as its peer is concerned. */
  private ended(connection: SimulatedConnector.SimulatedConnection): void {
    const { key } = connection
    const uptime = this.now() - (this.openedAt.get(connection.id) ?? this.now())
    // Its loss clears the record of the key: it has proven that the peer works.
    if (uptime >= this.millisOf("minUptime")) this.pardon(key)
    const isProven = uptime >= Math.max(this.millisOf("minUptime"), this.millisOf("backoffInitial"))
    // What is retired already may be lost without anything else.
    if (!connection.isLost || connection.finalizersStarted > 0 || this.isAnyRetired(key)) {
      // Whatever that was to the pool, what comes next may be the second of its kind.
      this.reopenedAt.set(key, { at: this.now(), isCertain: false })
      this.expired(key, false)
      return
    }
    if (isProven) this.reopenedAt.delete(key)
    if (isProven && !connection.isExpired) return
    if (!connection.isExpired) return this.failed(key)
    const last = this.reopenedAt.get(key)
    // A key that was not wanted for long may have been forgotten, and its record with it.
    const { restartIntensity } = this.drawn.policy
    const memory = Duration.toMillis(Duration.fromInputUnsafe(restartIntensity?.window ?? 0))
    const isCertain = last === undefined || (last.isCertain && this.now() - last.at < memory)
    const isSameEvent = last !== undefined && connection.dialledAt < last.at
    if (isCertain && isSameEvent) {
      this.expiredAt.set(key, this.now())
      return
    }
    const { least, most } = this.expired(key, isCertain)
    const limit = restartIntensity?.limit ?? 0
    const served = this.hasServed(connection)
    if (isCertain && last !== undefined && (served === false || least > limit)) return this.failed(key)
    if (isCertain && (last === undefined || (served === true && most <= limit))) this.expiredAt.set(key, this.now())
    this.reopenedAt.set(key, {
      at: this.now(),
      isCertain: isCertain && (last === undefined || (served === true && most <= limit))
    })
  }

  /** One more, and how many there were of late. */
  private expired(key: string, isCertain: boolean): { readonly least: number; readonly most: number } {
    const { restartIntensity } = this.drawn.policy
    const since = this.now() - Duration.toMillis(Duration.fromInputUnsafe(restartIntensity?.window ?? 0))
    const expiries = [...this.expiries.get(key) ?? [], { at: this.now(), isCertain }].filter(({ at }) => at > since)
    this.expiries.set(key, expiries)
    return { least: expiries.filter(({ isCertain }) => isCertain).length, most: expiries.length }
  }

  /** Whether a caller gave the connection back as it was. Undefined: it did so just now, and the pool may not have heard of it. */
  private hasServed({ id }: SimulatedConnector.SimulatedConnection): boolean | undefined {
    const served = this.servedAt.get(id)
    // What its peer has said is not known either where it counts its bytes.
    const isCounted = this.drawn.faults.wildNumbers + this.drawn.faults.broken > 0
    if (served === undefined) return false
    return isCounted || served === this.now() ? undefined : true
  }

  /** Whether the key has open connections that no slot holds. */
  private isAnyRetired(key: string): boolean {
    const open = this.existing.filter((connection) =>
      connection.key === key && connection.isOpen && connection.finalizersStarted === 0
    )
    const slots = this.look()?.keys.find((each) => each.key === key)?.slots ?? []
    return open.length !== slots.filter(({ connection }) => connection?.state === "Open").length
  }

  /** One more, or one less, keeps a key warm. */
  wishes(key: string, change: 1 | -1): void {
    const before = this.warm.get(key) ?? 0
    this.warm.set(key, before + change)
    if (before === 0) this.wishedSince.set(key, this.now())
  }

  /** Keys with callers that have waited for nothing but a place for a while, and for how long the first of them has. */
  private starving(but: string): ReadonlyArray<PoolSnapshot.KeySnapshot> {
    const existing = new Set(this.existing.map(({ key }) => key))
    return (this.look()?.keys ?? []).filter((each) =>
      each.key !== but && each.waiting > 0 && !existing.has(each.key) &&
      each.slots.every(({ state, stateMillis }) => state === "Idle" && stateMillis > 0)
    )
  }

  /** The place that a dial takes was not owed to another key. */
  private checkTurn(key: string): void {
    const own = this.look()?.keys.find((each) => each.key === key)
    // Its oldest caller may have left between its turn and this; after a stall they leave in numbers.
    if (own === undefined || (own.waiting === 0 && !own.isWarm) || this.stalledMillis > 0) return
    if (this.leftAt.get(key) === this.now()) return
    const wished = own.isWarm ? this.now() - (this.wishedSince.get(key) ?? 0) : 0
    const waited = Math.max(own.waitingMillis, wished)
    for (const other of this.starving(key)) {
      this.check(
        other.waitingMillis <= waited + 0.5,
        "no key is overtaken by a later demand for another key",
        `${other.key} waits for ${other.waitingMillis} ms, ${key} for ${waited} ms, and is dialled`
      )
    }
  }

  /** A connection that a caller waited for, and that had been used before, was not owed to another key as a place. */
  handedOn(connection: SimulatedConnector.SimulatedConnection, asked: number): void {
    const isPlace = this.limits.perConnection === 1 && connection.uses > 1 && this.now() > asked
    const isRoomComing = this.existing.some(({ finalizersStarted }) => finalizersStarted > 0)
    if (!isPlace || isRoomComing || this.existing.length < this.limits.total) return
    const own = this.look()?.keys.find((each) => each.key === connection.key)
    if (own === undefined || own.isWarm) return
    for (const other of this.starving(connection.key)) {
      this.check(
        other.waitingMillis <= this.now() - asked + 0.5,
        "no caller is overtaken by a later one for another key",
        `${other.key} waits for ${other.waitingMillis} ms, a caller of ${connection.key} is served after ${
          this.now() - asked
        } ms`
      )
    }
  }

  /** A stall may have delayed what would have shown it. */
  private checkBroken(): void {
    for (const { brokenAt, finalizersStarted, id, key } of this.existing) {
      this.check(
        finalizersStarted > 0 || brokenAt === undefined || this.now() - brokenAt <= 1 || this.stalledMillis > 0,
        "a connection whose connector broke is given up",
        `connection ${id} of ${key}, for ${this.now() - (brokenAt ?? 0)} ms`
      )
    }
  }

  /** What the pool writes to its log at the level of errors. */
  logged(line: string, cause: Cause.Cause<unknown>): void {
    for (const reason of cause.reasons) {
      if (reason._tag === "Interrupt") continue
      const thrown = reason._tag === "Die" ? reason.defect : reason.error
      if (!(thrown instanceof SimulatedConnector.SimulatedDefect)) {
        const words = isNativeError(thrown) ? thrown.stack ?? thrown.message : String(thrown)
        this.check(false, "the machine does not throw", `${line}: ${words}`)
        continue
      }
      this.outcomes.set("defects told", (this.outcomes.get("defects told") ?? 0) + 1)
      const name = `${line} ${thrown.of}`
      const before = this.told.get(name)
      this.told.set(name, this.now())
      this.check(
        before === undefined || this.now() - before >= 600_000,
        "a defect is told once, not at each retry",
        name
      )
    }
  }

  private get existing(): ReadonlyArray<SimulatedConnector.SimulatedConnection> {
    return this.connector?.connections.filter((connection) => connection.finalizersEnded === 0) ?? []
  }

  leased(connection: SimulatedConnector.SimulatedConnection): void {
    connection.holders++
    connection.uses++
    this.check(
      connection.key !== this.drawn.wildPolicy?.key,
      "a policy that makes no sense serves no caller",
      connection.key
    )
    // Between the lease and this line the caller may have been preempted, and the peer or the drain deadline came first.
    const isExcused = connection.isLost || this.isClosing || connection.silentSince !== undefined ||
      connection.hasBrokenProbe || connection.brokenAt !== undefined
    this.check(
      connection.isOpen && (connection.finalizersStarted === 0 || isExcused),
      "no lease on a connection that is not ready",
      `connection ${connection.id}`
    )
    this.check(
      connection.holders <= this.limits.perConnection,
      "a connection has at most maxInFlight holders, one when exclusive",
      `connection ${connection.id} has ${connection.holders}`
    )
  }

  returned(connection: SimulatedConnector.SimulatedConnection): void {
    connection.holders--
    if (connection.isOpen && !connection.isLost && !this.servedAt.has(connection.id)) {
      this.servedAt.set(connection.id, this.now())
    }
  }

  settled(asked: number, limit: number): void {
    const took = this.now() - asked
    this.check(took <= limit + 1, "every acquire is settled by its deadline", `${took} ms of ${limit} ms`)
  }

  /** A caller of the key's waits no more, or has given its connection back. */
  left(key: string): void {
    this.leftAt.set(key, this.now())
  }

  answered(exit: Exit.Exit<unknown, PoolError<unknown>>): void {
    if (Exit.isFailure(exit)) {
      for (const reason of exit.cause.reasons) {
        if (reason._tag === "Fail") this.refused(reason.error.reason)
        if (reason._tag === "Die") {
          const isOwn = reason.defect instanceof SimulatedConnector.SimulatedDefect ||
            reason.defect instanceof PoolPolicyError
          this.check(isOwn, "a caller dies of nothing but its key's functions", Cause.pretty(exit.cause))
        }
      }
    }
    const outcome = Exit.isSuccess(exit)
      ? "served"
      : exit.cause.reasons.map((reason) => reason._tag === "Fail" ? reason.error.reason._tag : reason._tag)
        .join("+")
    this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1)
  }

  private refused(reason: PoolErrorReason<unknown>): void {
    if (reason._tag !== "AcquireTimeout" || reason.phase !== "queue") return
    // Room that came free this very instant may still be on its way to the caller.
    if (this.changedAt >= this.now() - 1 || this.stalledMillis > 0) return
    const existing = this.existing
    const isNoneOfKey = existing.every((connection) => connection.key !== reason.key)
    this.check(
      !(isNoneOfKey && existing.length < this.limits.total),
      "no caller waits in vain while there is room",
      reason.message
    )
    this.check(reason.counts.idle === 0, "no caller waits in vain while a connection is idle", reason.message)
  }

  saw(event: PoolEvent.PoolEvent): void {
    if (event._tag === "HealthChanged") {
      this.transitions.add(`connection became ${event.health}`)
      return
    }
    if (event._tag === "LeaseOverdue") return
    const isSlot = event._tag === "SlotMoved"
    const id = isSlot ? event.slot : event.connection
    const books = isSlot ? this.slots : this.connections
    // The reader may have subscribed after the first moves: continuity is checked from the first one it saw.
    const known = books.get(id) ?? event.from
    const edges: { readonly [from: string]: ReadonlyArray<string> } = isSlot
      ? SlotState.legalEdges
      : ConnectionState.legalEdges
    const edge = `${isSlot ? "slot" : "connection"} ${event.from} -> ${event.to}`
    this.check(known === event.from && (edges[event.from] ?? []).includes(event.to), "only legal transitions", edge)
    books.set(id, event.to)
    if (isSlot && event.from === "Ready") this.wishedSince.set(event.fingerprint, this.now())
    if (isSlot && event.cause instanceof SimulatedConnector.SimulatedFailure) this.checkExpiry(event, event.cause)
    if (isSlot && event.to === "Quarantined") {
      this.quarantinedAt.set(event.fingerprint, this.now())
      // Each dial crashes once at most, and may still be at it.
      const crashes = this.connector?.connections.filter(({ isAway, key }) => key === event.fingerprint && !isAway)
      const { limit = 0 } = this.drawn.policy.restartIntensity ?? {}
      this.check((crashes?.length ?? 0) > limit, "a peer that is not there is not quarantined for it", event.key)
    }
    this.transitions.add(edge)
  }

  private checkExpiry(
    { fingerprint, from, to }: PoolEvent.SlotMoved,
    failure: SimulatedConnector.SimulatedFailure
  ): void {
    if (failure.classification !== "expired" || (from !== "Ready" && from !== "Backoff")) return
    this.check(to !== "Quarantined", "a peer that forgot a session is not quarantined for it", fingerprint)
    const isFree = this.expiredAt.get(fingerprint) === this.now()
    this.check(
      to === "Idle" || !isFree || this.stalledMillis > 0,
      "the first session that expires is opened again without a pause",
      fingerprint
    )
  }

  inspected(snapshot: PoolSnapshot.PoolSnapshot): void {
    this.check(snapshot.connections >= 0 && snapshot.leases >= 0, "counts are never negative", JSON.stringify(snapshot))
  }

  /** No caller asks any more: nothing may be held or waited for. */
  inspectedAtRest(snapshot: PoolSnapshot.PoolSnapshot): void {
    const { leases, waiting } = snapshot
    this.check(leases <= this.strangers, "no lease is lost", `${leases} leases without a holder`)
    this.check(waiting <= this.strangers, "no waiter is forgotten", `${waiting} waiting`)
  }

  /** No caller asked for a long time, nothing is kept warm: nothing may be left. */
  inspectedAfterRest(snapshot: PoolSnapshot.PoolSnapshot): void {
    const isHanging = this.connector?.isHanging() ?? false
    this.check(
      isHanging || (snapshot.connections === 0 && snapshot.keys.length === 0),
      "a pool at rest forgets everything",
      JSON.stringify(snapshot)
    )
  }

  closed(tookMillis: number, snapshot: PoolSnapshot.PoolSnapshot): void {
    const { closeTimeout = 0, drainTimeout = 0 } = this.drawn.policy
    const isHanging = this.connector?.isHanging() ?? false
    const limit = Duration.toMillis(drainTimeout) +
      (isHanging ? Duration.toMillis(closeTimeout) : this.drawn.faults.slowCloseMillis)
    // A stall can use up closeTimeout before a slow finalizer is done.
    const isExcused = isHanging || this.stalledMillis > 0
    this.check(isExcused || snapshot.connections === 0, "no connection is left after close", JSON.stringify(snapshot))
    this.check(tookMillis <= limit + 1, "closing ends within its deadline", `${tookMillis} ms of ${limit} ms`)
  }

  crashed(error: unknown): void {
    this.check(
      false,
      "the machine does not throw",
      isNativeError(error) ? error.stack ?? error.message : String(error)
    )
  }

  atEnd(report: Simulation.Report<unknown, unknown>): void {
    const failure = Simulation.failureOf(report)
    this.check(failure === undefined, "the program ends, without a defect", String(failure))
    // A stall can use up closeTimeout while a slow finalizer still runs: the pool goes on without it, as it promises.
    const isHanging = (this.connector?.isHanging() ?? false) || this.stalledMillis > 0
    for (const connection of this.connector?.connections ?? []) {
      this.check(
        (connection.finalizersStarted === 1 || (isHanging && !connection.isOpen)) &&
          (connection.finalizersEnded === 1 || isHanging),
        "every dialled connection is finalized",
        `connection ${connection.id}: ${connection.finalizersStarted} started, ${connection.finalizersEnded} ended`
      )
    }
    if (report.verdict === "finished") {
      this.check(report.tasksLeft === 0, "no fiber is left after close", `${report.tasksLeft} tasks`)
      this.check(
        report.sleepersLeft === 0 || this.stalledMillis > 0 || (isHanging && this.drawn.faults.stubborn > 0),
        "no timer is left after close",
        `${report.sleepersLeft} timers`
      )
    }
  }
}
