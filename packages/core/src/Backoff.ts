/**
 * The delay before the next dial: gRPC's connection back-off, exponential, capped, then jittered.
 */
import type { PoolPolicy } from "./PoolPolicy.ts"

/**
 * Milliseconds to wait after the `failures`-th failure in a row (1 = first). `random` is uniform in [0, 1).
 */
export const delay = (policy: PoolPolicy["backoff"], failures: number, random: number): number => {
  // The cap comes before the jitter, so that a herd that reached it still spreads.
  const base = Math.min(policy.max, policy.initial * policy.factor ** Math.max(0, failures - 1))
  return base * (1 - policy.jitter + 2 * policy.jitter * random)
}
