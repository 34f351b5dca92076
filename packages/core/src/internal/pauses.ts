/**
 * A `Schedule` in the hands of the machine: stepped synchronously, once per failure, because a slot's state says until when it waits.
 *
 * The schedule's clock is the wall clock at its beginning plus monotonic time since, so that `cron` means what it says and a leap of
 * the wall clock ends nothing.
 */
import type * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Pull from "effect/Pull"
import * as Schedule from "effect/Schedule"
import type { DialFailure } from "../Backoff.ts"

/** The surroundings of a schedule. */
export interface PauseWorld {
  readonly now: () => number
  readonly wallMillis: () => number
  /** May throw, where the runtime itself does: its tracer, its metrics. */
  readonly run: <A, X>(effect: Effect.Effect<A, X>) => Exit.Exit<A, X>
  readonly onDefect: (cause: Cause.Cause<unknown>) => void
}

type Step = Effect.Success<
  ReturnType<typeof Schedule.toStep<unknown, DialFailure, never, never>>
>

/** No pause is shorter: a schedule of zero delays must not become a loop of dials. */
const least = 1

export class Pauses {
  /** The delay of the last step, in milliseconds. */
  last = 0
  private step: Step | undefined
  private wallAtStart = 0
  private startedAt = 0
  private readonly make: () => Schedule.Schedule<unknown, DialFailure>
  private readonly fallback: (failure: DialFailure) => number
  private readonly makeWorld: () => PauseWorld
  private world: PauseWorld | undefined = undefined

  constructor(options: {
    /** Made with the first failure: most keys never have one. */
    readonly make: () => Schedule.Schedule<unknown, DialFailure>
    /** The delay in place of a schedule that broke. */
    readonly fallback: (failure: DialFailure) => number
    readonly world: () => PauseWorld
  }) {
    this.make = options.make
    this.fallback = options.fallback
    this.makeWorld = options.world
  }

  /** At least one step was taken since the last reset. */
  get hasBegun(): boolean {
    return this.step !== undefined
  }

  reset(): void {
    this.step = undefined
    this.last = 0
  }

  /** The delay after a failure, in milliseconds. `undefined`: the schedule has ended. */
  next(failure: DialFailure): number | undefined {
    const world = this.world ??= this.makeWorld()
    const { now, onDefect, wallMillis } = world
    if (this.step === undefined) {
      this.wallAtStart = wallMillis()
      this.startedAt = now()
      const begun = this.attempt(world, Effect.suspend(() => Schedule.toStep(this.make())))
      if (Exit.isSuccess(begun)) this.step = begun.value
      else onDefect(begun.cause)
    }
    const { step } = this
    if (step === undefined) return this.pause(this.fallback(failure))
    const at = this.wallAtStart + now() - this.startedAt
    const exit = this.attempt(world, Effect.suspend(() => step(at, failure)))
    if (Exit.isSuccess(exit)) return this.pause(Duration.toMillis(exit.value[1]))
    if (Pull.isDoneCause(exit.cause)) return undefined
    onDefect(exit.cause)
    return this.pause(this.fallback(failure))
  }

  private attempt<A, X>({ run }: PauseWorld, effect: Effect.Effect<A, X>): Exit.Exit<A, X> {
    try {
      return run(effect)
    } catch (defect) {
      return Exit.die(defect)
    }
  }

  /** A delay without an end is an end. */
  private pause(millis: number): number | undefined {
    if (millis === Number.POSITIVE_INFINITY) return undefined
    this.last = Math.max(least, millis)
    return this.last
  }
}
