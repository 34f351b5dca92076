/**
 * The pauses between dials, as schedules.
 *
 * `grpc` is the default of the policy's `reconnect`: gRPC's connection back-off, exponential, capped, then jittered. It composes as
 * every `Schedule` does. A schedule that ends makes the failure final: the waiting callers get it at once, and the key is left alone
 * until the next caller asks.
 *
 * **Gotchas**: the pool steps a schedule in the middle of its own work, so the schedule's effects must be synchronous and must not
 * use the pool. A schedule that breaks that rule, or dies, is reported in the log, and the default pause is taken instead.
 *
 * @example
 * ```ts
 * import { Backoff, type PoolPolicy } from "@holdfast/core"
 * import * as Schedule from "effect/Schedule"
 *
 * // Ten tries at most, and none for a peer whose program cannot be found.
 * export const policy: PoolPolicy.PoolPolicyInput = {
 *   reconnect: Backoff.grpc.pipe(
 *     Schedule.while(({ input }) => input.kind !== "permanent"),
 *     Schedule.upTo({ times: 10 })
 *   )
 * }
 * ```
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"

/** The input of a `reconnect` schedule: a dial that failed, or a connection that was lost. */
export interface DialFailure {
  /** The key's label. */
  readonly key: string
  /**
   * The connector's classification of its error; `timeout` for a dial that took longer than `connectTimeout`, `unresponsive` for a
   * connection that answered no probe, `defect` for a connector that broke.
   */
  readonly kind: "retryable" | "unavailable" | "permanent" | "expired" | "timeout" | "unresponsive" | "defect"
  /** `dial`: the connection could not be opened. `loss`: it was open, and is lost. */
  readonly of: "dial" | "loss"
  /** The connector's error, the words of the pool for an expired deadline, or the thrown value of a defect. */
  readonly cause: unknown
  /** Failures of the key in a row, this one included. 1 = first. */
  readonly attempt: number
}

/** How delays grow. Durations are milliseconds. */
export interface Growth {
  /** The first delay, before jitter. */
  readonly initial: number
  /** Growth per failure; at least 1. */
  readonly factor: number
  /** The longest delay, before jitter. */
  readonly max: number
  /** Fraction by which a delay varies to both sides; at least 0 and below 1. */
  readonly jitter: number
}

/** gRPC's numbers: 250 ms, growing by 1.6 to 30 s, ±20 %. (gRPC itself begins at 1 s; its cap is 120 s.) */
export const defaults: Growth = { initial: 250, factor: 1.6, max: 30_000, jitter: 0.2 }

/**
 * The delay after the `failures`-th failure in a row (1 = first), in milliseconds. `random` is uniform in [0, 1).
 *
 * The cap comes before the jitter, so that a herd that reached it still spreads.
 */
export const delay = (growth: Growth, failures: number, random: number): number =>
  Math.min(growth.max, growth.initial * growth.factor ** Math.max(0, failures - 1)) *
  (1 - growth.jitter + 2 * growth.jitter * random)

/**
 * A schedule that grows so and never ends. Its output is the delay. The jitter is drawn from the `Random` service, so a seed makes it
 * repeatable.
 */
export const schedule = (growth: Growth): Schedule.Schedule<Duration.Duration, DialFailure> => {
  const { initial, max, factor, jitter } = growth
  const capped = Schedule.exponential(initial, factor).pipe(
    Schedule.modifyDelay(({ duration }) => Effect.succeed(Math.min(max, Duration.toMillis(duration)))),
    Schedule.setInputType<DialFailure>()
  )
  return jitter === 0 ?
    capped :
    Schedule.modifyDelay(
      capped,
      ({ duration }) =>
        Effect.map(Random.next, (random) => Duration.toMillis(duration) * (1 - jitter + 2 * jitter * random))
    )
}

/** The default back-off: 250 ms, growing by 1.6 to at most 30 s, each varied by up to 20 % to both sides. Never ends. */
export const grpc: Schedule.Schedule<Duration.Duration, DialFailure> = schedule(defaults)
