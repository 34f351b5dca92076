/**
 * The connection pool in a simulated world: a policy, faulty peers and a crowd of callers, all drawn from one seed, and the
 * invariants that must hold in every run.
 *
 * An invariant that breaks is a `Violation`: a sentence, the virtual time, and the seed that shows it again.
 */
import {
  ConnectionPool,
  ConnectionState,
  type PoolError,
  type PoolErrorReason,
  type PoolEvent,
  type PoolPolicy,
  type PoolSnapshot,
  SlotState
} from "@holdfast/core"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as SeededRandom from "./SeededRandom.ts"
import * as SimulatedConnector from "./SimulatedConnector.ts"
import * as Simulation from "./Simulation.ts"

export interface Violation {
  readonly invariant: string
  readonly atMillis: number
  readonly detail: string
}

export interface PoolRun {
  readonly seed: number
  readonly hash: number
  readonly steps: number
  readonly virtualMillis: number
  readonly violations: ReadonlyArray<Violation>
  /** How callers ended, by outcome: to see that a simulation exercises what it claims to. */
  readonly outcomes: ReadonlyMap<string, number>
  readonly transitions: ReadonlySet<string>
}

export interface Scenario {
  readonly policy: PoolPolicy.PoolPolicyInput
  readonly faults: SimulatedConnector.Faults
  readonly exclusiveResource: boolean
  readonly keys: ReadonlyArray<string>
  readonly callers: number
  readonly asksPerCaller: number
  /** How often this program's own event loop stalls, per jump of the clock. */
  readonly stallChance: number
}

/** Draws a scenario. Small numbers on purpose: limits are hit and interleavings are dense. */
export const scenario = (seed: number): Scenario => {
  const random = SeededRandom.make(seed ^ 0x5EED)
  const isCalm = random.chance(0.2)
  const maxConnections = random.int(1, 5)
  const idle = random.pick([500, 3000, 20_000])
  return {
    policy: {
      reuse: random.chance(0.85),
      sharing: random.chance(0.5) ? "shared" : "exclusive",
      maxConnections,
      maxConnectionsPerKey: random.int(1, maxConnections),
      maxInFlight: random.int(1, 4),
      maxWaiters: random.int(2, 20),
      connectTimeout: random.int(500, 3000),
      acquireTimeout: random.int(500, 8000),
      idleTimeout: idle,
      keepaliveInterval: random.chance(0.5) ? random.int(200, 2000) : Duration.infinity,
      keepaliveTimeout: 500,
      keepaliveFailures: random.int(1, 3),
      maxLifetime: random.chance(0.3) ? random.int(1000, 10_000) : Duration.infinity,
      backoff: { initial: random.int(10, 300), max: 2000 },
      maxConnectRetries: random.int(0, 4),
      minUptime: random.int(1, 4000),
      restartIntensity: { limit: random.int(2, 6), window: random.int(2000, 20_000) },
      quarantine: { initial: random.int(500, 5000), max: 10_000 },
      waitForReady: random.chance(0.8),
      drainTimeout: random.int(0, 3000),
      closeTimeout: 2000
    },
    faults: {
      failedDial: isCalm ? 0 : random.pick([0, 0.2, 0.6]),
      unavailable: isCalm ? 0 : random.pick([0, 0, 0, 0.3, 0.9]),
      permanentFailure: isCalm ? 0 : random.pick([0, 0, 0.1]),
      hangingDial: isCalm ? 0 : random.pick([0, 0, 0.1]),
      defect: isCalm ? 0 : random.pick([0, 0, 0.02]),
      meanLifeMillis: isCalm ? Number.POSITIVE_INFINITY : random.pick([300, 3000, 30_000, Number.POSITIVE_INFINITY]),
      slowDialMillis: random.pick([0, 50, 1000]),
      slowCloseMillis: random.pick([0, 0, 500]),
      hangingClose: isCalm ? 0 : random.pick([0, 0, 0, 0.05]),
      silentDeath: isCalm ? 0 : random.pick([0, 0, 0.5]),
      slowProbeMillis: random.pick([1, 100, 450])
    },
    exclusiveResource: random.chance(0.3),
    keys: ["a", "b", "c", "d"].slice(0, random.int(1, 4)),
    callers: random.int(2, 12),
    asksPerCaller: random.int(2, 8),
    stallChance: isCalm ? 0 : random.pick([0, 0, 0.01, 0.05])
  }
}

/** Runs one seed and reports what broke. */
export const run = (seed: number, drawn: Scenario = scenario(seed)): PoolRun => {
  const auditor = new Auditor(drawn)
  const stalls = drawn.stallChance === 0 ? undefined : {
    chance: drawn.stallChance,
    maxMillis: 3000,
    onStall: (millis: number) => {
      auditor.stalledMillis += millis
    }
  }
  let report: Simulation.Report<void, unknown>
  try {
    report = Simulation.run(seed, Effect.scoped(live(seed, drawn, auditor)), { stalls })
  } catch (error) {
    // A defect in the machine surfaces in whoever happened to run it.
    return auditor.crashed(seed, error)
  }
  auditor.atEnd(report)
  return {
    seed,
    hash: report.hash,
    steps: report.steps,
    virtualMillis: report.virtualMillis,
    violations: auditor.violations,
    outcomes: auditor.outcomes,
    transitions: auditor.transitions
  }
}

/** The same seed with fewer callers and fewer asks, as long as it still breaks the same invariant. */
export const shrink = (broken: PoolRun): { readonly scenario: Scenario; readonly run: PoolRun } => {
  let best = { scenario: scenario(broken.seed), run: broken }
  const invariant = broken.violations[0]?.invariant
  const smaller = (from: Scenario): ReadonlyArray<Scenario> =>
    [
      { ...from, callers: Math.ceil(from.callers / 2) },
      { ...from, callers: from.callers - 1 },
      { ...from, asksPerCaller: Math.ceil(from.asksPerCaller / 2) },
      { ...from, asksPerCaller: from.asksPerCaller - 1 },
      { ...from, keys: from.keys.slice(0, -1) },
      { ...from, faults: { ...from.faults, hangingDial: 0 } },
      { ...from, faults: { ...from.faults, defect: 0 } },
      { ...from, faults: { ...from.faults, failedDial: 0 } },
      { ...from, faults: { ...from.faults, unavailable: 0 } },
      { ...from, faults: { ...from.faults, slowCloseMillis: 0 } },
      { ...from, faults: { ...from.faults, silentDeath: 0 } },
      { ...from, stallChance: 0 }
    ].filter((next) =>
      next.callers > 0 && next.asksPerCaller > 0 && next.keys.length > 0 &&
      JSON.stringify(next) !== JSON.stringify(from)
    )
  for (let isShrinking = true; isShrinking;) {
    isShrinking = false
    for (const next of smaller(best.scenario)) {
      const attempt = run(broken.seed, next)
      if (!attempt.violations.some((violation) => violation.invariant === invariant)) continue
      best = { scenario: next, run: attempt }
      isShrinking = true
      break
    }
  }
  return best
}

const live = Effect.fnUntraced(function*(seed: number, drawn: Scenario, auditor: Auditor) {
  const clock = yield* Clock.Clock
  auditor.now = () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
  const random = SeededRandom.make(seed ^ 0xCA11)
  const connector = SimulatedConnector.make({
    random: SeededRandom.make(seed ^ 0xFA17),
    faults: drawn.faults,
    exclusiveResource: drawn.exclusiveResource,
    onChange: (what, connection) => auditor.booked(what, connection)
  })
  auditor.connector = connector
  const scope = yield* Scope.make()
  const pool = yield* Scope.provide(ConnectionPool.make(connector, { policy: drawn.policy }), scope)
  yield* Effect.forkScoped(
    Stream.runForEach(pool.events, (event) => Effect.sync(() => auditor.saw(event))),
    { startImmediately: true }
  )
  const pause = (most: number) => clock.sleep(Duration.millis(random.int(0, most)))
  const hold = (connection: SimulatedConnector.SimulatedConnection) =>
    Effect.acquireUseRelease(
      Effect.sync(() => auditor.leased(connection)),
      () => random.chance(0.5) ? Effect.yieldNow : pause(2000),
      () => Effect.sync(() => auditor.returned(connection))
    )
  const ask = Effect.fnUntraced(function*() {
    const key = drawn.keys[random.int(0, drawn.keys.length - 1)] ?? "a"
    const timeout = random.chance(0.3) ? random.int(0, 4000) : undefined
    const limit = Math.min(timeout ?? Number.POSITIVE_INFINITY, Duration.toMillis(drawn.policy.acquireTimeout ?? 0))
    const options = timeout === undefined ? {} : { timeout }
    const asked = auditor.now()
    const stalled = auditor.stalledMillis
    let isSettled = false
    const settle = () => {
      isSettled = true
      // A deadline cannot be kept by a program that does not run.
      auditor.settled(asked, limit + auditor.stalledMillis - stalled)
    }
    const use = random.chance(0.7)
      ? pool.use(key, (connection) => (settle(), hold(connection)), options)
      : Effect.scoped(Effect.flatMap(pool.lease(key, options), (connection) => (settle(), hold(connection))))
    const fiber = yield* Effect.forkChild(
      // In the caller's own fiber: the auditor must see the end when it comes, not when somebody looks.
      Effect.onExit(use, (exit) =>
        Effect.sync(() => {
          if (!isSettled && Exit.isFailure(exit) && !Cause.hasInterrupts(exit.cause)) settle()
          auditor.ended(exit)
        })),
      { startImmediately: random.chance(0.5) }
    )
    if (random.chance(0.25)) {
      yield* pause(3000)
      yield* Fiber.interrupt(fiber)
    }
    yield* Fiber.await(fiber)
  })
  const administer = Effect.fnUntraced(function*() {
    for (let i = random.int(0, 4); i > 0; i--) {
      yield* pause(5000)
      const key = drawn.keys[random.int(0, drawn.keys.length - 1)] ?? "a"
      const what = random.int(0, 3)
      if (what === 0) yield* pool.invalidate(key)
      else if (what === 1) {
        auditor.pardon(key)
        yield* pool.reset(key)
      } else if (what === 2) yield* Effect.scoped(Effect.andThen(pool.warm(key), pause(5000)))
      else auditor.inspected(yield* pool.snapshot)
    }
  })
  const caller = Effect.fnUntraced(function*() {
    for (let i = 0; i < drawn.asksPerCaller; i++) {
      yield* pause(1500)
      yield* ask()
    }
  })
  const crowd = yield* Effect.forkChild(Effect.all(
    [...Array.from({ length: drawn.callers }, caller), administer()],
    { concurrency: "unbounded", discard: true }
  ))
  // Half of the runs are shut down in the middle of it all.
  if (random.chance(0.4)) yield* pause(20_000)
  else {
    yield* Fiber.await(crowd)
    auditor.inspectedAtRest(yield* pool.snapshot)
    // Longer than any timeout, penalty or memory a scenario can have.
    yield* clock.sleep(Duration.minutes(2))
    auditor.inspectedAfterRest(yield* pool.snapshot)
  }
  auditor.isClosing = true
  const closingAt = auditor.now()
  const stalledBefore = auditor.stalledMillis
  // Closing twice, one of them in a hurry, is closing once.
  if (random.chance(0.2)) yield* Effect.forkChild(pool.drain(Duration.millis(random.int(0, 500))))
  yield* Scope.close(scope, Exit.void)
  auditor.closed(auditor.now() - closingAt - (auditor.stalledMillis - stalledBefore), yield* pool.snapshot)
  yield* Fiber.await(crowd)
  auditor.isOver = true
})

class Auditor {
  readonly violations: Array<Violation> = []
  readonly outcomes = new Map<string, number>()
  readonly transitions = new Set<string>()
  private readonly drawn: Scenario
  private readonly slots = new Map<number, string>()
  private readonly connections = new Map<number, string>()
  connector: SimulatedConnector.SimulatedConnector | undefined
  now: () => number = () => 0
  /** When a dial of the key was last refused, and nobody reset the key since. */
  readonly refusedAt = new Map<string, number>()
  /** When the key was last quarantined, and nobody reset the key since. */
  private readonly quarantinedAt = new Map<string, number>()
  private readonly openedAt = new Map<number, number>()
  private changedAt = 0
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
    if (what === "open") this.openedAt.set(connection.id, this.now())
    if (what === "lost" || (what === "finalize" && connection.silentSince !== undefined)) {
      const uptime = this.now() - (this.openedAt.get(connection.id) ?? this.now())
      // Its loss clears the record of the key: it has proven that the peer works.
      if (uptime >= Duration.toMillis(this.drawn.policy.minUptime ?? 0)) this.pardon(connection.key)
    }
    if (what === "refused") this.refusedAt.set(connection.key, this.now())
    if (what === "dial") {
      const since = this.now() - (this.refusedAt.get(connection.key) ?? Number.NEGATIVE_INFINITY)
      const least = 0.8 * Duration.toMillis(this.drawn.policy.backoff?.initial ?? 0)
      // In the same instant, the pool may have decided on a second dial before it heard of the first one's end.
      // A stall makes uptimes longer than they were, so that the pool may take a short one for a proof.
      const isExcused = since === 0 || this.stalledMillis > 0
      this.check(
        isExcused || since >= Math.floor(least),
        "back-off is kept after a failed dial",
        `${since} ms of ${least} ms`
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
        this.check((this.connector?.dialling.get(connection.key) ?? 0) <= 1, "one dial at a time", connection.key)
      }
    }
    if (what === "finalize" && connection.silentSince !== undefined && connection.isOpen) {
      this.outcomes.set("silent connection closed", (this.outcomes.get("silent connection closed") ?? 0) + 1)
    }
    if (what === "finalize") {
      this.check(connection.finalizersStarted === 1, "a connection is finalized once", `connection ${connection.id}`)
      const isExcused = connection.isLost || this.isClosing || this.drawn.exclusiveResource ||
        (connection.silentSince !== undefined && !connection.isBusy)
      this.check(
        connection.holders === 0 || isExcused,
        "a busy connection is never evicted, idled or drained early",
        `connection ${connection.id} has ${connection.holders} holders`
      )
    }
  }

  /** The key has a clean record again. */
  pardon(key: string): void {
    this.refusedAt.delete(key)
    this.quarantinedAt.delete(key)
  }

  private get existing(): ReadonlyArray<SimulatedConnector.SimulatedConnection> {
    return this.connector?.connections.filter((connection) => connection.finalizersEnded === 0) ?? []
  }

  leased(connection: SimulatedConnector.SimulatedConnection): void {
    connection.holders++
    // Between the lease and this line the caller may have been preempted, and the peer or the drain deadline came first.
    const isExcused = connection.isLost || this.isClosing || connection.silentSince !== undefined
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
  }

  settled(asked: number, limit: number): void {
    const took = this.now() - asked
    this.check(took <= limit + 1, "every acquire is settled by its deadline", `${took} ms of ${limit} ms`)
  }

  ended(exit: Exit.Exit<unknown, PoolError<unknown>>): void {
    if (Exit.isFailure(exit)) {
      for (const reason of exit.cause.reasons) if (reason._tag === "Fail") this.failed(reason.error.reason)
    }
    const outcome = Exit.isSuccess(exit)
      ? "served"
      : exit.cause.reasons.map((reason) => reason._tag === "Fail" ? reason.error.reason._tag : reason._tag)
        .join("+")
    this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1)
  }

  private failed(reason: PoolErrorReason<unknown>): void {
    if (reason._tag !== "AcquireTimeout" || reason.phase !== "queue") return
    // Room that came free this very instant may still be on its way to the caller.
    if (this.changedAt >= this.now() - 1 || this.stalledMillis > 0) return
    const existing = this.existing
    const isNoneOfKey = existing.every((connection) => connection.key !== reason.key)
    this.check(
      !(isNoneOfKey && existing.length < this.limits.total),
      "nobody waits in vain while there is room",
      reason.message
    )
    this.check(reason.counts.idle === 0, "nobody waits in vain while a connection is idle", reason.message)
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
    if (isSlot && event.to === "Quarantined") {
      this.quarantinedAt.set(event.fingerprint, this.now())
      // Each dial crashes once at most, and may still be at it.
      const crashes = this.connector?.connections.filter(({ isAway, key }) => key === event.fingerprint && !isAway)
      const { limit = 0 } = this.drawn.policy.restartIntensity ?? {}
      this.check((crashes?.length ?? 0) > limit, "who is not there is not quarantined for it", event.key)
    }
    this.transitions.add(edge)
  }

  inspected(snapshot: PoolSnapshot.PoolSnapshot): void {
    this.check(snapshot.connections >= 0 && snapshot.leases >= 0, "counts are never negative", JSON.stringify(snapshot))
  }

  /** Nobody asks any more: nothing may be held or waited for. */
  inspectedAtRest(snapshot: PoolSnapshot.PoolSnapshot): void {
    this.check(snapshot.leases === 0, "no lease is lost", `${snapshot.leases} leases held by nobody`)
    this.check(snapshot.waiting === 0, "no waiter is forgotten", `${snapshot.waiting} waiting`)
  }

  /** Nobody asked for a long time, nothing is kept warm: nothing may be left. */
  inspectedAfterRest(snapshot: PoolSnapshot.PoolSnapshot): void {
    const isHanging = this.connector?.hasHangingClose() ?? false
    this.check(
      isHanging || (snapshot.connections === 0 && snapshot.keys.length === 0),
      "a pool at rest forgets everything",
      JSON.stringify(snapshot)
    )
  }

  closed(tookMillis: number, snapshot: PoolSnapshot.PoolSnapshot): void {
    const { closeTimeout = 0, drainTimeout = 0 } = this.drawn.policy
    const isHanging = this.connector?.hasHangingClose() ?? false
    const limit = Duration.toMillis(drainTimeout) +
      (isHanging ? Duration.toMillis(closeTimeout) : this.drawn.faults.slowCloseMillis)
    // A stall can use up closeTimeout before a slow finalizer is done.
    const isExcused = isHanging || this.stalledMillis > 0
    this.check(isExcused || snapshot.connections === 0, "no connection is left after close", JSON.stringify(snapshot))
    this.check(tookMillis <= limit + 1, "closing ends within its deadline", `${tookMillis} ms of ${limit} ms`)
  }

  crashed(seed: number, error: unknown): PoolRun {
    this.check(false, "the machine does not throw", error instanceof Error ? error.message : String(error))
    const { outcomes, transitions, violations } = this
    return { seed, hash: 0, steps: 0, virtualMillis: this.now(), violations, outcomes, transitions }
  }

  atEnd(report: Simulation.Report<unknown, unknown>): void {
    const failure = Simulation.failureOf(report)
    this.check(failure === undefined, "the program ends, without a defect", String(failure))
    // A stall can use up closeTimeout while a slow finalizer still runs: the pool goes on without it, as it promises.
    const isHanging = (this.connector?.hasHangingClose() ?? false) || this.stalledMillis > 0
    for (const connection of this.connector?.connections ?? []) {
      this.check(
        connection.finalizersStarted === 1 && (isHanging || connection.finalizersEnded === 1),
        "every dialled connection is finalized",
        `connection ${connection.id}: ${connection.finalizersStarted} started, ${connection.finalizersEnded} ended`
      )
    }
    if (report.verdict === "finished") {
      this.check(report.tasksLeft === 0, "no fiber is left after close", `${report.tasksLeft} tasks`)
      this.check(
        report.sleepersLeft === 0 || this.stalledMillis > 0,
        "no timer is left after close",
        `${report.sleepersLeft} timers`
      )
    }
  }
}
