/**
 * How long to wait before a stream of events is asked for again: what the server says, but never less than the back-off, which grows
 * while attempts bring nothing.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"

/** What the server has said of the pause. */
export interface Said {
  /** The `retry` of the stream. */
  readonly retryMillis: number | undefined
  /** The `Retry-After` of a refusal. Of more than an hour it is an hour. */
  readonly retryAfterMillis: number | undefined
}

/** 250 ms × 1.6, at most 30 s, then ±20 %: streams that break together are not asked for together. */
export const pauses = Schedule.exponential("250 millis", 1.6).pipe(
  Schedule.modifyDelay(({ duration }) => Effect.succeed(Duration.min(duration, Duration.seconds(30)))),
  Schedule.jittered,
  Schedule.setInputType<Said>(),
  Schedule.modifyDelay(({ duration, input }) => Effect.succeed(Duration.max(duration, askedFor(input))))
)

const longestMillis = 3_600_000

const askedFor = ({ retryAfterMillis = 0, retryMillis = 0 }: Said): Duration.Duration =>
  Duration.millis(Math.max(retryMillis, Math.min(retryAfterMillis, longestMillis)))

/** Runs an effect inside an event, with the services of the link. It must not wait. */
export type RunSync = <A>(effect: Effect.Effect<A>) => A

/** The pauses of one stream, one after the other. */
export class HttpPause {
  readonly #run: RunSync
  #step: ((now: number, said: Said) => Effect.Effect<Duration.Duration>) | undefined

  constructor(run: RunSync) {
    this.#run = run
  }

  /** The next one in milliseconds. `now`: in milliseconds, too. */
  next(said: Said, now: number): number {
    return this.#run(Effect.map(Effect.suspend(() => (this.#step ??= this.#begun())(now, said)), Duration.toMillis))
  }

  /** The attempt has brought something: the back-off begins anew. */
  reset(): void {
    this.#step = undefined
  }

  #begun(): (now: number, said: Said) => Effect.Effect<Duration.Duration> {
    const step = this.#run(Schedule.toStep(pauses))
    // It has no end.
    return (now, said) => Effect.orDie(Effect.map(step(now, said), ([, pause]) => pause))
  }
}
