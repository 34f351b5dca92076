/** A clock by which twenty seconds go by in one: for what a host waits for, and its clients do not. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"

const speed = 20

export const hurried = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.flatMap(Clock.Clock, (real) => {
    const begun = real.currentTimeNanosUnsafe()
    const start = real.monotonicTimeNanosUnsafe()
    const passed = (): bigint => (real.monotonicTimeNanosUnsafe() - start) * BigInt(speed)
    const nanos = (): bigint => begun + passed()
    const millis = (): number => Number(nanos() / 1_000_000n)
    const clock: Clock.Clock = {
      currentTimeMillisUnsafe: millis,
      currentTimeMillis: Effect.sync(millis),
      currentTimeNanosUnsafe: nanos,
      currentTimeNanos: Effect.sync(nanos),
      monotonicTimeNanosUnsafe: passed,
      monotonicTimeNanos: Effect.sync(passed),
      sleep: (duration) => real.sleep(Duration.millis(Duration.toMillis(duration) / speed))
    }
    return Effect.provideService(effect, Clock.Clock, clock)
  })
