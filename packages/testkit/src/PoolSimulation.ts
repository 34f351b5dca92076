/**
 * The connection pool in a simulated world: a policy, faulty peers and a crowd of callers, all drawn from one seed, and the
 * invariants that must hold in every run.
 *
 * An invariant that breaks is a `Violation`: a sentence, the virtual time, and the seed that shows it again.
 *
 * @example
 * ```ts
 * import { PoolSimulation } from "@holdfast/testkit"
 *
 * const run = PoolSimulation.run(42)
 * if (run.violations.length > 0) throw new Error(PoolSimulation.explain(run))
 * ```
 */
import { ConnectionPool, Deadlines, PoolPolicy } from "@holdfast/core"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { PoolAuditor, type Violation } from "./PoolAuditor.ts"
import { type Scenario, scenario, smaller } from "./PoolScenario.ts"
import * as SeededRandom from "./SeededRandom.ts"
import * as SimulatedConnector from "./SimulatedConnector.ts"
import * as Simulation from "./Simulation.ts"

/** The outcome of one seed. */
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

/** A run has hundreds of steps. One that has so many does not end. */
const maxSteps = 50_000

/** Runs one seed and reports what broke. */
export const run = (seed: number, drawn: Scenario = scenario(seed)): PoolRun => {
  const auditor = new PoolAuditor(drawn)
  const stalls = drawn.stallChance === 0 ? undefined : {
    chance: drawn.stallChance,
    maxMillis: 3000,
    onStall: (millis: number) => {
      auditor.stalledMillis += millis
    }
  }
  const report = (() => {
    try {
      const strangers = SeededRandom.make(seed ^ 0x57A6)
      const program = Effect.provideService(
        Effect.scoped(live(seed, drawn, auditor, strangers)),
        Logger.CurrentLoggers,
        new Set([listening(auditor, () => strangers.chance(drawn.strangers))])
      )
      return Simulation.run(seed, program, { stalls, maySwallow: isSimulated, maxSteps })
    } catch (error) {
      // A defect in the machine surfaces in the fiber that happened to run it.
      auditor.crashed(error)
      return undefined
    }
  })()
  if (report !== undefined) auditor.atEnd(report)
  return {
    seed,
    hash: report?.hash ?? 0,
    steps: report?.steps ?? 0,
    virtualMillis: report?.virtualMillis ?? auditor.now(),
    violations: auditor.violations,
    outcomes: auditor.outcomes,
    transitions: auditor.transitions
  }
}

const isSimulated = (thrown: unknown): boolean => thrown instanceof SimulatedConnector.SimulatedDefect

/** The same seed with a smaller scenario, as long as it still breaks the same invariant. */
export const shrink = (broken: PoolRun): { readonly scenario: Scenario; readonly run: PoolRun } => {
  let best = { scenario: scenario(broken.seed), run: broken }
  const invariant = broken.violations[0]?.invariant
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

/** What broke, how to see it again, and what little of the scenario it needs. */
export const explain = (broken: PoolRun): string => {
  const { run, scenario } = shrink(broken)
  return `seed ${broken.seed}: ${
    JSON.stringify(run.violations[0])
  }\nreplay: pnpm simulate --seeds 1 --from ${broken.seed}` +
    `\nshrunk to ${JSON.stringify(scenario)}`
}

const live = Effect.fnUntraced(function*(
  seed: number,
  drawn: Scenario,
  auditor: PoolAuditor,
  strangers: SeededRandom.SeededRandom
) {
  const clock = yield* Clock.Clock
  auditor.now = () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
  const random = SeededRandom.make(seed ^ 0xCA11)
  const isThrowing = () => strangers.chance(drawn.strangers)
  const connector = SimulatedConnector.make({
    random: SeededRandom.make(seed ^ 0xFA17),
    faults: drawn.faults,
    exclusiveResource: drawn.exclusiveResource,
    onChange: (what, connection) => auditor.booked(what, connection),
    isHalted: () => auditor.isHalted
  })
  auditor.connector = connector
  const scope = yield* Scope.make()
  const deadlines = yield* Effect.provideService(Deadlines.make, Scope.Scope, scope)
  const policy = yield* PoolPolicy.make(drawn.policy)
  const { wildPolicy } = drawn
  const pool = yield* ConnectionPool.make(connector, {
    policy: drawn.policy,
    policyFor: (key) => key === wildPolicy?.key ? { ...policy, [wildPolicy.option]: wildPolicy.value } : undefined,
    deadlines
  }).pipe(
    Effect.provideService(Scope.Scope, scope),
    Effect.provideService(Random.Random, throwing(yield* Random.Random, strangers, isThrowing))
  )
  const runSync = Effect.runSyncWith(yield* Effect.context<never>())
  auditor.look = () => runSync(pool.snapshot)
  yield* Effect.forkScoped(
    Stream.runForEach(pool.events, (event) => Effect.sync(() => auditor.saw(event))),
    { startImmediately: true }
  )
  const pause = (most: number) => clock.sleep(Duration.millis(random.int(0, most)))
  /** A fiber of another program part, with an observer that throws when it ends. */
  const fork = Effect.runForkWith(yield* Effect.context<never>())
  const stranger = (effect: Effect.Effect<unknown, unknown>, name: string) =>
    Effect.sync(() => {
      auditor.strangers++
      fork(effect).addObserver(() => {
        auditor.strangers--
        throw new SimulatedConnector.SimulatedDefect(name)
      })
    })
  const hold = (connection: SimulatedConnector.SimulatedConnection, asked: number) =>
    Effect.acquireUseRelease(
      Effect.sync(() => {
        auditor.leased(connection)
        auditor.handedOn(connection, asked)
      }),
      () => random.chance(0.5) ? Effect.yieldNow : pause(2000),
      () => Effect.sync(() => auditor.returned(connection))
    )
  const pickKey = () => drawn.keys[random.int(0, drawn.keys.length - 1)] ?? "a"
  const ask = Effect.fnUntraced(function*() {
    const key = pickKey()
    const timeout = random.chance(0.3) ? random.int(0, 4000) : undefined
    const limit = Math.min(timeout ?? Number.POSITIVE_INFINITY, policy.acquireTimeout)
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
      ? pool.use(key, (connection) => (settle(), hold(connection, asked)), options)
      : Effect.scoped(Effect.flatMap(pool.lease(key, options), (connection) => (settle(), hold(connection, asked))))
    const fiber = yield* Effect.forkChild(
      // In the caller's own fiber: the auditor must see the end when it comes, not at the next look.
      Effect.onExit(use, (exit) =>
        Effect.sync(() => {
          if (!isSettled && Exit.isFailure(exit) && !Cause.hasInterrupts(exit.cause)) settle()
          auditor.left(key)
          auditor.answered(exit)
        })),
      { startImmediately: random.chance(0.5) }
    )
    if (random.chance(0.25)) {
      yield* pause(3000)
      yield* Fiber.interrupt(fiber)
    }
    yield* Fiber.await(fiber)
  })
  const keepWarm = (key: string, most: number) =>
    Effect.scoped(Effect.andThen(
      pool.warm(key),
      Effect.acquireUseRelease(
        Effect.sync(() => auditor.wishes(key, 1)),
        () => pause(most),
        () => Effect.sync(() => auditor.wishes(key, -1))
      )
    ))
  const administer = Effect.fnUntraced(function*() {
    for (let i = random.int(0, 4); i > 0; i--) {
      yield* pause(5000)
      const key = pickKey()
      const what = random.int(0, 3)
      if (what === 0) yield* Effect.exit(pool.invalidate(key))
      else if (what === 1) {
        auditor.reset(key)
        yield* Effect.exit(pool.reset(key))
      } else if (what === 2) yield* Effect.exit(keepWarm(key, 5000))
      else auditor.inspected(yield* pool.snapshot)
    }
  })
  const caller = Effect.fnUntraced(function*() {
    for (let i = 0; i < drawn.asksPerCaller; i++) {
      yield* pause(1500)
      if (isThrowing()) {
        const key = pickKey()
        const use = Effect.onExit(pool.use(key, () => Effect.void), () => Effect.sync(() => auditor.left(key)))
        yield* stranger(use, "an answered caller")
        yield* stranger(Stream.runDrain(Stream.take(pool.events, strangers.int(1, 5))), "a reader of events")
        deadlines.arm(strangers.int(1, 500), () => {
          throw new SimulatedConnector.SimulatedDefect("a neighbour's deadline")
        })
      }
      yield* ask()
    }
  })
  const crowd = yield* Effect.forkChild(Effect.all(
    [
      ...Array.from({ length: drawn.callers }, caller),
      administer(),
      ...drawn.warm.map((key) => Effect.exit(keepWarm(key, 20_000)))
    ],
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

/** Random numbers that are none now and then, or throw. */
const throwing = (
  honest: typeof Random.Random.Service,
  strangers: SeededRandom.SeededRandom,
  isThrowing: () => boolean
): typeof Random.Random.Service => ({
  ...honest,
  nextDoubleUnsafe: () => {
    if (!isThrowing()) return honest.nextDoubleUnsafe()
    if (strangers.chance(0.5)) throw new SimulatedConnector.SimulatedDefect("the random numbers")
    return strangers.pick([Number.NaN, Number.POSITIVE_INFINITY, -1, 1e20])
  }
})

/** Reads the pool's errors, and breaks now and then. */
const listening = (auditor: PoolAuditor, isThrowing: () => boolean): Logger.Logger<unknown, void> =>
  Logger.make(({ cause, logLevel, message }) => {
    if (logLevel === "Error") auditor.logged(String(message).replace(/ \(and .*/, ""), cause)
    if (isThrowing()) throw new SimulatedConnector.SimulatedDefect("the log")
  })
