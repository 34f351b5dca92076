/**
 * Runs an Effect program in a world of its own: one thread, virtual time, and a seed that decides every interleaving.
 *
 * The scheduler picks the next runnable fiber at random and preempts running ones at random; when no fiber can run, the clock
 * jumps to the next sleep. The same seed gives the same run, step for step, and the hash of the trace proves it. Nothing
 * waits for real: hours pass in milliseconds.
 *
 * A program that can never go on (no fiber runnable, none asleep) is `stuck`: that is how a lost wake-up shows.
 *
 * **Gotchas**: everything the program does must go through Effect services. A native promise or timer escapes the
 * simulation, and a fiber that waits for one is stuck.
 *
 * @example
 * ```ts
 * import { Simulation } from "@holdfast/testkit"
 * import * as Effect from "effect/Effect"
 *
 * // An hour passes in no time.
 * export const report = Simulation.run(42, Effect.sleep("1 hour"))
 * ```
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Random from "effect/Random"
import * as Scheduler from "effect/Scheduler"
import * as SeededRandom from "./SeededRandom.ts"

/** How a run ended. Equal seeds give equal reports. */
export interface Report<A, E> {
  readonly seed: number
  /** Undefined when the program is stuck, or ran out of steps. */
  readonly exit: Exit.Exit<A, E> | undefined
  readonly verdict: "finished" | "stuck" | "out of steps"
  readonly steps: number
  /** Equal for equal runs. */
  readonly hash: number
  readonly virtualMillis: number
  /** Fibers asleep when the program had ended: timers it left behind. */
  readonly sleepersLeft: number
  /** Tasks still runnable when the program had ended. */
  readonly tasksLeft: number
}

/** Limits of a run, and the faults of its own event loop. */
export interface Options {
  /** Ends a run that does not end. Default: 2 million scheduler steps. */
  readonly maxSteps?: number | undefined
  /**
   * The program's own event loop stalls now and then: time goes on and no fiber runs. What came due meanwhile then runs in any
   * order, as it does when timers and input are late together; and the wall clock leaps, as after a suspend. `chance` is per
   * jump of the clock.
   */
  readonly stalls?: {
    readonly chance: number
    readonly maxMillis: number
    readonly onStall?: (millis: number) => void
  } | undefined
  /**
   * What a task throws ends the run, as it ends a process that listens to no `uncaughtException`. Where this says true, the run goes on.
   */
  readonly maySwallow?: ((thrown: unknown) => boolean) | undefined
}

/** Runs `program` under `seed`. The program may use `Clock` and `Random`; both are simulated. */
export const run = <A, E>(seed: number, program: Effect.Effect<A, E>, options: Options = {}): Report<A, E> => {
  const world = new World(seed, options)
  const context = Context.empty().pipe(
    Context.add(Scheduler.Scheduler, world),
    Context.add(Clock.Clock, world.clock),
    Context.add(Random.Random, {
      nextDoubleUnsafe: () => world.random.next(),
      nextIntUnsafe: () => world.random.int(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)
    }),
    Context.add(Logger.CurrentLoggers, new Set())
  )
  let exit: Exit.Exit<A, E> | undefined
  const fiber = Effect.runForkWith(context)(program)
  fiber.addObserver((result) => {
    exit = result
  })
  const maxSteps = options.maxSteps ?? 2_000_000
  const isSpent = world.runWhile(() => exit === undefined, maxSteps)
  // What the end of the program woke up still gets its turn; what only time would wake is a leftover.
  world.runRunnable(10_000)
  return {
    seed,
    exit,
    verdict: exit !== undefined ? "finished" : isSpent ? "out of steps" : "stuck",
    steps: world.steps,
    hash: world.hash,
    virtualMillis: world.nowMillis,
    sleepersLeft: world.sleepers.length,
    tasksLeft: world.tasks.length
  }
}

/** The error of a run that finished, for messages. */
export const failureOf = (report: Report<unknown, unknown>): string | undefined => {
  if (report.verdict !== "finished") return report.verdict
  return report.exit?._tag === "Failure" ? Cause.pretty(report.exit.cause) : undefined
}

interface Sleeper {
  readonly wakeAt: number
  readonly order: number
  readonly wake: () => void
}

class World implements Scheduler.Scheduler {
  readonly executionMode = "async"
  readonly random: SeededRandom.SeededRandom
  readonly tasks: Array<() => void> = []
  /** Sorted, the earliest last; sleepers of one instant are woken in an order the seed decides. */
  readonly sleepers: Array<Sleeper> = []
  nowMillis = 0
  private leapMillis = 0
  steps = 0
  hash = 0x811C9DC5

  private readonly stalls: Options["stalls"]
  private readonly maySwallow: (thrown: unknown) => boolean

  constructor(seed: number, { maySwallow = () => false, stalls }: Options) {
    this.random = SeededRandom.make(seed)
    this.stalls = stalls
    this.maySwallow = maySwallow
  }

  private attempt(task: () => void): void {
    try {
      task()
    } catch (thrown) {
      if (!this.maySwallow(thrown)) throw thrown
    }
  }

  shouldYield(fiber: Fiber.Fiber<unknown, unknown>): boolean {
    return fiber.currentOpCount >= 4 + this.random.int(0, 96)
  }

  makeDispatcher(): Scheduler.SchedulerDispatcher {
    return {
      scheduleTask: (task) => {
        this.tasks.push(task)
      },
      flush: () => this.runRunnable(Number.POSITIVE_INFINITY)
    }
  }

  readonly clock: Clock.Clock = {
    currentTimeMillisUnsafe: () => this.wallMillis(),
    currentTimeMillis: Effect.sync(() => this.wallMillis()),
    currentTimeNanosUnsafe: () => BigInt(Math.round(this.wallMillis() * 1e6)),
    currentTimeNanos: Effect.sync(() => BigInt(Math.round(this.wallMillis() * 1e6))),
    monotonicTimeNanosUnsafe: () => BigInt(Math.round(this.nowMillis * 1e6)),
    monotonicTimeNanos: Effect.sync(() => BigInt(Math.round(this.nowMillis * 1e6))),
    sleep: (duration) => this.sleep(Duration.toMillis(duration))
  }

  /** The clock was set: the wall clock leaps by up to an hour at every stall, to both sides. */
  private wallMillis(): number {
    return this.nowMillis + this.leapMillis
  }

  private sleep(millis: number): Effect.Effect<void> {
    if (millis <= 0) return Effect.yieldNow
    if (millis === Number.POSITIVE_INFINITY) return Effect.never
    return Effect.callback((resume) => {
      const sleeper: Sleeper = {
        wakeAt: this.nowMillis + millis,
        order: this.random.next(),
        wake: () => resume(Effect.void)
      }
      let at = this.sleepers.length
      while (at > 0 && isLater(sleeper, this.sleepers[at - 1])) at--
      this.sleepers.splice(at, 0, sleeper)
      return Effect.sync(() => {
        const index = this.sleepers.indexOf(sleeper)
        if (index >= 0) this.sleepers.splice(index, 1)
      })
    })
  }

  /** True if the budget of steps ran out. */
  runWhile(isWanted: () => boolean, maxSteps: number): boolean {
    while (isWanted()) {
      if (this.steps >= maxSteps) return true
      if (this.tasks.length > 0) this.step()
      else {
        const sleeper = this.nextSleeper()
        if (sleeper === undefined) return false
        this.note(sleeper.wakeAt)
        this.attempt(sleeper.wake)
      }
    }
    return false
  }

  private nextSleeper(): Sleeper | undefined {
    const earliest = this.sleepers.at(-1)
    if (earliest === undefined) return undefined
    this.nowMillis = Math.max(this.nowMillis, earliest.wakeAt)
    if (this.stalls === undefined) return this.sleepers.pop()
    if (this.random.chance(this.stalls.chance)) {
      const millis = this.random.int(1, this.stalls.maxMillis)
      this.nowMillis += millis
      this.leapMillis = this.random.int(-3_600_000, 3_600_000)
      this.stalls.onStall?.(millis)
    }
    let due = 0
    while ((this.sleepers.at(-1 - due)?.wakeAt ?? Number.POSITIVE_INFINITY) <= this.nowMillis) due++
    return this.sleepers.splice(this.sleepers.length - this.random.int(1, due), 1)[0]
  }

  runRunnable(maxSteps: number): void {
    for (let i = 0; i < maxSteps && this.tasks.length > 0; i++) this.step()
  }

  private step(): void {
    const index = this.random.int(0, this.tasks.length - 1)
    const task = this.tasks[index]
    const last = this.tasks.pop()
    if (task === undefined || last === undefined) return
    if (index < this.tasks.length) this.tasks[index] = last
    this.steps++
    this.note(index)
    this.attempt(task)
  }

  note(value: number): void {
    this.hash = Math.imul(this.hash ^ Math.trunc(value), 16777619) >>> 0
  }
}

/** Must `a` be woken after `b`, and so stand before it? */
const isLater = (a: Sleeper, b: Sleeper | undefined): boolean =>
  b !== undefined && (a.wakeAt > b.wakeAt || (a.wakeAt === b.wakeAt && a.order > b.order))
