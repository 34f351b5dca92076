/** How long to wait before a stream of events is asked for again: what the server says, but never less than the back-off. */
import * as Backoff from "@holdfast/core/Backoff"

/** 250 ms × 1.6, ±20 %, at most 30 s. */
const policy = { initial: 250, factor: 1.6, max: 30_000, jitter: 0.2 } as const

const longestMillis = 3_600_000

export interface Pause {
  /** Attempts in a row that brought nothing. 1 = the first. */
  readonly failures: number
  /** The `retry` of the stream. */
  readonly retryMillis: number | undefined
  /** The `Retry-After` of a refusal. */
  readonly retryAfterMillis?: number | undefined
}

/** `random` is uniform in [0, 1). */
export const pauseMillis = ({ failures, retryAfterMillis = 0, retryMillis = 0 }: Pause, random: number): number =>
  Math.max(retryMillis, Math.min(retryAfterMillis, longestMillis), Backoff.delay(policy, failures, random))
